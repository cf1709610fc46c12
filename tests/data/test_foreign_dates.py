"""Dates as programs, offices and languages write them: read as they are meant, or asked about; never passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.inspect.finding import Undecided
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.date_forms import OTHER_LANGUAGES, find_month
from rnnexp.errors import DataError

DAYS = pd.date_range("2021-01-01", periods=60)
HOURS = pd.date_range("2021-01-01", periods=60, freq="h")
MONTHS = pd.date_range("2015-01-01", periods=60, freq="MS")
QUARTERS = pd.date_range("1990-01-01", periods=60, freq="QS")
SECOND = pd.Timedelta("1s")


def look(stamps: Sequence[Any], name: str = "date", **given: Any) -> tuple[dict[str, Any], pd.DatetimeIndex | None]:
    """Return what `init` finds in a table of dates and numbers, and the dates that it reads."""
    rows = (f'"{stamp}",{row * 7 % 13}.5\n' for row, stamp in enumerate(stamps))
    Path("t.csv").write_text(f"{name},y\n{''.join(rows)}", encoding="utf-8")
    finding, series = inspect("t.csv", given)
    return finding.settings, None if series.time is None else pd.DatetimeIndex(series.time)


def since(dates: pd.DatetimeIndex, origin: str, unit: str = "1D") -> list[int]:
    """Count units since a date, which may be one that pandas does not have."""
    days = [(date.date().toordinal() - 1, date - date.normalize()) for date in dates]
    first = {"0000-12-31": -1, "-0001-12-31": -367}.get(origin)
    first = pd.Timestamp(origin).date().toordinal() - 1 if first is None else first
    return [
        int((day - first) * (pd.Timedelta("1D") // pd.Timedelta(unit)) + clock // pd.Timedelta(unit))
        for day, clock in days
    ]


@pytest.mark.parametrize(
    ("form", "stamps", "dates"),
    [
        ("days since 1960-01-01", since(DAYS, "1960-01-01"), DAYS),
        ("days since 1960-01-01", since(MONTHS, "1960-01-01"), MONTHS),
        ("days since 1858-11-17", since(DAYS, "1858-11-17"), DAYS),
        ("days since 0000-12-31", since(DAYS, "0000-12-31"), DAYS),
        ("days since -0001-12-31", since(DAYS, "-0001-12-31"), DAYS),
        ("days since -4713-11-24 12:00", [f"{date.to_julian_date():.1f}" for date in DAYS], DAYS),
        ("seconds since 1960-01-01", since(HOURS, "1960-01-01", "1s"), HOURS),
        ("seconds since 1904-01-01", since(HOURS, "1904-01-01", "1s"), HOURS),
        ("seconds since 2001-01-01", since(HOURS, "2001-01-01", "1s"), HOURS),
        ("100ns since 1601-01-01", [n * 10**7 + 116444736 * 10**9 for n in since(HOURS, "1970-01-01", "1s")], HOURS),
        ("100ns since 0001-01-01", [n * 10**7 + 621355968 * 10**9 for n in since(HOURS, "1970-01-01", "1s")], HOURS),
    ],
)
def test_numbers_that_count_from_another_date_are_read_or_asked_about(
    form: str, stamps: list[Any], dates: pd.DatetimeIndex
) -> None:
    try:
        settings, time = look(stamps)
        assert settings["time_format"] == form
    except Undecided as asked:
        ways = [remedy.settings for remedy in asked.questions[0].remedies]
        assert {"time_format": form} in ways
        _, time = look(stamps, time_format=form)
    assert time is not None
    assert (time == dates).all()


@pytest.mark.parametrize(("unit", "step"), [("months", "MS"), ("quarters", "QS"), ("years", "YS"), ("minutes", "min")])
def test_any_unit_since_any_date(unit: str, step: str) -> None:
    Path("t.csv").write_text("t,y\n" + "".join(f"{row + 7},{row}\n" for row in range(30)))
    series = csv(path="t.csv", time="t", target="y", time_format=f"{unit} since 1960-01-01").read()
    assert (series.time == pd.date_range("1960-01-01", periods=37, freq=step)[7:].to_numpy()).all()


@pytest.mark.parametrize("name", ["month", "quarter"])
def test_months_and_quarters_of_stata_are_told_by_their_column(name: str) -> None:
    dates = {"month": MONTHS, "quarter": QUARTERS}[name]
    settings, time = look(
        [(date.year - 1960) * 12 + date.month - 1 for date in MONTHS] if name == "month" else [*range(120, 180)], name
    )
    assert settings["time_format"] == f"{name}s since 1960-01-01"
    assert time is not None
    assert (time == dates).all()


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_months_of_other_languages_are_known(language: str) -> None:
    assert [*map(find_month, language.split())] == [*range(1, 13)]


@pytest.mark.parametrize("language", OTHER_LANGUAGES[:19:5])
def test_months_in_other_languages(language: str) -> None:
    names = language.split()
    assert (look([f"{names[date.month - 1].title()} {date.year}" for date in MONTHS])[1] == MONTHS).all()


def test_a_word_that_is_no_month_is_no_weekday_beside_a_day() -> None:
    names = ("eins", "zwei", "drei")
    with pytest.raises(DataError, match="months are read in many languages"):
        look([f"{date.day}. {names[date.month - 1]} {date.year}" for date in DAYS])


@pytest.mark.parametrize(
    "form",
    [
        *("{q}. Quartal {y}", "{y} Quarter {q}", "Qtr {q} {y}", "{q}{o} quarter {y}", "{y}年第{q}季度", "{y}年{q}季度"),
        *("{q}º trimestre {y}", "Trim. {q} {y}", "{q}-й квартал {y}", "{r} кв. {y}", "{r} kw. {y}", "{y}年第{q}四半期"),
        *("{a}-{b} {y}", "{a}/{b} {y}", "{y} {a}-{b}", "{q}Q{s}", "{y} Q0{q}", "{q}. čtvrtletí {y}", "T{q} {y}"),
    ],
)
def test_quarters_in_words(form: str) -> None:
    stamps = [
        form.format(
            y=date.year,
            s=f"{date.year % 100:02d}",
            q=date.quarter,
            r=("I", "II", "III", "IV")[date.quarter - 1],
            o=("st", "nd", "rd", "th")[date.quarter - 1],
            a=f"{date:%b}",
            b=f"{date + pd.DateOffset(months=2):%b}",
        )
        for date in QUARTERS
    ]
    assert (look(stamps, "quarter")[1] == QUARTERS).all()


@pytest.mark.parametrize(
    "write",
    [
        lambda date: f"[{date:%d/%b/%Y:%H:%M:%S} +0000]",
        lambda date: f"{date:%a %b %d %H:%M:%S} +0000 {date.year}",
        lambda date: f"{date:%a %b} {date.day:2d} {date:%H:%M:%S} UTC {date.year}",
        lambda date: f"{date:%a %b %d %Y %H:%M:%S} GMT+0100 (Central European Standard Time)",
        lambda date: f"{date:%d-%b-%y %I.%M.%S}.000000000 {date:%p}".upper(),
        lambda date: f"{date:%d/%m/%Y} {date:%I:%M:%S} {'a. m.' if date.hour < 12 else 'p. m.'}",
        lambda date: f"{date.year}. {date.month}. {date.day}. {'오전' if date.hour < 12 else '오후'} {date:%I:%M:%S}",
        lambda date: f"{date:%Y/%m/%d} {'上午' if date.hour < 12 else '下午'} {date:%I:%M:%S}",
        lambda date: f"{date:%Y/%m/%d} {'午前' if date.hour < 12 else '午後'}{date.hour % 12}:{date:%M}",
        lambda date: "".join(chr(0x660 + int(sign)) if sign.isdigit() else sign for sign in f"{date:%Y-%m-%d %H:%M}"),
    ],
)
def test_clocks_of_programs(write: Callable[[pd.Timestamp], str]) -> None:
    assert (look([*map(write, HOURS)], "time")[1] == HOURS).all()


@pytest.mark.parametrize("form", ["w/c {:%d/%m/%Y}", "Week ending {:%d %b %Y}", "week of {:%Y-%m-%d}"])
def test_words_before_the_date_of_a_week(form: str) -> None:
    weeks = pd.date_range("2021-01-04", periods=60, freq="W-MON")
    assert (look([form.format(date) for date in weeks], "week")[1] == weeks).all()


@pytest.mark.parametrize("name", ["Monat", "mes", "month", "Datum"])
def test_a_month_and_a_year_with_a_point_are_no_number(name: str) -> None:
    assert (look([f"{date:%m.%Y}" for date in MONTHS], name)[1] == MONTHS).all()


@pytest.mark.parametrize(
    ("stamps", "why"),
    [
        ([f"{date.month}/{date.day}" for date in DAYS], "each date needs its year"),
        ([f"{date:%b} {date.day:2d} {date:%H:%M:%S}" for date in HOURS], "each date needs its year"),
        (["########"] * 60, "widen the column"),
        ([f"{date:%Y%m%d}00".replace("2021", "2.021") + "E+13" for date in DAYS], "Exponents have lost"),
        ([f"{date.year - 1911}/{date:%m/%d}" for date in DAYS], "unreadable"),
        ([f"{date.year - 1911}{date:%m%d}" for date in DAYS], "purely numeric"),
        ([f"FY{date.year % 100}-Q{date.quarter}" for date in QUARTERS], "unreadable"),
    ],
)
def test_a_column_that_is_called_a_date_and_not_read_is_a_question(stamps: list[str], why: str) -> None:
    with pytest.raises(Undecided, match=why) as asked:
        look(stamps)
    assert dict(asked.value.questions[0].remedies[-1].settings) == {"time": None}
    assert look(stamps, time=None)[1] is None


@pytest.mark.parametrize(
    ("name", "stamps"),
    [
        ("time", [row / 4 for row in range(60)]),
        ("period", ["morning", "evening"] * 30),
        ("day", [row % 7 + 1 for row in range(60)]),
        ("elapsed time", [f"{row:02d}:00:00" for row in range(60)]),
        ("n", since(HOURS, "1904-01-01", "1s")),
    ],
)
def test_what_is_no_date_is_not_asked_about(name: str, stamps: list[Any]) -> None:
    assert look(stamps, name, target="y")[1] is None


@pytest.mark.parametrize(
    ("first", "second"),
    [("%Y-%m-%d", "%d/%m/%Y"), ("%d/%m/%Y", "%d/%m/%y"), ("%d.%m.%Y", "%d %b %Y"), ("%m/%d/%Y", "%Y-%m-%d")],
)
def test_the_line_that_writes_dates_of_two_forms_alike_works(first: str, second: str) -> None:
    stamps = [date.strftime(first if row < 29 else second) for row, date in enumerate(DAYS)]
    with pytest.raises(DataError, match="write all alike, with pandas") as refused:
        look(stamps)
    frame = pd.read_csv("t.csv")
    exec(re.search(r"frame\['date'\] = .*?e\"\)\)", str(refused.value))[0], {"pandas": pd, "frame": frame})  # type: ignore[index]
    assert (pd.DatetimeIndex(frame["date"]) == DAYS).all()
