"""What each task gives; the rest of the program asks for it here and never which task it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.evaluation.scoring import Scoring
    from rnnexp.task import Metric


class TaskCode(ABC):
    """The code of a task. Its module imports nothing heavy: methods import what they need when they are called.

    headline: metrics of which the first that a run has is its primary one, everywhere
    reported: scored once at the end, whether asked for or not
    metrics:  facts about metrics that no other task has
    """

    headline: ClassVar[tuple[str, ...]]
    reported: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[Metric, ...]] = ()

    @abstractmethod
    def load(self, source: Any) -> Dataset:
        """Read, split and prepare the data of a source of this task; mistakes in them raise DataError."""

    @abstractmethod
    def leaks(self, dataset: Any) -> Iterator[str]:
        """Yield each way in which validation or test data reach the training, or the future an input."""

    @abstractmethod
    def report(self, model: Any, dataset: Any, scoring: Scoring) -> Report:
        """Score a model on the scored part beside every baseline that is defined.

        Raises DivergedError for predictions that are not finite.
        """

    def primary_metric(self, dataset: Any) -> str:
        """Return the metric that will head the report of these data: of `headline` the first that they define."""
        return self.headline[-1]

    @abstractmethod
    def preprocessor(self, saved: Mapping[str, Any]) -> Any:
        """Rebuild what turns raw input into what a network takes; raises an error of ours if it is damaged."""

    @abstractmethod
    def figures(self, dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
        """Yield each picture of predictions with its name."""

    def loss_units(self, dataset: Any) -> str:
        """Return what the loss is measured in, for the axis of its picture; nothing if that goes without saying."""
        return ""

    def forecast(self, model: Any, dataset: Any) -> Any:
        """Return what follows the data, (series, horizon, targets) in original units; None where that is undefined."""
        return None

    def sampler(self, dataset: Any) -> Callable[[Any], str] | None:
        """Return what lets a model write a text, always from the same seed; None if models of this task write none."""
        return None
