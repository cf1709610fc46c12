"""Jobs on Ray, through its own API: an existing cluster, or one on this machine for the time of the sweep."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.config.allow_list import Limit
from rnnexp.errors import ResourceError
from rnnexp.registry import Package, register
from rnnexp.runtime.process_group import Rank
from rnnexp.sweeps import rank_worker, worker
from rnnexp.sweeps.executor import Executor, Exit, Site
from rnnexp.sweeps.launcher import MAX_AT_ONCE, Launcher
from rnnexp.sweeps.processes import GRACE_S
from rnnexp.sweeps.task import RESULT, Task

ADDRESSES = Limit(("auto",), instead="type the address of a cluster")
RESOURCES = Limit(("num_cpus", "num_gpus", "memory", "accelerator_type"))  # others, as runtime_env, are commands
PLACE = re.compile(r"(?:ray://)?\[?([^\[\]/]+)\]?:(\d+)")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")  # for which Ray takes the address that other machines see
CONNECT_S = 10.0
COUNTED = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}  # as Ray names them where it counts them
REASONS = {
    "NodeDiedError": "the node it ran on is gone",
    "OutOfMemoryError": "its node has run out of memory",
    "WorkerCrashedError": "its process was killed",
}

log = logging.getLogger("rnnexp")


@register("executor")
class ray(Launcher):
    """Jobs on Ray, on this machine or on others."""

    package: ClassVar[Package | None] = Package("ray", "Ray", "pip install 'rnnexp[ray]'")

    name: Literal["ray"] = "ray"
    address: Annotated[str | None, ADDRESSES] = Field(
        default=None, description="an existing cluster (`auto` finds it); null: a local one"
    )
    resources: Annotated[Mapping[str, Any], RESOURCES] = Field(
        default={}, description="what a job asks for: num_cpus, num_gpus, …"
    )
    ranks: int = Field(
        default=1, ge=1, le=MAX_AT_ONCE, description="processes that train a job together; each gets `resources`"
    )

    @property
    def processes(self) -> int:
        return self.ranks

    def start(self, site: Site) -> Executor:
        return RayTasks(self)

    def check(self) -> None:
        """Raise ResourceError, too, if nothing listens at the address: Ray would try for minutes."""
        api = self.load()
        if place := PLACE.fullmatch(self.address or ""):
            host, port = place.groups()
            host = api.util.get_node_ip_address() if host in THIS_MACHINE else host
            try:
                socket.create_connection((host, int(port)), CONNECT_S).close()
            except (OSError, OverflowError) as error:
                raise self.refuse(error) from None

    def refuse(self, error: Exception) -> ResourceError:
        return ResourceError(f"hydra.launcher.address: no Ray cluster at {self.address}: {error}")


@dataclass
class RayJob:
    """A job with the Ray tasks of its ranks, the first of which keeps, scores and tracks it.

    group: the places that Ray keeps for them, all or none; None for a job of one task
    """

    task: Task
    references: list[Any]
    group: Any = None


class RayTasks(Executor):
    """Each rank of a job is a Ray task in a process of its own; Ray finds machines and counts processors and GPUs."""

    def __init__(self, launcher: ray) -> None:
        self._ray = api = launcher.load()
        self._own = not api.is_initialized()
        os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # each is told by how its job has ended
        if self._own:
            try:
                api.init(
                    address=launcher.address or "local",  # without one, Ray joins whatever runs on this machine
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except (ConnectionError, ValueError) as error:
                raise launcher.refuse(error) from None
        self._asked = {"num_cpus": 1, **{key: value for key, value in launcher.resources.items() if value is not None}}
        options = {**self._asked, "max_retries": 0, "max_calls": 1}  # retries are the coordinator's; a process each
        self._ranks = launcher.ranks
        self._remote = api.remote(**options)(worker.main if self._ranks == 1 else run_as_rank)
        self._threads = launcher.threads or max(1, int(self._asked["num_cpus"]))
        room = int(self._find_room())
        if room < self._ranks > 1:
            self._tell_missing(room, grows=launcher.address is not None)
        self.capacity = launcher.n_jobs or max(1, room // self._ranks)
        self._running: list[RayJob] = []

    def _find_room(self) -> float:
        """Return how many tasks the cluster has room for at a time."""
        has = self._ray.cluster_resources()
        rooms = [has.get(name, 0) / self._asked[key] for key, name in COUNTED.items() if self._asked.get(key)]
        return min(rooms, default=1.0)

    def _tell_missing(self, room: int, *, grows: bool) -> None:
        """Raise ResourceError if the ranks of a job would wait for ever; a cluster may yet get more nodes."""
        told = f"hydra.launcher.ranks: {self._ranks} given, and Ray has room for {room} that ask for {self._asked}"
        if not grows:
            self.close()
            raise ResourceError(f"{told}; ask for less, or start fewer ranks")
        log.warning("%s; jobs wait until it has more nodes", told)

    def submit(self, task: Task) -> None:
        task = replace(task, threads=self._threads)
        if self._ranks == 1:
            self._running.append(RayJob(task, [self._remote.remote(task)]))
            return
        rank_worker.make_meeting(task)
        group = self._ray.util.placement_group([self._make_bundle()] * self._ranks)
        references = [
            self._remote.options(scheduling_strategy=self._place(group, number)).remote(task, number, self._ranks)
            for number in range(self._ranks)
        ]
        self._running.append(RayJob(task, references, group))

    def _make_bundle(self) -> dict[str, float]:
        """Return what a rank asks for as Ray counts it."""
        kind = self._asked.get("accelerator_type")
        counted = {name: self._asked[key] for key, name in COUNTED.items() if self._asked.get(key)}
        return {**counted, **({f"accelerator_type:{kind}": 0.001} if kind else {})}

    def _place(self, group: Any, number: int) -> Any:
        strategies = self._ray.util.scheduling_strategies
        return strategies.PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=number)

    def wait(self, seconds: float) -> list[Exit]:
        references = [reference for job in self._running for reference in job.references]
        ready, _ = self._ray.wait(references, num_returns=1, timeout=seconds)
        return [
            self._take_end(job, reference)
            for reference in ready
            for job in self._running
            if reference in job.references
        ]

    def _take_end(self, job: RayJob, ended: Any) -> Exit:
        """End a job of which a task has ended: with its result, or with the number of the rank that died."""
        self._running.remove(job)
        rank = job.references.index(ended)
        if rank and rank_worker.has_failed(job.task, rank):
            self._ray.wait(job.references[:1], timeout=rank_worker.TELLING_S)
        if rank and (job.task.folder / RESULT).exists():
            rank = 0
            self._ray.wait(job.references[:1], timeout=GRACE_S)
        reason = self._reason(job.references[rank])
        self._end(job)
        return Exit(job.task.number, f"rank {rank}: {reason}" if reason and self._ranks > 1 else reason)

    def _reason(self, reference: Any) -> str | None:
        try:
            self._ray.get(reference)
        except Exception as error:  # Ray wraps whatever has happened to a worker
            name = type(error).__name__
            return f"Ray: {REASONS.get(name, name)}"
        return None

    def stop_job(self, number: int) -> None:
        for job in self._running:
            if job.task.number == number:
                self._ray.cancel(job.references[0], force=False)

    def stop(self) -> None:
        first = [job.references[0] for job in self._running]  # with a checkpoint; nothing is kept by the others
        for reference in first:
            self._ray.cancel(reference, force=False)
        self._ray.wait(first, num_returns=max(1, len(first)), timeout=GRACE_S)
        for job in self._running:
            self._end(job)

    def _end(self, job: RayJob) -> None:
        """End what is left of a job: the end of its group kills its tasks, to cancel one that ends may break Ray."""
        if job.group is not None:
            self._ray.util.remove_placement_group(job.group)
            return
        _, left = self._ray.wait(job.references, timeout=0)
        for reference in left:
            self._ray.cancel(reference, force=True)

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def run_as_rank(task: Task, number: int, count: int) -> None:
    """Run a job as one of its ranks, of which Ray knows the nodes."""
    from ray import util

    nodes = util.placement_group_table(util.get_current_placement_group())["bundles_to_node_id"].values()
    rank_worker.run_rank(task, Rank(number, count, len({*nodes}) == 1, host=util.get_node_ip_address()))
