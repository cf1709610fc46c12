"""Numbers for each of many independent sequences."""

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
class regression(TaskCode):
    """Numbers for each of many independent sequences."""

    headline = ("nrmse", "rmse")
    reported = ("mse", "rmse", "mae", "smape", "mape", "r2")

    def load(self, source: Any) -> Dataset:
        from rnnexp.data.sequences import load

        return load(source)

    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        from rnnexp.tasks.regression.report import report

        return report(model, dataset, scoring)

    def primary_metric(self, dataset: Any) -> str:
        from rnnexp.tasks.regression.report import headline

        return headline(dataset)

    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        from rnnexp.data.sequence_pipeline import SequencePipeline

        return SequencePipeline.from_json(saved)

    def leaks(self, dataset: Any) -> Iterator[str]:
        from rnnexp.data.leaks import shared_examples
        from rnnexp.data.sequences import standardized

        yield from shared_examples(dataset)
        yield from standardized(dataset)

    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        from rnnexp.tasks.regression.figures import figures

        return figures(dataset, report)
