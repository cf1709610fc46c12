"""From texts to numbers: the one path that training and prediction share, kept as JSON beside the model."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from rnnexp.data.spec import InputSpec
from rnnexp.data.texts.tokens import Kind, Tokenizer
from rnnexp.data.texts.vocabulary import PADDING, RESERVED, UNKNOWN, Vocabulary
from rnnexp.errors import DataError

Keep = Literal["first", "last"]


@dataclass(frozen=True)
class Encoded:
    """Texts as ids, end to end: text i is `ids[offsets[i]:offsets[i + 1]]`.

    ids:     (tokens,) int32
    offsets: (texts + 1,) int64
    lengths: (texts,) int64, the tokens of each text before it was cut
    """

    ids: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray

    @property
    def cut(self) -> np.ndarray:
        """The texts that are longer than the maximum, by number."""
        return np.flatnonzero(self.lengths > np.diff(self.offsets))

    def unknown(self, texts: np.ndarray) -> float:
        """Return the share of unknown tokens among those of the chosen texts."""
        before = np.concatenate([[0], np.cumsum(self.ids == UNKNOWN)])
        first, last = self.offsets[texts], self.offsets[np.asarray(texts) + 1]
        return float((before[last] - before[first]).sum() / max(1, (last - first).sum()))


@dataclass(frozen=True)
class Encoder:
    """A tokenizer, a vocabulary, and how many tokens of a text are kept, from which end."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    max_length: int | None = None
    keep: Keep = "first"

    def encode(self, texts: Sequence[str], place: Callable[[int], str] | None = None) -> Encoded:
        """Number the tokens of texts; `place` says where a text without tokens stands, for the DataError."""
        return self.number(self.tokenizer.split_all(texts), place)

    def number(self, cut: Iterable[Sequence[str]], place: Callable[[int], str] | None = None) -> Encoded:
        """Do the same for texts that are cut already."""
        ids, ends, lengths = array("i"), [0], []
        known = self.vocabulary.ids
        for number, tokens in enumerate(cut):
            if not tokens:
                raise DataError(f"{place(number) if place else f'text {number + 1}'}: the text is empty")
            lengths.append(len(tokens))
            ids.extend(known.get(token, UNKNOWN) for token in self._within(tokens))
            ends.append(len(ids))
        return Encoded(np.array(ids, np.int32), np.array(ends, np.int64), np.array(lengths, np.int64))

    def _within(self, tokens: Sequence[str]) -> Sequence[str]:
        if self.max_length is None:
            return tokens
        return tokens[: self.max_length] if self.keep == "first" else tokens[-self.max_length :]

    def decode(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Return the tokens of ids, without padding."""
        return [self.vocabulary.tokens[index] for index in ids if index != PADDING]

    def to_json(self) -> dict[str, Any]:
        """Return everything that prediction needs, as plain JSON."""
        return {
            "tokens": self.tokenizer.kind,
            "lowercase": self.tokenizer.lowercase,
            "subwords": self.tokenizer.subwords,
            "max_length": self.max_length,
            "keep": self.keep,
            "vocabulary": list(self.vocabulary.tokens[len(RESERVED) :]),
        }

    def mismatch(self, given: InputSpec | None) -> str:
        """Say why an input of a network is not for these tokens; an empty string if it is."""
        size = len(self.vocabulary)
        fine = given is not None and replace(given, vector=None) == InputSpec((None,), "int32", size)
        return "" if fine else f"the network is not for a vocabulary of {size:,} tokens"

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Encoder:
        """Build an encoder again; DataError if the JSON is not what `to_json` gives."""
        if problem := _damage(saved):
            raise DataError(f"the text encoder of the model is damaged: {problem}")
        tokenizer = Tokenizer(saved["tokens"], saved["lowercase"], saved["subwords"])
        return cls(tokenizer, Vocabulary((*RESERVED, *saved["vocabulary"])), saved["max_length"], saved["keep"])


def _damage(saved: Mapping[str, Any]) -> str:
    """Name the first key whose value is not possible; an empty string if all are."""
    words, length = saved.get("vocabulary"), saved.get("max_length")
    good = {
        "tokens": saved.get("tokens") in get_args(Kind),
        "lowercase": isinstance(saved.get("lowercase"), bool),
        "subwords": isinstance(saved.get("subwords"), str if saved.get("tokens") == "subword" else type(None)),
        "max_length": length is None or (type(length) is int and length > 0),
        "keep": saved.get("keep") in get_args(Keep),
        "vocabulary": isinstance(words, list)
        and all(isinstance(word, str) for word in words)
        and len(set(words)) == len(words),
    }
    return next((f"`{key}` is {saved.get(key)!r}"[:200] for key, fine in good.items() if not fine), "")
