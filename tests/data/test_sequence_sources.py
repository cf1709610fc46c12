"""The sources of labeled sequences: `.ts` files, NumPy archives, folders of tables."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.labeled import Sequences
from rnnexp.data.sequences import SequenceDataset
from rnnexp.data.sources.npz import npz
from rnnexp.data.sources.sequence_folder import sequence_folder
from rnnexp.data.sources.ts import ts
from rnnexp.data.tables.remedy import Refused
from rnnexp.registry import settings
from rnnexp.tasks import load

HEAD = "@problemName toy\n@univariate true\n@classLabel true up down\n@data\n"
PAIRS = {"split": {"train": 2, "val": None, "test": None}}


def written(name: str, content: str | bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def read(content: str | bytes, name: str = "t.ts", **fields: Any) -> Sequences:
    return ts(path=written(name, content), **fields).read()


def test_one_channel_is_read_with_its_labels() -> None:
    found = read(HEAD + "1,2,3:up\n3,2.5,-1e2:down\n")
    assert [found.one(i).tolist() for i in (0, 1)] == [[[1], [2], [3]], [[3], [2.5], [-100]]]
    assert (found.targets.tolist(), found.channels, found.source) == (["up", "down"], ("0",), "t.ts")
    assert found.place(1) == "t.ts, line 6"


def test_channels_become_columns_in_their_order() -> None:
    found = read("@dimensions 2\n@classLabel true a b\n@data\n1,2,3:4,5,6:a\n7,8,9:0,0,0:b\n")
    assert found.one(0).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert found.channels == ("0", "1")


@pytest.mark.parametrize(
    "header",
    [
        "@targetLabel true",
        "@TARGETLABEL TRUE",
        "@classLabel false\n@targetLabel true",
        "@targetLabel true\n@classLabel false",
    ],
)
def test_numbers_to_predict_lead_to_the_task_that_predicts_them(header: str) -> None:
    content = f"{header}\n@data\n1,2:0.5\n3,4:1.5\n"
    with pytest.raises(Refused, match=r"t\.ts: .*@targetLabel true.* Read it with data\.task=regression$") as refused:
        read(content)
    (remedy,) = refused.value.remedies
    assert read(content, **remedy.settings).targets.tolist() == [0.5, 1.5]
    assert read("@targetLabel false\n@classLabel true a b\n@data\n1,2:a\n3,4:b\n").targets.tolist() == ["a", "b"]


def test_sequences_may_differ_in_length() -> None:
    found = read("@equalLength false\n@classLabel true a b\n@data\n1,2:4,5:a\n7:0:b\n")
    assert found.lengths().tolist() == [2, 1]
    assert found.one(1).tolist() == [[7, 0]]


def test_comments_blank_lines_capitals_and_windows_line_ends_do_no_harm() -> None:
    found = read("# a comment\r\n%another\r\n\r\n@CLASSLABEL TRUE a b\r\n@DATA\r\n1, 2:a\r\n3,4 : b\r\n")
    assert (found.targets.tolist(), found.values.ravel().tolist()) == (["a", "b"], [1, 2, 3, 4])
    assert found.place(1) == "t.ts, line 7"


def test_a_file_without_a_header_or_with_a_mark_is_read() -> None:
    assert read("1,2:a\n3,4:b\n").targets.tolist() == ["a", "b"]
    assert read("﻿1,2:a\n3,4:b\n").values[0, 0] == 1


def test_a_packed_file_is_the_same_file() -> None:
    plain, packed = read(HEAD + "1,2:up\n"), read(gzip.compress((HEAD + "1,2:up\n").encode()), "t.ts.gz")
    assert np.array_equal(plain.values, packed.values)
    assert packed.targets.tolist() == ["up"]


def test_targets_may_be_numbers() -> None:
    path = written("t.ts", "@targetlabel true\n@data\n" + "".join(f"{i},1:{i / 2}\n" for i in range(8)))
    dataset = load(ts(path=path, task="regression"))
    assert (dataset.spec.task, dataset.spec.loss, dataset.spec.output_shape) == ("regression", "mse", (1,))
    assert dataset.sequences.targets.tolist() == [i / 2 for i in range(8)]


def test_a_second_file_is_the_test_part() -> None:
    train = written("a.ts", HEAD + "".join(f"{i},1:{'up' if i % 2 else 'down'}\n" for i in range(10)))
    test = written("b.ts", HEAD + "0,0:up\n0,0:down\n")
    dataset = load(ts(path=train, test_path=test, split={"train": 0.8, "val": 0.2, "test": 0}))
    assert dataset.summary.sizes == {"train": 8, "val": 2, "test": 2}
    assert dataset.parts["test"].indices.tolist() == [10, 11]
    assert dataset.summary.source == "a.ts, b.ts"
    assert [dataset.sequences.place(i) for i in (0, 11)] == ["a.ts, line 5", "b.ts, line 6"]


def test_a_pattern_names_many_files() -> None:
    for name in ("a", "b"):
        written(f"{name}.ts", f"1,2:{name}\n")
    assert ts(path="*.ts").read().targets.tolist() == ["a", "b"]


def archive(name: str = "t.npz", **arrays: Any) -> str:
    np.savez(name, **arrays)
    return name


def test_an_archive_holds_sequences_and_labels() -> None:
    x = np.arange(24).reshape(4, 3, 2)
    found = npz(path=archive(x=x, y=["a", "b", "a", "b"])).read()
    assert np.array_equal(found.one(3), x[3])
    assert (found.channels, found.targets.tolist()) == (("0", "1"), ["a", "b", "a", "b"])
    assert found.place(2) == "t.npz, example 2"
    assert npz(path=archive(x=x[..., 0], y=[1, 2, 3, 4])).read().one(1).tolist() == [[6], [8], [10]]


def test_lengths_end_sequences_early() -> None:
    x = np.arange(12.0).reshape(4, 3)
    x[1, 2] = np.nan
    found = npz(path=archive(x=x, y=[0, 1, 2, 3], n=[3, 2, 1, 3]), lengths="n").read()
    assert found.lengths().tolist() == [3, 2, 1, 3]
    assert found.one(2).tolist() == [[6]]


def test_an_archive_may_hold_the_test_part() -> None:
    names = {"inputs": "a", "targets": "b", "test_inputs": "c", "test_targets": "d", "test_lengths": "e"}
    arrays = {"a": np.zeros((6, 3)), "b": np.arange(6.0), "c": np.ones((2, 4)), "d": [8.0, 9.0], "e": [4, 2]}
    dataset = load(npz(path=archive(**arrays), **names, split={"train": 0.8, "val": None, "test": None}))
    assert dataset.summary.sizes == {"train": 6, "test": 2}
    assert dataset.restore("test", np.zeros((2, 1))).actual.ravel().tolist() == [8, 9]
    assert dataset.sequences.lengths()[-2:].tolist() == [4, 2]


def test_a_test_part_needs_both_of_its_arrays() -> None:
    assert npz(path="t.npz", test_inputs="c").check() == ["data.test_targets: a value is needed, too"]
    assert npz(path="t.npz", test_lengths="c").check() == ["data.test_inputs: a value is needed, too"]


def folder(tables: dict[str, str], labels: str, **fields: Any) -> Sequences:
    for name, content in tables.items():
        written(f"runs/{name}", content)
    written("runs/labels.csv", labels)
    return sequence_folder(path="runs", **fields).read()


LABELS = "file,label\na.csv,up\nb.csv,down\n"


def test_the_columns_of_tables_are_matched_by_name() -> None:
    found = folder({"a.csv": "x,y\n1,2\n3,4\n5,6\n", "b.csv": "z,y,x\n0,8,7\n"}, LABELS)
    assert found.channels == ("x", "y")
    assert [found.one(i).tolist() for i in (0, 1)] == [[[1, 2], [3, 4], [5, 6]], [[7, 8]]]
    assert (found.targets.tolist(), found.source) == (["up", "down"], "runs")
    assert [found.place(i) for i in (0, 1)] == ["runs/a.csv", "runs/b.csv"]


def test_channels_choose_columns() -> None:
    tables = {"a.csv": "t,x,y\nmorning,1,2\n", "b.csv": "t,x,y\nnoon,3,4\n"}
    assert folder(tables, LABELS, channels=["y"]).values.tolist() == [[2], [4]]


def test_tables_without_a_header_are_read_by_position() -> None:
    found = folder({"a.csv": "1;2,5\n", "b.csv": "3;4\n"}, LABELS, header="none", decimal=",")
    assert found.values.tolist() == [[1, 2.5], [3, 4]]


def test_a_column_says_the_part_and_an_empty_cell_leaves_it_to_the_split() -> None:
    names = [f"{i}.csv" for i in range(8)]
    parts = ["test", "val", "test", "", "", "", "", ""]
    rows = "".join(f"{name},{'ab'[i % 2]},{part}\n" for i, (name, part) in enumerate(zip(names, parts)))
    for name in names:
        written(f"runs/{name}", "x\n1\n2\n")
    written("runs/labels.csv", "file,label,part\n" + rows)
    dataset = load(sequence_folder(path="runs", part="part", split={"train": 0.8, "val": 0.2, "test": 0}))
    assert {name: one.indices.tolist() for name, one in dataset.parts.items()} == {
        "train": [3, 4, 5, 6, 7],
        "val": [1],
        "test": [0, 2],
    }


def test_parquet_and_packed_tables_may_stand_side_by_side() -> None:
    Path("runs").mkdir()
    pd.DataFrame({"x": [1.5, 2.0], "y": [3, 4]}).to_parquet("runs/a.parquet")
    written("runs/b.csv.gz", gzip.compress(b"y,x\n6,5\n"))
    found = folder({}, "file,label\na.parquet,up\nb.csv.gz,down\n")
    assert found.channels == ("x", "y")
    assert found.values.tolist() == [[1.5, 3], [2, 4], [5, 6]]


def test_the_target_of_a_table_may_be_a_number() -> None:
    found = folder({"a.csv": "x\n1\n", "b.csv": "x\n2\n"}, "file,label\na.csv,0.5\nb.csv,-1\n", task="regression")
    assert found.targets.tolist() == [0.5, -1]


def test_labels_stay_as_they_are_written() -> None:
    assert folder({"a.csv": "x\n1\n", "b.csv": "x\n2\n"}, "file,label\na.csv,007\nb.csv,1.0\n").targets.tolist() == [
        "007",
        "1.0",
    ]


@settings
class Ragged(ts):
    """Twenty sequences of 2 to 6 steps from the test itself."""

    name: str = "ragged"
    path: str = ""

    def read(self) -> Sequences:
        generator = np.random.default_rng(0)
        many = [generator.normal(3, 2, size=(2 + i % 5, 2)) for i in range(20)]
        return Sequences.of(many, [("up", "down")[i % 2] for i in range(20)])


def test_sequences_of_different_length_get_a_mask_and_those_of_one_length_none() -> None:
    varied = load(Ragged())
    assert {name: (one.shape, one.dtype) for name, one in varied.spec.inputs.items()} == {
        "past": ((None, 2), "float32"),
        "mask": ((None,), "bool"),
    }
    x, y, _ = varied.batch(varied.parts["train"].arrays, np.array([3, 9]))
    assert (x["past"].shape, x["mask"].sum(axis=1).tolist(), y.tolist()) == ((2, 6, 2), [5, 6], [0, 0])
    np.testing.assert_allclose(x["past"][0, :5], varied.sequences.one(3), rtol=1e-6)
    assert (x["past"][0, 5:] == 0).all()
    equal = load(Ragged(max_length=2, on_long="cut"))
    assert {name: one.shape for name, one in equal.spec.inputs.items()} == {"past": (2, 2)}
    assert equal.batch(equal.parts["train"].arrays, np.array([3, 9]))[0].shape == (2, 2, 2)


def test_the_scaler_sees_the_steps_of_the_training_part_alone() -> None:
    dataset = load(Ragged(scaler="standard"))
    assert isinstance(dataset, SequenceDataset)
    seen = np.concatenate([dataset.sequences.one(i) for i in dataset.parts["train"].indices])
    np.testing.assert_allclose(dataset.pipeline.mean, seen.mean(axis=0))
    np.testing.assert_allclose(dataset.pipeline.deviation, seen.std(axis=0))
    assert not np.allclose(dataset.pipeline.mean, dataset.sequences.values.mean(axis=0))
    x, _, _ = dataset.batch(dataset.parts["train"].arrays, dataset.parts["train"].indices)
    np.testing.assert_allclose(x["past"][x["mask"]].mean(axis=0), 0, atol=1e-6)


def test_long_sequences_are_cut_and_counted_if_asked_for() -> None:
    dataset = load(Ragged(max_length=4, on_long="cut"))
    assert Counter(dataset.sequences.lengths().tolist()) == {4: 12, 3: 4, 2: 4}
    assert dataset.summary.notes == ("8 of 20 sequences truncated to their first 4 steps, such as example 3 (5)",)
    np.testing.assert_array_equal(dataset.sequences.one(4), Ragged().read().one(4)[:4])
