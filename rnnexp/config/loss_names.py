"""Which losses go with which tasks: of numbers, of probabilities of classes, of scores of tokens or tags."""

from __future__ import annotations

from typing import Any

# What a network gives: probabilities of classes, or scores (logits); a loss of another kind would still give a number.
OF_CLASSES = {
    "classification": "cross_entropy",
    "tagging": "token_cross_entropy",
    "language_modeling": "token_cross_entropy",
    "sequence_to_sequence": "token_cross_entropy",
}
SHIPPED_OF_NUMBERS = ("huber", "log_cosh", "mae", "mape", "mse", "poisson", "quantile")
DIFFERENT_LENGTHS = ("tagging", "sequence_to_sequence")


def mistakes(loss: Any, task: str | None) -> list[str]:
    """Return why a loss cannot be that of a task; None for either says nothing, as does a loss of the user's own."""
    name = getattr(loss, "name", None)
    if name is None or task is None:
        return []
    wanted = OF_CLASSES.get(task)
    if name == wanted:
        summed = task in DIFFERENT_LENGTHS and getattr(loss, "sum_over_time", False)
        return [f"loss.sum_over_time: true given, but the sequences of {task} differ in length; use false"] * summed
    if wanted is not None and name in (*OF_CLASSES.values(), *SHIPPED_OF_NUMBERS):
        return [f"loss: `{name}` given, but the task is {task}, whose loss is {wanted}; leave loss out"]
    if wanted is None and name in OF_CLASSES.values():
        return [f"loss: `{name}` is of classes, but the task is {task}; use one of {', '.join(SHIPPED_OF_NUMBERS)}"]
    return []
