"""One long text as numbers: read, cut into tokens, numbered by what its training part holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import LEARNED_FROM, WHOLE, Dataset, Predictions, Summary, digest
from rnnexp.data.shares import part_sizes
from rnnexp.data.spec import TaskSpec, with_sizes
from rnnexp.data.texts import subwords, vocabulary
from rnnexp.data.texts.corpus import cited
from rnnexp.data.texts.encoder import Encoder
from rnnexp.data.texts.numbered import Line
from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.data.texts.vocabulary import UNKNOWN, Vocabulary
from rnnexp.errors import DataError, count
from rnnexp.tasks.language_modeling.lanes import Lanes, lanes, next_tokens

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.data.sources.corpus import corpus

KIND = "language"
ORDER = ("train", "val", "test")
EXAMPLE = 40  # tokens of a text that is shown how a model is used


@dataclass(frozen=True)
class Language:
    """How text becomes tokens and tokens become text.

    line_end: token at the end of each line; None for characters, whose line ends are characters, and where lines
              mean nothing
    """

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    line_end: str | None = None

    def tokens(self, text: str) -> list[str]:
        """Cut a text; its last line has no end."""
        texts = [text] if self.tokenizer.kind == "character" else text.split("\n")
        return cut(self.tokenizer, self.line_end, texts)

    def ids(self, text: str) -> np.ndarray:
        """Number the tokens of a text; those that are not known are `UNKNOWN`."""
        known = self.vocabulary.ids
        return np.array([known.get(token, UNKNOWN) for token in self.tokens(text)], np.int32)

    def text(self, ids: Sequence[int] | np.ndarray) -> str:
        """Write tokens as text."""
        words = [self.vocabulary.tokens[index] for index in ids]
        if self.tokenizer.kind == "character":
            return "".join(words)
        if self.tokenizer.kind == "subword":
            return subwords.joined(words, self.line_end)
        return (
            " ".join("\n" if word == self.line_end else word for word in words)
            .replace(" \n", "\n")
            .replace("\n ", "\n")
        )

    def continuation(self, ids: Sequence[int] | np.ndarray, more: Sequence[int] | np.ndarray) -> str:
        """Write what `more` adds to a text: a blank comes first where it begins a word."""
        return self.text([*ids, *more]).removeprefix(self.text(ids))

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these texts; an empty string if it is."""
        other = "" if spec.carried and spec.output_shape == (len(self.vocabulary),) else "the network carries no states"
        return Encoder(self.tokenizer, self.vocabulary).mismatch(spec.inputs.get("past")) or other

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        encoder = Encoder(self.tokenizer, self.vocabulary)
        return {"kind": KIND, **encoder.to_json(), "line_end": self.line_end}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Language:
        """Rebuild from what `to_json` wrote; DataError if it is damaged."""
        encoder, end = Encoder.from_json(saved), saved.get("line_end")
        if not isinstance(end, str | None):
            raise DataError(f"the text encoder of the model is damaged: `line_end` is {end!r}")
        return cls(encoder.tokenizer, encoder.vocabulary, end)


