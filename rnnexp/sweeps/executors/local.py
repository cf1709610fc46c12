"""A fresh, isolated process per job, started warm from a server that has imported what every job needs."""

from __future__ import annotations

from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.sweeps import worker
from rnnexp.sweeps.executor import Executor, Exit, Hardware, Site, Slot
from rnnexp.sweeps.executors.vectorized import GroupSize, vectorized
from rnnexp.sweeps.launcher import BASIC, Launcher
from rnnexp.sweeps.processes import Terminator, context, end_all, on_slot, reason, start_process
from rnnexp.sweeps.task import Task


@register("executor")
class local(Launcher):
    """Jobs side by side on this machine; short ones that share a program are trained as one."""

    stands_for: ClassVar[str | None] = BASIC
    job_per_slot: ClassVar[bool] = True

    name: Literal["local"] = "local"
    vectorize: bool = Field(default=True, description="train jobs that share a program as one where that is quicker")
    group_size: GroupSize = None

    def start(self, site: Site) -> Executor:
        return LocalProcesses(self, site.hardware)

    def settled(self, groups: bool, learns: bool) -> Launcher:
        if not (groups and self.vectorize):
            return self
        shared = {key: value for key, value in vars(self).items() if key not in ("name", "vectorize")}
        return vectorized(**shared).settled(groups, learns)


class LocalProcesses(Executor):
    """Jobs side by side on this machine, each on a slot of its own."""

    def __init__(self, launcher: Launcher, hardware: Hardware) -> None:
        self._free: list[Slot] = launcher.slots(hardware)
        self.capacity = len(self._free)
        self._context = context(hardware)
        self._running: dict[int, tuple[BaseProcess, Slot]] = {}
        self._terminator = Terminator()

    def submit(self, task: Task) -> None:
        slot = self._free.pop(0)
        process = self._context.Process(
            target=worker.main, args=(on_slot(task, slot),), name=f"rnnexp job {task.number}", daemon=True
        )
        start_process(process)
        self._running[task.number] = (process, slot)

    def wait(self, seconds: float) -> list[Exit]:
        wait([process.sentinel for process, _ in self._running.values()], seconds)
        self._terminator.make()
        ended = []
        for number, (process, slot) in list(self._running.items()):
            if process.exitcode is not None:
                process.join()
                del self._running[number]
                self._free.append(slot)
                ended.append(Exit(number, reason(process.exitcode)))
        return ended

    def stop_job(self, number: int) -> None:
        self._terminator.ask(self._running[number][0])

    def stop(self) -> None:
        end_all([process for process, _ in self._running.values()])
