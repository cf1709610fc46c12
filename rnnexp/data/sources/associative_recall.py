"""Pairs of a key and a value, then a key alone: texts that are drawn, labeled with the value that stood beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnexp.data.source import MAX_DRAWN
from rnnexp.data.texts.source import LabeledTexts
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.texts.corpus import Texts


@register("data")
class associative_recall(LabeledTexts):
    """Find the value that stood behind a key: `k7 v2 . k1 v9 k4 v4 . k1` is answered by `v9`.

    The keys of a text are different ones; `.` is noise between the pairs. Source: Ba et al., Using fast weights to
    attend to the recent past, 2016, section 4.1; Arora et al., Zoology: measuring and improving recall in efficient
    language models, 2023, section 3.
    """

    task: ClassVar[str] = "classification"
    max_length: ClassVar[int | None] = None
    on_long: ClassVar[str] = "cut"
    keep: ClassVar[str] = "first"
    vectors: ClassVar[str | None] = None

    name: Literal["associative_recall"] = "associative_recall"
    tokens: Literal["blank"] = Field("blank", description="A raw text is tokenized at blanks.")
    examples: int = Field(2000, ge=10, le=MAX_DRAWN, description="Texts to draw.")
    sequence_length: int = Field(33, ge=3, description="Tokens of a text, the key at its end among them.")
    pairs: int = Field(16, ge=1, description="Keys and values of a text; noise fills what sequence_length leaves.")
    keys: int = Field(32, ge=1, description="Different keys, k1 and so on, at least as many as pairs.")
    answers: int = Field(16, ge=2, description="Different values, v1 and so on.")

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`."""
        problems = super().check()
        if 2 * self.pairs + 1 > self.sequence_length:
            told = f"data.pairs: {self.pairs} pairs and a key do not fit data.sequence_length={self.sequence_length}"
            problems.append(f"{told}; they need {2 * self.pairs + 1}")
        if self.pairs > self.keys:
            problems.append(f"data.pairs: {self.pairs} pairs need as many different keys; data.keys={self.keys}")
        return problems

    def read(self) -> Texts:
        import numpy as np

        from rnnexp.data.tables.places import Places
        from rnnexp.data.texts.corpus import Texts

        generator = np.random.default_rng(self.seed)
        room, every = self.sequence_length - 1 - self.pairs, np.arange(self.examples)  # a pair takes one place here
        keys = generator.random((self.examples, self.keys)).argsort(axis=1)[:, : self.pairs]
        values = generator.integers(0, self.answers, keys.shape)
        places = np.sort(generator.random((self.examples, room)).argsort(axis=1)[:, : self.pairs], axis=1)
        asked = generator.integers(0, self.pairs, self.examples)
        names = [np.array([f"{letter}{i + 1}" for i in range(n)]) for letter, n in zip("kv", (self.keys, self.answers))]
        words = np.full((self.examples, room), ".", object)
        words[every[:, None], places] = names[0][keys] + np.array(" ", object) + names[1][values]
        texts = tuple(" ".join((*row, key)) for row, key in zip(words, names[0][keys[every, asked]]))
        where = Places((self.name,), np.zeros(self.examples, np.int32), (every + 1).astype(np.int32), "text")
        return Texts(texts, tuple(names[1][values[every, asked]].tolist()), ("",) * self.examples, where)
