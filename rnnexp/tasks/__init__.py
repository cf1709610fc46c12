"""Tasks: what is asked of a network. Each is a folder with all that it alone needs, and is found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rnnexp import registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report, Scoring
    from rnnexp.tasks.base import TaskCode
    from rnnexp.training.plan import History


def of(name: str) -> TaskCode:
    """Return the task of this name; a ConfigError lists those that there are."""
    code: TaskCode = registry.lookup("task", name)()
    return code


def load(source: Any) -> Dataset:
    """Read, split and prepare what the settings of a source name; mistakes in the data raise DataError."""
    return of(source.task).load(source)


def evaluate(model: Any, dataset: Dataset, scoring: Scoring) -> Report:
    """Score a model on the scored part beside every baseline that is defined.

    Raises DivergedError for predictions that are not finite.
    """
    return of(dataset.spec.task).report(model, dataset, scoring)


def check_leakage(dataset: Dataset) -> list[str]:
    """List each way in which validation or test data reach the training, or the future an input.

    It looks at the finished dataset alone, at what its examples really touch, and trusts no setting.
    """
    return list(of(dataset.spec.task).leaks(dataset))


def figures(
    dataset: Dataset, history: History, report: Report, loss: str | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield every picture of a run with its name; `loss` names what was minimized, for the label of its axis."""
    from rnnexp.evaluation.figures import learning_curves

    code = of(dataset.spec.task)
    if history.epochs:
        details = ", ".join(filter(None, [loss, code.loss_units(dataset)]))
        yield "learning_curves", learning_curves(history, f"loss ({details})" if details else "loss")
    yield from code.figures(dataset, report)
