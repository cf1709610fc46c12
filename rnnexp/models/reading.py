"""A network that reads one text from its beginning to its end, in one lane, and says how surprised it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.models import carried

AT_ONCE = 512  # tokens per call: changes the speed, not the result


def log_probabilities(model: Any, ids: np.ndarray) -> np.ndarray:
    """Return the log of the probability, in nats, that the network gives each token of `ids` (tokens,) but the first.

    Its states are zeros at the first token, and go on to the last: no token is left out, and none is seen before.
    """
    states, found = carried.zeros(model, 1), []
    for first in range(0, len(ids) - 1, AT_ONCE):
        read = ids[first : first + AT_ONCE + 1]
        outputs = model.predict_on_batch({"past": read[None, :-1], **states})
        states = {name: outputs[name] for name in states}
        scores = np.asarray(outputs[carried.OUTPUT], np.float64)[0]
        found.append(log_softmax(scores)[np.arange(len(scores)), read[1:]])
    return np.concatenate(found) if found else np.zeros(0)


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log probabilities (..., vocabulary) of scores (logits)."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
