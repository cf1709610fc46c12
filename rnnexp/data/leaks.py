"""Guards on independent examples: those in two parts, learned from, or there twice, and labels that are none."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rnnexp.data.dataset import LEARNED_FROM, Dataset
from rnnexp.data.labeled import Sequences
from rnnexp.data.shares import Pieces
from rnnexp.errors import DataError, count

MIN_LABELS = 10  # fewer may be as many as there are examples, in data that are only tried out
SET_MARKS = (";", "|", ",")  # between labels of one cell
MIN_DISTINCT = 4  # of whole numbers: shorter codes, such as 0 1 1 0, come twice by themselves


def leaks(dataset: Any) -> Iterator[str]:
    """Yield which examples are in two parts, and what the scaler has seen of others than the training examples."""
    yield from shared_examples(dataset)
    yield from find_shared_recordings(dataset)
    yield from find_shared_groups(dataset, dataset.sequences.groups)
    yield from _standardized(dataset)
    yield from find_foreign_targets(dataset)


def _standardized(dataset: Any) -> Iterator[str]:
    """Look whether standardized inputs have mean 0 over the training examples: otherwise others had a say."""
    if dataset.scaling.get("mean"):
        train = dataset.parts["train"]
        own = dataset.unlabeled.indices if dataset.unlabeled else train.indices[:0]
        steps = dataset.windows.find_steps(np.sort(np.concatenate([train.indices, own])))
        mean = train.arrays["values"][steps].mean(axis=0, dtype=np.float64)
        if np.abs(mean).max() > 1e-3:
            yield "the scaler `standard` was not fitted on the training examples alone"


def find_foreign_targets(dataset: Any) -> Iterator[str]:
    """Look whether scaled targets have mean 0 over the training examples: otherwise others had a say."""
    if (scaling := dataset.pipeline.targets) is not None:
        mean = scaling.scale(dataset.truth("train")).mean(axis=0, dtype=np.float64)
        if np.abs(mean).max() > 1e-3:
            yield "the scaler of the targets was not fitted on the training examples alone"


def shared_examples(dataset: Dataset) -> Iterator[str]:
    """Yield what is in two parts at once, one sentence each."""
    for one, other in itertools.combinations(dataset.parts, 2):
        both = np.intersect1d(dataset.parts[one].indices, dataset.parts[other].indices)
        if len(both):
            yield f"{len(both)} examples are in {one} and in {other}, such as example {both[0]}"


def find_shared_recordings(dataset: Any) -> Iterator[str]:
    """Yield which recordings have windows in two parts, one sentence for each two parts."""
    for one, other in itertools.combinations(dataset.parts, 2):
        both = np.intersect1d(dataset.list_examples(one), dataset.list_examples(other))
        if len(both) and dataset.windows.size:
            yield f"{count(len(both), 'recording')} with windows in {one} and in {other}, such as example {both[0]}"


def find_shared_groups(dataset: Dataset, groups: np.ndarray | None) -> Iterator[str]:
    """Yield which groups (examples,) have examples in two parts, one sentence for each two parts."""
    if groups is None:
        return
    for one, other in itertools.combinations(dataset.parts, 2):
        both = np.intersect1d(groups[dataset.list_examples(one)], groups[dataset.list_examples(other)])
        if len(both):
            have = f"{count(len(both), 'group')} {'has' if len(both) == 1 else 'have'}"
            yield f"{have} examples in {one} and in {other}, such as `{both[0]}` of data.groups"


def check_labels(labels: np.ndarray | Sequence[str], where: str, what: str, key: str, numbers: bool = False) -> None:
    """Ask whether this is the column of the labels, if nearly every example has one of its own.

    what: the examples, in the singular;  key: the setting that says where labels are, "" if none does;  numbers:
    whether the task may also be to predict numbers
    """
    found = sorted({str(label) for label in labels})
    if told := _find_sets(found):
        raise DataError(f"{where}: {told}")
    read = _read_numbers(found) if numbers else None
    fractions = read is not None and bool(np.any(read != np.round(read)))
    if len(found) <= MIN_LABELS or len(found) <= len(labels) / (10 if fractions else 2):
        return
    question = f"is {key} the column of the labels" if key else "are these labels"
    where_texts = "data.task=transcription (data=npz, sequence_folder or audio_folder)"
    texts = f", texts to write down {where_texts}" if read is None and what == "sequence" else ""
    instead = f"; numbers to predict take data.task=regression{texts}" if numbers else ""
    shown = ", ".join(f"`{label[:20]}`" for label in found[:3])
    raise DataError(
        f"{where}: {len(found):,} labels for {count(len(labels), what)}, such as {shown}: {question}? "
        f"A class needs several examples{instead}"
    )


def _find_sets(labels: Sequence[str]) -> str:
    """Say so if labels are several each, with a mark between: parts of one are those of others."""
    for mark in SET_MARKS:
        several = [label for label in labels if mark in label]
        parts = Counter(part.strip() for label in several for part in label.split(mark))
        once = {part for part, times in parts.items() if times == 1} - {*labels}
        if len(several) > 1 and not once and not all(map(str.isdigit, parts)):
            return (
                f"labels such as `{several[0][:40]}` are several of one example, which is not supported: give each "
                f"one label, or make a column of 0 and 1 for `{next(iter(parts))}` and train on one column at a time"
            )
    return ""


def _read_numbers(labels: Sequence[str]) -> np.ndarray | None:
    try:
        return np.array(labels, dtype=np.float64)
    except ValueError:
        return None


def check_recordings(
    sequences: Sequences, labels: np.ndarray | None, pieces: Pieces, names: Sequence[str]
) -> list[str]:
    """Refuse a recording that is there with two labels, or that `split` puts into test and into another part.

    Returns a note on those that are there twice otherwise, as in archives whose files say what is tested.
    """
    part = np.empty(len(sequences), dtype="U5")
    for name, chosen in pieces.items():
        part[chosen] = name
    twice = _pairs(sequences)
    for one, other in twice:
        places = f"{sequences.place(one)} and {sequences.place(other)} hold the same recording"
        if labels is not None and labels[one] != labels[other]:
            two = f"with the labels `{names[labels[one]]}` and `{names[labels[other]]}`"
            raise DataError(f"{places}, {two}: correct one of them, or leave one out")
        tested = [index for index in (one, other) if part[index] == "test"]
        if len(tested) == 1 and (sequences.parts is None or not sequences.parts[tested[0]]):
            raise DataError(
                f"{places}; data.split puts one into {part[one]} and one into {part[other]}, where the answer is "
                "known then: leave one out"
            )
    if not twice:
        return []
    across = sum(part[one] != part[other] for one, other in twice)
    one, other = twice[0]
    return [
        f"{count(len(twice), 'recording')} {'is' if len(twice) == 1 else 'are'} there twice, {across} of them in two "
        f"sets, such as {sequences.place(one)} and {sequences.place(other)}"
    ]


def _pairs(sequences: Sequences) -> list[tuple[int, int]]:
    """Return each recording that is there before, behind the first of its kind."""
    first: dict[bytes, int] = {}
    found = []
    for index in range(len(sequences)):
        values = np.ascontiguousarray(sequences.one(index), dtype=np.float64) + 0.0  # -0 is 0
        key = hashlib.blake2b(values.tobytes(), digest_size=16).digest()
        if (before := first.setdefault(key, index)) != index and _telling(values):
            found.append((before, index))
    return found


def _telling(values: np.ndarray) -> bool:
    """Say whether values are those of one recording, and not such as many have: constant, or a short code."""
    distinct = np.unique(values)
    return len(distinct) >= MIN_DISTINCT or (len(distinct) > 1 and bool(np.any(distinct != np.round(distinct))))


def seen_examples(dataset: Any, own: Any, what: str = "scored examples") -> str:
    """Say how many of the scored examples stand in what a run has learned from, `own`, told by their `content`."""
    learned = {own.content(int(i)) for part in LEARNED_FROM if part in own.parts for i in own.list_examples(part)}
    scored = dataset.list_examples(dataset.scored)
    return known_share(sum(dataset.content(int(index)) in learned for index in scored), f"{len(scored)} {what}")


def known_share(seen: int, total: str) -> str:
    """Put into words how many have been learned from; nothing for none."""
    return f"{seen} of the {total} are among those that the run was trained on" if seen else ""
