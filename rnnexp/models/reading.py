"""A network that reads one text from its beginning to its end, in one lane, and says how surprised it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnexp.models import carried, inference
from rnnexp.models.logits import log_softmax

AT_ONCE = 512  # tokens per call: changes the speed, not the result
FEWER = 8  # what is left is read in calls so many times shorter, again and again: each length is compiled once
SCORES = 2**23  # numbers per call at most: fewer tokens at once where the vocabulary is large

States = dict[str, np.ndarray]


def log_probabilities(model: Any, ids: np.ndarray) -> np.ndarray:
    """Return the log of the probability, in nats, that the network gives each token of `ids` (tokens,) but the first.

    Its states are zeros at the first token, and go on to the last: no token is left out, and none is seen before.
    """
    found, following = [np.zeros(0)], ids[1:]
    for scores, _ in read(model, ids[:-1], carried.zeros(model, 1)):
        found.append(log_softmax(scores)[np.arange(len(scores)), following[: len(scores)]])
        following = following[len(scores) :]
    return np.concatenate(found)


def read(model: Any, ids: np.ndarray, states: States) -> Iterator[tuple[np.ndarray, States]]:
    """Read a text (tokens,) in pieces; yield scores (logits) of what follows each token of a piece, (piece,
    vocabulary), and the states after it.
    """
    done = 0
    for tokens in lengths(len(ids), int(model.output[carried.OUTPUT].shape[-1])):
        outputs = inference.predict(model, {"past": ids[None, done : done + tokens], **states})
        states = {name: outputs[name] for name in states}
        yield np.asarray(outputs[carried.OUTPUT])[0], states
        done += tokens


def lengths(tokens: int, vocabulary: int) -> Iterator[int]:
    """Cut a text into pieces of few different lengths, the longest first."""
    length = AT_ONCE
    while tokens:
        while length > 1 and (length > tokens or length * vocabulary > SCORES):
            length //= FEWER
        yield length
        tokens -= length
