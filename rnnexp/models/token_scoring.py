"""A network that reads one text from its beginning to its end, in one lane, and says how surprised it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnexp.models import inference, stateful

MAX_TOKENS = 512  # tokens per call: changes the speed, not the result
SHRINK = 8  # what is left is read in calls so many times shorter, again and again: each length is compiled once
MAX_LOGITS = 2**23  # numbers per call at most: fewer tokens at once where the vocabulary is large

States = dict[str, np.ndarray]


def score_tokens(model: Any, ids: np.ndarray) -> np.ndarray:
    """Return the log of the probability, in nats, that the network gives each token of `ids` (tokens,) but the first.

    Its states are zeros at the first token, and go on to the last: no token is left out, and none is seen before.
    """
    pieces, following = [np.zeros(0)], ids[1:]
    for scores, _ in iterate_logits(model, ids[:-1], stateful.make_zero_states(model, 1)):
        shifted = np.subtract(scores, scores.max(axis=-1, keepdims=True), dtype=np.float64)
        chosen = shifted[np.arange(len(scores)), following[: len(scores)]]
        pieces.append(chosen - np.log(np.exp(shifted, out=shifted).sum(axis=-1)))
        following = following[len(scores) :]
    return np.concatenate(pieces)


def iterate_logits(model: Any, ids: np.ndarray, states: States) -> Iterator[tuple[np.ndarray, States]]:
    """Read a text (tokens,) in pieces; yield scores (logits) of what follows each token of a piece, (piece,
    vocabulary), and the states after it.
    """
    done = 0
    for tokens in split_lengths(len(ids), int(model.output[stateful.OUTPUT].shape[-1])):
        outputs = inference.predict(model, {"past": ids[None, done : done + tokens], **states})
        states = {name: outputs[name] for name in states}
        yield np.asarray(outputs[stateful.OUTPUT])[0], states
        done += tokens


def split_lengths(tokens: int, vocabulary: int) -> Iterator[int]:
    """Cut a text into pieces of few different lengths, the longest first."""
    length = MAX_TOKENS
    while tokens:
        while length > 1 and (length > tokens or length * vocabulary > MAX_LOGITS):
            length //= SHRINK
        yield length
        tokens -= length


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log probabilities (..., vocabulary) of scores (logits)."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
