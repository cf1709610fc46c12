"""What the coordinator asks of an executor, and what a sweep tells it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rnnexp.sweeps.task import Task


@dataclass(frozen=True)
class Hardware:
    """What the jobs of a sweep compute with: their backends, and whether they keep to the CPU.

    packages: modules that they import beside a backend;  lean: whether they run nobody's code but ours
    """

    backends: frozenset[str]
    cpu_only: bool
    packages: tuple[str, ...] = ()
    lean: bool = False


@dataclass(frozen=True)
class Site:
    """Where an executor works: `folder` is the sweep's; `tick` is to be called now and then while a job blocks."""

    hardware: Hardware
    folder: Path
    tick: Callable[[], None]


@dataclass(frozen=True)
class Exit:
    """A job that is no longer running; `reason` says how, if it did not end by itself."""

    number: int
    reason: str | None = None


class Executor(ABC):
    """Runs tasks, `capacity` at a time. Their outcomes are in their folders; an exit says that a job no longer runs."""

    capacity: int

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Start a task; returns at once, except where jobs run one by one in this process."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Exit]:
        """Return what has ended, waiting at most so long for the first."""

    def stop_job(self, number: int) -> None:
        """Have one task end at once; where that is not possible, it reads the word in its folder after an epoch."""
        return

    def stop(self) -> None:
        """Ask running tasks to end, wait for a while, then make them; nothing where none runs between two calls."""
        return

    def close(self) -> None:
        """Give back what the executor has taken for itself; nothing where that ends with this process."""
        return


@dataclass(frozen=True)
class Slot:
    """A share of the machine: CPU threads, and a GPU by way of its environment."""

    threads: int
    environment: Mapping[str, str]
