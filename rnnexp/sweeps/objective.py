"""What a sweep compares by: never anything that was computed on the test part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.sweeps.search import Direction
from rnnexp.training.monitor import UNITS_OF_LOSS, higher_is_better, list_metrics

_TEST = ("test/", "skill/", "baseline/")


def check_given(objective: str | None) -> None:
    """Refuse a metric of the test part as soon as it is read."""
    if objective is not None and objective.removeprefix("best/").startswith(_TEST):
        raise ConfigError(
            f"hydra.sweeper.objective: `{objective}` is computed on the test set; a choice by it makes "
            f"the test score too good; use best/val/loss or another val/… metric"
        )


def objective_for(
    given: str | None, validated: bool | None, mappings: Sequence[Mapping[str, Any]], score: str | None = None
) -> str:
    """Return the objective, checked against what the jobs log.

    Where the losses of the jobs do not compare it is the score of the validation part in original units.

    validated: whether all jobs have a validation part; None if only some have
    score:     of the validation part, which all jobs log at their end, whatever they minimize
    """
    if given is None:
        if validated is None:
            raise ConfigError(
                "hydra.sweeper.objective: some jobs have a validation set and some have none; name an objective "
                "that all of them have, such as train/loss"
            )
        if validated and score and find_varied_units(mappings):
            return f"best/val/{score}"
        return "best/val/loss" if validated else "train/loss"
    if validated and score and given == f"best/val/{score}":
        return given
    names = set(_names(mappings[0], validated is not False))
    for mapping in mappings[1:]:
        names &= set(_names(mapping, validated is not False))
    if given not in names:
        listed = ", ".join(sorted(names))
        raise ConfigError(
            f"hydra.sweeper.objective: `{given}` is not logged by all jobs; they log {listed}"
            f"{did_you_mean(given, names)}"
        )
    return given


def find_varied_units(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the settings in which jobs differ so that the loss of one says nothing beside that of another."""
    values = {
        key: {json.dumps(_look_up(one, key), sort_keys=True, default=str) for one in mappings} for key in UNITS_OF_LOSS
    }
    return [key for key, different in values.items() if len(different) > 1]


def _look_up(mapping: Mapping[str, Any], key: str) -> Any:
    group, _, name = key.partition(".")
    found = mapping.get(group)
    return (found or {}).get(name) if name else found


def check_pruner(mappings: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to give up jobs by losses that do not compare, as those of their epochs would be."""
    if varied := find_varied_units(mappings):
        raise ConfigError(
            f"hydra.sweeper.pruner: stops jobs by what they log in each epoch, and losses of jobs that differ in "
            f"{' and '.join(varied)} do not compare; leave the pruner out, or sweep {varied[0]} without one"
        )


def _names(mapping: Mapping[str, Any], validated: bool) -> list[str]:
    settings = {key: mapping.get(key) or {} for key in ("data", "model", "trainer")}
    epochs = list_metrics(mapping.get("metrics") or [], validated, settings)
    quality = [name for name in epochs if name.startswith(("train/", "val/"))]
    return [*quality, *(f"best/{name}" for name in quality)]


def direction_for(given: Direction | None, objective: str) -> Direction:
    return given or ("maximize" if higher_is_better(objective) else "minimize")


def of_epoch(objective: str) -> str:
    """Return the metric of an epoch that the objective is made of: val/loss for best/val/loss."""
    return objective.removeprefix("best/")
