"""Sequences with a text each: shared out, scaled, and the letters of the training part numbered."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.apply_sequences import read_fitting
from rnnexp.data.copies import add_copies
from rnnexp.data.dataset import WHOLE, Predictions
from rnnexp.data.example_weights import take_weights
from rnnexp.data.labeled import Sequences
from rnnexp.data.leaks import check_recordings
from rnnexp.data.recordings import cut
from rnnexp.data.sequence_pipeline import SequencePipeline, fit_pipeline
from rnnexp.data.sequences import SequenceDataset, put_together, read_sequences
from rnnexp.data.shares import Pieces, share_out, used
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    from rnnexp.data.source import SequenceSource

MOST_SHOWN = 10  # mistakes that a message names
MOST_LETTERS = 5_000  # of an alphabet


@dataclass(frozen=True)
class TranscriptPipeline(SequencePipeline):
    """What serving a model of transcripts needs to know of its data; `letters` are those that it can write."""

    letters: tuple[str, ...] = ()

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these sequences; an empty string if it is."""
        own = {"past": InputSpec((None, len(self.channels))), "mask": InputSpec((None,), "bool")}
        fits = spec.inputs == own and spec.per_step and spec.output_shape == (1 + len(self.letters),)
        return "" if fits else "the network is for other sequences, or has other letters"

    def number(self, text: str) -> list[int]:
        """Return the numbers of the letters of a text, from 1; those that are not known are left out."""
        known = {letter: index for index, letter in enumerate(self.letters, start=1)}
        return [known[letter] for letter in text if letter in known]

    def write(self, letters: Sequence[int] | np.ndarray) -> str:
        """Return the text of the numbers of letters, with one blank where several stand together."""
        return compose_text("".join(self.letters[letter - 1] for letter in letters))

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> TranscriptPipeline:
        """Rebuild a pipeline from what `to_json` wrote."""
        found = super().from_json(saved)
        if not isinstance(found, cls) or not found.letters or len(set(found.letters)) < len(found.letters):
            raise DataError("`letters` are none, or are there twice: it is damaged")
        return found


@dataclass(frozen=True, kw_only=True)
class TranscriptDataset(SequenceDataset):
    """Sequences with a text each; `texts` are the true ones, as they are scored."""

    texts: tuple[str, ...]

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put texts (n,) beside the true ones."""
        own = self.parts[part]
        return Predictions(outputs, self.truth(part), weight=take_weights(own.arrays, own.indices))

    def truth(self, part: str) -> np.ndarray:
        """Return the texts (n,) of a part, in order."""
        return np.array([self.texts[index] for index in self.parts[part].indices], dtype=object)


def compose_text(text: str) -> str:
    """Return a text with composed letters, and single blanks between its words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def load(source: SequenceSource) -> TranscriptDataset:
    """Load a source of sequences with a text each; mistakes in the data raise DataError."""
    sequences = read_sequences(source)
    _list_texts(sequences, source.label_key())
    parts = share_out(source, sequences.parts, None, len(sequences), sequences.groups)
    chosen, parts, unused = used(parts, len(sequences))
    sequences = sequences.take(chosen) if unused else sequences
    sequences, parts = add_copies(sequences, parts)
    texts = _list_texts(sequences, source.label_key())
    repeated = check_recordings(sequences, None, parts, ())
    fitted, notes = fit_pipeline(source, sequences, cut(sequences.lengths(), None), parts["train"])
    letters = sorted(set("".join(texts[index] for index in parts["train"])))
    if len(letters) > MOST_LETTERS:
        raise DataError(
            f"{sequences.source}: {len(letters):,} different letters; at most {MOST_LETTERS:,} are possible"
        )
    pipeline = TranscriptPipeline(**{**vars(fitted), "length": None, "letters": tuple(letters)})
    _refuse_too_short(sequences, list(map(pipeline.number, texts)))
    notes = [*notes, *repeated, *unused, *_describe(texts, parts, letters)]
    return _make(source, replace(sequences, notes=(*sequences.notes, *notes)), texts, parts, pipeline)


