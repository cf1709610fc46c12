"""What the coordinator asks of an executor."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rnnexp.runtime.machine import count_usable_cpus
from rnnexp.sweeps.settings import Launcher
from rnnexp.sweeps.task import Task


@dataclass(frozen=True)
class Hardware:
    """What the jobs of a sweep compute with: their backends, and whether they keep to the CPU."""

    backends: frozenset[str]
    cpu_only: bool


@dataclass(frozen=True)
class Exit:
    """A job that is no longer running; `reason` says how, if it did not end by itself."""

    number: int
    reason: str | None = None


class Executor(Protocol):
    """Runs tasks. A task's outcome is in its folder; an exit only says that the job is no longer running."""

    @property
    def capacity(self) -> int:
        """How many tasks may run at a time."""

    def submit(self, task: Task) -> None:
        """Start a task; returns at once, except where jobs run one by one in this process."""

    def wait(self, seconds: float) -> list[Exit]:
        """Return what has ended, waiting at most so long for the first."""

    def stop(self) -> None:
        """Ask running tasks to end, wait for a while, then make them."""

    def close(self) -> None:
        """Give back what the executor has taken for itself."""


@dataclass(frozen=True)
class Slot:
    """A share of the machine: CPU threads, and a GPU by way of its environment."""

    threads: int
    environment: Mapping[str, str]


def slots(settings: Launcher, hardware: Hardware) -> list[Slot]:
    """Share the machine out: one slot per job that may run at a time."""
    gpus = [] if hardware.cpu_only else _gpus(settings.gpus)
    places: list[str | None] = [gpu for gpu in gpus for _ in range(settings.slots_per_gpu)]
    cpus = count_usable_cpus()
    count = settings.n_jobs or len(places) or max(1, cpus // (settings.threads or 1))
    places = places[:count] or [None] * count
    threads = settings.threads or max(1, cpus // len(places))
    return [Slot(threads, _gpu_environment(place, settings.slots_per_gpu)) for place in places]


def _gpus(given: int | list[int] | None) -> list[str]:
    """Return the ids of the GPUs to use: the given ones, those left visible, or all that the driver lists."""
    if isinstance(given, list):
        return [str(gpu) for gpu in given]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        found = [gpu for gpu in visible.split(",") if gpu.strip() and gpu.strip() != "-1"]
    elif shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=30)
        found = [str(i) for i, line in enumerate(x for x in listed.stdout.splitlines() if x.startswith("GPU "))]
    else:
        found = []
    return found if given is None else (found or [str(gpu) for gpu in range(given)])[:given]


def _gpu_environment(gpu: str | None, sharing: int) -> dict[str, str]:
    if gpu is None:
        return {}
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {"CUDA_VISIBLE_DEVICES": gpu, **(shared if sharing > 1 else {})}
