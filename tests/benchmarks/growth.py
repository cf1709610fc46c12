"""Memory and open files of a sweep's processes: they should not grow with the number of jobs that have ended.

    python -m tests.benchmarks.growth --grouped 1000 --processes 300

Each number is a sweep of so many tiny tracked jobs: trained together in groups, or each in a process of its own. Exit
code 1 if anything has grown from the second quarter of the jobs to the last.
"""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from .measure import resident

SAMPLE_S = 0.2
PROGRESS_S = 30.0  # from one line of progress to the next
TINY = ("experiment=sine_lstm", "data.points=60", "model.units=[2]", "trainer.epochs=2", "tracking.figures=false")
GROWTH, MARGIN_MB = 1.05, 15.0  # of memory, by which two looks may differ although nothing has grown
MARGIN_FILES = 3


@dataclass(frozen=True)
class Look:
    """What one look at a sweep saw: jobs that have ended; of the coordinator, and the most of any other process."""

    ended: int
    coordinator_mb: float
    coordinator_files: int
    worker_mb: float
    worker_files: int
    processes: int


def sweep_words(jobs: int, *, grouped: bool, group_size: int = 64) -> list[str]:
    how = ["hydra/launcher=vectorized", f"hydra.launcher.group_size={group_size}"]
    alone = ["hydra/launcher=local", "hydra.launcher.vectorize=false"]
    return ["-m", "rnnexp", "train", "-m", *TINY, f"seed=range({jobs})", *(how if grouped else alone)]


def watch(words: Sequence[str], folder: Path, tell: Callable[[Look], object] = lambda look: None) -> list[Look]:
    """Run a sweep, look at its processes until it ends, and tell each look. Raises CalledProcessError if it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    looks: list[Look] = []
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
        while process.poll() is None:
            with suppress(OSError):  # it ends just now
                looks.append(_look(process.pid, folder))
                tell(looks[-1])
            with suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [*words], (folder / "output.txt").read_text()[-3000:])
    return looks


def _look(coordinator: int, folder: Path) -> Look:
    ended = sum(path.read_bytes().count(b'"event":"end"') for path in folder.glob("runs/sweeps/*/jobs.jsonl"))
    memory = {process: _most(process, mb) for process, _, mb in resident({coordinator})}
    files = dict.fromkeys(memory, 0)
    for process in memory:
        with suppress(OSError):
            files[process] = len(list(Path(f"/proc/{process}/fd").iterdir()))
    others = memory.keys() - {coordinator}
    return Look(
        ended=ended,
        coordinator_mb=memory[coordinator],
        coordinator_files=files[coordinator],
        worker_mb=max((memory[one] for one in others), default=0.0),
        worker_files=max((files[one] for one in others), default=0),
        processes=len(memory),
    )


def _most(process: int, now: float) -> float:
    """Return the most MB that a process has held so far, which no look can miss; what it holds now if it ends now."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return now


def grown(looks: Sequence[Look], jobs: int) -> list[str]:
    """Say what has grown from the second quarter of the jobs to the last; nothing if all is flat.

    What counts is the most of a quarter: one look may see the workers begin, and the other one see them train. Of open
    files it is what nine of ten looks see at most: some are open for a moment only. A process holds the most memory
    just before it ends, which few looks see, so that those at the first quarter count, too.
    """
    begun = [look for look in looks if look.ended < jobs / 2]
    early = [look for look in begun if look.ended >= jobs / 4]
    late = [look for look in looks if 3 * jobs / 4 <= look.ended < jobs]
    if not early or not late:
        raise ValueError(f"{len(early)} looks at the second quarter and {len(late)} at the last: too few to compare")
    found = []
    for name in ("coordinator_mb", "worker_mb", "coordinator_files", "worker_files", "processes"):
        first = begun if name.endswith("_mb") else early
        before, after = (_find_most([getattr(look, name) for look in some], name) for some in (first, late))
        most = before * GROWTH + MARGIN_MB if name.endswith("_mb") else before + MARGIN_FILES
        if after > most:
            found.append(f"{name}: {before:.1f} at first, {after:.1f} in the end")
    return found


def _find_most(seen: list[float], name: str) -> float:
    return sorted(seen)[(len(seen) - 1) * 9 // 10] if name.endswith("_files") else max(seen)


class Progress:
    """Says on the error stream how far a sweep is, twice a minute."""

    def __init__(self, name: str, jobs: int) -> None:
        self.name, self.jobs, self.began, self.told = name, jobs, monotonic(), monotonic()

    def __call__(self, look: Look) -> None:
        if monotonic() - self.told >= PROGRESS_S:
            self.told = monotonic()
            seconds = f"{self.told - self.began:.0f} s"
            print(f"{self.name}: {look.ended} of {self.jobs} jobs after {seconds}", file=sys.stderr, flush=True)


def main() -> int:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--grouped", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=300)
    args = parser.parse_args()
    found = []
    for name, jobs in (("grouped", args.grouped), ("processes", args.processes)):
        if not jobs:
            continue
        with TemporaryDirectory() as folder:
            looks = watch(sweep_words(jobs, grouped=name == "grouped"), Path(folder), Progress(name, jobs))
        last = max(looks, key=lambda look: look.ended)
        now = grown(looks, jobs)
        print(f"{name}, {jobs} jobs: {'; '.join(now) or 'flat'}; {len(looks)} looks, the last: {last}", flush=True)
        found += now
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
