"""The table of bad sequences: each is refused with a message that names the file, the line and the way out."""

# ruff: noqa: E501 one case per line reads as a table

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.npz import npz
from rnnexp.data.sources.sequence_folder import sequence_folder
from rnnexp.data.sources.ts import ts
from rnnexp.errors import ConfigError, DataError
from rnnexp.registry import settings
from rnnexp.tasks import load

HEAD = "@univariate true\n@classLabel true a b\n@data\n"
GOOD = HEAD + "1,2:a\n3,4:b\n" * 6


def written(name: str, content: str | bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


TS = {
    "empty file": ("", {}, "t.ts: is empty (0 bytes)"),
    "header only": (HEAD, {}, "t.ts: there are no cases below the header; is this a .ts file?"),
    "ragged channels": ("@data\n1,2,3:4,5:a\n", {}, "t.ts, line 2: the channels of a case must be equally long; they have 3, 2 values"),
    "another number of channels": ("@data\n1:2:a\n1:b\n", {}, "t.ts, line 3: 1 channels; there should be 2"),
    "other than the header says": ("@dimensions 3\n1:2:a\n", {}, "t.ts, line 2: 2 channels; there should be 3"),
    "two where it says univariate": (HEAD + "1:2:a\n", {}, "t.ts, line 4: 2 channels; there should be 1"),
    "another length": ("@seriesLength 3\n1,2,3:a\n1,2:b\n", {}, "t.ts, line 3: 2 steps; the header says @seriesLength 3"),
    "a label not listed": (HEAD + "1,2:c\n", {}, "t.ts, line 4: the label `c` is not one of a, b (@classLabel)"),
    "no label listed": (HEAD + "1,2:\n", {}, "t.ts, line 4: the label `` is not one of a, b (@classLabel)"),
    "no label": ("1,2:a\n1,2:\n", {}, "t.ts, line 2: the label is missing"),
    "no colon": ("1,2,3\n", {}, "t.ts, line 1: there is no `:` between values and label: 1,2,3"),
    "missing value": (HEAD + "1,2:a\n1,?,3:b\n", {}, "t.ts, line 5: channel 1, value 2 is missing"),
    "empty cell": (HEAD + "1,2:a\n1,,3:b\n", {}, "t.ts, line 5: channel 1, value 2 is missing"),
    "not a number": ("1,2:3,x4:a\n", {}, "t.ts, line 1: channel 2, value 2 `x4` is not a number"),
    "not finite": (GOOD + "1,nan:a\n", {}, "t.ts, line 16: step 2, channel `0` is not a finite number (1 such values)"),
    "too large": (GOOD + "1e999,1:a\n", {}, "t.ts, line 16: step 1, channel `0` is not a finite number"),
    "time stamps": ("@timeStamps true\n@data\n(0,1):a\n", {}, "t.ts, line 1: @timeStamps true is not supported; write the values alone"),
    "bad header": ("@dimensions two\n1:a\n", {}, "t.ts, line 1: a whole number is needed, not `two`"),
    "no labels said": ("@classLabel false\n1,2\n", {}, "t.ts: its header says that there are no labels (@classLabel false)"),
    "one class": ("1,2:a\n" * 9, {}, "t.ts: classification needs at least 2 labels; the data have ['a']"),
    "a class that training lacks": ("1,2:a\n" * 12 + "1,2:b\n", {"split": {"train": 4, "val": 2, "test": 7}}, "t.ts, line 13: the label `b` does not occur in the training set (1 such examples)"),
    "too long": (GOOD, {"max_length": 1}, "t.ts, line 4: 2 steps, more than data.max_length=1 (12 such sequences); data.on_long=cut keeps their beginning"),
    "unknown encoding": (GOOD, {"encoding": "utf-9"}, "data.encoding: `utf-9` is unknown; common ones: utf-8"),
    "latin-1": (HEAD.encode() + b"1,2:\xff\n", {}, "t.ts: not valid utf-8: byte 0xff at offset 48 (line 4). Name the encoding it was saved in: data.encoding=latin-1"),
    "cut gzip": (gzip.compress(GOOD.encode())[:-9], {}, "t.ts: damaged gzip file"),
    "no number to predict": ("1,2:0.5\n1,2:high\n", {"task": "regression"}, "t.ts, line 2: the target `high` is not a number"),
    "target not finite": ("1,2:0.5\n" * 9 + "1,2:nan\n", {"task": "regression"}, "t.ts, line 10: the target is not a finite number"),
}  # fmt: skip


@pytest.mark.parametrize("case", TS)
@pytest.mark.fault("E15")
def test_a_bad_ts_file_is_refused(case: str) -> None:
    content, fields, message = TS[case]
    with pytest.raises((DataError, ConfigError), match=re.escape(message)):
        load(ts(path=written("t.ts", content), **fields))


def test_the_same_ts_file_without_a_flaw_is_read() -> None:
    assert len(load(ts(path=written("t.ts", GOOD))).sequences) == 12


def test_a_test_file_with_other_channels_is_refused() -> None:
    written("b.ts", "1,2:1,2:a\n1,2:1,2:b\n")
    with pytest.raises(DataError, match=r"b\.ts, line 1: 2 channels; a\.ts has 1"):
        load(ts(path=written("a.ts", GOOD), test_path="b.ts"))


@pytest.mark.fault("E1")
def test_an_absent_file_is_named_with_what_is_near_and_where_to_get_it() -> None:
    written("train.ts", GOOD)
    with pytest.raises(DataError, match=r"trian\.ts: there is no file .*near it: train\.ts.*Where to get it: the shop"):
        load(ts(path="trian.ts", origin="the shop"))


X, Y = np.arange(24.0).reshape(6, 2, 2), np.array(["a", "b"] * 3)
NPZ: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "misspelled": ({"xs": X, "y": Y}, {}, "t.npz: there is no array `x`, but xs, y; did you mean `xs`?"),
    "pickled inputs": ({"x": np.array([{}] * 6, dtype=object), "y": Y}, {}, "t.npz: `x` cannot be read as an array of numbers or text: Object arrays cannot be loaded"),
    "pickled targets": ({"x": X, "y": np.array([{}] * 6, dtype=object)}, {}, "t.npz: `y` cannot be read as an array of numbers or text: Object arrays cannot be loaded"),
    "too few targets": ({"x": X, "y": Y[:5]}, {}, "`x` must be (n, time, channels) or (n, time) with one of `y` each; they are (6, 2, 2) and (5,)"),
    "one number each": ({"x": X[:, 0, 0], "y": Y}, {}, "they are (6,) and (6,)"),
    "no examples": ({"x": X[:0], "y": Y[:0]}, {}, "they are (0, 2, 2) and (0,)"),
    "text": ({"x": X.astype(str), "y": Y}, {}, "t.npz: `x` holds <U32 values, not numbers"),
    "lengths too long": ({"x": X, "y": Y, "n": [2] * 5 + [3]}, {"lengths": "n"}, "t.npz: `n` must be (6,) whole numbers from 0 to 2"),
    "lengths of a fraction": ({"x": X, "y": Y, "n": [1.5] * 6}, {"lengths": "n"}, "t.npz: `n` must be (6,) whole numbers from 0 to 2"),
    "no steps": ({"x": X, "y": Y, "n": [2, 0] * 3}, {"lengths": "n"}, "t.npz, example 1: the sequence has no steps (3 such sequences)"),
    "not finite": ({"x": np.where(X == 13, np.inf, X), "y": Y}, {}, "t.npz, example 3: step 1, channel `1` is not a finite number (1 such values)"),
    "several labels each": ({"x": X, "y": np.eye(6)}, {}, "t.npz: labels must be (n,), one each, not (6, 6)"),
    "a label that is missing": ({"x": X, "y": [1.0, np.nan] * 3}, {}, "t.npz, example 1: the label is missing (3 such examples)"),
    "labels to predict as numbers": ({"x": X, "y": Y}, {"task": "regression"}, "t.npz, example 0: the target `a` is not a number; data.task=classification takes labels"),
    "other channels in the test set": ({"x": X, "y": Y, "u": X[..., :1], "v": Y}, {"test_inputs": "u", "test_targets": "v"}, "t.npz, example 6: the shape is (2, 1); it must be (time, 2)"),
    "other targets in the test set": ({"x": X, "y": Y, "u": X, "v": np.eye(6)}, {"test_inputs": "u", "test_targets": "v"}, "t.npz: `v` must be like `y`, which is (6,), not (6, 6)"),
}  # fmt: skip


