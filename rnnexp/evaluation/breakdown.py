"""What one number over several series, targets or classes hides: the score of each, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import USUAL, Predictions

if TYPE_CHECKING:
    from pandas import DataFrame

SCORES, WORST = "scores", "worst"  # the names of the tables
MOST_WORST = 20  # mistakes in a table
FEW = 6  # rows that a summary has room for; of more the worst and the best are shown
SHOWN_WORST, SHOWN_BEST, SHOWN_MISTAKES = 3, 2, 3
EXACT = 1e-6  # of the actual values' deviation: below it a baseline counts as exact, and there is no skill

Columns = Callable[[np.ndarray, np.ndarray], Mapping[str, Any]]


def compare_groups(
    model: Predictions, baselines: Mapping[str, Predictions], groups: np.ndarray, labels: Mapping[str, Sequence[str]]
) -> DataFrame:
    """Return the errors of each target in each group of examples, beside the group's own best baseline.

    groups: (n,) the place of each example's group among the first labels
    labels: two columns: the names of all groups, and those of all targets
    """
    import pandas

    (first, names), (second, targets) = labels.items()
    there, place, counts = np.unique(groups, return_inverse=True, return_counts=True)

    often = np.ones(len(groups)) if model.weight is None else model.weight
    total = np.bincount(place, often)[:, None]

    def mean(values: np.ndarray) -> np.ndarray:
        each = np.stack([np.bincount(place, column * often) for column in values.mean(axis=1).T], axis=1)
        return np.divide(each, total, out=np.full(each.shape, np.nan), where=total > 0).reshape(-1)

    def root_mean_square(one: Predictions) -> np.ndarray:
        error = one.predicted - one.actual
        exponent = int(np.frexp(np.max(np.abs(error)))[1])  # squares of 1e-200 would be 0
        return np.asarray(np.ldexp(np.sqrt(mean(np.ldexp(error, -exponent) ** 2)), exponent))

    columns: dict[str, Any] = {
        first: np.repeat(np.array(names, dtype=object)[there], len(targets)),
        second: np.tile(np.array(targets, dtype=object), len(there)),
        "examples": np.repeat(counts, len(targets)),
        "rmse": root_mean_square(model),
        "mae": mean(np.abs(model.predicted - model.actual)),
    }
    if baselines:
        errors = np.stack([root_mean_square(one) for one in baselines.values()])
        best = np.min(errors, axis=0)
        columns["best_baseline"] = np.array(list(baselines), dtype=object)[np.argmin(errors, axis=0)]
        columns["baseline_rmse"] = best
        exact = best <= EXACT * np.sqrt(np.maximum(mean(model.actual**2) - mean(model.actual) ** 2, 0))
        columns["skill"] = 1 - columns["rmse"] / np.where(exact | (best == 0), np.nan, best)
    if model.bounds is not None:
        low, high = model.bounds
        columns[f"coverage_{USUAL}"] = mean(((low <= model.actual) & (model.actual <= high)).astype(float))
    return pandas.DataFrame(columns)


def rank_errors(model: Predictions, targets: Sequence[str], columns: Columns, row: np.ndarray) -> DataFrame:
    """Return the largest errors, the worst first: by their size, or of several targets by the deviation of each.

    row: (n, horizon) names what each value is of: what several windows predict is named once
    """
    import pandas

    error = model.predicted - model.actual
    scale = model.actual.std(axis=(0, 1)) if len(targets) > 1 else np.ones(1)
    size = np.abs(error) / np.where(scale > 0, scale, 1)
    largest = np.argsort(-size, axis=None, kind="stable")[: MOST_WORST * size.shape[1]]
    example, step, target = np.unravel_index(largest, size.shape)
    _, first = np.unique(np.stack([row[example, step], target]), axis=1, return_index=True)
    kept = np.sort(first)[:MOST_WORST]
    example, step, target = example[kept], step[kept], target[kept]
    found: dict[str, Any] = {"example": example, **columns(example, step), "step": step + 1}
    found["target"] = np.array(targets, dtype=object)[target]
    for name, values in (("actual", model.actual), ("predicted", model.predicted), ("error", error)):
        found[name] = values[example, step, target]
    return pandas.DataFrame(found)


def rank_mistakes(frame: DataFrame, probability: np.ndarray) -> DataFrame:
    """Return the wrong rows of a table of `actual` and `predicted` labels, the surest first."""
    sure = frame[["actual", "predicted"]].assign(probability=probability)
    shown = frame.drop(columns=[name for name in frame if str(name).startswith("p(") or name in sure])
    wrong = shown.join(sure)[sure["actual"] != sure["predicted"]]
    return wrong.sort_values("probability", ascending=False, kind="stable").head(MOST_WORST).reset_index(drop=True)


def choose_extremes(table: DataFrame, worst_first: np.ndarray) -> tuple[DataFrame, str]:
    """Return the rows that a summary shows, the worst first, and what it says of those that it leaves out."""
    ordered = table.iloc[worst_first]
    if len(ordered) <= FEW:
        return ordered, ""
    import pandas

    shown = pandas.concat([ordered.head(SHOWN_WORST), ordered.tail(SHOWN_BEST)])
    return shown, f", the {SHOWN_WORST} worst and {SHOWN_BEST} best of {len(ordered)}"


def say_scores(table: DataFrame | None) -> Iterator[str]:
    """Yield the errors of series and targets, the worst first."""
    if table is None or len(table) < 2:
        return
    keys = [name for name in table.columns[:2] if table[name].nunique() > 1]
    skilled = "skill" in table and bool(table["skill"].notna().all())
    order = np.argsort(table["skill"] if skilled else -table["rmse"], kind="stable")
    shown, left = choose_extremes(table, np.asarray(order))
    yield f"  RMSE by {' and '.join(keys)}{left}:"
    labels = [" ".join(str(row[name]) for name in keys) for _, row in shown.iterrows()]
    width = max(18, *map(len, labels))
    for label, (_, row) in zip(labels, shown.iterrows()):
        beside = f"  {row['best_baseline']} {row['baseline_rmse']:.5g}" if "best_baseline" in row else ""
        skill = f", skill {row['skill']:+.3f}" if "skill" in row and row["skill"] == row["skill"] else ""
        yield f"    {label:<{width}} {row['rmse']:>10.5g}{beside}{skill}"


def say_largest_errors(tables: Mapping[str, DataFrame]) -> Iterator[str]:
    """Yield the largest errors in a few words each, with series and target where the scores are of several."""
    table, scores = tables.get(WORST), tables.get(SCORES)
    if table is None or not len(table):
        return
    several = [name for name in ("series", "target") if scores is not None and _several(scores, name)]
    yield "  largest errors:"
    for _, row in table.head(SHOWN_MISTAKES).iterrows():
        when = row.get("time", f"example {row['example'] + 1}")
        when = f"{when:%Y-%m-%d %H:%M}".removesuffix(" 00:00") if hasattr(when, "strftime") else when
        where = [str(when)] + [str(row[name]) for name in several if name in row]
        yield f"    {', '.join(where)}: {row['predicted']:.5g} instead of {row['actual']:.5g}"


def _several(table: DataFrame, name: str) -> bool:
    return name in table and bool(table[name].nunique() > 1)
