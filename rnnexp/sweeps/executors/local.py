"""Processes of this machine, started warm from a server that has imported what every job needs.

A process takes one job after the other as long as each leaves it as it was; `fresh` gives each job its own.
"""

from __future__ import annotations

from multiprocessing.connection import wait
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.sweeps.executor import Executor, Exit, Hardware, Site, Slot
from rnnexp.sweeps.executors.vectorized import GroupSize, vectorized
from rnnexp.sweeps.launcher import BASIC, Launcher
from rnnexp.sweeps.processes import Terminator, context, end_all, on_slot, reason
from rnnexp.sweeps.task import Task
from rnnexp.sweeps.warm_worker import WarmWorker, find_needs

MAX_JOBS = 16  # of one process: what none of them may leave behind, memory of compiled programs, is given back


@register("executor")
class local(Launcher):
    """Jobs side by side on this machine; short ones that share a program are trained as one."""

    stands_for: ClassVar[str | None] = BASIC
    job_per_slot: ClassVar[bool] = True

    name: Literal["local"] = "local"
    vectorize: bool = Field(default=True, description="train jobs that share a program as one where that is quicker")
    group_size: GroupSize = None
    fresh: bool = Field(default=False, description="give each job a process that has run no other")

    def start(self, site: Site) -> Executor:
        return LocalProcesses(self, site.hardware)

    def settled(self, groups: bool, learns: bool) -> Launcher:
        if not (groups and self.vectorize):
            return self
        shared = {key: value for key, value in vars(self).items() if key not in ("name", "vectorize", "fresh")}
        return vectorized(**shared).settled(groups, learns)


class LocalProcesses(Executor):
    """Jobs side by side on this machine, each on a slot of its own; the next one may get the process of the last."""

    def __init__(self, launcher: local, hardware: Hardware) -> None:
        self._free: list[Slot] = launcher.slots(hardware)
        self.capacity = len(self._free)
        self._jobs = 1 if launcher.fresh else MAX_JOBS
        self._context = context(hardware)
        self._running: dict[int, WarmWorker] = {}
        self._waiting: list[WarmWorker] = []
        self._terminator = Terminator()

    def submit(self, task: Task) -> None:
        worker = self._choose(task) or self._start(task)
        worker.take(on_slot(task, worker.slot))
        self._running[task.number] = worker

    def _choose(self, task: Task) -> WarmWorker | None:
        """Return a process that waits, and was started for what the task needs."""
        for worker in self._waiting:
            needs = find_needs(on_slot(task, worker.slot))
            if needs is not None and needs == worker.needs and worker.process.exitcode is None:
                self._waiting.remove(worker)
                return worker
        return None

    def _start(self, task: Task) -> WarmWorker:
        """Start a process in the place of one that waits for other jobs, if no slot is free."""
        if not self._free:
            self._end(self._waiting.pop(0))
        slot = self._free.pop(0)
        return WarmWorker.start(self._context, slot, on_slot(task, slot), self._jobs)

    def _end(self, worker: WarmWorker) -> None:
        worker.end()
        self._free.append(worker.slot)

    def wait(self, seconds: float) -> list[Exit]:
        watched = self._running.values()
        lines = [worker.line for worker in watched if not worker.line.closed]
        wait([*lines, *(worker.process.sentinel for worker in watched)], seconds)
        self._terminator.make()
        ended = []
        for number, worker in list(self._running.items()):
            if worker.has_finished():
                del self._running[number]
                self._waiting.append(worker)
                ended.append(Exit(number))
            elif worker.process.exitcode is not None:
                worker.process.join()
                worker.line.close()
                del self._running[number]
                self._free.append(worker.slot)
                ended.append(Exit(number, reason(worker.process.exitcode)))
        return ended

    def stop_job(self, number: int) -> None:
        worker = self._running[number]
        worker.left = 0  # the word might come when it is at the next job
        self._terminator.ask(worker.process)

    def stop(self) -> None:
        end_all([worker.process for worker in self._running.values()])

    def close(self) -> None:
        for worker in self._waiting:
            worker.line.close()
        while self._waiting:
            self._end(self._waiting.pop())
