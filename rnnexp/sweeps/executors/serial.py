"""One job after the other in this process: no isolation, no start-up; for debugging and for tiny networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from rnnexp.registry import register
from rnnexp.sweeps.executor import Executor, Exit, Site
from rnnexp.sweeps.launcher import Launcher
from rnnexp.sweeps.task import Task
from rnnexp.sweeps.worker import execute


@register("executor")
class serial(Launcher):
    """One job after the other in one process."""

    in_process: ClassVar[bool] = True

    name: Literal["serial"] = "serial"

    def start(self, site: Site) -> Executor:
        return SerialJobs(site.tick)


class SerialJobs(Executor):
    """`submit` returns when the job has ended."""

    capacity = 1

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._ended: list[Exit] = []

    def submit(self, task: Task) -> None:
        execute(task, quiet=True, tick=self._tick)
        self._ended.append(Exit(task.number))

    def wait(self, seconds: float) -> list[Exit]:
        ended, self._ended = self._ended, []
        return ended
