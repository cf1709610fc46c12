"""Jobs on SLURM, through submitit; they share the working directory with the machine that coordinates."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.config.allow_list import Limit
from rnnexp.errors import ResourceError
from rnnexp.registry import Package, register
from rnnexp.runtime.process_group import Rank
from rnnexp.sweeps import rank_worker, worker
from rnnexp.sweeps.executor import Executor, Exit, Site
from rnnexp.sweeps.launcher import Launcher
from rnnexp.sweeps.processes import GRACE_S
from rnnexp.sweeps.task import Task

AT_A_TIME = 100
RESOURCES = Limit(  # others, as slurm_setup and slurm_srun_args, are commands and end in a shell
    (
        *("timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node"),
        *(f"slurm_{name}" for name in ("partition", "account", "qos", "constraint", "time", "mem", "mem_per_cpu")),
        *(f"slurm_{name}" for name in ("mem_per_gpu", "gpus_per_task", "cpus_per_gpu", "gres", "array_parallelism")),
    )
)


@register("executor")
class submitit(Launcher):
    """Jobs on SLURM, on the machines of a cluster."""

    package: ClassVar[Package | None] = Package("submitit", "submitit", "pip install 'rnnexp[slurm]'")

    name: Literal["submitit"] = "submitit"
    cluster: Literal["slurm", "local"] | None = Field(default=None, description="null finds SLURM if there is one")
    resources: Annotated[Mapping[str, Any], RESOURCES] = Field(
        default={}, description="what a job asks for: timeout_min, slurm_partition, gpus_per_node, …"
    )

    @property
    def processes(self) -> int:
        nodes, tasks = (self.resources.get(key) or 1 for key in ("nodes", "tasks_per_node"))
        return int(nodes) * int(tasks)

    def start(self, site: Site) -> Executor:
        return SlurmJobs(self, site.folder)

    def check(self) -> None:
        SlurmJobs(self, Path())


class SlurmJobs(Executor):
    """Each job is submitted by itself, so that a queue can start it whenever it has room."""

    def __init__(self, launcher: submitit, folder: Path) -> None:
        api = launcher.load()
        try:
            self._executor = api.AutoExecutor(folder=folder / "submitit", cluster=launcher.cluster)
            asked = {key: value for key, value in launcher.resources.items() if value is not None}
            self._executor.update_parameters(**{"name": "rnnexp", **asked})
        except (RuntimeError, TypeError, NameError, AssertionError) as error:
            raise ResourceError(f"hydra/launcher={launcher.name}: {error}") from None
        self._threads = launcher.threads or int(asked.get("cpus_per_task", 1))
        self.capacity = launcher.n_jobs or AT_A_TIME
        self._work = worker.main if launcher.processes == 1 else run_as_rank
        self._running: dict[int, Any] = {}

    def submit(self, task: Task) -> None:
        if self._work is run_as_rank:
            rank_worker.make_meeting(task)
        self._running[task.number] = self._executor.submit(self._work, replace(task, threads=self._threads))

    def wait(self, seconds: float) -> list[Exit]:
        deadline = time.monotonic() + seconds
        while not (ended := [number for number, job in self._running.items() if job.done()]):
            if time.monotonic() >= deadline:
                return []
            time.sleep(min(0.1, seconds))
        return [Exit(number, _reason(self._running.pop(number))) for number in ended]

    def stop_job(self, number: int) -> None:
        self._running[number].cancel(check=False)

    def stop(self) -> None:
        for job in self._running.values():
            job.cancel(check=False)
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline and not all(job.done() for job in self._running.values()):
            time.sleep(0.2)


def run_as_rank(task: Task) -> None:
    """Run a job as that of its tasks which `srun` says that this process is: each is a rank, the first one tracks."""
    from submitit import JobEnvironment

    me = JobEnvironment()  # reads SLURM_PROCID, SLURM_NTASKS and their like
    rank_worker.run_rank(task, Rank(me.global_rank, me.num_tasks, me.num_nodes == 1), _choose_gpu(me))


def _choose_gpu(me: Any) -> dict[str, str]:
    """Return the GPU of a task where each of those on its node sees all GPUs that these have been given."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    each_has_one = len(visible) > 1 and len(visible) == me.num_tasks // me.num_nodes
    return {"CUDA_VISIBLE_DEVICES": visible[me.local_rank]} if each_has_one else {}


def _reason(job: Any) -> str | None:
    error = job.exception()
    return None if error is None else f"SLURM job {job.job_id}: {str(error).strip().splitlines()[-1]}"
