"""Rows on calendars that people have, clean and flawed in one place: step, gaps and the dates that follow are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.calendar import following
from rnnexp.data.inspect.flaws import choose_remedy
from rnnexp.data.series import Series
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.flawed import Flawed

ROWS = 48
PANDAS = [
    *("D", "B", "h", "6h", "15min", "30s", "MS", "ME", "BMS", "BME", "2MS", "QS-FEB", "QE-MAR", "BQE-DEC", "YS-JAN"),
    *("YE-JUN", "BYE-DEC", "WOM-3FRI", "WOM-4FRI", "LWOM-FRI", "4W-MON", "SME", "SMS"),
    *(f"W-{day}" for day in ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")),
]
USUAL = {"2QE-MAR": "6ME", "QE-MAR": "QE-DEC"}


def of_months(day: int, step: int = 1) -> pd.DatetimeIndex:
    """Return months dated on a day, or on their last one if they are shorter."""
    months = pd.date_range("1990-01-01", periods=ROWS + 6, freq=f"{step}MS")
    return pd.DatetimeIndex([month.replace(day=min(day, month.days_in_month)) for month in months])


def trading(frequency: str, holidays: list[str], forward: bool) -> pd.DatetimeIndex:
    """Return the last or first trading days, some of which holidays move."""
    days = pd.offsets.CustomBusinessDay(holidays=holidays)
    usual = pd.date_range("1998-01-01", periods=ROWS + 6, freq=frequency)
    return pd.DatetimeIndex([days.rollforward(day) if forward else days.rollback(day) for day in usual])


HOLIDAYS = [f"{year}-{day}" for year in range(1998, 2012) for day in ("01-01", "12-31", "12-25", "05-01")]
CALENDARS: dict[str, tuple[pd.DatetimeIndex, str]] = {
    **{name: (pd.date_range("1998-01-01", periods=ROWS + 6, freq=name), name) for name in PANDAS},
    "the 15th": (of_months(15), "MS+14D"),
    "the 30th": (of_months(30), "MS+29D"),
    "the 15th of quarters": (of_months(15, 3), "QS-JAN+14D"),
    "last trading day": (trading("BME", HOLIDAYS, forward=False), "BME"),
    "first trading day": (trading("BMS", HOLIDAYS, forward=True), "BMS"),
    "last trading day of quarters": (trading("BQE-DEC", HOLIDAYS, forward=False), "BQE-DEC"),
    "last trading day of weeks": (trading("W-FRI", ["1998-04-10", "1998-12-25"], forward=False), "W-FRI"),
    "first trading day of weeks": (trading("W-MON", ["1998-04-13", "1998-05-25"], forward=True), "W-MON"),
    "mornings": (pd.date_range("2020-01-01 06:00", periods=ROWS + 6, freq="D"), "D"),
    "month ends at 16:00": (pd.date_range("2020-01-31 16:00", periods=ROWS + 6, freq="ME"), "ME"),
}


def table(time: Any, values: Any = None) -> Path:
    pd.DataFrame({"ds": time, "y": np.arange(len(time)) if values is None else values}).to_csv("t.csv", index=False)
    return Path("t.csv")


def read(time: Any, values: Any = None, **settings: Any) -> Series:
    return csv(path=str(table(time, values)), time="ds", target="y", **settings).read()


def same_step(one: str, other: str) -> bool:
    """Tell whether two aliases are one step: QE-DEC is QE-MAR."""
    start = np.datetime64("2000-02-01", "ns")
    return bool((following(start, one, 30) == following(start, other, 30)).all())


@pytest.mark.parametrize("name", CALENDARS)
def test_a_calendar_is_recognized_and_goes_on(name: str) -> None:
    time, frequency = CALENDARS[name]
    series = read(time[:ROWS])
    assert series.frequency is not None
    assert same_step(series.frequency, frequency)
    assert (series.time == time[:ROWS].to_numpy()).all()
    ahead = following(series.time[-1], series.frequency, 6)
    moved = "trading" in name
    assert ahead[0] > series.time[-1]
    assert np.abs(ahead - time[ROWS:].to_numpy()).max() <= np.timedelta64(3 if moved else 0, "D")
    if moved:
        assert len({*ahead, *series.time}) == ROWS + 6
        assert any("taken as they are" in note for note in series.notes)


@pytest.mark.parametrize("name", CALENDARS)
def test_after_each_row_comes_the_next_period(name: str) -> None:
    """Wherever a series ends, its forecast lies in the period after, also if a holiday has moved the last date."""
    time, frequency = CALENDARS[name]
    for last, after in zip(time[20:ROWS].to_numpy(), time[21 : ROWS + 1].to_numpy()):
        (ahead,) = following(last, frequency, 1)
        assert abs(ahead - after) <= np.timedelta64(3 if "trading" in name else 0, "D")
        assert ahead > last


@pytest.mark.parametrize("name", CALENDARS)
def test_an_absent_row_is_counted_where_it_is(name: str) -> None:
    time, _ = CALENDARS[name]
    with pytest.raises(Flawed, match="1 row is absent between 47 rows .* in 1 gap: after line 21") as refused:
        read(time[:ROWS].delete(20))
    assert refused.value.flaw.rows == 1
    filled = read(time[:ROWS].delete(20), gaps="ffill")
    assert np.abs(filled.time[20] - time[20].to_numpy()) <= np.timedelta64(3 if "trading" in name else 0, "D")
    assert filled.values[19:22, 0].tolist() == [19, 19, 20]
    assert filled.added.nonzero()[0].tolist() == [20]
    assert (filled.tally.kept, filled.tally.rows) == (47, 48)


@pytest.mark.parametrize("name", CALENDARS)
def test_a_date_that_is_there_twice_is_merged(name: str) -> None:
    time, _ = CALENDARS[name]
    again = time[:ROWS].insert(10, time[10])
    with pytest.raises(Flawed, match="1 row has the same date as another: line 13"):
        read(again)
    kept = read(again, duplicates="first")
    assert (kept.time == time[:ROWS].to_numpy()).all()
    assert (kept.tally.records, kept.tally.kept, sum(kept.tally.merged.values())) == (49, 48, 1)


@pytest.mark.parametrize("name", CALENDARS)
def test_a_row_in_another_place_is_sorted_in(name: str) -> None:
    time, _ = CALENDARS[name]
    moved = time[:ROWS].delete(10).insert(30, time[10])
    with pytest.raises(Flawed, match="time goes back once") as refused:
        read(moved)
    assert choose_remedy(refused.value.flaw).settings == {"unsorted": "sort"}
    assert (read(moved, unsorted="sort").time == time[:ROWS].to_numpy()).all()


def shifted(time: pd.DatetimeIndex, row: int, years: int) -> pd.DatetimeIndex:
    return time.delete(row).insert(row, time[row] + pd.DateOffset(years=years))


@pytest.mark.parametrize("row", [0, 20, ROWS - 1])
@pytest.mark.parametrize("years", [-70, 70])
@pytest.mark.parametrize("name", CALENDARS)
def test_a_wrong_year_is_named_and_nothing_is_filled(name: str, years: int, row: int) -> None:
    time, _ = CALENDARS[name]
    wrong = shifted(time[:ROWS], row, years)
    with pytest.raises(Flawed, match=rf"(?s)likely a wrong date.*line {row + 2}\b") as refused:
        read(wrong)
    assert choose_remedy(refused.value.flaw) is None
    if "trading" not in name:
        assert str(time[row])[:10] in str(refused.value)
