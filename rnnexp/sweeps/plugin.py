"""Who starts a sweep: a program, or Hydra, which sees a Sweeper that hands over, and Launchers that carry settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
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
        Sweeps.started = True
        if Sweeps.request is None:
            raise ConfigError("hydra/sweeper=rnnexp: runs in `rnnexp train -m` only")
        try:
            _start(Sweeps.request, self._config)
        except RnnexpError as error:
            Sweeps.error = error


def run_sweep(lines: Sequence[str], command: str) -> Path | None:
    """Run what is missing of the sweep that overrides ask for and return its folder; None after a dry run.

    `command` is that of a shell, by which `rnnexp resume` goes on with it. Raises what `sweep` does.
    """
    from rnnexp.config import compose, plugins
    from rnnexp.config.overrides import inspect_overrides, parsed
    from rnnexp.sweeps.request import read_request

    plugins.load_plugins(lines)
    border = inspect_overrides(lines, sweep=True).opened()
    with compose.hydra_state():
        request = read_request(border, command, lines)
        alone = [line for line in border.overrides() if not parsed(line).is_sweep_override()]
        return _start(request, compose.loaded(alone, None))


def _start(request: Request, config: DictConfig) -> Path | None:
    """Run what is asked for, as the composition of the sweep itself completes it."""
    from rnnexp.sweeps.request import as_hydra_starts_it, variables
    from rnnexp.sweeps.sweep import sweep

    asked = as_hydra_starts_it(request, config)
    with env_override(variables(config)):  # what jobs import before they start is to see them
        return sweep(asked)


class Executors(Launcher):
    """`hydra/launcher=NAME` with the name of a registered executor: settings that our sweeper reads."""

    def __init__(self, **settings: Any) -> None:
        """Take anything: what is wrong is said by our sweeper."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing to prepare."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise ConfigError("hydra/launcher: our launchers need hydra/sweeper=rnnexp; Hydra's sweeper needs Hydra's own")
