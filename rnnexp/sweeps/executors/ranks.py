"""Jobs that several processes of this machine train together, each with its share of every batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Literal

from pydantic import Field

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.registry import register
from rnnexp.runtime.process_group import Rank
from rnnexp.sweeps import rank_worker
from rnnexp.sweeps.executor import Executor, Exit, Hardware, Site, Slot
from rnnexp.sweeps.launcher import Launcher, refuse_crowd
from rnnexp.sweeps.processes import GRACE_S, context, end_all, on_slot, reason, start_process
from rnnexp.sweeps.task import RESULT, Task
from rnnexp.sweeps.worker import ENDED


@register("executor")
class ranks(Launcher):
    """One job after the other, each by several processes of this machine that share out its batches."""

    name: Literal["ranks"] = "ranks"
    ranks: int = Field(
        default=2, ge=2, description="processes that train a job together, each on a GPU if there are any"
    )

    @property
    def processes(self) -> int:
        return self.ranks

    def check(self) -> None:
        if self.n_jobs not in (None, 1):
            raise ConfigError(f"hydra.launcher.n_jobs: {self.n_jobs} given; ranks train one job after the other")
        refuse_crowd("ranks", self.ranks)

    def slots(self, hardware: Hardware) -> list[Slot]:
        """Share this machine out among the ranks of a job: one slot for each."""
        found = Launcher.slots(replace(self, n_jobs=self.ranks), hardware)
        if len(found) < self.ranks:
            raise ResourceError(
                f"hydra.launcher.ranks: {self.ranks} given, but there are {len(found)} GPUs, and each rank needs its "
                f"own; set hydra.launcher.ranks={len(found)} or device=cpu"
            )
        return found

    def start(self, site: Site) -> Executor:
        return RankedJobs(self.slots(site.hardware), site.hardware)


@dataclass
class RankedJob:
    """A job with its processes, the first of which is the one that keeps, scores and tracks it."""

    task: Task
    processes: list[BaseProcess]
    told_by: float | None = None  # when the first rank is to have told of an error that another has met

    def find_end(self) -> Exit | None:
        """Return how a job has ended, with the number of the rank that died.

        None as long as all of them live, or while the first one is about to tell why another has failed.
        """
        codes = {rank: process.exitcode for rank, process in enumerate(self.processes)}
        if (self.task.folder / RESULT).exists() and codes[0] in (None, 0):
            return Exit(self.task.number)
        dead = {rank: code for rank, code in codes.items() if code is not None}
        if not dead:
            return None
        if all(rank_worker.has_failed(self.task, rank) for rank in dead):
            self.told_by = self.told_by or time.monotonic() + rank_worker.TELLING_S
            if time.monotonic() < self.told_by:
                return None
        # Those that miss another one end, too: by a code of their own, or because JAX aborts them.
        rank, code = min(dead.items(), key=lambda one: (one[1] in (-6, ENDED), one[1] >= 0, one[0]))
        return Exit(self.task.number, f"rank {rank}: {reason(code) or 'its process ended before the job did'}")


class RankedJobs(Executor):
    """One job at a time; each of its ranks has a slot."""

    capacity = 1

    def __init__(self, slots: list[Slot], hardware: Hardware) -> None:
        self._slots = slots
        self._context = context(hardware)
        self._running: list[RankedJob] = []

    def submit(self, task: Task) -> None:
        rank_worker.make_meeting(task)
        processes = []
        for number, slot in enumerate(self._slots):
            arguments = (on_slot(task, slot), Rank(number, len(self._slots)))
            processes.append(start_process(self._context, rank_worker.main, arguments, "rnnexp rank"))
        self._running.append(RankedJob(task, processes))

    def wait(self, seconds: float) -> list[Exit]:
        living = [process for job in self._running for process in job.processes if process.exitcode is None]
        wait([process.sentinel for process in living], seconds)
        ended = []
        for job in list(self._running):
            if (end := job.find_end()) is not None:
                self._running.remove(job)
                _end(job, is_over=end.reason is None)
                ended.append(end)
        return ended

    def stop_job(self, number: int) -> None:
        for job in self._running:
            if job.task.number == number:
                job.processes[0].terminate()

    def stop(self) -> None:
        for job in self._running:
            end_all(job.processes[:1])  # with a checkpoint; nothing is kept by the others
            _end(job, is_over=False)


def _end(job: RankedJob, *, is_over: bool) -> None:
    """End what is left of a job: the first rank by itself if it has come to its end, the others at once."""
    if is_over:
        job.processes[0].join(GRACE_S)
    for process in job.processes:
        process.kill()
        process.join()
