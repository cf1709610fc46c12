"""A sweep, a job or a run as its folder tells it, for whoever looks at it from outside."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from rnnexp.errors import ConfigError
from rnnexp.run_folder import LOCK, is_held
from rnnexp.stopping import make_resuming
from rnnexp.sweeps.definition import FILE
from rnnexp.sweeps.state import JOURNAL, State
from rnnexp.sweeps.task import LOG, job_folder, read_groups, shown
from rnnexp.sweeps.view import View

CHUNK = 1 << 20
POLL_S = 0.2
STARTING_S = 60.0  # a run that has not taken its folder after so long never will
INTERRUPTED, DEAD = (129, 130, 143), 1  # exit codes


class Tail:
    """Reads the whole lines that are added to a file; a file that takes its place is read from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        self._half = b""

    def read(self) -> list[bytes]:
        """Return some lines more, at least one if there is any."""
        lines = self._read()
        if not lines and self._is_replaced():
            lines = self.close()
            with suppress(OSError):
                self._file = self.path.open("rb")
            lines += self._read()
        return lines

    def close(self) -> list[bytes]:
        """Return what is left: a line that has no end."""
        half, self._half = self._half, b""
        if self._file is not None:
            self._file.close()
            self._file = None
        return [half] if half else []

    def __del__(self) -> None:
        self.close()

    def skip_to_last(self, count: int) -> None:
        """Pass over all but the last lines of what is there now."""
        self._half = b""
        if self._file is None:
            with suppress(OSError):
                self._file = self.path.open("rb")
        if self._file is None:
            return
        end = at = self._file.seek(0, os.SEEK_END)
        data = b""
        while at and data.removesuffix(b"\n").count(b"\n") < count:
            at = max(0, at - CHUNK)
            self._file.seek(at)
            data = self._file.read(end - at)
        kept = b"".join(data.splitlines(keepends=True)[-count:]) if count else b""
        self._file.seek(end - len(kept))

    def _read(self) -> list[bytes]:
        if self._file is None:
            return []
        data = self._half
        while more := self._file.read(CHUNK):
            data += more
            if b"\n" in more:
                break
        end = data.rfind(b"\n") + 1
        self._half = data[end:]
        return [line + b"\n" for line in data[:end].split(b"\n")[:-1]]

    def _is_replaced(self) -> bool:
        try:
            there = os.stat(self.path)
        except OSError:  # not yet, or on its way to another name
            return False
        if self._file is None:
            return True
        ours = os.fstat(self._file.fileno())
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino) or there.st_size < self._file.tell()


class SweepReader:
    """What the journal of a sweep tells, and whether somebody runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self._tail = Tail(folder / JOURNAL)
        list(self.read())

    def read(self) -> Iterator[dict[str, Any]]:
        """Take in the events since the last call and yield them."""
        while lines := self._tail.read():
            for line in lines:
                with suppress(ValueError, KeyError, TypeError, AttributeError):  # torn, when a process was killed
                    event = json.loads(line)
                    self.state.apply(event)
                    yield event

    @property
    def is_live(self) -> bool:
        """Whether a process runs the sweep, as far as this machine can tell."""
        return is_held(self.folder)

    @property
    def command(self) -> str:
        """Return the command that goes on with it."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return make_resuming(json.loads((self.folder / FILE).read_text(encoding="utf-8"))["command"])
        return "the command that has started it"

    def view(self) -> View:
        """Return what shows it. Raises ConfigError for a sweep that has not come to its first job."""
        facts = self.state.facts
        if "objective" not in facts:
            raise ConfigError(f"{shown(self.folder)}: the sweep has not begun yet; look again when it has")
        if not self.state.total:  # begun by a version that did not say
            self.state.total = len(self.state.jobs)
        return View(self.state, str(facts["objective"]), str(facts["direction"]))

    def verdict(self) -> tuple[int, str]:
        """Return the exit code of a sweep that nobody runs, and what is to be said."""
        state = self.state
        if state.exit_code in INTERRUPTED:
            return state.exit_code, f"it was stopped; to resume: {self.command}"
        if state.closed:
            failed = any(job.status == "failed" for job in state.jobs.values())
            code = state.exit_code if state.exit_code is not None else 10 if failed else 0
            return code, "it has ended" if not code else f"it has ended with exit code {code}"
        return DEAD, f"the process that ran it is dead; to resume: {self.command}"


