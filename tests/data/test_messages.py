"""What is wrong with data that could be read: the message names the file, or else the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnnexp.data.sources.csv import csv
from rnnexp.data.sources.synthetic import sine
from rnnexp.errors import DataError
from rnnexp.tasks import load


def lone(rows: int, **fields: Any) -> csv:
    """Write a file of one column and point a source at it."""
    Path("lone.csv").write_text("y\n" + "\n".join(str(row) for row in range(rows)))
    return csv(path="lone.csv", **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sequence_length": 50}, r"^series `.*lone.csv` has 30 rows; one window needs 51: sequence_length 50"),
        ({"split": {"train": 90, "val": 5, "test": 5}}, r"^data.split asks for 100 rows; series `.*lone.csv` has 30"),
        (
            {"split": {"train": "2020", "val": "2021", "test": "2022"}},
            r"^data.split is .* series `.*lone.csv` has none",
        ),
        (
            {"split": {"train": 25, "val": 1, "test": 4}, "horizon": 2},
            r"^.*lone.csv: the val set has no window: it has 1 row and one window needs 2 rows of it",
        ),
        ({"calendar": ["month"]}, r"^.*lone.csv: data.calendar needs dates, but the data have none"),
        ({"scaler": "seasonal_difference"}, r"^.*lone.csv: data.scaler `seasonal_difference` needs a season"),
        ({"scaler": "log"}, r"^.*lone.csv: .*column `y` has 0 in row 1"),
    ],
    ids=["too short", "split by rows", "split by dates", "empty part", "calendar", "season", "scaler"],
)
def test_the_file_of_a_lone_series_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(lone(30, **fields))


def test_a_row_is_counted_as_one() -> None:
    with pytest.raises(DataError, match=r"lone.csv` has 1 row; one window needs 11"):
        load(lone(1, split="none", scaler="none"))


def test_the_name_of_a_lone_series_is_kept() -> None:
    Path("named.csv").write_text("unique_id,y\n" + "\n".join(f"north,{row}" for row in range(5)))
    with pytest.raises(DataError, match=r"named.csv: series `north` has 5 rows"):
        load(csv(path="named.csv", series="unique_id"))


def test_a_source_without_a_file_is_named_itself() -> None:
    with pytest.raises(DataError, match="^series `sine` has 30 rows; one window needs 51"):
        load(sine(points=30, sequence_length=50))
    with pytest.raises(DataError, match="^sine: data.calendar needs dates"):
        load(sine(points=30, calendar=["month"]))


def test_a_file_that_can_be_used_is_loaded_under_its_name() -> None:
    dataset = load(lone(30))
    assert dataset.summary.source.endswith("lone.csv")
    assert dataset.history.ids == ("series",)
