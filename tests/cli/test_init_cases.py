"""Tables as people have them: what `init` finds is what stands there, and what has two readings is asked."""

# ruff: noqa: E501 one case per line reads as a table

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.series import Series
from rnnexp.data.tables.remedy import Undecided

SHARED = Path(__file__).parents[3] / "shared" / "cases"
HOURS = pd.date_range("2021-01-01", periods=240, freq="h")
DAYS = pd.date_range("2021-01-01", periods=240, freq="D")
WAVE = [round(20 + 4 * float(np.sin(row / 5)) + row % 3 / 7, 3) for row in range(1440)]


def lines(header: str, stamps: Sequence[str], *columns: Sequence[Any], mark: str = ",", end: str = "") -> str:
    rows = [mark.join(map(str, row)) + end for row in zip(stamps, *(columns or (WAVE,)))]
    return "\n".join([header, *rows]) + "\n"


def stamps(form: str, dates: Any = HOURS) -> list[str]:
    return list(dates.strftime(form))


def over_clock_change() -> list[str]:
    zoned = pd.date_range("2021-03-26", periods=240, freq="h", tz="Europe/Berlin")
    return [f"{stamp:%Y-%m-%d %H:%M:%S}{f'{stamp:%z}'[:3]}" for stamp in zoned]


def trading_days() -> list[str]:
    return stamps("%Y-%m-%d", pd.date_range("2018-01-01", periods=48, freq="BME"))


def one_wrong_year() -> list[str]:
    months = stamps("%Y-%m-%d", pd.date_range("2019-01-01", periods=36, freq="MS"))
    return [*months[:-1], months[-1].replace("2021", "2091")]


def hours_to_24() -> list[str]:
    return [f"{day},{hour:02d}:00" for day in stamps("%Y/%m/%d", DAYS[:10]) for hour in range(1, 25)]


SPACED = [f"{row % 7 + 3} {row % 900 + 100},5".replace(" ", "\u00a0") for row in range(240)]
COMMAS = [f'"{row % 7 + 1},{row % 900 + 100}"' for row in range(240)]
LOGGER = '"TOA5","St7","CR1000","123","CR1000.Std","CPU:p","555","Hourly"\n"TIMESTAMP","RECORD","AirTC","RH"\n'
WEEKS = pd.date_range("2018-01-01", periods=160, freq="W-MON")
# File: what is written for a clone without the shared ones, then rows, first date and step of what is read.
READ: dict[str, tuple[Callable[[], str], int, str, str]] = {
    "title_line": (
        lambda: "Hourly temperature of station 7\n\n" + lines("time,temp,rh", stamps("%Y-%m-%d %H:%M"), WAVE, WAVE[9:]),
        240, "2021-01-01T00", "h",
    ),
    "logger_four_header_lines": (
        lambda: LOGGER + '"TS","RN","Deg C","%"\n' + lines('"","","Avg","Smp"', stamps('"%Y-%m-%d %H:%M:%S"'), range(240), WAVE, WAVE[9:]),
        240, "2021-01-01T00", "h",
    ),
    "trailing_delimiter": (lambda: lines("time,y,z", stamps("%Y-%m-%d %H:%M"), WAVE, WAVE[9:], end=","), 240, "2021-01-01T00", "h"),
    "hours_in_ten_digits": (lambda: lines("date,y", stamps("%Y%m%d%H")), 240, "2021-01-01T00", "h"),
    "zone_in_hours": (lambda: lines("ts,y", stamps("%Y-%m-%d %H:%M:%S+01")), 240, "2021-01-01T00", "h"),
    "zone_in_hours_over_clock_change": (lambda: lines("ts,y", over_clock_change()), 240, "2021-03-25T23", "h"),
    "two_digit_years_1950": (lambda: lines("date,y", stamps("%d/%m/50", DAYS)), 240, "1950-01-01T00", "D"),
    "midnight_without_clock": (
        lambda: lines("time;y", [text.removesuffix(" 00:00") for text in stamps("%d.%m.%Y %H:%M", HOURS + pd.Timedelta("5h"))], mark=";"),
        240, "2021-01-01T05", "h",
    ),
    "clock_after_dotted_date": (
        lambda: lines("time;y", stamps("%d.%m.%Y %H:%M", pd.date_range("2021-01-01", periods=1440, freq="h")), mark=";"),
        1440, "2021-01-01T00", "h",
    ),
    "hour_24": (lambda: lines("date,time,y", hours_to_24()), 240, "2021-01-01T01", "h"),
    "date_and_clock_columns": (
        lambda: lines("Datum;Uhrzeit;Last", stamps("%d.%m.%Y;%H:%M", pd.date_range("2021-01-01", periods=960, freq="h")), mark=";"),
        960, "2021-01-01T00", "h",
    ),
    "iso_weeks": (lambda: lines("week,y", stamps("%G-W%V", WEEKS)), 160, "2018-01-01T00", "W-MON"),
    "no_break_space": (lambda: lines("date;ventes", stamps("%Y-%m-%d", DAYS), SPACED, mark=";"), 240, "2021-01-01T00", "D"),
    "last_trading_day": (lambda: lines("date,y", trading_days()), 48, "2018-01-31T00", "BME"),
    "targets_end_early": (
        lambda: lines("ds,y,promo", stamps("%Y-%m-%d", DAYS), [*WAVE[:220], *[""] * 20], [row % 2 for row in range(240)]),
        220, "2021-01-01T00", "D",
    ),
}  # fmt: skip
ASKED: dict[str, tuple[Callable[[], str], list[dict[str, Any]]]] = {
    "thousands_quoted": (lambda: lines("date,y", stamps("%Y-%m-%d", DAYS), COMMAS), [{"decimal": ","}, {"thousands": ","}]),
    "one_wrong_year": (
        lambda: lines("date,y", one_wrong_year()),
        [{"skip_rows": [37]}, {"gaps": "ffill"}, {"gaps": "interpolate"}, {"gaps": "ignore"}],
    ),
}  # fmt: skip


