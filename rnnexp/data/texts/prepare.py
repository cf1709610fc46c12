"""The steps from texts to numbers in order: subwords, vocabulary, ids; the first two see the training part only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnnexp.data.texts import subwords, vocabulary
from rnnexp.data.texts.corpus import Texts
from rnnexp.data.texts.encoder import Encoded, Encoder, Keep
from rnnexp.data.texts.tokens import Kind, Tokenizer, is_unspaced
from rnnexp.errors import DataError, count


@dataclass(frozen=True)
class Rules:
    """How texts are cut and numbered; the fields are those of a text source."""

    tokens: Kind = "word"
    lowercase: bool = True
    max_tokens: int | None = None
    min_count: int = 1
    max_length: int | None = None
    on_long: Literal["cut", "fail"] = "cut"
    keep: Keep = "first"


@dataclass(frozen=True)
class Prepared:
    """The encoder, all texts as ids, and what was cut or is unknown, one sentence each."""

    encoder: Encoder
    encoded: Encoded
    notes: tuple[str, ...]


def prepare(texts: Texts, parts: Mapping[str, np.ndarray], rules: Rules) -> Prepared:
    """Learn from the texts of `parts["train"]` and number all texts.

    `parts` holds the numbers of the texts of each part. Raises DataError for too small a vocabulary, and for
    texts that are too long if the rules say so.
    """
    train = [texts.texts[index] for index in parts["train"]]
    cutter = tokenizer(train, rules)
    learned = vocabulary.learn(cutter.split_all(train), rules.max_tokens, rules.min_count)
    encoder = Encoder(cutter, learned.vocabulary, rules.max_length, rules.keep)
    encoded = encoder.encode(texts.texts, texts.place)
    shares = ", ".join(f"{encoded.unknown(chosen):.1%} of {name}" for name, chosen in parts.items() if len(chosen))
    notes = [
        learned.note,
        f"unknown tokens: {shares}",
        *suggest_tokens(train, rules.tokens),
        *_cut(texts, encoded, rules),
        *_repeated(texts, parts),
    ]
    return Prepared(encoder, encoded, tuple(notes))


def tokenizer(train: list[str], rules: Rules) -> Tokenizer:
    """Return what cuts texts; subwords are learned from those of the training part."""
    plain = Tokenizer(rules.tokens, rules.lowercase)
    if rules.tokens != "subword":
        return plain
    size = (rules.max_tokens or 0) - len(vocabulary.RESERVED)
    return Tokenizer("subword", rules.lowercase, subwords.learn(map(plain.normal, train), size))


def suggest_tokens(train: list[str], tokens: Kind) -> list[str]:
    """Advise to cut into characters, in a sentence, where what is taken for words are clauses."""
    if tokens not in ("word", "blank") or not is_unspaced(train):
        return []
    return [
        f"most texts have no blanks between words, so that data.tokens={tokens} takes clauses for words: "
        "data.tokens=character leaves few of them unknown"
    ]


def _cut(texts: Texts, encoded: Encoded, rules: Rules) -> list[str]:
    long = encoded.cut
    if len(long) == 0:
        return []
    have = f"{count(len(long), 'text')} {'has' if len(long) == 1 else 'have'} more than data.max_length"
    what = f"{have}={rules.max_length} tokens, at most {encoded.lengths.max():,}: {texts.cite(long)}"
    if rules.on_long == "fail":
        raise DataError(f"{what}. Raise data.max_length, or truncate them with data.on_long=cut")
    return [f"{what}; only the {rules.keep} {rules.max_length} are kept"]


def _repeated(texts: Texts, parts: Mapping[str, np.ndarray]) -> list[str]:
    """Count the texts outside the training part that stand in it word for word."""
    seen = {texts.texts[index] for index in parts["train"]}
    counts = {name: sum(texts.texts[index] in seen for index in chosen) for name, chosen in parts.items()}
    return [
        f"{count(number, 'text')} of the {name} set also {'stands' if number == 1 else 'stand'} in the training set"
        for name, number in counts.items()
        if number and name != "train"
    ]
