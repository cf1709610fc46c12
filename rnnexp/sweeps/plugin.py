"""What Hydra sees of our sweeps: a Sweeper that hands over, and Launchers that only carry settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.core.utils import JobReturn, env_override
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from rnnexp.errors import ConfigError, RnnexpError

if TYPE_CHECKING:
    from rnnexp.sweeps.request import Request


class Sweeps(Sweeper):
    """`hydra/sweeper=rnnexp`, the default. What goes wrong is left in `error`: Hydra would print a traceback."""

    request: ClassVar[Request | None] = None
    error: ClassVar[RnnexpError | None] = None
    started: ClassVar[bool] = False

    def __init__(self, **settings: Any) -> None:
        """Take what `conf/hydra/sweeper/rnnexp.yaml` and the command line say; the command has checked it."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._config = config

    def sweep(self, arguments: list[str]) -> None:
        from rnnexp.sweeps import request, sweep

        Sweeps.started = True
        if Sweeps.request is None:
            raise ConfigError("hydra/sweeper=rnnexp: runs in `rnnexp train -m` only")
        try:
            asked = request.as_hydra_starts_it(Sweeps.request, self._config)
            with env_override(request.variables(self._config)):  # what jobs import before they start is to see them
                sweep.sweep(asked)
        except RnnexpError as error:
            Sweeps.error = error


class Executors(Launcher):
    """`hydra/launcher=NAME` with the name of a registered executor: settings that our sweeper reads."""

    def __init__(self, **settings: Any) -> None:
        """Take anything: what is wrong is said by our sweeper."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing to prepare."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise ConfigError("hydra/launcher: our launchers need hydra/sweeper=rnnexp; Hydra's sweeper needs Hydra's own")
