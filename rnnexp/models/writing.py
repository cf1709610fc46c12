"""A network that writes: each token is drawn from its probabilities, read again, and followed by the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from rnnexp.errors import ConfigError
from rnnexp.models import carried
from rnnexp.models.logits import softmax
from rnnexp.models.reading import read

# What may be asked for: whole numbers or any, from, to.
LIMITS: dict[str, tuple[type, float, float]] = {
    "length": (Integral, 1, 1_000_000),
    "temperature": (Real, 0, 100),
    "top_k": (Integral, 1, 10**9),
    "top_p": (Real, 1e-9, 1),
    "seed": (Integral, 0, 2**63),
}


def mistakes(wishes: Mapping[str, Any]) -> list[str]:
    """List the wishes that are outside of `LIMITS`, as `key: message`."""
    found = []
    for key, value in wishes.items():
        kind, least, most = LIMITS[key]
        right = isinstance(value, kind)
        if not right or not least <= value <= most:
            whole = "whole " if kind is Integral else ""
            found.append(f"{key}: `{value}` is not a {whole}number from {least:g} to {most:g}")
    return found


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn.

    temperature: the scores are divided by it; below 1 the likely becomes likelier, 0 takes the likeliest
    top_k: only so many of the likeliest tokens are drawn from
    top_p: only the fewest of the likeliest tokens whose probabilities add up to this (Holtzman et al., 2020)
    never: tokens that are not written
    Raises ConfigError for settings outside of `LIMITS`.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0
    never: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        own = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p, "seed": self.seed}
        if problems := mistakes({key: value for key, value in own.items() if value is not None}):
            raise ConfigError(*problems)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return the probabilities (vocabulary,) that a token is drawn by, from scores (logits)."""
        scores = scores.astype(np.float64)
        scores[list(self.never)] = -np.inf
        if self.temperature == 0:
            return np.asarray(np.arange(len(scores)) == scores.argmax(), np.float64)
        with np.errstate(over="ignore"):  # of the others, whose chances are then 0
            chances = softmax((scores - scores.max()) / self.temperature)
        ranked = np.argsort(-chances, kind="stable")
        kept = len(chances) if self.top_k is None else self.top_k
        if self.top_p is not None:
            before = np.cumsum(chances[ranked]) - chances[ranked]
            kept = min(kept, int((before < self.top_p).sum()))
        chances[ranked[kept:]] = 0
        return chances / chances.sum()


def write(model: Any, prompt: np.ndarray, length: int, sampling: Sampling) -> np.ndarray:
    """Return `length` tokens that follow those of `prompt` (tokens,), of which there must be one."""
    generator = np.random.Generator(np.random.Philox(sampling.seed))
    states, given, written = carried.zeros(model, 1), np.asarray(prompt, np.int32), []
    for _ in range(length):
        [(scores, states)] = deque(read(model, given, states), maxlen=1)
        chances = sampling.probabilities(scores[-1])
        written.append(int(generator.choice(len(chances), p=chances)))
        given = np.array(written[-1:], np.int32)
    return np.array(written, np.int32)
