"""All examples of a group (a patient, a machine, a speaker) are in one part, whatever split, seed and folds are."""

from __future__ import annotations

import re
from dataclasses import make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnexp.config.renamed import under_first_names
from rnnexp.data.dataset import digest
from rnnexp.data.labeled import Sequences
from rnnexp.data.shares import share_out
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.labeled_texts import text_table
from rnnexp.data.sources.npz import npz
from rnnexp.data.sources.sequence_folder import sequence_folder
from rnnexp.errors import DataError
from rnnexp.registry import settings as component
from rnnexp.tasks import check_leakage, load

FAST = settings(deadline=None, max_examples=60)
SPLIT = {"train": 0.7, "val": 0.15, "test": 0.15}


@component
class Owned(SequenceSource):
    """A source of a user's own that says whose its sequences are."""

    name: str = "owned"
    task: str = "classification"
    whose: Any = ()

    def read(self) -> Sequences:
        count = len(self.whose)
        values = np.random.default_rng(0).normal(size=(count, 3, 1))
        return Sequences.of(values, np.arange(count) % 2, groups=np.array(self.whose))


def parts_of(pieces: dict[str, np.ndarray], groups: np.ndarray) -> dict[str, set[str]]:
    return {name: set(groups[piece].tolist()) for name, piece in pieces.items()}


def shares(groups: np.ndarray, classes: np.ndarray | None = None, given_parts: Any = None, **fields: Any) -> Any:
    source = Owned(**fields)
    assert source.check() == []
    return share_out(source, given_parts, classes, len(groups), groups)