def apply(source: SequenceSource, pipeline: TranscriptPipeline, spec: TaskSpec) -> TranscriptDataset:
    """Load a source as one part, with the scaler and the letters of a trained model."""
    sequences = read_fitting(source, pipeline)
    texts = _list_texts(sequences, source.label_key())
    pieces = {WHOLE: np.arange(len(sequences), dtype=np.int32)}
    notes = (*sequences.notes, *_describe(texts, pieces, pipeline.letters))
    made = _make(source, replace(sequences, notes=notes), texts, pieces, pipeline)
    return replace(made.for_model(spec), scored=WHOLE)


def _make(
    source: SequenceSource, sequences: Sequences, texts: Sequence[str], pieces: Pieces, pipeline: TranscriptPipeline
) -> TranscriptDataset:
    numbered = list(map(pipeline.number, texts))
    y = np.zeros((len(texts), 1 + max(map(len, numbered))), np.int32)
    y[:, 0] = sequences.lengths()
    for row, letters in enumerate(numbered):
        y[row, 1 : 1 + len(letters)] = letters
    past = InputSpec((None, len(sequences.channels)))
    prepared = (past, pipeline.scaled(sequences.values), pipeline)
    made = put_together(source, replace(sequences, targets=np.array(texts)), (y, ()), pieces, prepared)
    spec = replace(made.spec, output_shape=(1 + len(pipeline.letters),), targets=("text",))
    return TranscriptDataset(**{**vars(made), "spec": spec}, texts=tuple(texts))


def _list_texts(sequences: Sequences, key: str) -> list[str]:
    """Return the texts as they are scored; DataError for targets that are none, and for those that are empty."""
    if sequences.targets.ndim != 1 or sequences.targets.dtype.kind not in "UO":
        is_said = f"{key} has" if key else "the source has"
        raise DataError(f"{sequences.source}: transcription needs a text for each sequence, and {is_said} numbers")
    texts = [compose_text(str(text)) for text in sequences.targets]
    empty = [index for index, text in enumerate(texts) if not text]
    if empty:
        raise DataError(f"{sequences.place(empty[0])}: the text is empty ({count(len(empty), 'such sequence')})")
    return texts


def _refuse_too_short(sequences: Sequences, numbered: Sequence[Sequence[int]]) -> None:
    """Refuse sequences whose text has no alignment: a step for each letter, and one more between two that are alike."""
    lengths = sequences.lengths()
    needed = [len(own) + sum(one == other for one, other in zip(own, own[1:])) for own in numbered]
    short = [index for index, steps in enumerate(needed) if steps > lengths[index]]
    if not short:
        return
    lines = [
        f"{sequences.place(index)}: {count(int(lengths[index]), 'step')} for a text that needs {needed[index]}"
        for index in short[:MOST_SHOWN]
    ]
    more = [f"{len(short) - MOST_SHOWN:,} more"] * (len(short) > MOST_SHOWN)
    why = "each letter needs a step, and two that are alike one in between: use shorter steps, or leave these out"
    raise DataError("\n  ".join([f"{count(len(short), 'text')} longer than the sequence ({why})", *lines, *more]))


def _describe(texts: Sequence[str], pieces: Pieces, letters: Sequence[str]) -> list[str]:
    """Say which letters there are, and how many of other parts cannot be written."""
    known, notes = set(letters), [f"{len(letters)} letters: {_show(letters)}"]
    for name, chosen in pieces.items():
        strange = Counter(letter for index in chosen for letter in texts[index] if letter not in known)
        if strange:
            which = _show(sorted(strange))
            notes.append(
                f"{count(strange.total(), 'letter')} of the {name} set that the training set has not, {which}: each "
                "counts as a mistake"
            )
    return notes


def _show(letters: Sequence[str]) -> str:
    shown = "".join(letter if letter.isprintable() else "·" for letter in letters[:60])
    return f'"{shown}"' + (" ..." if len(letters) > 60 else "")