@dataclass(frozen=True, kw_only=True)
class TextStream(Dataset):
    """One text, each of whose tokens is predicted from all before it.

    values:  (tokens,) int32 ids of all parts, end to end;  borders: of each part in it
    """

    language: Language
    values: np.ndarray
    borders: Mapping[str, tuple[int, int]]

    def ids(self, part: str) -> np.ndarray:
        """Return the tokens of one part, (tokens,)."""
        first, last = self.borders[part]
        return self.values[first:last]

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put log probabilities (tokens - 1,) beside the tokens they are of."""
        return Predictions(np.asarray(outputs, np.float64), self.ids(part)[1:])

    def example(self) -> DataFrame:
        """Return a piece of text such as a served model takes."""
        import pandas

        return pandas.DataFrame({"text": [self.language.text(self.ids("train")[:EXAMPLE])]})


def load(source: corpus) -> TextStream:
    """Load a corpus; mistakes in the data raise DataError."""
    pieces, notes = _read(source)
    tokenizer = Tokenizer(source.tokens, source.lowercase)
    end = None if source.tokens == "character" else source.line_end
    known_too = list[str]()
    if source.tokens == "subword":
        size = (source.max_tokens or 0) - len(vocabulary.RESERVED) - (end is not None)
        train = (tokenizer.normal(text) for _, _, text in pieces["train"])
        tokenizer = Tokenizer("subword", source.lowercase, subwords.learn(train, size))
        known_too = subwords.pieces(tokenizer.subwords or "") if source.min_count == 1 else []
    cuts = {part: cut(tokenizer, end, [text for *_, text in piece], closed=True) for part, piece in pieces.items()}
    learned = vocabulary.learn([cuts["train"]], source.max_tokens, source.min_count, pieces=known_too)
    language = Language(tokenizer, learned.vocabulary, end)
    known = learned.vocabulary.ids
    values = np.array([known.get(token, UNKNOWN) for token in chain.from_iterable(cuts.values())], np.int32)
    ends = np.cumsum([0, *map(len, cuts.values())]).tolist()
    borders = dict(zip(cuts, pairwise(ends)))
    unknown = ", ".join(f"{np.mean(values[a:b] == UNKNOWN):.2%} of {part}" for part, (a, b) in borders.items())
    notes += [learned.note, f"unknown tokens: {unknown}"]
    return _dataset(source, language, (values, borders), tuple(notes))


def apply(source: corpus, language: Language, _: TaskSpec) -> TextStream:
    """Load a corpus with the vocabulary of a trained model, as one part."""
    pieces, notes = _read(source, shared=False)
    texts = [text for piece in pieces.values() for *_, text in piece]
    known = language.vocabulary.ids
    tokens = cut(language.tokenizer, language.line_end, texts, closed=True)
    values = np.array([known.get(token, UNKNOWN) for token in tokens], np.int32)
    unknown = f"unknown tokens: {np.mean(values == UNKNOWN):.2%}"
    return _dataset(source, language, (values, {WHOLE: (0, len(values))}), (*notes, unknown))


def _dataset(
    source: corpus,
    language: Language,
    text: tuple[np.ndarray, dict[str, tuple[int, int]]],
    notes: tuple[str, ...],
) -> TextStream:
    (values, borders), size = text, len(language.vocabulary)
    unit = {"character": "characters", "subword": "subwords"}.get(source.tokens, "words")
    sizes = {part: last - first for part, (first, last) in borders.items()}
    own = digest(source, values, language.vocabulary.tokens)
    return TextStream(
        spec=with_sizes(source.outline(), size, past=size),
        parts={part: _part(source, part, values, border) for part, border in borders.items()},
        batch=next_tokens,
        summary=Summary(source.path, len(values), 1, sizes, own, unit=source.unit or unit, notes=notes),
        scored=next(part for part in ("test", "train", *borders) if part in borders),
        scaling=language.to_json(),
        language=language,
        values=values,
        borders=borders,
    )


def _part(source: corpus, part: str, values: np.ndarray, border: tuple[int, int]) -> Lanes:
    """Return a part of the text; one that is only scored is read at once, however short."""
    if part in LEARNED_FROM:
        return lanes(part, values, border, source.sequence_length)
    if (tokens := border[1] - border[0]) < 2:
        what = f"the {part} set has " if part in ORDER else ""
        raise DataError(f"{source.path}: {what}{count(tokens, 'token')}; at least 2 are needed, the second is scored")
    return lanes(part, values, border, steps=1)


def cut(tokenizer: Tokenizer, end: str | None, texts: Sequence[str], closed: bool = False) -> list[str]:
    """Cut lines into tokens, each with its end; the last one has none unless it is `closed`."""
    if tokenizer.kind == "character":
        return list(tokenizer.composed("".join(texts)))
    after = [] if end is None else [end]
    found = [[*tokens, *after] for tokens in tokenizer.split_all(texts)]
    if found and after and not closed:
        found[-1].pop()
    return list(chain.from_iterable(found))


def _read(source: corpus, shared: bool = True) -> tuple[dict[str, list[Line]], list[str]]:
    """Read the lines of each part; a text that is cut into characters may be cut within a line."""
    text, read, notes = source.read() if shared else source.read_as_one(), {}, list[str]()
    for part, found in text.lines.items():
        read[part], said = _without_empty(found, source.on_empty)
        notes += text.notes[part] + said
    given = source.gives() if shared else {"val", "test"}
    pieces = {part: piece for part, piece in read.items() if part != "train"}
    if source.tokens == "character":
        cuts: dict[str, Any] = _cut_up(source, "".join(text for *_, text in read["train"]), given)
        pieces |= {part: [("", 0, text)] for part, text in cuts.items()}
    else:
        pieces |= _cut_up(source, read["train"], given)
    for part, piece in pieces.items():
        if not any(text.strip() for *_, text in piece):
            raise DataError(f"{source.path}: the {part} set has no text; change data.split")
    return {part: pieces[part] for part in ORDER if part in pieces}, notes


def _cut_up(source: corpus, whole: Any, given: set[str]) -> dict[str, Any]:
    """Cut a text, or its lines, into the parts that have no file of their own."""
    if given >= {"val", "test"} or source.split == "none":
        return {"train": whole}
    sizes = {part: size for part, size in part_sizes(source, len(whole), given).items() if size}
    ends = np.cumsum([0, *sizes.values()]).tolist()
    return {part: whole[first:last] for part, (first, last) in zip(sizes, pairwise(ends))}


def _without_empty(found: list[Line], on_empty: str) -> tuple[list[Line], list[str]]:
    empty = [(file, number) for file, number, text in found if not text.strip()]
    if not empty:
        return found, []
    what = f"{count(len(empty), 'empty line')}: {cited(empty)}"
    if on_empty == "fail":
        raise DataError(f"{what}. Correct the files, or set data.on_empty=keep or drop")
    if on_empty == "keep":
        return found, [f"kept {what}"]
    return [line for line in found if line[2].strip()], [f"left out {what}"]
