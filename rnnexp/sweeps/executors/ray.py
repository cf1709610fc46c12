"""Jobs on Ray, through its own API: an existing cluster, or one on this machine for the time of the sweep."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from rnnexp.errors import ResourceError
from rnnexp.sweeps import worker
from rnnexp.sweeps.executors.base import Exit
from rnnexp.sweeps.settings import Launcher
from rnnexp.sweeps.task import Task

INSTALL = "pip install 'rnnexp[ray]'"


def import_ray() -> Any:
    """Import Ray; without it a ResourceError names the install line."""
    try:
        import ray
    except ImportError:
        raise ResourceError(f"hydra/launcher=ray: Ray is not installed; run: {INSTALL}") from None
    return ray


class Ray:
    """Each job is a Ray task in a process of its own; Ray finds the machine and counts processors and GPUs."""

    def __init__(self, settings: Launcher) -> None:
        self._ray = ray = import_ray()
        self._own = not ray.is_initialized()
        if self._own:
            ray.init(
                address=settings.address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        asked = {"num_cpus": 1, **{key: value for key, value in settings.resources.items() if value is not None}}
        options = {**asked, "max_retries": 0, "max_calls": 1}  # retries are the coordinator's; a process per job
        self._remote = ray.remote(**options)(worker.main)
        self._threads = settings.threads or max(1, int(asked["num_cpus"]))
        self.capacity = settings.n_jobs or max(1, int(self._room(asked)))
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
            return f"Ray: {type(error).__name__}"
        return None

    def stop(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        self._ray.wait(list(self._running), num_returns=max(1, len(self._running)), timeout=15)
        for reference in self._running:
            self._ray.cancel(reference, force=True)

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()
