"""What an evaluation is asked, and what it says of a model."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rnnexp import registry
from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation.baseline_files import Kept, remember
from rnnexp.evaluation.outputs import BatchSize
from rnnexp.failures import describe
from rnnexp.task import primary

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
Where = Callable[[int | None], str]
VALIDATION = "val"
Judge = tuple[str, Callable[[Predictions], float]]  # a metric, and what computes it


class Undefined(Exception):
    """Says why a baseline is left out, and the row of a series to be named for it, if one of many is at fault."""

    def __init__(self, reason: str, row: int | None = None) -> None:
        super().__init__(reason)
        self.row = row


_computed: dict[tuple[str, ...], dict[str, Any]] = {}


def once(dataset: Dataset, compute: Callable[[], T], what: str = "scored", kept: Kept | None = None) -> T:
    """Compute something of baselines, which may take seconds, once for runs on the same data that are trained together.

    It depends on the data that they answer for, and on those they are fitted to.

    kept: how other processes find it, too
    """
    own = dataset.trained_on
    key = (dataset.spec.task, dataset.summary.digest, dataset.scored, own.summary.digest if own else "")
    if key not in _computed:
        _computed.clear()
    known = _computed.setdefault(key, {})
    if what not in known:
        known[what] = compute() if kept is None else remember(dataset, what, compute, kept)
    found: T = known[what]
    return found


def defined(
    makers: Mapping[str, Callable[[], T]], skipped: dict[str, str], where: Where = lambda row: ""
) -> dict[str, T]:
    """Compute the baselines that are defined; why others are not goes to `skipped`, with where a row of it is."""
    made = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except Undefined as reason:
            skipped[f"baseline/{name}"] = f"{reason}{where(reason.row)}"
    return made


@dataclass(frozen=True)
class Scoring:
    """What is asked of an evaluation.

    batch_size: as in the trainer; it changes no score
    metrics:    names, of which those of users' own are called with (actual, predicted)
    intervals:  of forecasts, that are there already; None: they are made on the validation part
    validates:  whether the validation part is predicted, too
    undefined:  users' own metrics that gave no number, with the reason
    """

    batch_size: BatchSize
    metrics: Sequence[str] = ()
    intervals: Any = None
    validates: bool = False
    undefined: dict[str, str] = field(default_factory=dict)

    def own(self) -> list[str]:
        """List the metrics that are users' own."""
        return [name for name in self.metrics if name in registry.names("metric")]

    def validate(self, dataset: Dataset, predict: Callable[[str], Predictions]) -> Predictions | None:
        """Predict the part on which the best of networks and baselines is chosen, if it is wanted and there.

        It is predicted by itself: what is computed beside the scored part would change the last digits of its scores.
        """
        wanted = self.validates and VALIDATION in dataset.parts and dataset.scored != VALIDATION
        return predict(VALIDATION) if wanted else None

    def extra(self, actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        """Return the scores of users' own metrics; one that fails costs its score, not what was trained."""
        values = {}
        for name in self.own():
            try:
                value = registry.lookup("metric", name)().score(actual, predicted)
                found = float(value) if value is not None and np.ndim(value) == 0 else np.nan
            except Exception as error:
                self.undefined[name] = describe(error, registry.list_plugins())
                continue
            if np.isfinite(found):
                values[name] = found
            else:
                self.undefined[name] = f"it returned {reprlib.repr(value)}, not one finite number"
        return values

    def complete(self, report: Report, task: str) -> Report:
        """Return a report that says of each of users' own metrics why it is not there."""
        there = {name.rpartition("/")[2] for name in report.metrics}
        absent = {name: f"the report of {task} computes none of your own" for name in self.own() if name not in there}
        return replace(report, skipped={**report.skipped, **absent, **self.undefined})


@dataclass(frozen=True, repr=False)
class Report:
    """Scores of one model beside baselines that need no network.

    metrics:        by MLflow name, such as test/rmse, baseline/linear/rmse, skill/rmse
    baselines:      predictions of each baseline for the scored examples, in original units
    skipped:        baselines and metrics that are not defined here, with the reason
    best_baseline:  by RMSE, by OWA where it is defined, or by accuracy for classes; None if there is no baseline
    beats_baseline: whether the model is better than it
    intervals:      `Intervals` of forecasts, with the coverage measured on the scored examples
    attention:      of texts that were written: (tokens written, tokens read) weights of each
    why:            it has lost to its best baseline, where that is sure; with the override to try
    tags:           what a reader of many runs filters by, beside what every run has
    fitted:         the baselines themselves, by name, ready to answer other input
    validation:     predictions of the validation part, where they are wanted
    """

    metrics: Mapping[str, float]
    predictions: Predictions
    tables: Mapping[str, DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    baselines: Mapping[str, Predictions] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    best_baseline: str | None = None
    beats_baseline: bool | None = None
    intervals: Any = None
    attention: Sequence[np.ndarray | None] = ()
    why: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)
    validation: Predictions | None = None

    def __repr__(self) -> str:
        return (
            f"Report({len(self.metrics)} metrics, best baseline {self.best_baseline}, tables {', '.join(self.tables)})"
        )


@dataclass(frozen=True)
class Scores:
    """What is said of a score: the model's name, its task, everything measured, the scored part, and the unit.

    source: the settings of the data that it was trained on; None for other data
    """

    name: str
    task: str
    metrics: Mapping[str, float]
    report: Report
    part: str
    unit: str
    source: Any = None

    @property
    def metric(self) -> str:
        """The one that heads the summary."""
        return str(primary(self.metrics, self.part))
