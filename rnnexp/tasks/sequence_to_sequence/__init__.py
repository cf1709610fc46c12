"""A text is read and another one written."""

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
class sequence_to_sequence(TaskCode):
    """A text is read and another one written."""

    headline = ("bleu", "exact_match")
    reported = ("bleu", "chrf", "exact_match", "nats", "perplexity")

    def load(self, source: Any) -> Dataset:
        from rnnexp.tasks.sequence_to_sequence.dataset import load

        return load(source)

    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        from rnnexp.tasks.sequence_to_sequence.report import report

        return report(model, dataset)

    def primary_metric(self, dataset: Any) -> str:
        from rnnexp.tasks.sequence_to_sequence.report import judge

        return judge(dataset.pipeline)

    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        from rnnexp.tasks.sequence_to_sequence.dataset import PairPipeline

        return PairPipeline.from_json(saved)

    def leaks(self, dataset: Any) -> Iterator[str]:
        from rnnexp.data.leaks import shared_examples

        return shared_examples(dataset)

    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        from rnnexp.tasks.sequence_to_sequence.figures import figures

        return figures(dataset, report)
