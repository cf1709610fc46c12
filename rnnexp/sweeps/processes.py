"""Processes of this machine for jobs: how they start warm, how they end, and what they get of the machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from rnnexp.runtime import job_server
from rnnexp.sweeps.executor import Hardware, Slot
from rnnexp.sweeps.task import Task

GRACE_S = 6.0  # for a checkpoint and the end of a run: a sweep that is asked to end has ten seconds in all
PRELOAD, BACKEND, TRIAL_FIRST = "rnnexp.sweeps.preload", "RNNEXP_PRELOAD_BACKEND", "RNNEXP_PRELOAD_TRIAL_FIRST"
FOUND = frozenset(os.environ)  # variables at the start of the server, which imports this first
PACKAGES, LEAN = "RNNEXP_PRELOAD_PACKAGES", "RNNEXP_PRELOAD_LEAN"


def end_all(processes: Sequence[BaseProcess]) -> None:
    """Ask processes to end, wait for them to close their runs, then make them."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()


class Terminator:
    """Ends processes one by one: asks them first, and makes them once their time is up."""

    def __init__(self) -> None:
        self._asked: list[tuple[float, BaseProcess]] = []

    def ask(self, process: BaseProcess) -> None:
        process.terminate()
        self._asked.append((time.monotonic() + GRACE_S, process))

    def make(self) -> None:
        """Kill those that were asked long ago."""
        for due, process in self._asked:
            if process.exitcode is None and time.monotonic() > due:
                process.kill()
        self._asked = [(due, process) for due, process in self._asked if process.exitcode is None]


def on_slot(task: Task, slot: Slot) -> Task:
    """Give a task its share of the machine."""
    return replace(task, threads=slot.threads, environment={**task.environment, **slot.environment})


def context(hardware: Hardware, *, for_trial: bool = False) -> Any:
    """Return a way to start processes: from a warm server where the system can fork, else from scratch.

    The server imports Keras only if all jobs run on JAX, which starts no threads until it is used; the first process
    of all that is `for_trial` needs nothing else, and is not kept waiting for it.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    backend = "jax" if hardware.backends == {"jax"} else None
    told = {PACKAGES: " ".join(hardware.packages)} | ({BACKEND: backend} if backend else {})
    told |= ({TRIAL_FIRST: "1"} if for_trial else {}) | ({LEAN: "1"} if hardware.lean else {})
    job_server.start_server(PRELOAD, backend, hardware.lean, told)
    return multiprocessing.get_context("forkserver")


def start_process(way: Any, target: Callable[..., None], arguments: Sequence[Any], name: str) -> BaseProcess:
    """Start a process with the variables that this one has now, whenever the server was started.

    It does not import the script which asks for it: a script without a guard would ask again.
    """
    process: BaseProcess = way.Process(
        target=_run_with, args=(dict(os.environ), target, arguments), name=name, daemon=True
    )
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = script
    return process


def _run_with(environment: Mapping[str, str], target: Callable[..., None], arguments: Sequence[Any]) -> None:
    """Keep variables that the server has set itself."""
    for name in FOUND - environment.keys():
        os.environ.pop(name, None)
    os.environ.update(environment)
    target(*arguments)


def reason(code: int) -> str | None:
    """Say how a process ended, None if in peace."""
    if code >= 0:
        return None if code == 0 else f"its process ended with exit code {code}"
    return f"its process was killed by {signal.Signals(-code).name}"
