"""A process that takes one job after the other, as its coordinator sees it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from rnnexp.sweeps import worker
from rnnexp.sweeps.executor import Slot
from rnnexp.sweeps.preflight import backend_of
from rnnexp.sweeps.processes import GRACE_S, end_all, start_process
from rnnexp.sweeps.task import Task


@dataclass
class WarmWorker:
    """A process of this machine that takes one job after the other; `needs` is what all of them agree in.

    left: how many more it may take
    """

    process: BaseProcess
    line: Connection
    slot: Slot
    needs: Hashable
    left: int

    @classmethod
    def start(cls, way: Any, slot: Slot, task: Task, left: int) -> WarmWorker:
        """Start one, for a task that it is then to be given."""
        ours, theirs = multiprocessing.Pipe()
        needs = find_needs(task)
        arguments = (theirs, needs is not None and left > 1)
        process = start_process(way, worker.serve, arguments, "rnnexp jobs")
        theirs.close()
        return cls(process, ours, slot, needs, left)

    def take(self, task: Task) -> None:
        """Hand over a task; if the process has died in the meantime that is seen where its end is waited for."""
        self.left -= 1
        with suppress(OSError):
            self.line.send(task)

    def has_finished(self) -> bool:
        """Whether its task has ended, and it waits for another; one that will take none goes away by itself."""
        if self.line.closed or not self.line.poll():
            return False
        try:
            goes_on = bool(self.line.recv())
        except (EOFError, OSError):
            goes_on = False
        if not goes_on or self.left <= 0:
            self.line.close()
        return not self.line.closed

    def end(self) -> None:
        """Let a process that waits end, and see to it that it does."""
        self.line.close()
        self.process.join(GRACE_S)
        end_all([self.process] if self.process.exitcode is None else [])


def find_needs(task: Task) -> Hashable:
    """Return what a process cannot change: jobs that agree in it may follow each other; None for one with its own.

    Code of a user may leave anything behind, and so may Hydra around a job; a job whose process has died is not to
    be suspected of what another one has left; other backends than JAX keep settings that cannot be looked at.
    """
    values = task.mapping
    if values.get("plugins") or task.hydra is not None or task.deaths or backend_of(values) != "jax":
        return None
    fixed = [values.get(key) for key in ("backend", "device", "threads", "deterministic")]
    return (*map(str, fixed), task.threads, *sorted(task.environment.items()))
