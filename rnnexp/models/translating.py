"""A trained encoder-decoder writes: the likeliest token each time, or the best of several beginnings."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnexp.models import inference
from rnnexp.models.logits import log_softmax
from rnnexp.models.reading_writing import Network

if TYPE_CHECKING:
    import keras

_writers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_lock = Lock()
NEVER = -1e9


@dataclass(frozen=True)
class Decoding:
    """How a text is written.

    start, end: the tokens before the first and after the last one;  most: tokens at most, so that writing always ends
    beam:  beginnings that are kept side by side; 1 takes the likeliest token each time
    alpha: of the length penalty ((5 + length) / 6) ** alpha by which log probabilities are divided; 0 prefers short
           texts (Wu et al., Google's neural machine translation system, 2016, eq. 14)
    never: tokens that are not written
    """

    start: int
    end: int
    most: int
    beam: int = 1
    alpha: float = 0.6
    never: tuple[int, ...] = ()


@dataclass(frozen=True)
class Written:
    """Tokens (n, most) with the end and what follows it as `end`, their log probabilities (n,), and the weights of the
    attention (n, most, time), None without any.
    """

    ids: np.ndarray
    log_probability: np.ndarray
    attention: np.ndarray | None = None


def translate(model: keras.Model, inputs: Any, how: Decoding) -> Written:
    """Write what follows from the inputs "past" (n, time) and "mask"."""
    reader, stepper = _parts(model)
    size = len(inputs["past"])
    read = {name: np.asarray(value) for name, value in inference.predict(reader, inputs).items()}
    state = {name: np.repeat(value, how.beam, axis=0) for name, value in {**read, "mask": inputs["mask"]}.items()}
    beams = _Beams.started(size, how)
    for _ in range(how.most):
        outputs = inference.predict(stepper, {**state, "previous": beams.ids[:, -1:]})
        found = {name: np.asarray(value) for name, value in outputs.items()}
        chosen = beams.grow(log_softmax(found.pop("scores")[:, 0]), found.pop("attention", None))
        state |= {name: value[chosen] for name, value in found.items()}
        if beams.ended.all():
            break
    return beams.best()


class _Beams:
    """The beginnings of texts, `beam` of each one after another, with what they have cost so far."""

    def __init__(self, size: int, how: Decoding) -> None:
        self.how, self.size = how, size
        rows = size * how.beam
        self.ids = np.full((rows, 1), how.start, np.int32)
        self.total, self.length = np.zeros(rows), np.zeros(rows)
        self.ended = np.zeros(rows, bool)
        self.attention: list[np.ndarray] = []

    @classmethod
    def started(cls, size: int, how: Decoding) -> _Beams:
        """Begin with one beginning of each text: the others would only repeat it."""
        beams = cls(size, how)
        beams.total.reshape(size, how.beam)[:, 1:] = NEVER
        return beams

    def grow(self, scores: np.ndarray, attention: np.ndarray | None) -> np.ndarray:
        """Add a token to each beginning, keep the best, and return which rows those have come from."""
        beam, vocabulary = self.how.beam, scores.shape[1]
        scores = scores.copy()
        scores[:, list(self.how.never)] = NEVER
        scores[self.ended] = NEVER
        scores[self.ended, self.how.end] = 0  # what has ended stays as it is
        total = self.total[:, None] + scores
        length = self.length + ~self.ended
        ranked = (total / self._penalty(length)[:, None]).reshape(self.size, beam * vocabulary)
        few = np.sort(np.argpartition(-ranked, beam - 1, axis=1)[:, :beam], axis=1)
        order = np.argsort(-np.take_along_axis(ranked, few, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(few, order, axis=1)
        rows = (best // vocabulary + np.arange(self.size)[:, None] * beam).reshape(-1)
        tokens = (best % vocabulary).reshape(-1).astype(np.int32)
        self.total, self.length = total[rows, tokens], length[rows]
        self.ids = np.concatenate([self.ids[rows], tokens[:, None]], axis=1)
        self.attention = [step[rows] for step in self.attention]
        if attention is not None:
            self.attention.append(attention[rows, 0])
        self.ended = self.ended[rows] | (tokens == self.how.end)
        return rows

    def _penalty(self, length: np.ndarray) -> np.ndarray:
        return ((5 + length) / 6) ** self.how.alpha

    def best(self) -> Written:
        """Return the best beginning of each text, filled up with ends."""
        ranked = (self.total / self._penalty(self.length)).reshape(self.size, self.how.beam)
        rows = ranked.argmax(axis=1) + np.arange(self.size) * self.how.beam
        ids = np.full((self.size, self.how.most), self.how.end, np.int32)
        ids[:, : self.ids.shape[1] - 1] = self.ids[rows, 1:]
        weights = np.stack(self.attention, axis=1)[rows] if self.attention else None
        return Written(ids, self.total[rows], weights)


def _parts(model: keras.Model) -> tuple[Any, Any]:
    """Return the encoder, and one step of the decoder, with the layers of the trained model."""
    with _lock:
        if model not in _writers:
            _writers[model] = _made(model)
        found: tuple[Any, Any] = _writers[model]
    return found


def _made(model: keras.Model) -> tuple[Any, Any]:
    import keras

    network = Network.of(model)
    past, mask = (keras.Input((None,), name=name, dtype=kind) for name, kind in (("past", "int32"), ("mask", "bool")))
    memory, states = network.read(past, mask)
    names = [f"state_{i}" for i in range(len(states))]
    reader = keras.Model({"past": past, "mask": mask}, {"memory": memory, **dict(zip(names, states))})
    given = {name: keras.Input(tensor.shape[1:], name=name) for name, tensor in reader.output.items()}
    previous = keras.Input((None,), name="previous", dtype="int32")
    held = keras.Input((None,), name="mask", dtype="bool")
    scores, after, weights = network.write(previous, given["memory"], held, [given[name] for name in names])
    outputs = {"scores": scores, **dict(zip(names, after))} | ({} if weights is None else {"attention": weights})
    return reader, keras.Model({**given, "mask": held, "previous": previous}, outputs)
