"""What every executor takes, and what the rest of a sweep knows of it: its own file says so."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from rnnexp import registry
from rnnexp.errors import ConfigError, ResourceError, count
from rnnexp.registry import Package, settings
from rnnexp.runtime.machine import count_usable_cpus
from rnnexp.sweeps.executor import Executor, Hardware, Site, Slot
from rnnexp.sweeps.settings import read_settings

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
MAX_AT_ONCE = 10_000  # jobs that wait for machines of a cluster, or its processes
MAX_PER_PROCESSOR = 32  # processes of this machine: many more than pay, and fewer than would make it unusable


@settings
class Launcher(ABC):
    """Where jobs run: the settings of an executor, which it starts with.

    package:      that it needs beside ours
    stands_for:   the class of Hydra's in whose place it is used
    in_process:   jobs share one process, which cannot change its backend, device or number of threads
    job_per_slot: a slot of this machine has one job at a time, so that it is known how many go side by side
    one_program:  jobs are trained together, with other last digits than by themselves
    """

    package: ClassVar[Package | None] = None
    stands_for: ClassVar[str | None] = None
    in_process: ClassVar[bool] = False
    job_per_slot: ClassVar[bool] = False
    one_program: ClassVar[bool] = False

    name: str
    n_jobs: int | None = Field(
        default=None, ge=1, le=MAX_AT_ONCE, description="jobs at a time; null: as many as slots or processors"
    )
    threads: int | None = Field(
        default=None, ge=1, description="CPU threads of each job; null: the processors shared out among the jobs"
    )
    gpus: int | list[int] | None = Field(
        default=None, description="number or ids of the GPUs to use; null: those that the machine shows"
    )
    slots_per_gpu: int = Field(default=1, ge=1, description="jobs that share a GPU; more than one: no preallocation")

    @abstractmethod
    def start(self, site: Site) -> Executor:
        """Take what the jobs need, and return what runs them."""

    def check(self) -> None:
        """Raise ResourceError if the package is missing, or does not know what is asked of it; ConfigError for too many
        jobs at a time.
        """
        self.load()
        if self.here:
            refuse_crowd("n_jobs", self.n_jobs or 1)

    def load(self) -> Any:
        """Return the package that is needed, if one is."""
        return self.package and self.package.load(f"hydra/launcher={self.name}")

    @property
    def here(self) -> bool:
        """Whether its jobs share out this machine; elsewhere nobody knows how many go side by side."""
        return self.package is None and not self.in_process and self.processes == 1

    @property
    def processes(self) -> int:
        """How many processes train a job together."""
        return 1

    def settled(self, groups: bool, learns: bool) -> Launcher:
        """Return what is started once it is known whether `groups` of jobs train quicker and the sampler `learns`."""
        return self

    def pack(self, programs: Sequence[str | None], processes: int) -> list[list[int]]:
        """Return which jobs, by their places in `programs`, one process trains at a time; None: alone."""
        return [[place] for place in range(len(programs))]

    def slots(self, hardware: Hardware) -> list[Slot]:
        """Share this machine out: one slot per job that may run at a time."""
        gpus = [] if hardware.cpu_only else _gpus(self.gpus)
        if gpus and self.gpus is not None and self.package is None:  # which others need for other machines
            _refuse_missing(self.gpus, gpus)
        places: list[str | None] = [gpu for gpu in gpus for _ in range(self.slots_per_gpu)]
        cpus = count_usable_cpus()
        wanted = self.n_jobs or len(places) or max(1, cpus // (self.threads or 1))
        places = places[:wanted] or [None] * wanted
        threads = self.threads or max(1, cpus // len(places))
        return [Slot(threads, _gpu_environment(place, self.slots_per_gpu)) for place in places]


def refuse_crowd(key: str, processes: int) -> None:
    """Raise ConfigError for more processes than make sense on this machine; `key` asks for them."""
    cpus = count_usable_cpus()
    if processes > (most := MAX_PER_PROCESSOR * cpus):
        has = count(cpus, "processor")
        raise ConfigError(f"hydra.launcher.{key}: {processes} given; this machine has {has}, for at most {most}")


def stand_in(target: object) -> str | None:
    """Name the executor that is used in the place of a class of Hydra's, None if there is none."""
    return next((name for name, cls in registry.components("executor").items() if cls.stands_for == target), None)


def default() -> str:
    """Name the executor that runs the jobs where nobody has chosen one: Hydra then takes its basic launcher."""
    return str(stand_in(BASIC))


def choices() -> list[str]:
    """List the executors: what runs where nobody has chosen one, then what needs no package, then the others."""
    known = registry.components("executor")
    return sorted(known, key=lambda name: (name != default(), known[name].package is not None, name))


def read_launcher(values: Mapping[str, Any], problems: list[str]) -> Launcher:
    """Check what stands under `hydra.launcher`.

    What only other executors take is checked and not used: conf/config.yaml may set it for whichever is chosen.
    """
    known = registry.components("executor")
    name = values.get("name")
    name = name if name in [*known] else default()
    read = read_settings("hydra.launcher", _with_others(name, known), values, problems)
    if not isinstance(read, Launcher):  # what it cannot do without is missing or wrong, which has been noted
        return read_launcher({}, [])
    launcher: Launcher = known[name](**{key: getattr(read, key) for key in known[name].__pydantic_fields__})
    return launcher


def _with_others(name: str, known: Mapping[str, Any]) -> type:
    """Return the settings of an executor together with those that only others take."""
    own = known[name].__pydantic_fields__
    fields = {key: field for cls in known.values() for key, field in cls.__pydantic_fields__.items() if key not in own}
    hints = {"name": Literal[tuple(choices())], **{key: field.rebuild_annotation() for key, field in fields.items()}}
    defaults = {
        key: Field(None if field.is_required() else field.get_default(call_default_factory=True))
        for key, field in fields.items()
    }
    return settings(type("Launcher", (known[name],), {"__annotations__": hints, "name": name, **defaults}))


def _gpus(given: int | list[int] | None) -> list[str]:
    """Return the ids of the GPUs to use: the given ones, those left visible, or all that the machine has."""
    if isinstance(given, list):
        return [str(gpu) for gpu in given]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        found = _list_gpus()
    else:
        found = [gpu for gpu in visible.split(",") if gpu.strip() and gpu.strip() != "-1"]
    return found if given is None else (found or [str(gpu) for gpu in range(given)])[:given]


def _list_gpus() -> list[str]:
    """Return the ids of the GPUs that the driver lists; a container may have its devices without its tools."""
    if shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=30)
        return [str(i) for i, line in enumerate(x for x in listed.stdout.splitlines() if x.startswith("GPU "))]
    return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)


def _refuse_missing(given: int | list[int], gpus: list[str]) -> None:
    """Raise ResourceError if a job would wait for a GPU, or run without one, that the machine does not have."""
    known = _list_gpus()
    if all(gpu in known or not gpu.isdigit() for gpu in gpus) and (isinstance(given, list) or len(gpus) == given):
        return
    shown = f"has the GPUs {', '.join(known)}" if known else "has no GPU that its driver lists"
    raise ResourceError(
        f"hydra.launcher.gpus: {given} given, but this machine {shown}; name those that are to be used, or leave it out"
    )


def _gpu_environment(gpu: str | None, sharing: int) -> dict[str, str]:
    if gpu is None:
        return {}
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {"CUDA_VISIBLE_DEVICES": gpu, **(shared if sharing > 1 else {})}
