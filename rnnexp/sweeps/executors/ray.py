"""Jobs on Ray, through its own API: an existing cluster, or one on this machine for the time of the sweep."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.config.allow_list import Limit
from rnnexp.errors import ResourceError
from rnnexp.registry import Package, register
from rnnexp.sweeps import worker
from rnnexp.sweeps.executor import Executor, Exit, Site
from rnnexp.sweeps.launcher import Launcher
from rnnexp.sweeps.processes import GRACE_S
from rnnexp.sweeps.task import Task

ADDRESSES = Limit(("auto",), instead="type the address of a cluster")
RESOURCES = Limit(("num_cpus", "num_gpus", "memory", "accelerator_type"))  # others, as runtime_env, are commands
PLACE = re.compile(r"(?:ray://)?\[?([^\[\]/]+)\]?:(\d+)")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")  # for which Ray takes the address that other machines see
CONNECT_S = 10.0
REASONS = {
    "NodeDiedError": "the node it ran on is gone",
    "OutOfMemoryError": "its node has run out of memory",
    "WorkerCrashedError": "its process was killed",
}


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


class RayTasks(Executor):
    """Each job is a Ray task in a process of its own; Ray finds the machine and counts processors and GPUs."""

    def __init__(self, launcher: ray) -> None:
        self._ray = api = launcher.load()
        self._own = not api.is_initialized()
        if self._own:
            try:
                api.init(
                    address=launcher.address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
                )
            except (ConnectionError, ValueError) as error:
                raise launcher.refuse(error) from None
        asked = {"num_cpus": 1, **{key: value for key, value in launcher.resources.items() if value is not None}}
        options = {**asked, "max_retries": 0, "max_calls": 1}  # retries are the coordinator's; a process per job
        self._remote = api.remote(**options)(worker.main)
        self._threads = launcher.threads or max(1, int(asked["num_cpus"]))
        self.capacity = launcher.n_jobs or max(1, int(self._room(asked)))
        self._running: dict[Any, int] = {}

    def _room(self, asked: dict[str, Any]) -> float:
        """Return how many jobs the cluster has room for at a time."""
        has = self._ray.cluster_resources()
        named = {"num_cpus": "CPU", "num_gpus": "GPU"}
        rooms = [has.get(name, 0) / asked[key] for key, name in named.items() if asked.get(key)]
        return min(rooms, default=1.0)

    def submit(self, task: Task) -> None:
        self._running[self._remote.remote(replace(task, threads=self._threads))] = task.number

    def wait(self, seconds: float) -> list[Exit]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [Exit(self._running.pop(reference), self._reason(reference)) for reference in ready]

    def _reason(self, reference: Any) -> str | None:
        try:
            self._ray.get(reference)
        except Exception as error:  # Ray wraps whatever has happened to a worker
            name = type(error).__name__
            return f"Ray: {REASONS.get(name, name)}"
        return None

    def stop_job(self, number: int) -> None:
        for reference, running in self._running.items():
            if running == number:
                self._ray.cancel(reference, force=False)

    def stop(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        self._ray.wait(list(self._running), num_returns=max(1, len(self._running)), timeout=GRACE_S)
        for reference in self._running:
            self._ray.cancel(reference, force=True)

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()