@given(st.lists(st.integers(1, 9), min_size=3, max_size=20), st.booleans(), st.integers(0, 9))
@FAST
@pytest.mark.end_to_end
def test_no_group_is_in_two_parts_and_nobody_is_left_out(sizes: list[int], labeled: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.permutation(np.repeat([f"p{i}" for i in range(len(sizes))], sizes))
    classes = generator.integers(0, 2, len(groups)) if labeled else None
    pieces = shares(groups, classes, split=SPLIT, seed=seed)
    found = parts_of(pieces, groups)
    assert list(found) == ["train", "val", "test"]
    assert sum(len(own) for own in found.values()) == len(set(groups))
    assert sorted(np.concatenate(list(pieces.values())).tolist()) == list(range(len(groups)))


@pytest.mark.parametrize("held_out", ["val", "test"])
@pytest.mark.parametrize("labeled", [False, True])
def test_folds_hold_whole_groups_out_each_once(held_out: str, labeled: bool) -> None:
    groups = np.random.default_rng(0).permutation(np.repeat([f"p{i}" for i in range(12)], 5))
    classes = np.array([int(name[1:]) % 2 for name in groups]) if labeled else None
    seen: list[str] = []
    for fold in (1, 2, 3):
        found = parts_of(shares(groups, classes, folds=3, fold=fold, held_out=held_out, split=SPLIT), groups)
        assert sum(len(own) for own in found.values()) == len(set.union(*found.values()))
        seen += sorted(found[held_out])
    assert len(seen) == len(set(seen)) == (12 if held_out == "test" else 12 - len(found["test"]))


def test_without_groups_one_patient_is_in_several_parts() -> None:
    groups = np.repeat([f"p{i}" for i in range(12)], 5)
    found = parts_of(share_out(Owned(split=SPLIT), None, None, len(groups)), groups)
    assert found["train"] & found["test"]


def test_groups_of_one_class_are_shared_out_in_proportion() -> None:
    groups = np.repeat([f"p{i:02}" for i in range(40)], 3)
    classes = np.array([int(name[1:]) < 10 for name in groups]).astype(int)
    pieces = shares(groups, classes, split={"train": 0.5, "val": 0.25, "test": 0.25})
    assert {name: classes[piece].mean() for name, piece in pieces.items()} == pytest.approx(
        {"train": 0.25, "val": 0.25, "test": 0.25}, abs=0.06
    )


@pytest.mark.parametrize(
    ("count", "fields", "said"),
    [
        (
            2,
            {"split": SPLIT},
            "data.groups: 2 groups cannot be divided among the sets train, val, test, each of which",
        ),
        (1, {"split": {"train": 0.8, "val": 0, "test": 0.2}}, "data.groups: 1 group cannot be divided among the sets"),
        (4, {"folds": 5, "split": SPLIT}, "data.folds: 5 given for 4 groups of data.groups; use fewer"),
        (4, {"split": {"train": 3, "val": 1, "test": 2}}, "data.split asks for 6 groups; there are 4"),
    ],
)
def test_fewer_groups_than_parts_are_refused(count: int, fields: dict[str, Any], said: str) -> None:
    groups = np.repeat([f"p{i}" for i in range(count)], 20)
    with pytest.raises(DataError, match=re.escape(said)):
        shares(groups, None, **fields)


def test_as_many_groups_as_parts_give_one_to_each() -> None:
    groups = np.repeat(["a", "b", "c"], [50, 2, 7])
    assert sorted(map(len, parts_of(shares(groups, split=SPLIT), groups).values())) == [1, 1, 1]


def test_a_group_that_the_files_put_into_two_parts_is_a_leak_by_name() -> None:
    whose = [f"p{i // 4}" for i in range(40)]
    data = load(Owned(whose=whose))
    assert check_leakage(data) == []
    mixed = replace(data, sequences=replace(data.sequences, groups=np.array(["p1"] * 40)))
    assert "1 group has examples in train and in val, such as `p1` of data.groups" in check_leakage(mixed)


def written_folder(rows: str) -> None:
    Path("runs").mkdir()
    Path("runs/labels.csv").write_text("file,label,patient\n" + rows)
    for i in range(40):
        Path(f"runs/{i}.csv").write_text(f"x\n{i}\n{i * i % 7 + 0.5}\n")


def test_a_column_of_the_table_of_labels_says_whose_a_recording_is() -> None:
    written_folder("".join(f"{i}.csv,{'ab'[i % 2]},{100 + i // 5}\n" for i in range(40)))
    data = load(sequence_folder(path="runs", groups="patient", split=SPLIT))
    whose = np.array([str(100 + i // 5) for i in range(40)])
    found = parts_of({name: part.indices for name, part in data.parts.items()}, whose)
    assert sum(map(len, found.values())) == 8
    assert check_leakage(data) == []


def test_a_recording_of_nobody_is_named() -> None:
    written_folder("".join(f"{i}.csv,{'ab'[i % 2]},{'' if i == 6 else i // 5}\n" for i in range(40)))
    with pytest.raises(DataError, match=r"labels\.csv, line 8: the group is empty \(data\.groups\)"):
        load(sequence_folder(path="runs", groups="patient"))


def test_a_column_of_a_table_of_texts_says_whose_a_text_is() -> None:
    rows = "".join(f"text number {i} of them\t{'ab'[i % 2]}\tu{i // 5}\n" for i in range(40))
    Path("t.tsv").write_text("text\tlabel\tuser\n" + rows)
    data = load(text_table(path="t.tsv", groups="user", split=SPLIT, min_count=1))
    found = parts_of({n: part.indices for n, part in data.parts.items()}, np.array([f"u{i // 5}" for i in range(40)]))
    assert sum(map(len, found.values())) == 8
    assert check_leakage(data) == []
    with pytest.raises(DataError, match=r't\.tsv.*"person".*did you mean|t\.tsv.*person'):
        load(text_table(path="t.tsv", groups="person"))
    Path("t.tsv").write_text("text\tlabel\tuser\n" + rows.replace("u3\n", " \n"))
    with pytest.raises(DataError, match=r"t\.tsv, line 17: the group is empty \(data\.groups\)"):
        load(text_table(path="t.tsv", groups="user"))


def test_an_array_says_whose_the_sequences_of_an_archive_are() -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 2
    np.savez("t.npz", x=x, y=y, who=np.arange(30) // 3, few=np.arange(3), parts=np.ones(30))
    data = load(npz(path="t.npz", task="classification", groups="who", split=SPLIT))
    found = parts_of({name: part.indices for name, part in data.parts.items()}, np.arange(30) // 3)
    assert sum(map(len, found.values())) == 10
    for wrong in ("few", "parts"):
        with pytest.raises(DataError, match=rf"`{wrong}` must be \(30,\) whole numbers or texts, one group each"):
            load(npz(path="t.npz", task="classification", groups=wrong))
    tested = npz(path="t.npz", groups="who", test_inputs="x", test_targets="y")
    assert tested.check() == ["data.test_groups: a value is needed, too"]


def test_data_without_groups_keep_the_digest_that_runs_have_logged() -> None:
    plain = npz(path="t.npz")
    fields = {key: value for key, value in vars(plain).items() if key not in ("groups", "test_groups", "target_scaler")}
    fields = under_first_names(npz, fields)
    older = make_dataclass("older", list(fields))
    assert digest(older(**fields), np.arange(3)) == digest(plain, np.arange(3))
    assert digest(npz(path="t.npz", groups="who"), np.arange(3)) != digest(plain, np.arange(3))