def watch_sweep(folder: Path, *, once: bool, is_read: Callable[[], bool]) -> int:
    """Show a sweep as its own terminal does until it ends, or once; return its exit code."""
    from rnnexp.sweeps.objective import of_epoch
    from rnnexp.sweeps.watch import Curve

    reader = SweepReader(folder)
    view = reader.view()
    curves: dict[int, Curve] = {}

    def look() -> None:
        for number in [number for number in curves if number not in reader.state.running]:
            del curves[number]
        for number in reader.state.running:
            curve = curves.setdefault(number, Curve(job_folder(folder, number), of_epoch(view.objective)))
            curve.new()
            view.progress[number] = curve.progress()
        view.tick(read_groups(folder))

    live = reader.is_live
    look()
    if once or not live:
        list(reader.read())
        print("\n".join(f"{head:<8} {text}" for head, text in view.lines()))
        if live:
            return 0
    else:
        view.open()
        try:
            view.snapshot()
            while live and is_read():
                live = reader.is_live  # before the last look, so that nothing is missed
                _tell_events(reader, view)
                look()
                time.sleep(POLL_S if live else 0)
        finally:
            view.close()
        if live:
            return 0
        print(f"sweep {folder.name}: {view.counts()}")
    code, words = reader.verdict()
    print(f"sweep {folder.name}: {words}", flush=True)
    return code


def _tell_events(reader: SweepReader, view: View) -> None:
    for event in reader.read():
        if event.get("event") == "end":
            number = int(event["job"])
            view.ended(reader.state.jobs[number], str(shown(job_folder(reader.folder, number) / LOG)))
        elif event.get("event") == "lost":
            view.note(f"job {event['job']}: {event.get('why')}")


def find_log(folder: Path) -> Path:
    """Return the log of a run or job: where it is going to be, if there is none yet."""
    names = [LOG, "train.log", *sorted(path.name for path in folder.glob("*.log"))]
    usual = LOG if folder.parent.name == "jobs" else "train.log"
    return folder / next((name for name in names if (folder / name).exists()), usual)


def follow_log(
    path: Path, last: int | None, ended: Callable[[], str | None], is_read: Callable[[], bool]
) -> Iterator[str]:
    """Yield the lines of a log as they come, `last` of those that are there at first, and then how it `ended`."""
    tail = Tail(path)
    if last is not None:
        tail.skip_to_last(last)
    while is_read():
        words = ended()  # before the last look, so that nothing is missed
        while lines := tail.read():
            yield from (line.decode("utf-8", errors="replace") for line in lines)
        if words is not None:
            yield from (f"{line.decode('utf-8', errors='replace')}\n" for line in tail.close())
            yield f"{words}\n"
            return
        time.sleep(POLL_S)


def find_end_of_run(folder: Path) -> str | None:
    """Return how the run in a folder has ended; None while it runs."""
    if is_held(folder):
        return None
    if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime < STARTING_S:
        return None
    from rnnexp.tracking.journal import ENTRIES, RunJournal

    if (folder / ENTRIES).exists():
        status = RunJournal(folder).ended
        return f"run {folder.name}: {status or 'its process is gone; rnnexp reap marks it KILLED'}"
    failed = (folder / "error.txt").exists()
    return f"run {folder.name}: {'has failed, see error.txt in its folder' if failed else 'has ended'}"


class JobReader:
    """Tells of one job of a sweep how it has ended."""

    def __init__(self, sweep: Path, number: int) -> None:
        self._sweep, self._number = SweepReader(sweep), number

    def find_end(self) -> str | None:
        """Return how the job has ended, None while it waits or runs."""
        live = self._sweep.is_live
        list(self._sweep.read())
        job = self._sweep.state.jobs.get(self._number)
        if job is not None and job.status is not None:
            objective = self._sweep.state.facts.get("objective")
            value = f"{job.status}, {objective} {job.value:.5g}" if job.value is not None else job.status
            error = job.error if job.status == "stopped" else f"{job.status}: {job.error}"
            return f"job {self._number}: {error if job.error else value}"
        if live:
            return None
        return f"job {self._number}: its sweep is not running; to resume: {self._sweep.command}"
