"""The members of an averaged network beside what they make together: each is scored alone, on the same examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.config.settings import Experiment
from rnnexp.data.dataset import Dataset
from rnnexp.runner.assembly import evaluate
from rnnexp.task import MEMBERS, metric_of, primary, rises

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.evaluation.report import Report
    from rnnexp.training.plan import History

DEVIATION = f"{MEMBERS}/deviation"  # beside the means: members/rmse, members/deviation/rmse


def add_members(report: Report, model: Any, dataset: Dataset, experiment: Experiment, history: History) -> Report:
    """Score each member of an averaged network alone, and add a table of them, the means, and a note; any other
    network's report is returned as it is.
    """
    from rnnexp.models.averaging import list_members, list_seeds

    members = list_members(model)
    if not members:
        return report
    found = [_select_scores(evaluate(member, dataset, experiment), dataset.scored) for member in members]
    table = _lay_table(found, list_seeds(experiment.seed, len(members)), history)
    scores = {name: np.array([one[name] for one in found]) for name in found[0] if all(name in one for one in found)}
    metrics = {f"{MEMBERS}/{name}": float(values.mean()) for name, values in scores.items()}
    metrics |= {f"{DEVIATION}/{name}": float(values.std(ddof=1)) for name, values in scores.items()}
    said = _say(scores, report.metrics, dataset.scored)
    return replace(
        report,
        metrics={**report.metrics, **metrics},
        tables={**report.tables, MEMBERS: table},
        notes=[*report.notes, *said],
    )


def _select_scores(report: Report, part: str) -> dict[str, float]:
    """Return the scores of a part as a whole, and the skill."""
    plain = {name: value for name, value in report.metrics.items() if name.count("/") == 1}
    scores = {name.removeprefix(f"{part}/"): value for name, value in plain.items() if name.startswith(f"{part}/")}
    return scores | {name: value for name, value in plain.items() if name.startswith("skill/")}


def _lay_table(found: list[dict[str, float]], seeds: list[int], history: History) -> DataFrame:
    import pandas

    rows = [
        {
            "member": place,
            "seed": seed,
            "epochs": len(one.epochs),
            "best_epoch": one.best_epoch,
            "stopped": one.stopped or "",
            **{f"best/{key}": value for key, value in one.best.items() if key in ("train/loss", "val/loss")},
            **scores,
        }
        for place, (seed, one, scores) in enumerate(zip(seeds, history.members, found))
    ]
    return pandas.DataFrame(rows)


def _say(scores: Mapping[str, np.ndarray], metrics: Mapping[str, float], part: str) -> list[str]:
    name = primary(metrics, part)
    if name is None or name not in scores:
        return []
    alone, own = scores[name], metrics[f"{part}/{name}"]
    better = int(np.sum(own > alone if rises(name) else own < alone))
    known = metric_of(name)
    return [
        f"the answer is the mean of {len(alone)} networks; each alone has {known.label if known else name} "
        f"{alone.mean():.5g} ± {alone.std(ddof=1):.2g} ({alone.min():.5g} to {alone.max():.5g}), and the mean is "
        f"better than {better} of them"
    ]