def file_of(name: str, write: Callable[[], str], shared: bool) -> str:
    """Return the shared table of this name, or one that is like it."""
    if shared:
        if not SHARED.is_dir():
            pytest.skip("the folder shared/cases with tables of public bug reports is not beside the checkout")
        return str(SHARED / f"{name}.csv")
    Path("my.csv").write_text(write(), encoding="utf-8")
    return "my.csv"


def found(path: str, **given: Any) -> Series:
    """Return what the written settings read."""
    finding, series = inspect(path, given)
    assert finding.source().read().values.tolist() == series.values.tolist()
    return series


where = pytest.mark.parametrize("shared", [True, False], ids=["shared", "made"])


@where
@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_it_stands(name: str, shared: bool) -> None:
    write, rows, first, step = READ[name]
    series = found(file_of(name, write, shared))
    assert series.time is not None
    assert (len(series.values), len(series.ids), series.frequency) == (rows, 1, step)
    assert series.time[0] == np.datetime64(first)
    if name == "no_break_space":
        assert series.values[0, 0] == (3200.0 if shared else 3100.5)


@where
@pytest.mark.parametrize("name", ASKED)
def test_a_table_with_several_readings_is_asked_about(name: str, shared: bool) -> None:
    write, answers = ASKED[name]
    path = file_of(name, write, shared)
    with pytest.raises(Undecided) as asked:
        inspect(path, {})
    (question,) = asked.value.questions
    assert [dict(remedy.settings) for remedy in question.remedies] == answers
    read = [found(path, **answer).values for answer in answers]
    assert all(one.shape != other.shape or (one != other).any() for one, other in zip(read, read[1:]))


@where
def test_dates_as_the_index_of_a_parquet_file_are_dates(shared: bool) -> None:
    path = str(SHARED / "dates_as_index.parquet")
    if not shared:
        path = "my.parquet"
        long = pd.DataFrame({"country": list("ABCDE") * 60, "y": WAVE[:300]}, index=DAYS[:60].repeat(5).rename("date"))
        long.to_parquet(path)
    elif not SHARED.is_dir():
        pytest.skip("the folder shared/cases with tables of public bug reports is not beside the checkout")
    series = found(path)
    assert (len(series.values), len(series.ids), series.frequency) == (300, 5, "D")
