"""A label for each of many independent sequences or texts."""

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
class classification(TaskCode):
    """A label for each of many independent sequences or texts."""

    headline = ("accuracy",)
    reported = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")

    def load(self, source: Any) -> Dataset:
        from rnnexp.data.sequences import load as load_sequences
        from rnnexp.data.texts.source import TextSource
        from rnnexp.tasks.classification.texts import load as load_texts

        return load_texts(source) if isinstance(source, TextSource) else load_sequences(source)

    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        from rnnexp.tasks.classification.report import report

        return report(model, dataset, scoring)

    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        from rnnexp.data.sequence_pipeline import KIND, SequencePipeline
        from rnnexp.tasks.classification.texts import TextPipeline

        return (SequencePipeline if saved.get("kind") == KIND else TextPipeline).from_json(saved)

    def leaks(self, dataset: Any) -> Iterator[str]:
        from rnnexp.data.leaks import shared_examples
        from rnnexp.data.sequences import standardized

        yield from shared_examples(dataset)
        yield from standardized(dataset)

    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        from rnnexp.tasks.classification.figures import figures

        return figures(dataset, report)
