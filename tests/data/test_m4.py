"""Wide files of many series, as the M4 competition gives them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from rnnexp.data.sources.m4 import m4
from rnnexp.data.splits import Split
from rnnexp.data.tables.wide import read_wide
from rnnexp.errors import DataError
from rnnexp.tasks import load

TRAIN = '"V1","V2","V3","V4"\n"W1","1.5","2","3"\n"W2","4","5",""\n'
TEST = '"V1","V2","V3"\n"W2","6","7"\n"W1","8","9"\n'


def wide(text: str, name: str = "wide.csv") -> Path:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    return Path(name)


def both(train: str = TRAIN, test: str = TEST) -> None:
    wide(train, "m4/Weekly-train.csv")
    wide(test, "m4/Weekly-test.csv")


def test_test_values_follow_the_training_values_of_their_series() -> None:
    both()
    series = m4(group="Weekly").read()
    assert (series.ids, series.offsets.tolist()) == (("W1", "W2"), [0, 5, 9])
    assert series.values.ravel().tolist() == [1.5, 2, 3, 8, 9, 4, 5, 6, 7]


def test_the_test_file_can_be_left_alone() -> None:
    wide(TRAIN, "m4/Weekly-train.csv")
    assert m4(group="Weekly", rows="train").read().values.ravel().tolist() == [1.5, 2, 3, 4, 5]


def test_a_packed_file_is_read_as_a_plain_one() -> None:
    wide("", "m4/Weekly-train.csv").unlink()
    Path("m4/Weekly-train.csv.gz").write_bytes(gzip.compress(TRAIN.encode()))
    assert len(m4(group="Weekly", rows="train").read().values) == 5
    wide(TRAIN, "m4/Weekly-train.csv")
    with pytest.raises(DataError, match="lie side by side; keep one of them"):
        m4(group="Weekly", rows="train").read()


def test_a_series_without_test_values_is_named() -> None:
    both(test=TEST.replace("W1", "W3"))
    with pytest.raises(DataError, match="2 series are in only one of the two files, such as `W1`"):
        m4(group="Weekly").read()


def test_an_absent_file_says_where_to_get_it() -> None:
    with pytest.raises(DataError, match=r"Hourly-train.csv.*Where to get it: folder Dataset of https://github.com"):
        m4().read()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("W1,1,two,3", 'line 2: series `W1` has a cell that is not a usable number: "two"'),
        ("W1,1,,3", "line 2: series `W1` has an empty cell before a value: V3"),
        ("W1,,,", "line 2: series `W1` has no values"),
        ("W1,1,2,3\nW1,4,5,6", "line 3: series `W1` is there twice"),
        ("", "there is nothing below the header"),
    ],
)
def test_a_flawed_row_is_named(row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_wide(wide(f"V1,V2,V3,V4\n{row}\n"))


def test_the_real_series_end_with_the_values_of_the_organizers(shared_data: Path) -> None:
    split: Any = Split(train=None, val=0, test=48)  # type: ignore[call-arg]
    dataset = load(m4(root=str(shared_data), sequence_length=24, horizon=48, stride=24, split=split))
    assert (dataset.summary.series, dataset.summary.sizes["test"]) == (414, 414)
    assert dataset.history.values[-1].item() == 24.0
