"""Tagged sequences as numbers: shared out, numbered by what the training part holds, an output for each token."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import WHOLE, Dataset, Part, Predictions, Summary, digest
from rnnexp.data.leaks import check_labels, seen_examples
from rnnexp.data.shares import Pieces, share_out, short_enough, used
from rnnexp.data.spec import TaskSpec, with_sizes
from rnnexp.data.texts import vocabulary
from rnnexp.data.texts.encoder import Encoded, Encoder
from rnnexp.data.texts.tag_files import Tagged
from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.data.texts.vectors import vectors_of
from rnnexp.errors import DataError, count, did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.data.sources.text_tags import text_tags

KIND = "tags"


@dataclass(frozen=True)
class TagPipeline:
    """What serving a tagger needs to know of its data: how tokens are numbered, and the tags in order."""

    encoder: Encoder
    tags: tuple[str, ...]

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        """Cut raw texts into tokens as they stand there; the network may see them in small letters."""
        return list(Tokenizer(self.encoder.tokenizer.kind, lowercase=False).split_all(texts))

    def seen(self, tokens: Sequence[str]) -> list[str]:
        """Return tokens as the vocabulary has them."""
        return [self.encoder.tokenizer.composed(token) for token in tokens]

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these texts; an empty string if it is."""
        other = "" if spec.task == "tagging" and spec.classes == self.tags else "the network has other tags"
        return self.encoder.mismatch(spec.inputs.get("past")) or other

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"kind": KIND, **self.encoder.to_json(), "tags": list(self.tags)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> TagPipeline:
        """Rebuild a pipeline from what `to_json` wrote; DataError if it is damaged."""
        tags = saved.get("tags")
        if not isinstance(tags, list) or len(set(map(str, tags))) < 2 or not all(isinstance(tag, str) for tag in tags):
            raise DataError(f"the text encoder of the model is damaged: `tags` is {tags!r}"[:200])
        encoder = Encoder.from_json(saved)
        if encoder.max_length is not None:
            raise DataError(
                "the text encoder of the model is damaged: a tagger reads all tokens, and it has `max_length`"
            )
        return cls(encoder, tuple(tags))


@dataclass(frozen=True, kw_only=True)
class TagDataset(Dataset):
    """Tagged sequences; `tagged` are what was read, `seen` the tokens as the vocabulary has them."""

    tagged: Tagged
    seen: tuple[str, ...]
    pipeline: TagPipeline

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put probabilities (tokens, tags) beside the truth."""
        return Predictions(outputs, self.truth(part))

    def truth(self, part: str) -> np.ndarray:
        """Return the tags (tokens,) of a part, in order."""
        return self.parts[part].arrays["y"][self.tokens(part)]

    def tokens(self, part: str) -> np.ndarray:
        """Return the positions of a part's tokens among all, in order."""
        return self.tagged.of(self.parts[part].indices)

    def words(self, part: str) -> list[list[str]]:
        """Return the tokens of each sequence of a part, as the vocabulary has them."""
        return [_sequence(self.tagged, self.seen, index) for index in self.parts[part].indices]

    def content(self, index: int) -> object:
        """Return what an example is told by."""
        return self.tagged.sequence(index)

    def example(self) -> DataFrame:
        """Return two texts as a served model takes them."""
        import pandas

        texts = [" ".join(self.tagged.sequence(int(i))) for i in self.parts["train"].indices[:2]]
        return pandas.DataFrame({"text": texts})


def load(source: text_tags) -> TagDataset:
    """Load a source of tagged sequences; mistakes in the data raise DataError."""
    tagged = source.read()
    _tags(tagged)
    pieces = share_out(source, np.array(tagged.parts), None, len(tagged))
    _, _, unused = used(pieces, len(tagged), "sequence")
    lengths, first = np.diff(tagged.offsets), tagged.offsets[:-1]
    pieces, notes = short_enough(source, pieces, lengths, "sequence", lambda i: tagged.place(int(first[i])))
    chosen, pieces, gone = used(pieces, len(tagged), "sequence")
    tagged = tagged.take(chosen) if gone else tagged
    tags = _tags(tagged)
    check_labels(tagged.tags, tagged.places.name, "token", "data.tag")
    _require_in_training(tagged, pieces["train"])
    cutter = Tokenizer(source.tokens, source.lowercase)
    seen = tuple(cutter.composed(word) for word in tagged.words)
    train = (_sequence(tagged, seen, i) for i in pieces["train"])
    learned = vocabulary.learn(train, source.max_tokens, source.min_count)
    pipeline = TagPipeline(Encoder(cutter, learned.vocabulary), tags)
    vectors = vectors_of(source, pipeline.encoder)
    notes = [*notes, learned.note, *_repeated(tagged, pieces), *_two_tags(tagged), *(vectors.notes if vectors else ())]
    notes += unused
    made = _dataset(source, replace(tagged, notes=(*tagged.notes, *notes)), seen, pieces, pipeline)
    return made if vectors is None else _with_vectors(made, vectors.values)


def apply(source: text_tags, pipeline: TagPipeline, _: TaskSpec) -> TagDataset:
    """Load a source with the vocabulary and the tags of a trained model, as one part."""
    tagged = source.read()
    known = set(pipeline.tags)
    strange = [index for index, tag in enumerate(tagged.tags) if tag not in known]
    if strange:
        tag = tagged.tags[strange[0]]
        raise DataError(
            f"{tagged.place(strange[0])}: the tag `{tag}` is not one of the model's, {', '.join(pipeline.tags)} "
            f"({count(len(strange), 'such token')}){did_you_mean(tag, pipeline.tags)}"
        )
    pieces = {WHOLE: np.arange(len(tagged), dtype=np.int32)}
    return _dataset(source, tagged, tuple(pipeline.seen(tagged.words)), pieces, pipeline)


