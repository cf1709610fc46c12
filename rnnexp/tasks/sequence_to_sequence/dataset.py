"""Pairs of texts as numbers: read, shared out by the first of the two, numbered by what the training part holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import WHOLE, Dataset, Part, Predictions, Summary, digest
from rnnexp.data.leaks import seen_examples
from rnnexp.data.pairs import Pairs, PairSource
from rnnexp.data.shares import share_out, short_enough
from rnnexp.data.spec import TaskSpec, with_sizes
from rnnexp.data.texts import vocabulary
from rnnexp.data.texts.encoder import Encoded, Encoder
from rnnexp.data.texts.prepare import suggest_tokens, tokenizer
from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.errors import DataError, count
from rnnexp.tasks.sequence_to_sequence.batches import laid_out, pair_batch

if TYPE_CHECKING:
    from pandas import DataFrame


KIND = "pairs"
START, END = ENDS = "<start>", "<end>"
Parts = dict[str, np.ndarray]
MAX_WRITTEN, MAX_BEAM = 20_000, 100  # of a saved model: what a stranger writes must not take forever


@dataclass(frozen=True)
class PairPipeline:
    """What serving a model of pairs needs to know of its data: how both sides are cut and numbered.

    most: tokens of the longest target of the training part, the end included: how much is written at most
    beam, length_penalty: how texts are written, as in the settings of the source
    """

    source: Encoder
    target: Encoder
    most: int
    beam: int = 1
    length_penalty: float = 0.6

    @property
    def start(self) -> int:
        return self.target.vocabulary.ids[START]

    @property
    def end(self) -> int:
        return self.target.vocabulary.ids[END]

    def write(self, ids: Sequence[int] | np.ndarray) -> str:
        """Write tokens as text, up to the first end."""
        words = []
        for index in ids:
            if index == self.end:
                break
            words.append(self.target.vocabulary.tokens[index])
        return self.target.tokenizer.join(words)

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these texts; an empty string if it is."""
        sides = {"past": self.source, "previous": self.target}
        problems = [encoder.mismatch(spec.inputs.get(name)) for name, encoder in sides.items()]
        other = "" if spec.output_shape == (len(self.target.vocabulary),) else "the network writes other tokens"
        return next(filter(None, problems), other)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        sides = {"source": self.source.to_json(), "target": self.target.to_json()}
        return {"kind": KIND, **sides, **{key: getattr(self, key) for key in ("most", "beam", "length_penalty")}}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> PairPipeline:
        """Rebuild from what `to_json` wrote; DataError if it is damaged."""
        numbers, sides = [saved.get(key) for key in ("most", "beam")], [saved.get("source"), saved.get("target")]
        limits, penalty = (MAX_WRITTEN, MAX_BEAM), saved["length_penalty"]
        good = all(type(number) is int and 0 < number <= most for number, most in zip(numbers, limits))
        if (
            not good
            or type(penalty) not in (int, float)
            or not 0 <= penalty <= 5
            or not all(isinstance(side, Mapping) for side in sides)
        ):
            raise DataError(
                "the text encoder of the model is damaged: it needs `source`, `target`, `most`, `beam`, and a penalty"
            )
        source, target = (Encoder.from_json(side) for side in sides if side is not None)
        if not set(ENDS) <= target.vocabulary.ids.keys():
            raise DataError(f"the text encoder of the model is damaged: its targets have no {START} and {END}")
        return cls(source, target, saved["most"], saved["beam"], float(penalty))


