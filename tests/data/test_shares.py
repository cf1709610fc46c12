"""How independent examples are shared out: each once, classes in proportion, nothing left out unsaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnnexp.data.shares import share_out
from rnnexp.data.source import SequenceSource
from rnnexp.errors import DataError
from rnnexp.registry import settings as component
from rnnexp.tasks import load

FAST = settings(deadline=None, max_examples=60)
FRACTIONS = st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (0.8, 0.0, 0.2), (0.34, 0.33, 0.33)])


@component
class Labeled(SequenceSource):
    """Sequences of one step whose labels, and parts where they have one, are given."""

    name: str = "labeled"
    task: str = "classification"
    labels: Any = (0, 1)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        return np.ones((len(self.labels), 1, 1)), np.array(self.labels)


def source(**fields: Any) -> Labeled:
    made = Labeled(**fields)
    assert made.check() == []
    return made


def split(train: float, val: float | None, test: float | None) -> dict[str, Any]:
    return {"train": train, "val": val, "test": test}


def everyone(pieces: dict[str, np.ndarray]) -> list[int]:
    return sorted(int(index) for piece in pieces.values() for index in piece)


@given(st.lists(st.integers(6, 40), min_size=2, max_size=5), FRACTIONS, st.integers(0, 9))
@FAST
def test_parts_are_disjoint_and_complete_and_hold_each_class_in_proportion(
    counts: list[int], fractions: tuple[float, float, float], seed: int
) -> None:
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    total = len(classes)
    pieces = share_out(source(split=split(*fractions), seed=seed), None, classes, total)
    assert everyone(pieces) == list(range(total))
    for name, fraction in zip(("train", "val", "test"), fractions):
        held = np.bincount(classes[pieces.get(name, [])], minlength=len(counts))
        assert abs(held.sum() - fraction * total) < 2
        assert np.abs(held - held.sum() * np.array(counts) / total).max() < 2
    assert all((np.diff(piece) > 0).all() for piece in pieces.values())


def test_classes_that_are_not_cared_for_are_shared_by_chance() -> None:
    classes = np.repeat([0, 1], 50)

    def shares(known: np.ndarray | None) -> set[int]:
        wanted = [source(split=split(0.6, 0.2, 0.2), seed=seed) for seed in range(9)]
        return {int(classes[share_out(one, None, known, 100)["test"]].sum()) for one in wanted}

    assert shares(classes) == {10}
    assert max(abs(share - 10) for share in shares(None)) >= 2


@given(st.integers(2, 6), st.sampled_from(["val", "test"]), st.booleans(), st.integers(0, 5))
@FAST
def test_folds_hold_out_everything_once(folds: int, held_out: str, classified: bool, seed: int) -> None:
    classes = np.random.default_rng(seed).integers(0, 3, size=47) if classified else None
    parts = [
        share_out(source(folds=folds, fold=fold, held_out=held_out, seed=seed), None, classes, 47)
        for fold in range(1, folds + 1)
    ]
    held = np.concatenate([one[held_out] for one in parts])
    outside = np.array([], int) if held_out == "test" else parts[0]["test"]
    assert sorted([*held, *outside]) == list(range(47))
    assert all(everyone(one) == list(range(47)) for one in parts)
    sizes = [len(one[held_out]) for one in parts]
    assert max(sizes) - min(sizes) <= 1


def test_folds_hold_each_class_in_proportion() -> None:
    classes = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [10, 20, 30]))
    for fold in range(1, 6):
        held = share_out(source(folds=5, fold=fold, held_out="test"), None, classes, 60)["test"]
        assert np.bincount(classes[held]).tolist() == [2, 4, 6]


@given(st.lists(st.sampled_from(["", "", "val", "test"]), min_size=20, max_size=60))
@FAST
def test_parts_that_are_given_are_kept_and_the_others_share_the_rest(parts: list[str]) -> None:
    given_parts = np.array(parts)
    assume({"", "val", "test"} <= set(parts))
    assume(parts.count("") >= 4)
    pieces = share_out(source(split=split(0.7, 0.15, 0.15)), given_parts, None, len(parts))
    for name in ("val", "test"):
        assert pieces[name].tolist() == np.flatnonzero(given_parts == name).tolist()
    assert pieces["train"].tolist() == np.flatnonzero(given_parts == "").tolist()


@pytest.mark.parametrize(
    ("wanted", "given_part", "sizes"),
    [
        (split(0.6, 0.2, 0.2), "test", {"train": 60, "val": 20, "test": 10}),
        (split(0.8, 0.2, 0), "test", {"train": 64, "val": 16, "test": 10}),
        (split(0.6, 0.2, 0.2), "val", {"train": 60, "val": 10, "test": 20}),
        (split(0.9, None, None), "test", {"train": 80, "test": 10}),
        (split(50, 30, 0), "test", {"train": 50, "val": 30, "test": 10}),
        (split(70, None, 0), "test", {"train": 70, "test": 10}),
        (split(0.6, 0.2, 0.2), "train", {"train": 10, "val": 40, "test": 40}),
        ("none", "test", {"train": 80, "test": 10}),
    ],
)
def test_the_share_of_a_given_part_goes_to_the_others(wanted: Any, given_part: str, sizes: dict[str, int]) -> None:
    parts = np.array([""] * 80 + [given_part] * 10)
    pieces = share_out(Labeled(split=wanted), parts, None, 90)
    assert {name: len(piece) for name, piece in pieces.items()} == sizes


def test_another_seed_is_another_split_and_the_same_seed_is_the_same() -> None:
    one, same, other = (share_out(source(seed=seed), None, None, 50)["test"].tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_examples_beyond_the_numbers_asked_for_are_left_out_and_counted() -> None:
    labels = tuple(range(2)) * 10
    summary = load(source(labels=labels, split=split(8, 4, 4))).summary
    assert summary.sizes == {"train": 8, "val": 4, "test": 4}
    assert summary.notes == ("4 of 20 examples belong to no set: data.split leaves them out",)
    assert load(source(labels=labels, split=split(8, 4, 8))).summary.notes == ()


def test_rest_goes_to_a_part_without_a_number() -> None:
    assert load(source(labels=(0, 1) * 10, split=split(8, 4, None))).summary.sizes["test"] == 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": split(0.9, 0.05, 0.05)}, r"the val set has no example out of 12; change data\.split"),
        ({"split": split(1.0, 0, None)}, r"the test set has no example out of 12; change data\.split"),
        ({"split": split(10, 2, 2)}, r"data\.split asks for 14 examples; there are 12"),
        ({"folds": 20, "fold": 20, "held_out": "test"}, r"the test set has no example out of 12"),
    ],
)
@pytest.mark.fault("E14")
def test_a_part_without_an_example_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        share_out(Labeled(**fields), None, np.arange(12) % 2, 12)


def test_examples_for_which_the_split_has_no_part_are_refused() -> None:
    parts = np.array(["train", "test", ""])
    with pytest.raises(DataError, match=r"data\.split has no set for the 1 examples that have none of their own"):
        share_out(Labeled(split=split(1.0, 0, 0)), parts, None, 3)


def test_a_fold_cannot_be_the_part_that_the_data_give() -> None:
    parts = np.array(["val", "test", *[""] * 8])
    with pytest.raises(DataError, match=r"data\.folds: the val set is given by the data"):
        share_out(source(folds=2), parts, None, 10)


@pytest.mark.fault("E8")
def test_a_class_that_training_never_sees_is_refused_with_its_place() -> None:
    with pytest.raises(
        DataError, match=r"example 12: the label `c` does not occur in the training set \(1 such examples\)"
    ):
        load(Labeled(labels=(*["a", "b"] * 6, "c"), split=split(4, 2, 7)))
    assert load(Labeled(labels=(*["a", "b"] * 6, *["c"] * 6), split=split(6, 3, 9))).spec.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": {**split(0.7, 0.15, 0.15), "gap": 2}}, "data.split.gap: 2 has no meaning for independent examples"),
        ({"split": split("2020", "2021", "2022")}, "data.split: independent examples have no dates"),
        ({"held_out": "test"}, "data.held_out: test is given without data.folds"),
        ({"fold": 2}, "data.fold: 2 is given without data.folds"),
        ({"folds": 3, "fold": 4}, "data.fold: 4 is more than data.folds=3"),
        ({"folds": 3, "split": "none"}, "data.folds: needs a test set outside the folds"),
        ({"split": split(0.8, 0.2, 0)}, "data.split.test: 0 leaves nothing to score"),
    ],
)
@pytest.mark.fault("E14")
def test_settings_that_contradict_each_other_are_named(fields: dict[str, Any], message: str) -> None:
    problems = Labeled(**fields).check()
    assert len(problems) == 1
    assert problems[0].startswith(message)
