"""What Hydra does around a job, done by Hydra itself: variables, callbacks, logging, a copy of the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.utils import configure_log, run_job
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, open_dict

from rnnexp.config import compose
from rnnexp.config.dirname import as_typed, named_as_typed
from rnnexp.config.jobs import Composer
from rnnexp.config.overrides import inspect_overrides
from rnnexp.sweeps.task import Outcome

DIR, SUBDIR = "hydra.sweep.dir", "hydra.sweep.subdir"


def hydra_config(composer: Composer, lines: Sequence[str], number: int, folder: Path) -> DictConfig:
    """Compose a job with Hydra's own node, as a launcher of Hydra's hands it to `run_job`."""
    written = inspect_overrides(lines, config_dir=composer.config_dir).lines
    with named_as_typed(composer.typed):
        config = compose.loaded([*composer.hydra, *written], composer.config_dir)
    node = config.hydra
    with open_dict(node):
        node.mode, node.job.num, node.job.id = RunMode.MULTIRUN, number, str(number)
        node.sweep.dir, node.sweep.subdir = str(folder.parent), folder.name
        node.overrides.task = as_typed(written, composer.typed)
    return config


def run_within(config: DictConfig, execute: Callable[[], Outcome]) -> Outcome:
    """Run a job as one of Hydra's; its outcome is what `execute` has returned."""
    outcomes: list[Outcome] = []

    def task_function(_: Any) -> dict[str, float]:
        outcomes.append(execute())
        if outcomes[0].status == "failed":
            raise CompactHydraException(outcomes[0].error)
        return dict(outcomes[0].metrics)

    with compose.hydra_state():
        context = HydraContext(config_loader=compose.loader(), callbacks=Callbacks(config))
        run_job(
            task_function=task_function,
            config=config,
            job_dir_key=DIR,
            job_subdir_key=SUBDIR,
            hydra_context=context,
        )
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    return outcomes[0]