@dataclass(frozen=True, kw_only=True)
class PairDataset(Dataset):
    """Pairs of texts; `pairs` are what was read, with one spelling for sources that the network cannot tell apart."""

    pairs: Pairs
    pipeline: PairPipeline

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put texts that were written beside the first reference of each source."""
        first = [references[0] for references in self.references(part).values()]
        return Predictions(np.asarray(outputs, dtype=object), np.array(first, dtype=object))

    def references(self, part: str) -> dict[str, list[str]]:
        """Return the different sources of a part, each with all targets that it has there."""
        found: dict[str, list[str]] = {}
        for source, target in zip(*self.texts(part)):
            found.setdefault(source, []).append(target)
        return found

    def texts(self, part: str) -> tuple[list[str], list[str]]:
        """Return sources and targets of a part."""
        indices = self.parts[part].indices
        return [self.pairs.sources[i] for i in indices], [self.pairs.targets[i] for i in indices]

    def content(self, index: int) -> object:
        """Return what an example is told by."""
        return self.pipeline.source.tokenizer.key(self.pairs.sources[index])

    def example(self) -> DataFrame:
        """Return two texts as a served model takes them."""
        import pandas

        return pandas.DataFrame({"text": self.texts("train")[0][:2]})


def load(source: PairSource) -> PairDataset:
    """Load a source of pairs; mistakes in the data raise DataError."""
    pairs = source.read()
    pieces = by_source(source, pairs)
    unused = len(pairs) - sum(map(len, pieces.values()))
    encoders, encoded, pieces, notes, said = _learn_both(source, pairs, pieces)
    if unused:
        notes.append(f"{count(unused, 'pair')} left out: the source is in a held-out set, or data.split leaves it out")
    notes = [*pairs.notes, *notes, *said, *_unknown(pieces, encoded)]
    most = int(encoded[1].lengths[pieces["train"]].max()) + 1
    pipeline = PairPipeline(encoders[0], encoders[1], most, source.beam, source.length_penalty)
    return _dataset(source, pairs, pieces, encoded, pipeline, tuple(notes))


def apply(source: PairSource, pipeline: PairPipeline, _: TaskSpec) -> PairDataset:
    """Load a source of pairs with the vocabularies of a trained model, as one part.

    How texts are written is up to the source.
    """
    pairs = source.read()
    pipeline = replace(pipeline, beam=source.beam, length_penalty=source.length_penalty)
    encoded = _encoded((pipeline.source, pipeline.target), pairs)
    pieces = {WHOLE: np.arange(len(pairs), dtype=np.int32)}
    return _dataset(source, pairs, pieces, encoded, pipeline, (*pairs.notes, *_unknown(pieces, encoded)))


def seen(dataset: PairDataset, own: PairDataset) -> str:
    """Say how many of other sources a run has learned from."""
    return seen_examples(dataset, own, "sources")


def by_source(source: PairSource, pairs: Pairs) -> Parts:
    """Share pairs out by their source as the network sees it: pairs with the same one are never in two parts."""
    first, cutter = dict[str, int](), Tokenizer(source.tokens, source.lowercase)
    group = np.array([first.setdefault(cutter.key(text), len(first)) for text in pairs.sources])
    given = np.full(len(first), "", dtype="U5")
    for number, part in zip(group, pairs.parts):
        if given[number] not in ("", part):
            given[number] = min(given[number], part, key=("test", "val", "train", "").index)
        else:
            given[number] = part
    shared = share_out(source, given, None, len(first))
    parts = np.full(len(first), "", dtype="U5")
    for name, numbers in shared.items():
        parts[numbers] = name
    # A part that files give has their pairs alone: one of other files whose source stands there belongs to neither.
    own, files = np.array(pairs.parts), set(pairs.parts)
    return {
        name: np.flatnonzero((parts[group] == name) & (own == (name if name in files else ""))).astype(np.int32)
        for name in shared
    }


def _learn_both(
    source: PairSource, pairs: Pairs, pieces: Parts
) -> tuple[list[Encoder], list[Encoded], Parts, list[str], list[str]]:
    """Learn both sides from the training pairs; those that are too long are left out, and learned from no more.

    Returns the encoders, all pairs encoded, the parts, notes on the vocabularies and notes on the pairs left out.
    """
    said: list[str] = []
    while True:
        encoders, notes = [], []
        for side, texts in ("source", pairs.sources), ("target", pairs.targets):
            train = [texts[i] for i in pieces["train"]]
            encoder, note = _learn(source, train, side)
            encoders.append(encoder)
            notes += [f"{side} {note}", *(f"{side}: {advice}" for advice in suggest_tokens(train, source.tokens))]
        encoded = _encoded(encoders, pairs)
        longest = np.maximum(encoded[0].lengths, encoded[1].lengths)
        kept, long = short_enough(source, pieces, longest, "pair", lambda i: pairs.places[i])
        if not long:
            return encoders, encoded, pieces, notes, said
        pieces, said = kept, said + long


def _learn(source: PairSource, texts: list[str], side: str) -> tuple[Encoder, str]:
    rules = source.rules()
    ends = ENDS if side == "target" else ()
    less = rules.max_tokens and rules.max_tokens - len(ends)
    cutter = tokenizer(texts, replace(rules, max_tokens=less))
    found = vocabulary.learn(cutter.split_all(texts), rules.max_tokens, rules.min_count, ends)
    return Encoder(cutter, found.vocabulary), found.note


def _encoded(encoders: Sequence[Encoder], pairs: Pairs) -> list[Encoded]:
    """Number both sides; DataError for a side without tokens, and for a target with the tokens of its ends in it."""
    cutter = encoders[1].tokenizer
    bad = [i for i, text in enumerate(pairs.targets) if "<" in text and not set(ENDS).isdisjoint(cutter.split(text))]
    if bad:
        raise DataError(
            f"{pairs.places[bad[0]]}: the target has the token {START} or {END}, which stand for its own ends "
            f"({count(len(bad), 'such pair')}); write them in another way"
        )
    sides = zip(encoders, (pairs.sources, pairs.targets))
    return [encoder.encode(texts, lambda i: pairs.places[i]) for encoder, texts in sides]


def _one_spelling(pairs: Pairs, pieces: Parts, cutter: Tokenizer) -> tuple[Pairs, list[str]]:
    """Write sources of a part that are cut alike as the first of them: the network has one answer for all."""
    sources = list(pairs.sources)
    for piece in pieces.values():
        first = dict[str, str]()
        for index in piece:
            sources[index] = first.setdefault(cutter.key(sources[index]), sources[index])
    other = sum(now != before for now, before in zip(sources, pairs.sources))
    notes = [f"{count(other, 'source')} tokenized like another spelling: taken as one"] if other else []
    return replace(pairs, sources=tuple(sources)), notes


def _unknown(pieces: Parts, encoded: Sequence[Encoded]) -> list[str]:
    return [
        f"unknown {side} tokens: " + ", ".join(f"{one.unknown(piece):.1%} of {part}" for part, piece in pieces.items())
        for side, one in zip(("source", "target"), encoded)
    ]


def _dataset(
    source: PairSource,
    pairs: Pairs,
    pieces: Parts,
    encoded: Sequence[Encoded],
    pipeline: PairPipeline,
    notes: tuple[str, ...],
) -> PairDataset:
    sources, targets = len(pipeline.source.vocabulary), len(pipeline.target.vocabulary)
    arrays = laid_out(encoded, (pipeline.start, pipeline.end))
    lengths = arrays["length"][np.concatenate(list(pieces.values()))]
    arrays["steps"] = np.arange(lengths.max(), dtype=np.int32)
    cuts = padding.bounds(lengths, source.buckets) if source.buckets > 1 else ()
    sizes = {name: len(indices) for name, indices in pieces.items()}
    own = digest(source, pairs.sources, pairs.targets)
    pairs, said = _one_spelling(pairs, pieces, pipeline.source.tokenizer)
    return PairDataset(
        spec=with_sizes(source.outline(), targets, past=sources, previous=targets),
        parts={name: Part(arrays, indices, cuts) for name, indices in pieces.items()},
        batch=pair_batch,
        summary=Summary(pairs.source, len(pairs), len(pairs), sizes, own, notes=(*notes, *said)),
        scored=next(part for part in ("test", "train", *pieces) if part in pieces),
        scaling=pipeline.to_json(),
        pairs=pairs,
        pipeline=pipeline,
    )
