"""What a sweep compares by: never anything that was computed on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.sweeps.search import Direction
from rnnexp.training.monitor import higher_is_better, list_metrics

_TEST = ("test/", "skill/", "baseline/")


def check_given(objective: str | None) -> None:
    """Refuse a metric of the test part as soon as it is read."""
    if objective is not None and objective.removeprefix("best/").startswith(_TEST):
        raise ConfigError(
            f"hydra.sweeper.objective: `{objective}` is computed on the test part; whoever chooses by it has no honest "
            f"number left; use best/val/loss or another val/… metric"
        )


def objective_for(given: str | None, validated: bool | None, mappings: Sequence[Mapping[str, Any]]) -> str:
    """Return the objective, checked against what the jobs log.

    `validated`: whether all jobs have a validation part; None if only some have.
    """
    if given is None:
        if validated is None:
            raise ConfigError(
                "hydra.sweeper.objective: some jobs have a validation part and some have none; name an objective "
                "that all of them have, such as train/loss"
            )
        return "best/val/loss" if validated else "train/loss"
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
