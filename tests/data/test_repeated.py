"""Recordings that are there twice, and labels that are none."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from rnnexp import tasks
from rnnexp.data.labeled import Sequences
from rnnexp.data.sequences import SequenceDataset
from rnnexp.data.source import SequenceSource
from rnnexp.errors import DataError
from rnnexp.registry import settings


@settings
class GivenSequences(SequenceSource):
    name: Literal["given"] = "given"
    given: Any

    def read(self) -> Sequences:
        return self.given


def load(inputs: Any, targets: Any, parts: list[str] | None = None, **fields: Any) -> SequenceDataset:
    given = Sequences.of(
        inputs,
        np.array(targets),
        parts=None if parts is None else np.array(parts),
        place=lambda index: f"file, line {index}",
    )
    return tasks.load(GivenSequences(given=given, **fields))  # type: ignore[return-value]


def recordings(number: int = 40, steps: int = 6, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).random((number, steps, 1)))


AB = ["a", "b"] * 20


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("varied", [False, True])
def test_different_recordings_are_taken_without_a_word(task: str, varied: bool) -> None:
    inputs = [one[: 3 + i % 3] if varied else one for i, one in enumerate(recordings())]
    made = load(inputs, AB if task == "classification" else np.arange(40.0), task=task)
    assert made.summary.notes == ()


def test_a_recording_with_two_labels_is_refused_with_both_places() -> None:
    inputs = recordings()
    inputs[30] = inputs[3].copy()  # 3 is b, 30 is a
    with pytest.raises(
        DataError, match=r"line 3 and file, line 30 hold the same recording, with the labels `b` and `a`"
    ):
        load(inputs, AB, task="classification")


def test_a_negative_zero_does_not_hide_a_copy() -> None:
    inputs = recordings()
    inputs[3][2], inputs[30] = 0.0, inputs[3].copy()
    inputs[30][2] = -0.0
    with pytest.raises(DataError, match="hold the same recording"):
        load(inputs, AB, task="classification")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.fault("E13")
def test_a_copy_that_the_split_puts_into_the_test_part_is_refused_and_one_in_the_same_part_told(seed: int) -> None:
    inputs = recordings()
    test = load(inputs, AB, task="classification", seed=seed).parts["test"].indices
    inside, outside = int(test[0]), next(i for i in range(40) if i not in test and AB[i] == AB[test[0]])
    same = next(int(i) for i in test[1:] if AB[i] == AB[inside])
    both = sorted((inside, outside))
    copied = [inputs[inside] if i == outside else one for i, one in enumerate(inputs)]
    with pytest.raises(DataError, match=rf"line {both[0]} and file, line {both[1]} hold .* leave one out"):
        load(copied, AB, task="classification", seed=seed)
    told = load(
        [inputs[inside] if i == same else one for i, one in enumerate(inputs)], AB, task="classification", seed=seed
    )
    assert told.summary.notes == (
        f"1 recording is there twice, 0 of them in two sets, such as file, line {inside} and file, line {same}",
    )


def test_a_copy_in_a_test_part_that_the_data_give_is_told() -> None:
    inputs, parts = recordings(), [""] * 30 + ["test"] * 10
    inputs[34] = inputs[4]
    (note,) = load(inputs, AB, parts, task="classification").summary.notes
    assert note == "1 recording is there twice, 1 of them in two sets, such as file, line 4 and file, line 34"


@pytest.mark.parametrize("values", [[0, 1, 1, 0, 1], [0.5] * 5])
def test_short_codes_and_constants_may_come_twice(values: list[float]) -> None:
    code = np.array(values, float)[:, None]
    assert load([code if i in (3, 30) else one for i, one in enumerate(recordings(steps=5))], AB, task="classification")


@pytest.mark.parametrize(
    "labels", [[str(i) for i in range(40)], [f"id{i // 1.9:.0f}" for i in range(40)], np.arange(40), np.arange(40) / 7]
)
def test_nearly_a_label_for_each_sequence_raises_a_question(labels: Any) -> None:
    with pytest.raises(
        DataError, match=r"labels for 40 sequences, such as .*: are these labels\? .* data.task=regression"
    ):
        load(recordings(), labels, task="classification")
    assert load(recordings(), np.arange(40) % 12, task="classification").spec.classes == tuple(map(str, range(12)))


def test_labels_that_may_be_texts_are_told_so() -> None:
    texts = np.array([f"word {i}" for i in range(40)])
    with pytest.raises(DataError, match=r"data.task=regression, texts to write down data.task=transcription"):
        load(recordings(), texts, task="classification")
    with pytest.raises(DataError, match=r"data.task=regression$"):
        load(recordings(), np.arange(40), task="classification")


def test_measured_numbers_are_no_labels_even_if_each_comes_several_times() -> None:
    with pytest.raises(DataError, match="13 labels for 80 sequences"):
        load(recordings(80), np.arange(80) % 13 + 0.5, task="classification")
    assert load(recordings(80), np.arange(80) % 13, task="classification").spec.classes == tuple(map(str, range(13)))


def test_examples_in_no_part_count_nowhere() -> None:
    """Not for the length, the classes, the padding, the scaler or the digest."""
    split = {"train": 24, "val": 0, "test": 8}
    fields = {"task": "classification", "scaler": "standard", "buckets": 2}
    inputs, labels = [one[: 3 + i % 3] for i, one in enumerate(recordings())], AB
    kept = load(inputs, labels, split=split, **fields)
    used = [int(kept.sequences.place(i).split()[-1]) for i in range(len(kept.sequences))]
    gone = sorted(set(range(40)) - set(used))
    assert (len(gone), kept.summary.rows) == (8, 32)
    odd = [np.ones((50, 1)) * 1e9 if i == gone[0] else one for i, one in enumerate(inputs)]
    other = load(odd, labels, split=split, **fields)
    assert other.scaling == kept.scaling
    assert other.parts["train"].bounds == kept.parts["train"].bounds
    for name in ("values", "begin", "length", "steps", "y"):
        assert np.array_equal(other.parts["train"].arrays[name], kept.parts["train"].arrays[name])
    changed = [np.ones((50, 1)) * 1e9 if i == used[0] else one for i, one in enumerate(inputs)]
    assert len(load(changed, labels, split=split, **fields).parts["train"].arrays["steps"]) == 50


def test_a_class_of_examples_in_no_part_is_none() -> None:
    labels = [*AB[:39], "c"]
    few = load(recordings(), labels, split={"train": 10, "val": 0, "test": 8}, task="classification")
    assert few.spec.classes == ("a", "b")
    with pytest.raises(DataError, match="the label `c` does not occur in the training set"):
        load(recordings(), labels, split={"train": 10, "val": 0, "test": None}, task="classification")
