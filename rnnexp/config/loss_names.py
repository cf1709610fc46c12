"""Which losses go with which tasks: of numbers, or of classes."""

from __future__ import annotations

from typing import Any

TASKS_OF_CLASSES = ("classification", "tagging", "language_modeling", "sequence_to_sequence")
NO_SUM = {  # over the steps of a sequence
    "classification": "classification has a class for the whole sequence",
    "tagging": "the sequences of tagging differ in length",
    "sequence_to_sequence": "the sequences of sequence_to_sequence differ in length",
}
# A network gives numbers, or logits of classes; a loss of the other kind would still give a number.
OF_CLASSES = ("cross_entropy", "token_cross_entropy")
SHIPPED_OF_NUMBERS = ("huber", "log_cosh", "mae", "mape", "mse", "poisson", "quantile")


def mistakes(loss: Any, task: str | None) -> list[str]:
    """Return why a loss cannot be that of a task; None for either says nothing, as does a loss of the user's own."""
    name = getattr(loss, "name", None)
    if name is None or task is None:
        return []
    of_classes = task in TASKS_OF_CLASSES
    if name in SHIPPED_OF_NUMBERS and of_classes:
        return [f"loss: `{name}` given, but the task is {task}, whose loss is {OF_CLASSES[0]}; leave loss out"]
    if name in OF_CLASSES and not of_classes:
        return [f"loss: `{name}` is of classes, but the task is {task}; use one of {', '.join(SHIPPED_OF_NUMBERS)}"]
    if name in OF_CLASSES and task in NO_SUM and loss.sum_over_time:
        return [f"loss.sum_over_time: true given, but {NO_SUM[task]}; use false"]
    return []
