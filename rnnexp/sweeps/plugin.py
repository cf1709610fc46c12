"""What Hydra sees of our sweeps: a Sweeper that hands over, and Launchers that only carry settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from rnnexp.errors import ConfigError, RnnexpError

TARGET = "hydra_plugins.rnnexp.RnnexpLauncher"
_BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


class Sweeps(Sweeper):
    """`hydra/sweeper=rnnexp`, the default. What goes wrong is left in `error`: Hydra would print a traceback."""

    command: ClassVar[str] = ""
    config_dir: ClassVar[str | None] = None
    error: ClassVar[RnnexpError | None] = None

    def __init__(self, **settings: Any) -> None:
        """Take what `conf/hydra/sweeper/rnnexp.yaml` and the command line say; checked when the sweep starts."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._loader = hydra_context.config_loader
        self._sweeper = _plain(config.hydra.sweeper)
        self._launcher = _plain(config.hydra.launcher)

    def sweep(self, arguments: list[str]) -> None:
        from rnnexp.sweeps import sweep
        from rnnexp.sweeps.settings import read_launcher, read_sweep

        try:
            request = sweep.Request(
                lines=arguments,
                settings=read_sweep(self._sweeper),
                launcher=read_launcher(self._launcher_settings()),
                command=Sweeps.command,
                config_dir=Sweeps.config_dir,
                loader=self._loader,
            )
            sweep.sweep(request)
        except RnnexpError as error:
            Sweeps.error = error

    def _launcher_settings(self) -> dict[str, Any]:
        target = self._launcher.get("_target_")
        if target == _BASIC:
            return {"name": "local"}
        if target != TARGET:
            raise ConfigError(
                f"hydra/launcher: `{target}` is not one of ours (local, serial, vectorized, ray, submitit); with "
                f"hydra/sweeper=basic Hydra's own launchers run, without resume"
            )
        return self._launcher


class Executors(Launcher):
    """`hydra/launcher=local | serial | vectorized | ray | submitit`: settings that our sweeper reads."""

    def __init__(self, **settings: Any) -> None:
        """Take anything: what is wrong is said by our sweeper."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing to prepare."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise ConfigError("hydra/launcher: our launchers need hydra/sweeper=rnnexp; Hydra's sweeper needs Hydra's own")


def _plain(node: Any) -> dict[str, Any]:
    values = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else None
    return {str(key): value for key, value in values.items()} if isinstance(values, dict) else {}
