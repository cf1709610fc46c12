"""Workers that are started anew now and then, with limits of time and memory: what hangs or dies is a failure."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

RECYCLED = 250  # cases, after which a worker makes room for a fresh one
SECONDS, MEMORY = 20, 4 << 30  # of one case; the second beyond what a worker has when it starts

Judge = Callable[[int, Path], str]


class Answer(NamedTuple):
    """What came of a case; `fault` is None if that is as it should be."""

    number: int
    said: str
    fault: str | None = None


class Hang(BaseException):
    """A case takes too long; no `except Exception` on the way keeps it."""


def answers(judge: Judge, numbers: Sequence[int], workers: int, seconds: float = SECONDS) -> Iterator[Answer]:
    """Judge cases in several processes; they are answered in any order."""
    portions = [list(numbers[first : first + RECYCLED]) for first in range(0, len(numbers), RECYCLED)]
    running: dict[Any, _Worker] = {}
    try:
        while portions or running:
            while portions and len(running) < workers:
                worker = _Worker(judge, portions.pop(0), seconds)
                running[worker.connection] = worker
            for ready in wait(list(running), timeout=1.0):
                yield from running[ready].heard()
            for connection, worker in list(running.items()):
                yield from worker.overdue(seconds)
                if worker.ended:
                    del running[connection]
                    portions += [worker.left] if worker.left else []
    finally:
        for worker in running.values():
            worker.end()


class _Worker:
    """A process and the cases that it has not answered."""

    def __init__(self, judge: Judge, numbers: list[int], seconds: float) -> None:
        self.connection, theirs = get_context("forkserver").Pipe(duplex=False)
        self.process = get_context("forkserver").Process(
            target=_work, args=(theirs, judge, numbers, seconds), daemon=True
        )
        self.process.start()
        theirs.close()
        self.left, self.ended, self._last = list(numbers), False, time.monotonic()

    def heard(self) -> Iterator[Answer]:
        """Take one answer; a process that has died owes the first of its cases."""
        self._last = time.monotonic()
        try:
            answer = Answer(*json.loads(self.connection.recv()))
        except EOFError:
            yield from self._given_up("the process died")
            return
        self.left.remove(answer.number)
        yield answer

    def overdue(self, seconds: float) -> Iterator[Answer]:
        if not self.ended and time.monotonic() - self._last > 10 * seconds:
            yield from self._given_up("no answer, and the alarm was not heeded")

    def _given_up(self, why: str) -> Iterator[Answer]:
        self.end()
        if self.left:
            yield Answer(self.left.pop(0), "", f"{why} (exit code {self.process.exitcode})")

    def end(self) -> None:
        self.ended = True
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(out: Connection, judge: Judge, numbers: list[int], seconds: float) -> None:
    sys.stdin = open(os.devnull)  # noqa: SIM115
    signal.signal(signal.SIGALRM, _hang)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    with tempfile.TemporaryDirectory(prefix="rnnexp-fuzz-") as box:
        os.environ |= {"HOME": box, "XDG_CACHE_HOME": f"{box}/.cache", "TMPDIR": box}
        tempfile.tempdir = None
        for number in numbers:
            out.send(json.dumps(_one(judge, number, Path(box), seconds)))
    out.close()


def _one(judge: Judge, number: int, box: Path, seconds: float) -> Answer:
    folder = box / "case" / "folder"
    folder.mkdir(parents=True)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return Answer(number, judge(number, folder))
    except Hang:
        return Answer(number, "", f"no answer within {seconds:g} s")
    except BaseException as error:
        where = "".join(traceback.format_exception(error)[-4:])
        return Answer(number, "", f"{type(error).__name__}: {str(error)[:1500]}\n{where[-1500:]}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.chdir("/")
        shutil.rmtree(folder.parent, ignore_errors=True)


def _hang(number: int, frame: object) -> None:
    raise Hang
