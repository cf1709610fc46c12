"""How long to train and in which portions, as it is proposed for a number of examples."""

from __future__ import annotations

import math
from typing import Any

from rnnexp.errors import count
from rnnexp.tasks.requests import Suggestion

FEWEST_STEPS = 2_000  # gradient steps that small sets need, whose epochs are one step or two
MOST_STEPS = 20_000
EPOCHS = 100  # what neither of the two limits asks to change
FEWEST_EPOCHS, MOST_EPOCHS = 5, 1_000
SMALLEST_BATCH, USUAL_BATCH, LARGEST_BATCH = 8, 32, 256
FEW, MANY = 256, 300  # examples below which a batch is smaller, and batches of an epoch above which it is larger
WAITED = 5  # one part of so many of the epochs passes without a better value before training stops


def suggest(dataset: Any, usual_epochs: int = EPOCHS, waited: int = WAITED) -> list[Suggestion]:
    """Choose the budget for any dataset of examples that are given in any order."""
    return choose_budget(len(dataset.parts["train"]), "val" in dataset.parts, usual_epochs, waited)


def choose_budget(
    examples: int, is_validated: bool, usual_epochs: int = EPOCHS, waited: int = WAITED
) -> list[Suggestion]:
    """Choose batch, epochs and early stopping by the number of training examples."""
    batch = choose_batch(examples)
    steps = math.ceil(max(1, examples) / batch)
    epochs = choose_epochs(steps, usual_epochs)
    known = f"{count(examples, 'training example')}: {count(steps, 'gradient step')} an epoch"
    kept = "there is a validation set; the weights of its best epoch are kept"
    return [
        Suggestion("trainer.batch_size", batch, known),
        Suggestion("trainer.epochs", epochs, f"at most {count(epochs * steps, 'gradient step')}"),
        *([Suggestion("callbacks.early_stopping.patience", max(3, epochs // waited), kept)] if is_validated else []),
    ]


def choose_batch(examples: int) -> int:
    """Return a power of two: a few steps an epoch where examples are few, a few hundred where they are many."""
    if examples < FEW:
        wanted, least, most = examples // 2, SMALLEST_BATCH, USUAL_BATCH // 2
    else:
        wanted, least, most = examples // MANY, USUAL_BATCH, LARGEST_BATCH
    return max(least, min(most, 1 << max(0, wanted.bit_length() - 1)))


def choose_epochs(steps: int, usual: int = EPOCHS) -> int:
    """Return the usual epochs, more where they are few gradient steps, fewer where they are very many."""
    wanted = min(max(usual * steps, FEWEST_STEPS), MOST_STEPS)
    return max(FEWEST_EPOCHS, min(MOST_EPOCHS, math.ceil(wanted / steps)))
