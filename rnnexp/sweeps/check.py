"""The sweep that an experiment's YAML describes, checked without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnexp.config import compose
from rnnexp.config.jobs import Composer
from rnnexp.errors import ConfigError
from rnnexp.sweeps.jobs import Planner, plan
from rnnexp.sweeps.objective import check_given
from rnnexp.sweeps.settings import read_sweep
from rnnexp.sweeps.space import read_space


def sweep_problems(experiment: str, sweeper: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `hydra.sweeper` of an experiment; every value of its space is composed once."""
    lines = [f"experiment={experiment}"]
    try:
        settings = read_sweep(sweeper)
        check_given(settings.objective)
        space = read_space(lines, settings)
        if space.dimensions:
            with compose.hydra_state():
                planner = Planner(space, settings.repeats, settings.folds, Composer())
                plan(planner, list(enumerate(space.corners())))
    except ConfigError as error:
        return error.problems
    return []
