"""What several quantiles are worth: their pinball loss, and how much of the truth lies below and between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.data.quantiles import name_level, score_pinball
from rnnexp.evaluation.metrics import take_mean
from rnnexp.evaluation.report import Scores

if TYPE_CHECKING:
    from pandas import DataFrame

TABLE = "quantiles"

Levels = tuple[float, ...]


def score(one: Predictions, levels: Levels, whole: bool) -> dict[str, float]:
    """Return the mean pinball loss of all quantiles together; of the `whole` also what lies between the outermost."""
    if one.quantiles is None:
        return {}
    found = {"pinball": float(score_pinball(one.actual, one.quantiles, levels, one.weight).mean())}
    if not whole:
        return found
    low, high, name = one.quantiles[..., 0], one.quantiles[..., -1], _name_share(levels)
    inside = (low <= one.actual) & (one.actual <= high)
    return {
        **found,
        f"coverage_{name}": float(take_mean(inside, one.weight)),
        f"interval_width_{name}": float(take_mean(high - low, one.weight)),
    }


def compare(model: Predictions, baselines: Mapping[str, Predictions], levels: Levels) -> dict[str, DataFrame]:
    """Return the table of the quantiles, where there are any: the share of the truth below each, and its pinball loss
    beside those of the baselines.
    """
    import pandas

    if model.quantiles is None:
        return {}
    columns = {"quantile": levels, "share_below": _share_below(model)}
    for name, one in {"model": model, **baselines}.items():
        if one.quantiles is not None:
            columns[f"{name} pinball"] = score_pinball(one.actual, one.quantiles, levels, one.weight)
    return {TABLE: pandas.DataFrame(columns)}


def _share_below(model: Predictions) -> np.ndarray:
    below = (model.actual[..., None] <= np.asarray(model.quantiles)).mean(axis=(1, 2))
    return np.asarray(np.average(below, axis=0, weights=model.weight))


def say_quantiles(scores: Scores) -> Iterator[str]:
    """Yield what lies between the outermost quantiles."""
    table = scores.report.tables.get(TABLE)
    if table is None:
        return
    levels = tuple(table["quantile"])
    names = (f"{scores.part}/{name}_{_name_share(levels)}" for name in ("coverage", "interval_width"))
    held, width = (scores.metrics[name] for name in names)
    part = "" if scores.part == "all" else f" {scores.part}"
    between = f"between {name_level(levels[0])} and {name_level(levels[-1])} lie {held:.1%} of the{part} values"
    yield f"  {between}, which are to be {levels[-1] - levels[0]:.1%}, {width:.4g} wide on average"


def _name_share(levels: Levels) -> str:
    """Return how metrics call the share between the outermost quantiles, in percent: 80, or 97_5."""
    return f"{100 * (levels[-1] - levels[0]):.6g}".replace(".", "_")
