"""Series in time order, cut into windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.evaluation.scoring import Scoring


@register("task")
class forecasting(TaskCode):
    """Series in time order, cut into windows."""

    headline = ("owa", "nrmse", "rmse")
    reported = ("mse", "rmse", "mae", "smape", "mape", "r2")

    def load(self, source: Any) -> Dataset:
        from rnnexp.tasks.forecasting.load import load

        return load(source)

    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        from rnnexp.tasks.forecasting.report import report

        return report(model, dataset, scoring)

    def primary_metric(self, dataset: Any) -> str:
        from rnnexp.tasks.forecasting.report import headline

        return headline(dataset)

    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        from rnnexp.tasks.forecasting.preprocess import Preprocessor

        return Preprocessor.from_json(saved)

    def leaks(self, dataset: Any) -> Iterator[str]:
        from rnnexp.tasks.forecasting.leaks import leaks

        return leaks(dataset)

    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        from rnnexp.tasks.forecasting.figures import figures

        return figures(dataset, report)

    def loss_units(self, dataset: Any) -> str:
        scaled = bool(dataset.pipeline.chain.steps) or dataset.pipeline.plan.window != "none"
        return "scaled units" if scaled else ""

    def forecast(self, model: Any, dataset: Any) -> Any:
        ahead = dataset.forecast()
        return None if ahead is None else ahead.restore(ahead.roll(model.predict_on_batch))
