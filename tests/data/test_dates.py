"""Dates in the forms in which people write them: known times are written, and read as these or refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.inspect.dates import find_dates
from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.inspect.head import read_head
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Refused, Undecided
from rnnexp.data.tables.times import Dates
from rnnexp.errors import DataError

TODAY = np.datetime64("2026-06-01")
HOURS = pd.date_range("2021-03-20 05:00", periods=400, freq="h")
DAYS = pd.date_range("2019-11-20", periods=100, freq="D")
MONTHS = pd.date_range("2017-05-01", periods=60, freq="MS")
OLD_MONTHS = pd.date_range("1949-01-01", periods=144, freq="MS")
QUARTERS = pd.date_range("2015-04-01", periods=30, freq="QS")
WEEKS = pd.date_range("2018-01-01", periods=160, freq="W-MON")
YEARS = pd.date_range("1980-01-01", periods=30, freq="YS")


def dates_of(*columns: Iterable[object], names: Iterable[str] | None = None, **settings: Any) -> Dates:
    """Make the dates of columns of cells, as a text file has them."""
    texts = [pd.Series([str(cell) for cell in cells], dtype="str") for cells in columns]
    rows = np.arange(len(texts[0]))
    names = list(names or [f"c{index}" for index in range(len(texts))])
    return Dates(texts, names, Places(("t.csv",), 0 * rows, rows + 2), Layout(**settings), TODAY)


def read(*columns: Iterable[object], **settings: Any) -> np.ndarray:
    return dates_of(*columns, **settings).read()


def written(times: pd.DatetimeIndex, form: str) -> list[str]:
    return list(times.strftime(form))


def iso_weeks(times: pd.DatetimeIndex, form: str) -> list[str]:
    return [form.format(*time.isocalendar()) for time in times]


def quarters(times: pd.DatetimeIndex, form: str) -> list[str]:
    return [form.format(Y=time.year, y=time.year % 100, q=time.quarter) for time in times]


WRITTEN: dict[str, tuple[pd.DatetimeIndex, list[str]]] = {
    "a Japanese day of the week": (DAYS, [f"{day:%Y/%m/%d}({'月火水木金土日'[day.weekday()]})" for day in DAYS]),
    "a Chinese day of the week": (DAYS, [f"{day:%Y年%m月%d日} 星期{'一二三四五六日'[day.weekday()]}" for day in DAYS]),
    "a Korean day of the week": (DAYS, [f"{day:%Y-%m-%d} {'월화수목금토일'[day.weekday()]}요일" for day in DAYS]),
    "the name of a file": (HOURS, written(HOURS, "%Y%m%d_%H%M%S")),
    "dashes everywhere": (HOURS, written(HOURS, "%Y-%m-%d_%H-%M-%S")),
    "a clock behind a word": (HOURS, written(HOURS, "%d/%m/%Y at %H:%M")),
    **{f"hours {form}": (HOURS, written(HOURS, form)) for form in (
        "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%d %H:%M", "%Y-%m-%dT%H", "%Y-%m-%d %H%M",
        "%d.%m.%Y %H:%M", "%d.%m.%Y %H.%M", "%d.%m.%Y %Hh", "%d.%m.%Y %Hh%M",
        "%d.%m.%Y, %H:%M:%S Uhr", "%d-%m-%Y %H:%M",
        "%d/%m/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S%p", "%m/%d/%Y %I %p", "%m-%d-%Y %H:%M", "%d-%b-%Y %H:%M:%S",
        "%d/%b/%Y:%H:%M:%S", "%b %d, %Y %I:%M %p", "%a %b %d %Y %H:%M", "%Y.%m.%d %H:%M:%S.000",
        "%Y/%m/%d %H:%M:%S,000",
    )},
    **{f"days {form}": (DAYS, written(DAYS, form)) for form in (
        "%Y%m%d", "%Y%j", "%Y-%j", "%d%m%Y", "%m%d%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%m-%d-%y", "%Y/%m/%d",
        "%Y.%m.%d", "%d %B %Y", "%d-%b-%Y", "%d%b%Y", "%d-%b-%y", "%B %d, %Y", "%b. %d, %Y", "%a, %d %b %Y",
        "%A %d %B %Y",
    )},
    **{f"months {form}": (MONTHS, written(MONTHS, form)) for form in (
        "%Y%m", "%Y-%m", "%Y/%m", "%m/%Y", "%m.%Y", "%m-%Y", "%b-%Y", "%B %Y", "%Y %b", "%Y-%b", "%b. %Y", "%b-%y",
        "%y-%b", "%b %y", "%YM%m", "%Y-M%m", "%b%Y", "1.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%m/01/%y",
    )},
    **{f"quarters {form}": (QUARTERS, quarters(QUARTERS, form)) for form in (
        "{Y}Q{q}", "{Y}-Q{q}", "{Y} Q{q}", "Q{q} {Y}", "Q{q}-{Y}", "Q{q}/{Y}", "{q}Q{Y}", "{q}Q{y:02d}",
        "Q{q} '{y:02d}",
        "{Y}q{q}", "{Y}:Q{q}", "T{q} {Y}", "{Y}K{q}",
    )},
    **{f"weeks {form}": (WEEKS, iso_weeks(WEEKS, form)) for form in (
        "{0}-W{1:02d}", "{0}W{1:02d}", "{0}-W{1:02d}-{2}", "{0}W{1:02d}{2}", "{0} W{1}", "W{1:02d} {0}",
        "KW{1:02d}/{0}",
        "{0}/{1:02d}", "{0}{1:02d}", "{0}-{1:02d}",
    )},
    "half-years before years": (QUARTERS[1::2], [f"{1 + time.month // 7}H{time.year}" for time in QUARTERS[1::2]]),
    "half-years": (YEARS[:10], [f"{time.year}-H1" for time in YEARS[:10]]),
    "years": (YEARS, written(YEARS, "%Y")),
    "years with a day": (YEARS, written(YEARS, "%d.%m.%y")),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN)
def test_dates_are_read_as_they_were_meant(case: str) -> None:
    times, cells = WRITTEN[case]
    assert (read(cells) == times).all()
    assert not (read(cells)[1:] == times[:-1]).any()


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d.%m.%Y", "%-d-%-m-%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M"])
@pytest.mark.parametrize("times", [DAYS, DAYS[::-1], pd.date_range("2019-01-05", periods=90, freq="2D")])
def test_dates_that_a_program_has_swapped_where_it_could_are_refused(form: str, times: pd.DatetimeIndex) -> None:
    other = form.translate(str.maketrans("dm", "md"))
    cells = [f"{time:{other if time.day <= 12 else form}}" for time in times]
    with pytest.raises(DataError, match=r"reversed dates? \(line.* day and month the other way round here"):
        read(cells)
    gone = [cell for place, cell in enumerate(written(times, form)) if place % 7]
    assert (read(gone) == times[[place for place in range(len(times)) if place % 7]]).all()


BUDDHIST = {case: cells for case, (_, cells) in WRITTEN.items() if re.search(r"(?<!\d)20\d\d", cells[0])}


@pytest.mark.parametrize("case", BUDDHIST)
def test_years_that_nanoseconds_cannot_hold_are_refused_in_every_form(case: str) -> None:
    cells = [re.sub(r"(?<!\d)20\d\d", lambda year: f"{int(year[0]) + 543}", cell) for cell in BUDDHIST[case]]
    with pytest.raises(DataError, match="too distant|unreadable|purely numeric"):
        read(cells)


DISTANT = {
    **{unit: "9" * 25 for unit in ("s", "ms", "us", "ns", "D")},
    "excel": "900000000",
    "decimal_year": "2564.5",
    "%d.%m.%Y": "31.12.9999",
    "%Y-%m-%d %H:%M": "9999-12-31 23:00",
}


@pytest.mark.parametrize("form", DISTANT)
def test_distant_dates_of_a_given_form_are_refused(form: str) -> None:
    with pytest.raises(DataError, match=r"2 too distant dates \(lines 2, 3, .*Dates must lie between 1678 and 2262"):
        read([DISTANT[form]] * 2, time_format=form)


def answers(*columns: Iterable[object], names: Iterable[str] | None = None, **settings: Any) -> list[Any]:
    """Read dates with every remedy in turn, in depth, as somebody who follows the advice."""
    columns = tuple(list(cells) for cells in columns)
    try:
        return [read(*columns, names=names, **settings)]
    except Refused as refused:
        return [
            answer
            for remedy in refused.remedies
            for answer in answers(*columns, names=names, **{**settings, **remedy.settings})
        ]


def told(times: pd.DatetimeIndex, origin: str, step: str, decimals: int | None = None) -> list[str]:
    counts = (times - pd.Timestamp(origin)) / pd.Timedelta(1, step)
    return [str(int(value)) if decimals is None else f"{value:.{decimals}f}" for value in counts]


ASKED: dict[str, tuple[pd.DatetimeIndex, list[str], int]] = {
    "epoch in seconds": (HOURS, told(HOURS, "1970-01-01", "s"), 1),
    "epoch in milliseconds": (HOURS, told(HOURS, "1970-01-01", "ms"), 1),
    "epoch in microseconds": (HOURS, told(HOURS, "1970-01-01", "us"), 1),
    "epoch in nanoseconds": (HOURS, told(HOURS, "1970-01-01", "ns"), 1),
    "epoch with decimals": (HOURS, told(HOURS, "1970-01-01", "s", 1), 1),
    "epoch in days": (DAYS, told(DAYS, "1970-01-01", "D"), 4),
    "days of a spreadsheet": (DAYS, told(DAYS, "1899-12-30", "D"), 1),
    "hours of a spreadsheet": (HOURS, told(HOURS, "1899-12-30", "D", 6), 1),
    "hours with few decimals": (HOURS, told(HOURS, "1899-12-30", "D", 4), 1),
    "years with decimals": (MONTHS, [f"{time.year + (time.month - 1) / 12:.3f}" for time in MONTHS], 1),
    "middles of months": (MONTHS, [f"{time.year + (time.month - 0.5) / 12:.4f}" for time in MONTHS], 1),
    "yymmdd": (DAYS, written(DAYS, "%y%m%d"), 1),
    "ddmmyy": (DAYS, written(DAYS, "%d%m%y"), 1),
    "yymm": (MONTHS, written(MONTHS, "%y%m"), 2),
    "yymmddhhmm": (HOURS, written(HOURS, "%y%m%d%H%M"), 1),
    "few days": (DAYS[12:20], written(DAYS[12:20], "%d/%m/%Y"), 2),
    "few months": (MONTHS[8:14], written(MONTHS[8:14], "%m-%d-%Y"), 2),
    "few weeks": (WEEKS[:10], iso_weeks(WEEKS[:10], "{0}/{1:02d}"), 2),
    "a day of hours": (HOURS[-16:-3], written(HOURS[-16:-3], "%m/%d/%Y %H:%M"), 2),
    "old months": (OLD_MONTHS, written(OLD_MONTHS, "%b-%y"), 1),
    "old days": (OLD_MONTHS, written(OLD_MONTHS, "%d/%m/%y"), 1),
}


@pytest.mark.parametrize("case", ASKED)
@pytest.mark.fault("E7")
def test_dates_of_several_readings_are_refused_with_each_of_them(case: str) -> None:
    times, cells, number = ASKED[case]
    with pytest.raises(Refused, match=r"\(from \d{4}-\d\d-\d\d.* to \d{4}-\d\d-\d\d") as refused:
        read(cells)
    assert len(refused.value.remedies) == number
    found = answers(cells)
    assert sum(bool((time == times).all()) for time in found) == 1
    assert len(found) == number


def test_short_years_are_never_in_the_future_in_silence() -> None:
    cells = written(OLD_MONTHS, "%d/%m/%y")
    with pytest.raises(Refused, match=r"data.pivot_year=1928 \(from 1949-01-01 to 1960-12-01\)"):
        read(cells, time_format="%d/%m/%y")
    assert (read(cells, time_format="%d/%m/%y", pivot_year=1928) == OLD_MONTHS).all()
    later = OLD_MONTHS + pd.DateOffset(years=100)
    assert (read(cells, time_format="%d/%m/%y", pivot_year=2000) == later).all()
    dates = dates_of(written(OLD_MONTHS, "%b %y"), pivot_year=1930)
    dates.read()
    assert dates.notes == ["years of two digits read as 1949 to 1960 (data.pivot_year)"]


def test_a_number_over_12_or_even_steps_tell_the_order_and_it_is_noted() -> None:
    days, months = dates_of(written(DAYS, "%d/%m/%Y")), dates_of(written(MONTHS, "%d/%m/%Y"))
    days.read()
    months.read()
    assert days.notes == ["dates read as %d/%m/%Y: a number over 12 shows where the day is"]
    assert months.notes == ["dates read as %d/%m/%Y: only so they go on in even steps"]
    assert (days.settings, months.settings) == ({}, {"time_format": "%d/%m/%Y"})


@pytest.mark.parametrize("repeat", [np.tile, np.repeat])
def test_dates_that_each_series_repeats_tell_their_order_as_well(repeat: Any) -> None:
    assert (read(repeat(written(MONTHS, "%m/%d/%Y"), 3)) == repeat(MONTHS, 3)).all()


def test_dates_may_run_back() -> None:
    assert (read(written(MONTHS[::-1], "%d/%m/%Y")) == MONTHS[::-1]).all()
    assert (read(written(DAYS[::-1], "%d-%m-%y")) == DAYS[::-1]).all()


def test_a_century_before_is_no_reading_beside_one_of_today() -> None:
    ends = pd.date_range("2002-11-30", periods=24, freq="ME").delete(7)
    assert (read(written(ends, "%d.%m.%y")) == ends).all()
    assert (read(written(ends, "%d.%m.%y"), time_format="%d.%m.%y", pivot_year=1900) != ends).all()


def test_a_gap_takes_the_evidence_away() -> None:
    with pytest.raises(Refused, match="They can be read in more than one way"):
        read(written(MONTHS.delete(7), "%m/%d/%Y"))


REFUSED = {
    "seasons": ([f"{year}/{(year + 1) % 100:02d}" for year in range(1990, 2020)], "a year that ends in the next"),
    "seasons like months": (
        [f"{year}-{(year + 1) % 100:02d}" for year in range(2001, 2011)],
        "that ends in the next",
    ),
    "days without a year": (written(DAYS, "%d-%b"), "write the year as well"),
    "one month of days": ([f"{day:02d}-Jan" for day in range(1, 25)], "write the year as well"),
    "ranges to a day": ([f"{day:%Y-%m-%d}/{day:%d}" for day in WEEKS], "unreadable"),
    "fiscal years": ([f"FY {year}" for year in range(2001, 2011)], "unreadable"),
    "no such day": ([*written(DAYS, "%d.%m.%Y"), "31.02.2020"], r"1 unreadable date \(line 102, .* Read as `%d.%m.%Y`"),
    "no such month": ([*written(DAYS, "%Y-%m-%d"), "2020-13-01"], r"1 unreadable date \(line 102"),
    "no such clock": ([*written(HOURS, "%d.%m.%Y %H:%M"), "06.04.2021 24:30"], r"1 unreadable date \(line 402"),
    "no such week": (["2018-W51", "2018-W52", "2018-W53"], r"1 unreadable date \(line 4"),
    "one of a thousand": ([*written(HOURS, "%d/%m/%Y %H:%M"), "soon"], r"1 unreadable date \(line 402, .*\"soon\""),
    "a zone of many places": ([f"{time:%Y-%m-%d %H:%M} CST" for time in HOURS], "may be one of several zones"),
    "one without a zone": (["2020-01-01 00:00Z", "2020-01-01 01:00"], r"1 zoneless date \(line 3"),
    "clocks": (written(HOURS, "%H:%M"), "unreadable"),
    "steps of nothing": (["8123", "7999", "12000"], "say how dates are written"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_date_is_refused_without_a_remedy(case: str) -> None:
    cells, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as error:
        read(cells)
    assert not isinstance(error.value, Refused)


def test_numbers_in_even_steps_count_rows() -> None:
    with pytest.raises(Refused, match="they only count rows") as refused:
        read(range(100))
    assert refused.value.remedies[0].settings == {"time": None}


@pytest.mark.parametrize(
    "zone", ["+01", "+0100", "+01:00", "Z", " UTC", " GMT", " CET", " +01", " GMT+1", "+01:00[X/Y]"]
)
@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%d %b %Y %H:%M:%S.%f"])
def test_one_zone_leaves_the_clock_of_the_file(zone: str, form: str) -> None:
    cells = [cell + zone for cell in written(HOURS, form)]
    assert (read(cells) == HOURS).all()
    shift = 1 if "1" in zone or "CET" in zone else 0
    assert (read(cells, time_zone="UTC") == HOURS - pd.Timedelta(shift, "h")).all()


def isoformat(times: pd.DatetimeIndex) -> list[str]:
    return [time.isoformat(" ") for time in times]


BERLIN = pd.date_range("2021-03-26", periods=240, freq="h", tz="Europe/Berlin")
NEW_YORK = pd.date_range("2021-10-26", periods=30, freq="D", tz="America/New_York")


@pytest.mark.parametrize(
    ("times", "zone"),
    [(BERLIN, "UTC"), (NEW_YORK, "America/New_York"), (BERLIN[::24], "Europe/Berlin")],
    ids=["hours", "midnights of New York", "hours of a day"],
)
def test_zones_that_change_are_converted_where_steps_are_even(times: pd.DatetimeIndex, zone: str) -> None:
    if times is not BERLIN and zone == "Europe/Berlin":
        times = pd.date_range(times[0], periods=12, freq="D")
    with pytest.raises(Refused, match="differently zoned") as refused:
        read(isoformat(times))
    assert [remedy.settings for remedy in refused.value.remedies] == [{"time_zone": zone}]
    assert (read(isoformat(times), time_zone=zone) == times.tz_convert(zone).tz_localize(None)).all()


def test_midnight_may_be_without_a_clock_or_at_24() -> None:
    form = "%d.%m.%Y %H:%M"
    short = [cell.removesuffix(" 00:00") for cell in written(HOURS, form)]
    late = [(f"{time - pd.Timedelta('1h'):%d.%m.%Y} 24:00" if time.hour == 0 else f"{time:{form}}") for time in HOURS]
    bare, last = dates_of(short), dates_of(late)
    assert (bare.read() == HOURS).all()
    assert (last.read() == HOURS).all()
    assert "16 dates without a clock read as midnight" in bare.notes
    assert "16 dates at 24:00 read as 00:00 of the next day" in last.notes
    assert (read(short, time_format=form) == HOURS).all()
    assert (read(short, time_format="%d.%m.%Y") == HOURS).all()


HALVES = [" AM", "am", " a.m.", " Am"]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("day", ["%m/%d/%Y", "%d-%b-%Y", "%d.%m.%y", "%Y-%m-%d"])
def test_clocks_of_twelve_hours(half: str, day: str) -> None:
    late = half.replace("A", "P").replace("a", "p")
    cells = [f"{time:{day}} {time.hour % 12 or 12}:{time:%M}{half if time.hour < 12 else late}" for time in HOURS]
    assert (read(cells) == HOURS).all()
    assert (read(cells) != HOURS[0]).sum() == len(HOURS) - 1


MONTHS_IN_WORDS = (
    *("sty lut mar kwi maj cze lip sie wrz paź lis gru", "янв фев мар апр май июн июл авг сен окт ноя дек"),
    *("jan feb mrt apr mei jun jul aug sep okt nov dec", "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara"),
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "január február március április május június július augusztus szeptember október november december",
    "januar februar marts april maj juni juli august september oktober november desember",
    "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
)


@pytest.mark.parametrize("words", MONTHS_IN_WORDS)
@pytest.mark.parametrize("form", ["{} {}", "{}-{}", "{1}. {0}", "1 {} {}"])
def test_months_in_other_languages(words: str, form: str) -> None:
    cells = [form.format(words.split()[time.month - 1], time.year) for time in MONTHS]
    assert (read(cells) == MONTHS).all()
    assert not (read(cells)[1:] == MONTHS[:-1]).any()


GERMAN = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
FRENCH = (
    *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
    *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
)
SPANISH = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)


@pytest.mark.parametrize(
    "cells",
    [
        [f"{time.day}. {GERMAN[time.month - 1]} {time.year}" for time in DAYS],
        [f"{GERMAN[time.month - 1][:3]}. {time.day:02d}, {time.year}" for time in DAYS],
        [f"{time.day} {FRENCH[time.month - 1]} {time.year}" for time in DAYS],
        [f"{time.day} de {SPANISH[time.month - 1]} de {time.year}" for time in DAYS],
        [f"{time:%B} {time.day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(time.day, 'th') }, {time.year}" for time in DAYS],
        [f"{time.year}年{time.month}月{time.day}日" for time in DAYS],
        [f"{time:%d.%m.%Y}\u00a000:00" for time in DAYS],
    ],
    ids=["German", "German short", "French", "Spanish", "ordinals", "Chinese", "no-break space"],
)
def test_dates_in_other_languages(cells: list[str]) -> None:
    assert (read(cells) == DAYS).all()


def test_a_weekday_that_stands_for_several_days_is_none() -> None:
    with pytest.raises(DataError, match="unreadable"):
        read([f"Mon {time:%d/%m/%Y}" for time in DAYS])


def hours_of(times: pd.DatetimeIndex, form: str = "{0.hour}") -> list[str]:
    return [form.format(time) for time in times]


ENDS = [time - pd.Timedelta("1h") for time in HOURS]
SEVERAL: dict[str, tuple[pd.DatetimeIndex, dict[str, list[str]]]] = {
    "clock": (HOURS, {"Datum": written(HOURS, "%d.%m.%Y"), "Uhrzeit": written(HOURS, "%H:%M")}),
    "clock first": (HOURS, {"Uhrzeit": written(HOURS, "%H.%M"), "Datum": written(HOURS, "%d.%m.%Y")}),
    "clock of halves": (HOURS, {"Date": written(HOURS, "%m/%d/%Y"), "Time": written(HOURS, "%I:%M %p")}),
    "halves apart": (HOURS, {"d": written(HOURS, "%Y%m%d"), "t": written(HOURS, "%I:%M"), "p": written(HOURS, "%p")}),
    "hour": (HOURS, {"date": written(HOURS, "%Y-%m-%d"), "hour": hours_of(HOURS)}),
    "hour of digits": (HOURS, {"date": written(HOURS, "%Y%m%d"), "Stunde": hours_of(HOURS)}),
    "hundreds": (HOURS, {"date": written(HOURS, "%d/%m/%Y"), "time": hours_of(HOURS, "{0.hour}00")}),
    "four digits": (HOURS, {"date": written(HOURS, "%d/%m/%Y"), "time": written(HOURS, "%H%M")}),
    "hours that end": (HOURS, {"date": [f"{t:%Y-%m-%d}" for t in ENDS], "HE": [str(t.hour + 1) for t in ENDS]}),
    "hour and minute": (HOURS, {"day": written(HOURS, "%Y-%m-%d"), "hr": hours_of(HOURS), "min": ["0"] * len(HOURS)}),
    "parts": (HOURS, {n: written(HOURS, f) for n, f in {"year": "%Y", "mo": "%m", "dd": "%d", "hour": "%H"}.items()}),
    "parts in any order": (DAYS, {n: written(DAYS, f) for n, f in {"Tag": "%d", "Monat": "%m", "Jahr": "%Y"}.items()}),
    "short years": (DAYS, {n: written(DAYS, f) for n, f in {"dia": "%d", "mes": "%m", "año": "%y"}.items()}),
    "names of months": (MONTHS, {"Month": written(MONTHS, "%B"), "Year": written(MONTHS, "%Y")}),
    "weeks": (WEEKS, {"an": iso_weeks(WEEKS, "{0}"), "semaine": iso_weeks(WEEKS, "{1}")}),
    "weeks with a letter": (WEEKS, {"Year": iso_weeks(WEEKS, "{0}"), "Week": iso_weeks(WEEKS, "W{1:02d}")}),
    "quarters": (QUARTERS, {"Year": quarters(QUARTERS, "{Y}"), "Quarter": quarters(QUARTERS, "{q}")}),
    "quarters with a letter": (QUARTERS, {"Qtr": quarters(QUARTERS, "Q{q}"), "Year": quarters(QUARTERS, "{Y}")}),
    "days of the year": (DAYS, {"year": written(DAYS, "%Y"), "doy": [str(time.day_of_year) for time in DAYS]}),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_columns_are_one_time(case: str) -> None:
    times, columns = SEVERAL[case]
    assert (read(*columns.values(), names=columns) == times).all()
    assert not (read(*columns.values(), names=columns)[1:] == times[:-1]).any()


def look_at(names: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]) -> Head:
    """Return the head of a table with one line above its rows."""
    rows = np.arange(len(cells[0]))
    return Head(tuple(names), tuple(map(tuple, cells)), tuple(numeric), Places(("d.csv",), 0 * rows, rows + 2))


@pytest.mark.parametrize("case", [case for case in SEVERAL if case != "halves apart"])
def test_several_columns_are_found_in_an_unknown_table(case: str) -> None:
    _, columns = SEVERAL[case]
    names = ["id", *columns, "load"]
    cells = (["x"] * len(next(iter(columns.values()))), *columns.values(), ["1.5"] * len(next(iter(columns.values()))))
    numeric = tuple(all(cell.replace(".", "", 1).isdigit() for cell in column) for column in cells)
    finding = Finding()
    found = find_dates(look_at(names, cells, numeric), finding)
    assert {names[index] for index in found} == set(columns)


@pytest.mark.parametrize("case", WRITTEN)
def test_one_column_is_found_in_an_unknown_table(case: str) -> None:
    _, cells = WRITTEN[case]
    finding = Finding()
    head = look_at(("sales", "date"), (["3.5"] * len(cells), cells), (True, all(map(str.isdigit, cells))))
    assert find_dates(head, finding) == [1]


RANGES = {
    "clocks": (HOURS, "%Y-%m-%d %H:%M - {:%H:%M}", HOURS + pd.Timedelta(hours=1)),
    "dates and clocks": (HOURS, "%d.%m.%Y %H:%M - {:%d.%m.%Y %H:%M}", HOURS + pd.Timedelta(hours=1)),
    "a long dash": (HOURS, "%d.%m.%Y %H:%M – {:%H:%M}", HOURS + pd.Timedelta(hours=1)),
    "ISO 8601": (DAYS, "%Y-%m-%d/{:%Y-%m-%d}", DAYS + pd.Timedelta(days=1)),
    "weeks": (WEEKS, "%d.%m.%Y - {:%d.%m.%Y}", WEEKS + pd.Timedelta(days=6)),
    "words": (WEEKS, "%d %b %Y to {:%d %b %Y}", WEEKS + pd.Timedelta(days=6)),
}


@pytest.mark.parametrize("case", RANGES)
def test_ranges_of_time_are_read_as_their_beginnings(case: str) -> None:
    times, form, ends = RANGES[case]
    dates = dates_of([f"{time:{form.partition('{')[0]}}" + form[form.index("{") :].format(end)
                      for time, end in zip(times, ends)])  # fmt: skip
    assert (dates.read() == times).all()
    assert "ranges of time read as their beginnings" in dates.notes


@pytest.mark.parametrize("cells", [["2018/19", "2019/20", "2020/21"], ["2020-01-05 13-14", "2020-01-05 14-15"]])
def test_what_is_no_range_of_dates_is_not_cut(cells: list[str]) -> None:
    with pytest.raises(DataError, match=rf'the first is "{cells[0]}"'):
        read(cells)


def test_cells_that_look_like_dates_but_are_none_are_a_question() -> None:
    cells = [f"{time:%Y-%m-%d} x {time.day % 3}{'abc'[time.day % 3]}" for time in DAYS]
    with pytest.raises(Undecided, match="unreadable date") as asked:
        find_dates(look_at(("when", "y"), (cells, ["3.5"] * len(cells)), (False, True)), Finding())
    assert [dict(remedy.settings) for remedy in asked.value.questions[0].remedies] == [{"time": None}]
    codes = [f"12-{number}" for number in range(100)]
    assert find_dates(look_at(("item", "y"), (codes, ["3.5"] * len(cells)), (False, True)), Finding()) == []


BASQUE = ("urt", "ots", "mar", "api", "mai", "eka", "uzt", "abu", "ira", "urr", "aza", "abe")
YEARS_IN_WORDS = {
    "fiscal years": [f"FY{year}" for year in range(1980, 2020)],
    "seasons": [f"{year}/{(year + 1) % 100:02d}" for year in range(1980, 2020)],
    "school years, newest first": [f"{year}-{year + 1}" for year in range(2020, 1980, -1)],
    "months in Basque": [f"{BASQUE[n % 12]} {1998 + n // 12}" for n in range(40)],
}


@pytest.mark.parametrize("case", YEARS_IN_WORDS)
def test_years_in_words_that_are_not_read_are_a_question(case: str) -> None:
    cells = YEARS_IN_WORDS[case]
    Path("t.csv").write_text("when,y\n" + "".join(f"{cell},{n % 7}.5\n" for n, cell in enumerate(cells)))
    with pytest.raises(Undecided, match="rows are taken as evenly spaced") as asked:
        inspect("t.csv", {})
    assert ("FY%Y" in str(asked.value)) == cells[0].startswith("FY")
    Path("t.csv").write_text("when,y\n" + "".join(f"item {n},{n % 7}.5\n" for n in range(40)))
    assert inspect("t.csv", {})[0].seen[-1].startswith("no dates")


def test_the_year_among_letters_can_be_read() -> None:
    Path("t.csv").write_text("when,y\n" + "".join(f"FY{1980 + n},{n % 7}.5\n" for n in range(40)))
    assert (inspect("t.csv", {"time": "when", "time_format": "FY%Y"})[1].time[:30] == YEARS).all()


def test_numbers_that_only_sound_like_dates_are_none() -> None:
    head = look_at(("weekly_sales", "y"), (("1900", "1850", "2010", "1800"), ("1", "2", "3", "4")), (True, True))
    finding = Finding()
    assert find_dates(head, finding) == []
    assert finding.seen == ["no dates: rows are taken as evenly spaced"]


def test_the_name_of_a_column_tells_weeks_and_quarters_from_months() -> None:
    weeks, quarter = iso_weeks(WEEKS[:10], "{0}{1:02d}"), quarters(QUARTERS, "{Y}-{q}")
    assert (read(weeks, names=["Week"]) == WEEKS[:10]).all()
    assert (read(weeks, names=["Month"]) != WEEKS[:10]).any()
    assert (read(quarter, names=["quarter"]) == QUARTERS).all()


def test_a_zero_that_a_spreadsheet_has_lost_is_put_back() -> None:
    cells = [cell.lstrip("0") for cell in written(DAYS, "%d%m%Y")]
    assert (read(cells) == DAYS).all()
    assert (read(cells, time_format="%d%m%Y") == DAYS).all()
    october = [f"{time:%Y.%m}".rstrip("0") for time in MONTHS]
    assert (read(october) == MONTHS).all()


@pytest.mark.parametrize("junk", [["TS", ""], ["", "Total"], ["yyyy-mm-dd"], ["", ""]])
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%s"])
def test_rows_of_units_or_totals_do_not_hide_the_dates(form: str, junk: list[str]) -> None:
    days = written(DAYS, form) if form != "%s" else told(DAYS, "1899-12-30", "D")
    cells = (*junk, *days)
    head = look_at(("load", "date"), (("1.5",) * len(cells), cells), (True, form in ("%Y%m%d", "%s")))
    assert find_dates(head, Finding()) == [1]


INDEXED = {
    "named": pd.DataFrame({"y": range(100)}, index=pd.Index(DAYS, name="when")),
    "nameless": pd.DataFrame({"y": range(100)}, index=pd.Index(DAYS)),
    "text": pd.DataFrame({"y": range(100)}, index=pd.Index(written(DAYS, "%d.%m.%Y"), name="when")),
    "dates": pd.DataFrame({"when": [day.date() for day in DAYS], "y": range(100)}),
    "zone": pd.DataFrame({"when": DAYS.tz_localize("UTC"), "y": range(100)}),
    "periods": pd.DataFrame({"when": DAYS.to_period("D"), "y": range(100)}),
    "periods as index": pd.DataFrame({"y": range(100)}, index=DAYS.to_period("D")),
    "digits": pd.DataFrame({"date": [int(cell) for cell in written(DAYS, "%Y%m%d")], "y": range(100)}),
    "a missing value": pd.DataFrame({"when": DAYS, "y": [*range(99), np.nan]}),
}


@pytest.mark.parametrize("case", INDEXED)
def test_the_dates_of_parquet_are_found_and_read(case: str) -> None:
    INDEXED[case].to_parquet("t.parquet")
    finding = Finding()
    head = read_head(Path("t.parquet"), finding)
    (found,) = find_dates(head, finding)
    series = csv(path="t.parquet", time=head.names[found], target="y", missing="drop").read()
    assert (series.time == DAYS[: len(series.time)]).all()
    assert len(series.time) == INDEXED[case]["y"].count()


def test_weeks_as_periods_begin_on_their_monday() -> None:
    pd.DataFrame({"week": WEEKS.to_period("W"), "y": range(160)}).to_parquet("t.parquet")
    assert (csv(path="t.parquet", time="week").read().time == WEEKS).all()
    assert find_dates(read_head(Path("t.parquet"), Finding()), Finding()) == [0]


def test_labels_that_could_be_years_are_no_dates_beside_dates() -> None:
    days = pd.date_range("2016-10-07", periods=60)
    rows = pd.DataFrame({"item": ["101"] * 60 + ["102"] * 60, "y": range(120)}, index=[*days, *days])
    rows.to_parquet("t.parquet")
    head = read_head(Path("t.parquet"), Finding())
    assert [head.names[index] for index in find_dates(head, Finding())] == [head.names[-1]]
    rows.reset_index(drop=True).to_parquet("t.parquet")
    head = read_head(Path("t.parquet"), Finding())
    assert head.names[-1] == "y"
