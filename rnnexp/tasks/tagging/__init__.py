"""A label for each step of a sequence."""

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
class tagging(TaskCode):
    """A label for each step of a sequence."""

    headline = ("accuracy",)
    reported = (
        *("accuracy", "balanced_accuracy", "precision", "recall", "f1"),
        *("sequence_accuracy", "unknown_accuracy", "chunk_precision", "chunk_recall", "chunk_f1"),
    )

    def load(self, source: Any) -> Dataset:
        from rnnexp.tasks.tagging.dataset import load

        return load(source)

    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        from rnnexp.tasks.tagging.report import report

        return report(model, dataset, scoring)

    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        from rnnexp.tasks.tagging.dataset import TagPipeline

        return TagPipeline.from_json(saved)

    def leaks(self, dataset: Any) -> Iterator[str]:
        from rnnexp.data.leaks import shared_examples

        return shared_examples(dataset)

    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        from rnnexp.evaluation.class_figures import figures

        return figures(dataset, report.predictions)
