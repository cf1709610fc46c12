"""The sweep that an experiment's YAML describes, checked without running anything."""

from __future__ import annotations

from omegaconf import OmegaConf

from rnnexp.config import compose
from rnnexp.config.jobs import Composer
from rnnexp.errors import ConfigError
from rnnexp.sweeps.jobs import Planner, plan
from rnnexp.sweeps.objective import check_given
from rnnexp.sweeps.settings import read_sweep
from rnnexp.sweeps.space import read_space


def sweep_problems(experiment: str) -> list[str]:
    """Return what is wrong with `hydra.sweeper` of an experiment; every value of its space is composed once."""
    lines = [f"experiment={experiment}"]
    try:
        with compose.hydra_state():
            written = OmegaConf.to_container(compose.loaded(lines, None).hydra.sweeper, resolve=True)
            settings = read_sweep({str(key): value for key, value in dict(written).items()})  # type: ignore[arg-type]
            check_given(settings.objective)
            space = read_space(lines, settings)
            if space.dimensions:
                planner = Planner(space, settings.repeats, settings.folds, Composer())
                plan(planner, list(enumerate(space.corners())))
    except ConfigError as error:
        return error.problems
    return []
