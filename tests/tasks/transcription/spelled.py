"""Small sequences in which each letter of a text is a few steps of its own channel, and silence lies between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("data=npz", "data.path=spelled.npz", "data.lengths=n", "data.task=transcription", "model=gru")
SMALL = (
    *WORDS,
    "model.units=[12]",
    "model.bidirectional=true",
    "trainer.batch_size=16",
    "optimizer.learning_rate=0.02",
)


def spell(texts: list[str], seed: int = 0, noise: float = 0.1) -> list[np.ndarray]:
    """Return a sequence (steps, 2) for each text of a, b and blanks, which last longer than other silence."""
    source, found = np.random.default_rng(seed), list[np.ndarray]()
    for text in texts:
        steps: list[Any] = []
        for letter in text:
            channel = {"a": [1, 0], "b": [0, 1], " ": [-1, -1]}[letter]
            steps += [[0, 0]] * source.integers(1, 3) + [channel] * source.integers(2, 4)
        found.append(np.array(steps) + source.normal(0, noise, (len(steps), 2)))
    return found


def draw_texts(count: int, seed: int = 0, letters: str = "ab") -> list[str]:
    source = np.random.default_rng(seed)
    return ["".join(source.choice(list(letters), source.integers(1, 4))) for _ in range(count)]


def save(texts: list[str], path: str = "spelled.npz", **more: Any) -> Path:
    """Write sequences of texts into an archive."""
    sequences = spell(texts)
    x = np.zeros((len(texts), max(map(len, sequences)), 2))
    for row, one in zip(x, sequences):
        row[: len(one)] = one
    np.savez(path, **{"x": x, "y": np.array(texts), "n": [*map(len, sequences)], **more})
    return Path(path)