@pytest.mark.parametrize("case", NPZ)
@pytest.mark.fault("E11", "I2")
def test_a_bad_archive_is_refused(case: str) -> None:
    arrays, fields, message = NPZ[case]
    np.savez("t.npz", **arrays)
    with pytest.raises(DataError, match=re.escape(message)):
        load(npz(path="t.npz", **{"task": "classification", **fields}))


def test_the_same_archive_without_a_flaw_is_read() -> None:
    np.savez("t.npz", x=X, y=Y)
    assert len(load(npz(path="t.npz", task="classification", split="none")).sequences) == 6


@pytest.mark.parametrize("content", [b"not an archive", b"PK\x03\x04broken", b"\x93NUMPY\x01\x00"])
@pytest.mark.fault("E11")
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"t\.npz: `x` cannot be read as an array of numbers or text"):
        load(npz(path=written("t.npz", content)))


def test_a_single_array_is_no_archive() -> None:
    np.save("t.npy", X)
    with pytest.raises(DataError, match=r"t\.npy: `x` cannot be read as an array of numbers or text"):
        load(npz(path="t.npy"))


TABLES = {"runs/a.csv": "x,y\n1,2\n", "runs/b.csv": "x,y\n3,4\n"}
LABELS = "file,label,part\na.csv,up,train\nb.csv,down,\n"
FOLDERS: dict[str, tuple[dict[str, str], str, dict[str, Any], str]] = {
    "no folder": ({}, "", {"path": "run"}, "run: there is no folder"),
    "no labels": ({}, "", {"labels": "label.csv"}, "runs/label.csv: there is no such table of labels (data.labels)"),
    "absent table": ({}, "file,label\nc.csv,up\na.csv,down\n", {}, "runs/labels.csv, line 2: there is no file `c.csv` in runs; did you mean"),
    "no table": ({}, "file,label\na.csv,up\n,down\n", {}, "runs/labels.csv, line 3: there is no file `` in runs"),
    "outside": ({"secret.csv": "x,y\n1,2\n"}, "file,label\n../secret.csv,up\n", {}, "runs/labels.csv, line 2: `../secret.csv` lies outside of runs"),
    "no label": ({}, "file,label\na.csv,up\nb.csv,\n", {}, "runs/labels.csv, line 3: the label is empty"),
    "no number": ({}, LABELS, {"task": "regression"}, "runs/labels.csv, line 2: the target `up` is not a number"),
    "another part": ({}, LABELS.replace("train", "trian"), {"part": "part"}, "runs/labels.csv, line 2: the part `trian` is not one of train, val, test; did you mean `train`?"),
    "another column of labels": ({}, LABELS, {"label": "labels"}, 'runs/labels.csv: data.file or data.label: there is no column "labels"; did you mean `label`?'),
    "a column is missing": ({"runs/b.csv": "x,yy\n3,4\n"}, LABELS, {}, 'runs/b.csv: data.channels: there is no column "y"; did you mean `yy`?'),
    "no number in a table": ({"runs/b.csv": "x,y\n3,four\n"}, LABELS, {}, 'runs/b.csv: column "y": 1 cell is not a usable number (line 2 "four")'),
    "a gap in a table": ({"runs/b.csv": "x,y\n3,4\n5,\n"}, LABELS, {}, "runs/b.csv: step 2, channel `y` is not a finite number (1 such values)"),
    "an empty table": ({"runs/b.csv": ""}, LABELS, {}, "runs/b.csv: is empty (0 bytes)"),
    "a table without rows": ({"runs/b.csv": "x,y\n"}, LABELS, {}, "runs/b.csv: 0 usable rows: there is nothing below the header in line 1"),
    "unknown encoding": ({}, LABELS, {"encoding": "utf-9"}, "data.encoding: `utf-9` is unknown; common ones: utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS)
@pytest.mark.fault("E15")
def test_a_bad_folder_is_refused(case: str) -> None:
    files, labels, fields, message = FOLDERS[case]
    for name, content in {**TABLES, "runs/labels.csv": labels or LABELS, **files}.items():
        written(name, content)
    with pytest.raises((DataError, ConfigError), match=re.escape(message)):
        load(sequence_folder(**{"path": "runs", **fields}))


def test_no_key_is_named_that_a_folder_does_not_have() -> None:
    for name, content in {**TABLES, "runs/labels.csv": LABELS, "runs/b.csv": "x,y\n3,four\n"}.items():
        written(name, content)
    with pytest.raises(DataError, match=r'\(line 2 "four"\): a word$'):
        load(sequence_folder(path="runs"))


@pytest.mark.fault("I5")
def test_a_link_out_of_the_folder_is_refused() -> None:
    for name, content in {**TABLES, "runs/labels.csv": LABELS, "secret.csv": "x,y\n1,2\n"}.items():
        written(name, content)
    Path("runs/b.csv").unlink()
    Path("runs/b.csv").symlink_to(Path("secret.csv").absolute())
    with pytest.raises(DataError, match=r"labels\.csv, line 3: `b\.csv` lies outside of runs"):
        load(sequence_folder(path="runs"))


@settings
class Given(SequenceSource):
    """Inputs and targets from the test itself, as a user's function returns them."""

    name: str = "given"
    x: Any = ()
    y: Any = ()

    def read(self) -> tuple[Any, Any]:
        return self.x, self.y


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([np.ones((2, 1)), np.ones((3, 2))], [1.0, 2.0], "example 1: the shape is (3, 2); it must be (time, 1)"),
        ([np.ones(2), np.ones(3)], [1.0, 2.0], "example 0: the shape is (2,); it must be (time, channels)"),
        ([np.ones((2, 1))], [1.0, 2.0], "data.given: inputs must be (examples, time, features), or a list of"),
        (np.ones((4, 2)), np.ones(4), "they are (4, 2) with targets (4,)"),
        (np.ones((2, 2, 1)), ["up", "down"], "example 0: the target `up` is not a number; data.task=classification"),
        ([], [], "they are 0 sequences with targets (0,)"),
    ],
)
def test_what_a_function_of_a_user_returns_is_checked(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        load(Given(x=x, y=y))


@pytest.mark.parametrize("returned", [None, [1.0, 2.0], (1.0, 2.0, 3.0), "text"])
def test_a_source_of_ones_own_that_returns_no_pair_is_refused(returned: object) -> None:
    from rnnexp import register

    @register("data")
    class own_pairs(SequenceSource):
        def read(self):
            return returned

    with pytest.raises(DataError, match=r"data.own_pairs: returned \w+; a source of examples returns \(inputs, targ"):
        load(own_pairs())
