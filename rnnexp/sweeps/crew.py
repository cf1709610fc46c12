"""A worker for several jobs that share one compiled program; each has its own log, lock and outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rnnexp.run_folder import hold_together
from rnnexp.runner import Result
from rnnexp.runner.context import RunContext
from rnnexp.runner.groups import GroupStore
from rnnexp.stopping import Ending, read_stop
from rnnexp.sweeps import worker
from rnnexp.sweeps.outage import find_lost_files
from rnnexp.sweeps.task import LOG, Outcome, Task, write_outcome

log = logging.getLogger("rnnexp")


def main(tasks: Sequence[Task], company: Path) -> None:
    """Run tasks of one program together; what cannot be, each by itself. `company` is where its groups are kept."""
    with worker.run_as_worker(tasks[0]):
        _together(tasks, company)


def _together(tasks: Sequence[Task], company: Path) -> None:
    from rnnexp.runner.vectorized import run_vectorized

    started = time.perf_counter()
    ended: set[int] = set()

    def heard(index: int, result: Result | BaseException) -> None:
        ended.add(index)
        share = (time.perf_counter() - started) / len(tasks)
        lost = find_lost_files(tasks[index].mapping, result) if isinstance(result, BaseException) else ""
        write_outcome(tasks[index].folder, _outcome(tasks[index], result, share, lost))

    def put_down(error: BaseException) -> None:
        """End those whose data are gone: alone they would not find them either."""
        for index, task in enumerate(tasks):
            if index not in ended and (lost := find_lost_files(task.mapping, error)):
                ended.add(index)
                logs.turn(index)
                write_outcome(task.folder, worker.failure(error, 0.0, lost))

    with hold_together([task.folder for task in tasks], company.parent), _logs(tasks) as logs:
        for task in tasks:
            worker.check_turn(task)
        occasions = [_occasion(task) for task in tasks]
        try:
            run_vectorized([worker.read(task) for task in tasks], occasions, heard, logs.turn, GroupStore(company))
            return
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # before the first step: one of them may be at fault, so each is told by itself
            log.info("not trained together: %s", error)
            put_down(error)
    for index, task in enumerate(tasks):
        if index not in ended:
            worker.execute(task)


def _occasion(task: Task) -> RunContext:
    """Describe the run of a member, which may be ended alone; all of them end with the process."""
    member = worker.membership(task)
    return RunContext(task.folder, task.command, member, Ending(look=member.look))


def _outcome(task: Task, result: Result | BaseException, seconds: float, lost: str) -> Outcome:
    """Return the outcome of a member; `seconds` is its share of the group's time, `lost` what of its data has gone."""
    if isinstance(result, KeyboardInterrupt):
        return worker.tell_stopped(read_stop(task.folder) or str(result), seconds)
    if isinstance(result, BaseException):
        return worker.failure(result, seconds, lost)
    return replace(worker.outcome_of(task, result), seconds=seconds)


class _Logs(logging.Handler):
    """Writes what is said to the log of the job whose turn it is."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        self._files = [task.folder / LOG for task in tasks]
        self._turn = 0

    def turn(self, index: int) -> None:
        self._turn = index

    def emit(self, record: logging.LogRecord) -> None:
        with self._files[self._turn].open("a", encoding="utf-8") as file:
            file.write(self.format(record) + "\n")


@contextmanager
def _logs(tasks: Sequence[Task]) -> Iterator[_Logs]:
    handler = _Logs(tasks)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    yield handler
