"""Changed copies of training examples, from which a network learns what does not matter; nothing is scored on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnexp.data.labeled import Sequences
from rnnexp.data.shares import Pieces
from rnnexp.errors import count


def add_copies(sequences: Sequences, parts: Pieces) -> tuple[Sequences, Pieces]:
    """Put the copies of training examples after all others, and into the training part.

    Those of other parts get none, and each copy has the label, the group and the weight of its example.
    """
    make = sequences.copies
    if make is None:
        return sequences, parts
    made = [(int(index), one) for index in parts["train"] for one in make(int(index))]
    whose, before = np.array([index for index, _ in made], np.int64), len(sequences)
    steps = np.cumsum([sequences.offsets[-1], *(len(one) for _, one in made)])
    told = f"{count(len(made), 'copy').replace('copys', 'copies')} of {count(len(parts['train']), 'training example')}"
    joined = replace(
        sequences,
        values=np.concatenate([sequences.values, *(one for _, one in made)]),
        offsets=np.concatenate([sequences.offsets, steps[1:]]),
        targets=np.concatenate([sequences.targets, sequences.targets[whose]]),
        parts=_extend(sequences.parts, whose),
        groups=_extend(sequences.groups, whose),
        weights=_extend(sequences.weights, whose),
        place=lambda index: (
            sequences.place(index) if index < before else f"a copy of {sequences.place(int(whose[index - before]))}"
        ),
        notes=(*sequences.notes, told),
        copies=None,
    )
    own = np.arange(before, len(joined), dtype=np.int32)
    return joined, {**parts, "train": np.concatenate([parts["train"], own])}


def _extend(values: np.ndarray | None, whose: np.ndarray) -> np.ndarray | None:
    return None if values is None else np.concatenate([values, values[whose]])
