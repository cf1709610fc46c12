"""Which token comes next in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.evaluation.scoring import Scoring


@register("task")
class language_modeling(TaskCode):
    """Which token comes next in a text."""

    headline = ("perplexity",)
    reported = ("nats", "perplexity")

    def load(self, source: Any) -> Dataset:
        from rnnexp.tasks.language_modeling.dataset import load

        return load(source)

    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        from rnnexp.tasks.language_modeling.report import report

        return report(model, dataset)

    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        from rnnexp.tasks.language_modeling.dataset import Language

        return Language.from_json(saved)

    def leaks(self, dataset: Any) -> Iterator[str]:
        from rnnexp.tasks.language_modeling.lanes import leaks

        return leaks(dataset)

    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        from rnnexp.tasks.language_modeling.figures import figures

        return figures(dataset, report.predictions)

    def sampler(self, dataset: Any) -> Callable[[Any], str]:
        from rnnexp.tasks.language_modeling.sample import sample

        return partial(sample, language=dataset.language)
