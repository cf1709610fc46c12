"""A trained encoder-decoder writes: the likeliest token each time, or the best of several beginnings."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnexp.models import inference
from rnnexp.models.logits import log_softmax
from rnnexp.models.seq2seq_network import Seq2SeqNetwork

if TYPE_CHECKING:
    import keras

_networks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_lock = Lock()
NEVER = -1e9


@dataclass(frozen=True)
class Decoding:
    """How a text is written.

    start, end: the tokens before the first and after the last one
    max_length: tokens at most, so that writing always ends
    beam: beginnings that are kept side by side; 1 takes the likeliest token each time
    length_penalty: the exponent of ((5 + length) / 6) ** alpha by which log probabilities are divided; 0 prefers short
           texts (Wu et al., Google's neural machine translation system, 2016, eq. 14)
    never: tokens that are not written
    """

    start: int
    end: int
    max_length: int
    beam: int = 1
    length_penalty: float = 0.6
    never: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decoded:
    """Tokens (n, max_length) with the end and what follows it as `end`, their log probabilities (n,), and the weights
    of the attention (n, max_length, time), None without any.
    """

    ids: np.ndarray
    log_probability: np.ndarray
    attention: np.ndarray | None = None


def decode(model: keras.Model, inputs: Any, decoding: Decoding) -> Decoded:
    """Write what follows from the inputs "past" (n, time) and "mask"."""
    encoder, decoder_step = _get_networks(model)
    size = len(inputs["past"])
    read = {name: np.asarray(value) for name, value in inference.predict(encoder, inputs).items()}
    state = {name: np.repeat(value, decoding.beam, axis=0) for name, value in {**read, "mask": inputs["mask"]}.items()}
    beams = _Beams.start_all(size, decoding)
    for _ in range(decoding.max_length):
        outputs = inference.predict(decoder_step, {**state, "previous": beams.ids[:, -1:]})
        arrays = {name: np.asarray(value) for name, value in outputs.items()}
        chosen = beams.grow(log_softmax(arrays.pop("scores")[:, 0]), arrays.pop("attention", None))
        state |= {name: value[chosen] for name, value in arrays.items()}
        if beams.ended.all():
            break
    return beams.best()


class _Beams:
    """The beginnings of texts, `beam` of each one after another, with what they have cost so far."""

    def __init__(self, size: int, decoding: Decoding) -> None:
        self.decoding, self.size = decoding, size
        rows = size * decoding.beam
        self.ids = np.full((rows, 1), decoding.start, np.int32)
        self.total, self.length = np.zeros(rows), np.zeros(rows)
        self.ended = np.zeros(rows, bool)
        self.attention: list[np.ndarray] = []

    @classmethod
    def start_all(cls, size: int, decoding: Decoding) -> _Beams:
        """Begin with one beginning of each text: the others would only repeat it."""
        beams = cls(size, decoding)
        beams.total.reshape(size, decoding.beam)[:, 1:] = NEVER
        return beams

    def grow(self, scores: np.ndarray, attention: np.ndarray | None) -> np.ndarray:
        """Add a token to each beginning, keep the best, and return which rows those have come from."""
        beam, vocabulary = self.decoding.beam, scores.shape[1]
        scores = scores.copy()
        scores[:, list(self.decoding.never)] = NEVER
        scores[self.ended] = NEVER
        scores[self.ended, self.decoding.end] = 0  # what has ended stays as it is
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
        self.ended = self.ended[rows] | (tokens == self.decoding.end)
        return rows

    def _penalty(self, length: np.ndarray) -> np.ndarray:
        return ((5 + length) / 6) ** self.decoding.length_penalty

    def best(self) -> Decoded:
        """Return the best beginning of each text, filled up with ends."""
        ranked = (self.total / self._penalty(self.length)).reshape(self.size, self.decoding.beam)
        rows = ranked.argmax(axis=1) + np.arange(self.size) * self.decoding.beam
        ids = np.full((self.size, self.decoding.max_length), self.decoding.end, np.int32)
        ids[:, : self.ids.shape[1] - 1] = self.ids[rows, 1:]
        weights = np.stack(self.attention, axis=1)[rows] if self.attention else None
        return Decoded(ids, self.total[rows], weights)


def _get_networks(model: keras.Model) -> tuple[Any, Any]:
    """Return the encoder, and one step of the decoder, with the layers of the trained model."""
    with _lock:
        if model not in _networks:
            _networks[model] = _make_networks(model)
        networks: tuple[Any, Any] = _networks[model]
    return networks


def _make_networks(model: keras.Model) -> tuple[Any, Any]:
    import keras

    network = Seq2SeqNetwork.from_model(model)
    past, mask = (keras.Input((None,), name=name, dtype=kind) for name, kind in (("past", "int32"), ("mask", "bool")))
    memory, states = network.encode(past, mask)
    names = [f"state_{i}" for i in range(len(states))]
    encoder = keras.Model({"past": past, "mask": mask}, {"memory": memory, **dict(zip(names, states))})
    states_in = {name: keras.Input(tensor.shape[1:], name=name) for name, tensor in encoder.output.items()}
    previous = keras.Input((None,), name="previous", dtype="int32")
    memory_mask = keras.Input((None,), name="mask", dtype="bool")
    scores, after, weights = network.decode(
        previous, states_in["memory"], memory_mask, [states_in[name] for name in names]
    )
    outputs = {"scores": scores, **dict(zip(names, after))} | ({} if weights is None else {"attention": weights})
    return encoder, keras.Model({**states_in, "mask": memory_mask, "previous": previous}, outputs)
