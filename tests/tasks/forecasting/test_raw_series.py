"""What a source of a user's own may return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp import register
from rnnexp.data.series import Series
from rnnexp.errors import DataError
from rnnexp.registry import lookup
from rnnexp.tasks.forecasting.load import read_series

ROWS = 40
VALUES = np.sin(np.arange(ROWS) / 3)
DAYS = pd.date_range("2020-01-01", periods=ROWS, freq="D")
FRAME = pd.DataFrame({"sales": VALUES, "price": VALUES * 2}, index=DAYS)


def read(given: Any, **settings: Any) -> Series:
    @register("data")
    def own_rows(gaps: str = "fail") -> Any:
        return given

    return read_series(lookup("data", "own_rows")(**settings))


def count_up() -> Iterator[float]:
    yield from VALUES


@pytest.mark.parametrize(
    "given",
    [VALUES, VALUES.tolist(), tuple, count_up, pd.Series(VALUES), {"value": VALUES}, pd.DataFrame({"value": VALUES})],
    ids=["array", "list", "iterator", "generator", "series", "mapping", "frame"],
)
def test_numbers_without_dates_are_one_series(given: Any) -> None:
    given = iter(VALUES) if given is tuple else given() if callable(given) else given
    found = read(given)
    assert found.columns == ("value",)
    assert found.values[:, 0] == pytest.approx(VALUES)
    assert (found.time, found.ids, found.source) == (None, ("series",), "own_rows")


DATED = {
    "dates as the index": FRAME,
    "periods as the index": FRAME.set_axis(DAYS.to_period("D")),
    "texts as the index": FRAME.set_axis([str(day.date()) for day in DAYS]),
    "dates in a column": FRAME.reset_index(names="when"),
    "a name that is taken": FRAME.assign(time=1.0).rename_axis("time"),
}


@pytest.mark.parametrize("frame", DATED.values(), ids=DATED)
def test_a_frame_brings_its_dates_and_its_names(frame: pd.DataFrame) -> None:
    found = read(frame)
    assert found.columns[:2] == ("sales", "price")
    assert found.time is not None
    assert list(found.time) == list(DAYS.to_numpy())
    assert found.frequency == "D"
    assert found.values[:, 1] == pytest.approx(VALUES * 2)


def test_a_level_of_labels_makes_several_series() -> None:
    found = read(pd.concat({"shop a": FRAME, "shop b": FRAME * 3}))
    assert found.ids == ("shop a", "shop b")
    assert list(found.offsets) == [0, ROWS, 2 * ROWS]
    assert found.values[ROWS:, 0] == pytest.approx(VALUES * 3)


def test_a_text_is_left_out_and_told_unless_it_is_asked_for() -> None:
    frame = FRAME.assign(weather="fine")
    assert "columns that are no numbers, left out: weather" in read(frame).notes
    with pytest.raises(DataError, match=r"data.own_rows: .*weather"):
        read(frame, target="weather")


def test_a_flaw_is_an_error_unless_the_source_has_a_setting_for_it() -> None:
    holes = FRAME.drop(FRAME.index[7])
    with pytest.raises(DataError, match=r"data.own_rows: .*1 row is absent .*Allow it with data.gaps=ffill"):
        read(holes)
    assert len(read(holes, gaps="ffill").values) == ROWS
    missing = FRAME.copy()
    missing.iloc[3, 0] = np.nan
    with pytest.raises(DataError, match=r"1 missing value \(row 4\)"):
        read(missing)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "returned NoneType; a source of series returns numbers"),
        ("1 2 3", "returned str; a source of series"),
        ((np.zeros((4, 3, 1)), np.zeros(4)), "returned tuple; .*derives from rnnexp.data.source.SequenceSource"),
        (np.zeros((4, 3, 1)), r"not \(4, 3, 1\); examples with a target each come from"),
        (np.zeros(0), r"not \(0,\)"),
        (3.0, r"not \(\)"),
        (np.array(["a", "b"]), "returned ndarray that is no array of real numbers"),
        ([1.0, "b"], "returned list that is no array of real numbers"),
        ([[1.0], [1.0, 2.0]], "returned list that is no array of real numbers"),
        (VALUES + 1j, "returned ndarray that is no array of real numbers"),
        (object(), "returned object that is no array of real numbers"),
        (pd.DataFrame({"a": ["x", "y"]}), "the DataFrame has no column of numbers, only a"),
        (pd.DataFrame({("a", "b"): [1.0]}), "several levels; give each column one name"),
        (FRAME.assign(other=DAYS), r"several columns of dates or labels \(other, time\); keep one"),
    ],
)
def test_what_is_no_series_is_refused(given: Any, told: str) -> None:
    with pytest.raises(DataError, match=f"^data.own_rows: .*{told}"):
        read(given)
