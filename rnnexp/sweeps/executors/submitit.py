"""Jobs on SLURM, through submitit; they share the working directory with the machine that coordinates."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.errors import ResourceError
from rnnexp.sweeps import worker
from rnnexp.sweeps.executors.base import Exit
from rnnexp.sweeps.settings import Launcher
from rnnexp.sweeps.task import Task

INSTALL = "pip install 'rnnexp[slurm]'"
AT_A_TIME = 100


class Submitit:
    """Each job is submitted by itself, so that a queue can start it whenever it has room."""

    def __init__(self, settings: Launcher, folder: Path) -> None:
        try:
            import submitit
        except ImportError:
            raise ResourceError(f"hydra/launcher=submitit: submitit is not installed; run: {INSTALL}") from None
        try:
            self._executor = submitit.AutoExecutor(folder=folder / "submitit", cluster=settings.cluster)
            asked = {key: value for key, value in settings.resources.items() if value is not None}
            self._executor.update_parameters(**{"name": "rnnexp", **asked})
        except (RuntimeError, TypeError, NameError, AssertionError) as error:
            raise ResourceError(f"hydra/launcher=submitit: {error}") from None
        self._threads = settings.threads or int(asked.get("cpus_per_task", 1))
        self.capacity = settings.n_jobs or AT_A_TIME
        self._running: dict[int, Any] = {}

    def submit(self, task: Task) -> None:
        self._running[task.number] = self._executor.submit(worker.main, replace(task, threads=self._threads))

    def wait(self, seconds: float) -> list[Exit]:
        deadline = time.monotonic() + seconds
        while not (ended := [number for number, job in self._running.items() if job.done()]):
            if time.monotonic() >= deadline:
                return []
            time.sleep(min(0.1, seconds))
        return [Exit(number, _reason(self._running.pop(number))) for number in ended]

    def stop(self) -> None:
        for job in self._running.values():
            job.cancel(check=False)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and not all(job.done() for job in self._running.values()):
            time.sleep(0.2)

    def close(self) -> None:
        """Nothing of ours runs on."""


def _reason(job: Any) -> str | None:
    error = job.exception()
    return None if error is None else f"SLURM job {job.job_id}: {str(error).strip().splitlines()[-1]}"
