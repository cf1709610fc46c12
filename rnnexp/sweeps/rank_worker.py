"""One of several processes that train a job together: the first is its worker, the others compute with it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rnnexp.redact import redact
from rnnexp.run_folder import ERROR, hold, is_held
from rnnexp.runtime import process_group
from rnnexp.runtime.process_group import Rank
from rnnexp.stopping import Interrupted
from rnnexp.sweeps import worker
from rnnexp.sweeps.task import ATTEMPT, RESULT, Task

FOLDER = "processes"  # in the folder of a job
POLL_S = 0.2
DYING_S = 2.0  # of a process that was killed
TELLING_S = 20.0  # from the failure of one that follows to the result of the first, which it makes fail, too


def make_meeting(task: Task) -> None:
    """Make the folder in which the ranks of an attempt find each other; those of earlier attempts are removed."""
    shutil.rmtree(task.folder / FOLDER, ignore_errors=True)
    find_meeting(task).mkdir(parents=True, mode=0o700)


def find_meeting(task: Task) -> Path:
    """Return the folder in which the ranks of an attempt find each other."""
    return task.folder / FOLDER / f"attempt-{task.attempt}"


def has_failed(task: Task, number: int) -> bool:
    """Return whether a rank that follows was not lost, but has met an error, which is for the first one to tell."""
    return (find_meeting(task) / str(number) / ERROR).exists()


def main(task: Task, rank: Rank) -> None:
    """Run a task as one of its ranks, and end the process, which JAX would let wait for the others."""
    code = 1
    try:
        run_rank(task, rank)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def run_rank(task: Task, rank: Rank, environment: Mapping[str, str] | None = None) -> None:
    """Run a task as one of its ranks; those that follow stay until there is a result."""
    task = replace(task, environment={**task.environment, **(environment or {})})
    process_group.current = rank = replace(rank, meeting=find_meeting(task))
    if rank.is_first:
        with worker.run_as_worker(task):
            worker.execute(task, find_lost=lambda: require_all(rank))
        return
    with _own_folder(task, rank) as own, worker.run_as_worker(own):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # there is nothing to be kept, and it may be waiting within JAX
        result, trained = task.folder / RESULT, threading.Event()
        threading.Thread(target=_end_with, args=(result, trained), daemon=True).start()
        from rnnexp.runner.followers import follow

        try:
            follow(worker.read(task), task.threads)
        except Exception as error:
            (own.folder / ERROR).write_text(redact(str(error)), encoding="utf-8")
            raise
        print("trained to the end; the first rank keeps what has come of it", flush=True)
        trained.set()
        _wait_for(result)
        process_group.leave()


def require_all(rank: Rank) -> None:
    """Raise Interrupted, with its number in the log, if one of the other ranks has gone.

    One that dies may lose its connections some time before its lock; one that has failed has not gone, but says why.
    """
    deadline, others = time.monotonic() + DYING_S, [rank.meeting / str(number) for number in range(1, rank.count)]
    while time.monotonic() < deadline and not all((other / ERROR).exists() for other in others):
        for other in others:
            if not is_held(other) and not (other / ERROR).exists():
                worker.log.error("rank %s has gone, and what it was to compute is missing", other.name)
                raise Interrupted
        time.sleep(POLL_S)
    for file in (other / ERROR for other in others if (other / ERROR).exists()):
        worker.log.error("rank %s: %s", file.parent.name, file.read_text(encoding="utf-8"))


@contextmanager
def _own_folder(task: Task, rank: Rank) -> Iterator[Task]:
    """Hold a folder for the log of one that follows, by which the first one sees that it lives."""
    folder = rank.meeting / str(rank.number)
    with hold(folder):
        (folder / ATTEMPT).write_text(str(task.attempt), encoding="utf-8")
        yield replace(task, folder=folder)


def _end_with(result: Path, trained: threading.Event) -> None:
    """End this process once the job has come to its end, unless it has trained, too, and ends by itself."""
    _wait_for(result)
    if not trained.is_set():
        process_group.leave()
        os._exit(0)


def _wait_for(result: Path) -> None:
    while not result.exists():
        time.sleep(POLL_S)
