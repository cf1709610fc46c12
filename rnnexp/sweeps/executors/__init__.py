"""Where jobs run; each executor is one small file, chosen by `hydra/launcher=`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rnnexp.sweeps.executors.base import Executor, Hardware
from rnnexp.sweeps.settings import Launcher


def check_installed(settings: Launcher) -> None:
    """Raise ResourceError if the executor's package is missing, or does not know the resources asked for."""
    if settings.name == "ray":
        from rnnexp.sweeps.executors.ray import import_ray

        import_ray()
    elif settings.name == "submitit":
        from rnnexp.sweeps.executors.submitit import Submitit

        Submitit(settings, Path())


def executor(settings: Launcher, hardware: Hardware, folder: Path, tick: Callable[[], None]) -> Executor:
    """Build the executor that the settings name.

    `folder` is the sweep's; `tick` is called now and then while a job blocks the caller.
    """
    if settings.name == "serial":
        from rnnexp.sweeps.executors.serial import Serial

        return Serial(tick)
    if settings.name == "ray":
        from rnnexp.sweeps.executors.ray import Ray

        return Ray(settings)
    if settings.name == "submitit":
        from rnnexp.sweeps.executors.submitit import Submitit

        return Submitit(settings, folder)
    if settings.name == "vectorized":
        from rnnexp.sweeps.executors.vectorized import Vectorized

        return Vectorized(settings, hardware, folder)
    from rnnexp.sweeps.executors.local import Local

    return Local(settings, hardware)


__all__ = ["Executor", "Hardware", "check_installed", "executor"]
