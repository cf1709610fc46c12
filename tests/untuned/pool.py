"""Jobs in processes of their own, so many at a time, each on its share of the cores and within its time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep

from tests.gpu.processes import Clock, Ended, start

PATIENCE = 5.0  # s between being asked to end and being made to
EVERY = 0.1  # s between two looks at what runs
CUT = "cut"

Words = Callable[[Sequence[int]], Sequence[str]]  # a command, on these cores


def share_cores(slots: int) -> list[list[int]]:
    """Share out the cores of this process; with fewer cores than slots, one to each in turn."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    if slots >= len(cores):
        return [[cores[slot % len(cores)]] for slot in range(slots)]
    return [cores[slot * len(cores) // slots : (slot + 1) * len(cores) // slots] for slot in range(slots)]


def run_jobs(
    jobs: Sequence[tuple[str, Words]], slots: int, folder: Path, limit: float, clock: Clock
) -> Iterator[tuple[str, Ended]]:
    """Run jobs in this order and yield each as it ends, those that no time was left for at the end.

    limit: seconds of one job, after which it is cut;  clock: of all of them
    """
    waiting, free = list(jobs), dict(enumerate(share_cores(slots)))
    running: dict[str, tuple[int, Running]] = {}
    try:
        while running or (waiting and clock.left() > 0):
            while waiting and free and clock.left() > 0:
                name, words = waiting.pop(0)
                slot = next(iter(free))
                running[name] = slot, Running(words(free.pop(slot)), folder / name)
            for name, (slot, one) in list(running.items()):
                if (ended := one.look(min(limit, one.age + clock.left()))) is not None:
                    del running[name]
                    free[slot] = share_cores(slots)[slot]
                    yield name, ended
            sleep(EVERY)
    finally:
        for _, one in running.values():
            one.end()
    yield from ((name, Ended("", 0.0, CUT)) for name, _ in waiting)


class Running:
    """A process that runs."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self._output = folder / "output.txt"
        self._process = start(words, folder, {})
        self._began = monotonic()

    @property
    def age(self) -> float:
        return monotonic() - self._began

    def look(self, limit: float) -> Ended | None:
        """Return how it ended; None if it still runs, which it may for so many seconds."""
        if self._process.poll() is None:
            if self.age < limit:
                return None
            self.end()
            return Ended(self._read(), self.age, CUT)
        text = self._read()
        last = text.strip().rpartition("\n")[2]
        return Ended(text, self.age, f"failed: {last[:300]}" if self._process.returncode else "")

    def end(self) -> None:
        """Ask it to end, then make it."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> str:
        return self._output.read_text(errors="replace")
