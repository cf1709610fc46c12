"""The baselines of forecasts that a run keeps, and what they say of other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.data.series import Rows
from rnnexp.errors import ConfigError
from rnnexp.evaluation import metrics
from rnnexp.evaluation.baseline_files import Kept
from rnnexp.evaluation.kept_baselines import FILE, NETWORK, KeptBaselines, gather
from rnnexp.evaluation.numbers import UNFITTED
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Undefined, defined, once
from rnnexp.tasks.forecasting import baselines, ets, global_linear, linear, naive2, scales, theta
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.ets import SmoothedForecast
from rnnexp.tasks.forecasting.global_linear import GlobalLinear
from rnnexp.tasks.forecasting.intervals import FEW_LEVELS, Intervals, calibrate
from rnnexp.tasks.forecasting.linear import LinearForecast, Past, make_past
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.preprocess import prepare_whole
from rnnexp.tasks.forecasting.short_series import forecasting_task
from rnnexp.tasks.forecasting.theta import ThetaForecast
from rnnexp.tasks.forecasting.windows import Plan

Fit = Callable[[], Any]  # returns a method

RULES = {**baselines.SIMPLE, "naive2": naive2.naive2}
FITTED: dict[str, Callable[[SeriesDataset], Any]] = {
    "linear": linear.fit,
    "global_linear": global_linear.fit,
    "theta": theta.fit,
    "ets": ets.fit,
}
OF_MANY = ("global_linear",)  # one series has nothing to learn from others
NO_ERRORS = "there are no forecasts of it for a validation set, from whose errors they are made"


@dataclass(frozen=True)
class Rule:
    """A baseline that learns nothing but the season."""

    name: str
    season: int | None
    seasonless: str

    def __post_init__(self) -> None:
        if self.name not in RULES or (self.season is not None and self.season < 1):
            raise ValueError("there is no such rule")

    def predict(self, past: Past, plan: Plan) -> np.ndarray:
        """Return forecasts (n, horizon, targets); raises Undefined where there are too few rows."""
        values, where = past.table[:, : plan.targets], (past.origins, past.firsts)
        return RULES[self.name](baselines.Task(values, *where, plan.ahead, self.season, self.seasonless))


@dataclass(frozen=True)
class KeptForecast:
    """A baseline, and intervals around its forecasts in original units."""

    method: Rule | LinearForecast | GlobalLinear | ThetaForecast | SmoothedForecast
    intervals: Intervals

    def forecast(self, pipeline: Pipeline, rows: Sequence[Rows]) -> np.ndarray:
        """Return forecasts (series, horizon, targets) of what follows raw rows, all of which it may look at."""
        blocks = [prepare_whole(pipeline, one) for one in rows]
        offsets = np.cumsum([0, *(len(block.values) for block in blocks)])
        table = np.concatenate([pipeline.with_calendar(block.values, block.time) for block in blocks])
        past = Past(table, offsets, [one.label for one in rows], offsets[1:] - pipeline.plan.ahead - 1)
        return self.method.predict(past, pipeline.plan)

    def bound(self, values: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of intervals of these half-widths around forecasts, (n, horizon, targets) each."""
        if half.shape != values.shape[1:]:
            raise ConfigError(f"{FILE}: the intervals are of other forecasts: it is damaged")
        return values - half, values + half


KINDS: dict[str, type] = dict.fromkeys([*RULES, *FITTED], KeptForecast)  # by name


def list_methods(dataset: SeriesDataset, origins: np.ndarray) -> dict[str, Fit]:
    """Return what makes each baseline of forecasts from `origins` ready, or raises Undefined."""
    task = forecasting_task(dataset, origins, dataset.pipeline.plan.ahead)
    names = [name for name in RULES if name in baselines.SIMPLE or naive2.applies(task.firsts)]
    rules: dict[str, Fit] = {name: partial(Rule, name, task.season, task.seasonless) for name in names}
    known = [name for name in FITTED if len(dataset.history.ids) > 1 or name not in OF_MANY]
    return {**rules, **{name: partial(_fit, dataset, name) for name in known}}


def _fit(dataset: SeriesDataset, name: str) -> Any:
    if dataset.trained_on is None:
        raise Undefined(UNFITTED)
    return once(dataset, partial(FITTED[name], dataset), name, Kept([KeptForecast]))


def stands_in(method: Any, past: Past) -> np.ndarray:
    """Say of each forecast (n,) whether a method has too few rows for it, and repeats the last value."""
    known = isinstance(method, ThetaForecast | SmoothedForecast)
    return method.stands_in(past) if known else np.zeros(len(past.origins), bool)


def name_stand_ins(past: Past, fitted: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Yield which baselines have too few rows before some of their forecasts, and repeat the last value there."""
    for name, method in fitted:
        if (there := stands_in(method, past)).any():
            count = f"{there.sum():,} of {len(there):,} forecasts"
            yield f"the baseline {name} repeats the last value in {count}, because there are no rows before them"


def keep_baselines(dataset: SeriesDataset, report: Report) -> KeptBaselines:
    """Keep the baselines of a report, each with its error and its intervals on the validation part."""
    name, judge = judge_validation(dataset)
    intervals, scores, validation = dict.fromkeys(report.fitted, Intervals(why=NO_ERRORS)), {}, report.validation
    if validation is not None:
        made = once(dataset, partial(_validate, dataset, report.fitted, validation), VALIDATION, Kept())
        answers = {NETWORK: validation.predicted, **made}
        scores = {one: judge(replace(validation, predicted=predicted)) for one, predicted in answers.items()}
        for one, predicted in made.items():
            errors = report.baselines[one].actual - report.baselines[one].predicted
            intervals[one] = calibrate(validation.actual - predicted, FEW_LEVELS).measured(errors)
    kept = {one: KeptForecast(report.fitted[one], intervals[one]) for one in intervals}
    return gather(name, scores, kept, report.best_baseline)


def judge_validation(dataset: SeriesDataset) -> Judge:
    """Return the error by which the best is chosen; where OWA heads the report, half of what it is made of."""
    history = dataset.history
    if naive2.applies(history.offsets[history.series_of(dataset.starts(dataset.scored))]):
        return "smape", lambda one: metrics.smape(one.actual, one.predicted)
    if len(dataset.spec.targets) == 1:
        return "rmse", lambda one: metrics.rmse(one.actual, one.predicted)
    return "nrmse", lambda one: metrics.measure_error(one.actual, one.predicted, scales.deviation(dataset, one))


def _validate(dataset: SeriesDataset, fitted: Mapping[str, Any], like: Predictions) -> dict[str, np.ndarray]:
    past = make_past(dataset, np.asarray(like.origins))
    return defined({name: partial(one.predict, past, dataset.pipeline.plan) for name, one in fitted.items()}, {})
