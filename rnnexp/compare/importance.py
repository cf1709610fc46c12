"""How much each varied parameter matters for the objective (fANOVA; Hutter, Hoos and Leyton-Brown, 2014)."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rnnexp.compare.differ import REPEATS
from rnnexp.compare.table import shown
from rnnexp.sweeps.space import import_optuna

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.distributions import BaseDistribution

# fANOVA takes time in proportion to trees, leaves and one-hot columns: without bounds a minute for 1,000 runs.
TREES, DEPTH, MOST_POINTS, MOST_CHOICES = 32, 8, 300, 12
FEWEST = 10  # distinct points under which the shares are shown with a warning


def importance(points: Sequence[Mapping[str, object]], values: Sequence[float]) -> dict[str, float]:
    """Return the share of the objective's variation that each parameter explains, the largest first; they sum to 1.

    points: the parameters of each run, seeds and folds ignored;  values: the objective of each
    Empty with under two distinct points, or if nothing varies. Repetitions are averaged; numbers and values enter
    by their ranks: a logarithmic grid weighs each of its values alike, and one diverged run does not drown the rest.
    """
    kept = _distinct(points, values)
    names = dict.fromkeys(key for point, _ in kept for key in point)
    columns = {name: _column([point.get(name) for point, _ in kept]) for name in names}
    columns = {name: column for name, column in columns.items() if len(set(column[0])) > 1}
    if not columns or len({value for _, value in kept}) < 2:
        return {}
    if len(columns) == 1:  # all there is to explain
        return dict.fromkeys(columns, 1.0)
    shares = _evaluated(columns, _ranks([value for _, value in kept]))
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()} if total > 0 else {}


def import_evaluator() -> None:
    """Import what the shares of several parameters are computed with: it takes longer than to compute them."""
    for module in ("optuna.importance", "sklearn.ensemble"):
        import_module(module)


def _distinct(points: Sequence[Mapping[str, object]], values: Sequence[float]) -> list[tuple[Mapping[str, Any], float]]:
    """Put repetitions together by their means, and of very many points draw some."""
    found: dict[str, tuple[Mapping[str, Any], list[float]]] = {}
    for point, value in zip(points, values):
        kept = {key: _alone(item) for key, item in point.items() if key not in REPEATS}
        if math.isfinite(value):
            found.setdefault(repr(sorted(kept.items())), (kept, []))[1].append(value)
    means = [(point, sum(them) / len(them)) for point, them in found.values()]
    return means if len(means) <= MOST_POINTS else random.Random(0).sample(means, MOST_POINTS)


def _alone(value: object) -> object:
    """Take `[64]` for 64: the sizes of one layer are numbers, and have an order."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def _column(values: Sequence[object]) -> tuple[list[Any], bool]:
    """Return a parameter's values as ranks if all are numbers or they are many (True), else as texts."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    keys: Sequence[Any] = numbers if len(numbers) == len(values) else [shown(value) for value in values]
    distinct = sorted(set(keys))
    if keys is not numbers and len(distinct) <= MOST_CHOICES:
        return list(keys), False
    place = {key: rank for rank, key in enumerate(distinct)}
    return [place[key] for key in keys], True


def _ranks(values: Sequence[float]) -> list[float]:
    """Return ranks, equal ones for equal values."""
    place = {value: float(rank) for rank, value in enumerate(sorted(set(values)))}
    return [place[value] for value in values]


def _evaluated(columns: Mapping[str, tuple[list[Any], bool]], values: Sequence[float]) -> dict[str, float]:
    with _quiet():
        optuna = import_optuna()

        distributions = {name: _distribution(*column) for name, column in columns.items()}
        study = optuna.create_study()
        study.add_trials(
            optuna.create_trial(
                params={name: column[0][i] for name, column in columns.items()},
                distributions=distributions,
                value=value,
            )
            for i, value in enumerate(values)
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def _distribution(values: Sequence[Any], numeric: bool) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    return IntDistribution(0, max(values)) if numeric else CategoricalDistribution(sorted(set(values)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling of every study it makes; its level is put back."""
    optuna = import_optuna()

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