def seen(dataset: TagDataset, own: TagDataset) -> str:
    """Say how many of other sequences a run has learned from."""
    return seen_examples(dataset, own, "sequences")


def _tags(tagged: Tagged) -> tuple[str, ...]:
    found = tuple(sorted(set(tagged.tags)))
    if len(found) < 2:
        raise DataError(
            f"{tagged.places.name}: {count(len(tagged.tags), 'token')} with only the tag `{found[0]}`; "
            "a tagger needs at least 2: is data.tag the column of the tags?"
        )
    return found


def _require_in_training(tagged: Tagged, train: np.ndarray) -> None:
    """Refuse tags that no training token has: nothing could be learned about them."""
    known = {tagged.tags[token] for token in tagged.of(train)}
    absent = Counter(tag for tag in tagged.tags if tag not in known)
    if absent:
        tag, number = min(absent.items())
        others = f"; {count(len(absent) - 1, 'more tag')} likewise" if len(absent) > 1 else ""
        raise DataError(
            f"{tagged.place(tagged.tags.index(tag))}: the tag `{tag}` does not occur in the training set "
            f"({count(number, 'such token')}){others}. Change data.split or data.seed, or give more of it"
        )


def _sequence(tagged: Tagged, seen: Sequence[str], index: int) -> list[str]:
    return list(seen[tagged.offsets[index] : tagged.offsets[index + 1]])


def _two_tags(tagged: Tagged) -> list[str]:
    """Count the sequences whose words stand there before with other tags."""
    first: dict[tuple[str, ...], int] = {}
    tags = [tagged.tags[begin:end] for begin, end in zip(tagged.offsets, tagged.offsets[1:])]
    pairs = [(first.setdefault(tagged.sequence(index), index), index) for index in range(len(tagged))]
    other = [(one, index) for one, index in pairs if tags[one] != tags[index]]
    if not other:
        return []
    have = f"{count(len(other), 'sequence')} {'has' if len(other) == 1 else 'have'}"
    places = " and ".join(tagged.place(int(tagged.offsets[index])) for index in other[0])
    return [f"{have} other tags than the same words before, such as {places}"]


def _repeated(tagged: Tagged, pieces: Pieces) -> list[str]:
    """Count the sequences outside the training part that stand in it word for word."""
    known = {tagged.sequence(index) for index in pieces["train"]}
    counts = {name: sum(tagged.sequence(i) in known for i in chosen) for name, chosen in pieces.items()}
    return [
        f"{count(number, 'sequence')} of the {name} set also {'stands' if number == 1 else 'stand'} in the training "
        "set, word for word"
        for name, number in counts.items()
        if number and name != "train"
    ]


def _dataset(
    source: text_tags, tagged: Tagged, seen: tuple[str, ...], pieces: Pieces, pipeline: TagPipeline
) -> TagDataset:
    encoded = pipeline.encoder.number(_sequence(tagged, seen, i) for i in range(len(tagged)))
    ids = {tag: index for index, tag in enumerate(pipeline.tags)}
    arrays = padding.laid_out(encoded.ids, encoded.offsets)
    arrays["y"] = np.array([ids[tag] for tag in tagged.tags], np.int32)
    lengths = arrays["length"][np.concatenate(list(pieces.values()))]
    arrays["steps"] = np.arange(lengths.max(), dtype=np.int32)
    cuts = padding.bounds(lengths, source.buckets) if source.buckets > 1 else ()
    sized = with_sizes(source.outline(), len(pipeline.tags), past=len(pipeline.encoder.vocabulary))
    return TagDataset(
        spec=replace(sized, classes=pipeline.tags),
        parts={name: Part(arrays, indices, cuts) for name, indices in pieces.items()},
        batch=padding.stepwise_batch,
        summary=_summary(source, tagged, pieces, encoded),
        scored=next(part for part in ("test", "train", *pieces) if part in pieces),
        scaling=pipeline.to_json(),
        tagged=tagged,
        seen=seen,
        pipeline=pipeline,
    )


def _with_vectors(made: TagDataset, vectors: np.ndarray) -> TagDataset:
    past = replace(made.spec.inputs["past"], vector=vectors.shape[1])
    spec = replace(made.spec, inputs={**made.spec.inputs, "past": past})
    digest = hashlib.sha256(made.summary.digest.encode() + vectors.tobytes()).hexdigest()[:32]
    return replace(made, spec=spec, vectors=vectors, summary=replace(made.summary, digest=digest))


def _summary(source: text_tags, tagged: Tagged, pieces: Pieces, encoded: Encoded) -> Summary:
    unknown = ", ".join(f"{encoded.unknown(chosen):.1%} of {name}" for name, chosen in pieces.items())
    tokens = ", ".join(f"{name} {len(tagged.of(chosen)):,}" for name, chosen in pieces.items())
    return Summary(
        source=tagged.places.name,
        rows=len(tagged.words),
        series=len(tagged),
        sizes={name: len(indices) for name, indices in pieces.items()},
        digest=digest(source, tagged.words, tagged.tags, tagged.offsets.astype(np.int64)),
        unit=source.unit or "",
        notes=(*tagged.notes, f"unknown tokens: {unknown}", f"tokens: {tokens}"),
    )
