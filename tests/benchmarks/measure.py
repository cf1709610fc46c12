"""Run whole processes, in turn, and note how long they took, how much memory, and what they reached."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from .contestants import Contestant

TIME_LIMIT = 3600.0  # s, of one measurement
SAMPLE = 0.5  # s between two looks at the memory: one look costs about 5 ms of a core
ORPHANS_S = 10.0  # how long processes are waited for whose parents have ended
CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl(2)
PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20  # MB


@dataclass
class Measured:
    """One measurement.

    value:   seconds of the whole work, or steps per second;  seconds: that the processes really took
    peak_mb: sum of the resident memory over all processes, at its highest; a page that two share counts twice
    cpu_s:   seconds of a processor, of all processes together: what else the machine does hardly changes them
    error:   what went wrong, empty if nothing
    """

    value: float
    seconds: float
    peak_mb: float
    cpu_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    beside: dict[str, list[float]] = field(default_factory=dict)
    error: str = ""


def in_turn(names: Sequence[str], repeat: int) -> Iterator[tuple[int, str]]:
    """Yield ABC, ABC, ...: what slows the machine for a while slows all of them."""
    for turn in range(repeat):
        for name in names:
            yield turn, name


def scaled(seconds: float, done_at: Sequence[float], contestant: Contestant) -> float:
    """Return the time of all runs of the work from that of a part of them.

    done_at: seconds after the start at which each measured run was done. The start of the processes is counted once;
    what a further run costs is measured after the first run of each lane.
    """
    missing = contestant.of - contestant.runs
    if not missing:
        return seconds
    later = sorted(done_at)[contestant.lanes - 1 :]
    if len(later) < 2:
        raise ValueError(f"{len(done_at)} runs seen: too few to tell what a further one costs")
    return seconds + missing * (later[-1] - later[0]) / (len(later) - 1)


def measure(contestant: Contestant, turn: int, python: str, folder: Path, others: Iterable[Contestant]) -> Measured:
    """Run a contestant in a fresh folder; those of the `others` that want certain losses of it get them."""
    folder.mkdir(parents=True)
    argv = [word.replace("{turn}", str(turn)) for word in contestant.argv]
    before = _processor_seconds()
    seconds, peak, done_at, output, error = _run(contestant, argv, python, folder)
    result = Measured(seconds, seconds, peak, _processor_seconds() - before, error=error)
    if not error:
        try:
            result.losses = contestant.losses(folder, output) if contestant.losses else []
            result.beside = {other.name: other.beside(folder, output) for other in others if other.beside}
            in_all = scaled(seconds, done_at, contestant)
            result.value = contestant.rate(folder, output) if contestant.rate else in_all
        except (IndexError, KeyError, OSError, ValueError) as problem:
            result.error = f"not understood: {problem!r}"
    if not result.error:
        shutil.rmtree(folder)
    return result


def warm_up(contestant: Contestant, python: str, folder: Path) -> None:
    """Run once unmeasured, so that files are in the page cache and programs are compiled."""
    folder.mkdir(parents=True)
    argv = [word.replace("{turn}", "0") for word in contestant.warm_up or contestant.argv]
    *_, error = _run(contestant, argv, python, folder)
    if not error:
        shutil.rmtree(folder)


def _run(
    contestant: Contestant, argv: Sequence[str], python: str, folder: Path
) -> tuple[float, float, list[float], str, str]:
    """Return seconds, peak memory, when each line with a result came, all that was printed, and the error."""
    lines: list[tuple[float, str]] = []
    environment = _environment(contestant, folder)
    sessions: set[int] = set()
    began = monotonic()
    with ExitStack() as files, _orphans_counted(sessions):
        processes = [
            subprocess.Popen(
                [python, *(word.replace("{process}", str(number)) for word in argv)],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=files.enter_context((folder / f"stderr{number}.txt").open("wb")),
                text=True,
                start_new_session=True,
            )
            for number in range(contestant.processes)
        ]
        sessions.update(process.pid for process in processes)
        readers = [Thread(target=_read, args=(process, began, lines), daemon=True) for process in processes]
        memory = Memory([process.pid for process in processes])
        for thread in (*readers, memory):
            thread.start()
        codes = [_wait(process, TIME_LIMIT - (monotonic() - began)) for process in processes]
        seconds = monotonic() - began
        memory.stop()
        for reader in readers:
            reader.join(10)
        for process in processes:
            process.stdout.close()
    done_at = [moment for moment, line in lines if "wall=" in line]
    bad = [number for number, code in enumerate(codes) if code]
    error = f"exit code {codes[bad[0]]}, see {folder}/stderr{bad[0]}.txt" if bad else ""
    return seconds, memory.peak_mb, done_at, "".join(line for _, line in lines), error


@contextmanager
def _orphans_counted(sessions: Collection[int]) -> Iterator[None]:
    """Wait for processes of these sessions whose parents have ended: only then it is known what they have taken.

    The server that jobs are forked from is one, and with it all of them; other systems than Linux leave them out.
    """
    if sys.platform != "linux":
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        deadline = monotonic() + ORPHANS_S
        while (left := resident(set(sessions))) and monotonic() < deadline:
            for pid in (pid for pid, parent, _ in left if parent == os.getpid()):
                os.waitpid(pid, os.WNOHANG)
            sleep(0.02)
        prctl(CHILD_SUBREAPER, 0, 0, 0, 0)


def _processor_seconds() -> float:
    """Return what all processes have taken that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(contestant: Contestant, folder: Path) -> dict[str, str]:
    own = {name: value.replace("{folder}", str(folder)) for name, value in contestant.variables.items()}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "2", **own}
    if contestant.environment == "peers":
        environment.pop("PYTHONPATH", None)  # Hydra would find our plugins there
    return environment


def _read(process: subprocess.Popen, began: float, lines: list[tuple[float, str]]) -> None:
    for line in process.stdout:
        lines.append((monotonic() - began, line))


def _wait(process: subprocess.Popen, seconds: float) -> int:
    try:
        return process.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


class Memory(Thread):
    """Watches the resident memory of all processes of some sessions; zero where there is no /proc."""

    def __init__(self, sessions: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._sessions = set(sessions)
        self._end = Event()

    def run(self) -> None:
        while sys.platform == "linux" and not self._end.wait(SAMPLE):
            self.peak_mb = max(self.peak_mb, sum(mb for _, _, mb in resident(self._sessions)))

    def stop(self) -> None:
        self._end.set()
        self.join()


def resident(sessions: set[int]) -> list[tuple[int, int, float]]:
    """Return (process, its parent, resident MB) for each process of the sessions."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(") ")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(fields[3]) in sessions:
                found.append((int(entry.name), int(fields[1]), int(fields[21]) * PAGE))
    return found
