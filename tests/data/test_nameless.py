"""Tables without a header: dates are found by what stands in the columns, and no row becomes a header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.series import Series
from rnnexp.data.tables.remedy import Undecided

HOURS = pd.date_range("2021-01-30", periods=120, freq="h")
DAYS = pd.date_range("2020-12-13", periods=120, freq="D")
WEEKS = pd.date_range("2018-01-01", periods=120, freq="W-MON")
MONTHS = pd.date_range("2001-01-01", periods=60, freq="MS")
ENDS = pd.date_range("2001-01-01", periods=60, freq="ME")
QUARTERS = pd.date_range("2001-01-01", periods=60, freq="QS")
YEARS = pd.date_range("1950-01-01", periods=50, freq="YS")
FORMS = {
    "ISO": (DAYS, ["%Y-%m-%d"]),
    "day, word, year": (DAYS, ["%d %b %Y"]),
    "word, day, year": (DAYS, ["%b %d; %Y"]),
    "whole words": (DAYS, ["%d %B %Y"]),
    "words and AM": (HOURS, ["%d-%b-%Y %I:%M %p"]),
    "months of words": (MONTHS, ["%b %Y"]),
    "digits": (DAYS, ["%Y%m%d"]),
    "digits with a clock": (HOURS, ["%Y%m%d%H%M"]),
    "years": (YEARS, ["%Y"]),
    "year, month": (MONTHS, ["%Y", "%-m"]),
    "year, month, day": (DAYS, ["%Y", "%-m", "%-d"]),
    "year, month, last day": (ENDS, ["%Y", "%-m", "%-d"]),
    "year, month, first day": (MONTHS, ["%Y", "%-m", "%-d"]),
    "year, month, day, hour": (HOURS, ["%Y", "%-m", "%-d", "%-H"]),
    "day, month, year": (DAYS, ["%-d", "%-m", "%Y"]),
    "month, day, year": (DAYS, ["%-m", "%-d", "%Y"]),
    "month, year": (MONTHS, ["%-m", "%Y"]),
    "day, month, year, hour": (HOURS, ["%-d", "%-m", "%Y", "%-H"]),
    "year, week": (WEEKS, ["%G", "%-V"]),
    "year, quarter": (QUARTERS, ["%Y", "%q"]),
    "date, hour": (HOURS, ["%Y-%m-%d", "%-H"]),
    "digits, hour": (HOURS, ["%Y%m%d", "%-H"]),
    "date, clock": (HOURS, ["%d.%m.%Y", "%H:%M"]),
}
COUNTED = {
    "seconds": (HOURS, [str(int(stamp.timestamp())) for stamp in HOURS]),
    "days of a spreadsheet": (DAYS, [str((stamp - pd.Timestamp("1899-12-30")).days) for stamp in DAYS]),
}


def columns(times: pd.DatetimeIndex, forms: Sequence[str]) -> list[list[str]]:
    return [[time.strftime(form.replace("%q", str(time.quarter))) for time in times] for form in forms]


def values(rows: int) -> list[str]:
    return [f"{20 + 5 * np.sin(row / 3) + row % 7:.2f}" for row in range(rows)]


def look(*cells: Sequence[str], **given: object) -> Series:
    Path("n.csv").write_text("".join(f"{','.join(row)}\n" for row in zip(*cells)).replace(";", " "), encoding="utf-8")
    finding, series = inspect("n.csv", given)
    assert finding.settings["header"] == "none"
    assert (finding.source().read().values == series.values).all()
    return series


def assert_dated(series: Series, times: pd.DatetimeIndex) -> None:
    assert series.time is not None
    assert (series.time == times.to_numpy()).all()
    assert not (series.time[1:] == times.to_numpy()[:-1]).any()


@pytest.mark.parametrize("case", FORMS)
def test_dates_are_found_without_a_name(case: str) -> None:
    times, forms = FORMS[case]
    assert_dated(look(*columns(times, forms), values(len(times))), times)


@pytest.mark.parametrize("case", ["digits", "words and AM", "year, month, day", "day, month, year", "year, week"])
@pytest.mark.parametrize("first", [True, False])
def test_dates_are_found_beside_labels_newest_first_and_with_gaps(case: str, first: bool) -> None:
    times, forms = FORMS[case]
    own = columns(times[::-1].delete([40, 41]), forms)
    label = [["Bremen"] * len(own[0])]
    series = look(*(label if first else []), *own, *([] if first else label), values(len(own[0])), gaps="interpolate")
    assert_dated(series, times)


@pytest.mark.parametrize("case", ["digits", "ISO", "year, month"])
@pytest.mark.parametrize("labels", [("north", "south"), ("A1", "B2")])
def test_the_first_row_of_a_long_table_is_no_header(case: str, labels: tuple[str, str]) -> None:
    times, forms = FORMS[case]
    own = columns(times[5:].append(times), forms)
    names = [labels[0]] * (len(times) - 5) + [labels[1]] * len(times)
    series = look(names, *own, values(len(names)))
    assert series.ids == labels
    assert len(series.values) == 2 * len(times) - 5


@pytest.mark.parametrize("case", ["ISO", "digits", "day, word, year", "words and AM", "months of words", "years"])
@pytest.mark.parametrize(
    ("labels", "first"),
    [
        (("101", "102"), True),
        (("2001", "2002", "2004"), False),
        (("7", "44"), False),
        (("20010101", "20010102"), True),
    ],
)
def test_ids_that_could_be_dates_name_the_series(case: str, labels: tuple[str, ...], first: bool) -> None:
    times, forms = FORMS[case]
    own = columns(times.repeat(len(labels)), forms)
    names = [*labels] * len(times)
    series = look(*([names, *own] if first else [*own, names]), values(len(names)))
    assert series.ids == labels
    assert series.time is not None
    assert (series.time == np.tile(times.to_numpy(), len(labels))).all()


@pytest.mark.parametrize("ids", [(2001, 2002, 2003), (1990, 1995, 2000, 2005)])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("blocks", [True, False])
def test_years_beside_ids_that_are_as_even_are_a_question(ids: tuple[int, ...], first: bool, blocks: bool) -> None:
    pairs = [(one, year) for one in ids for year in range(1970, 2011)]
    pairs = pairs if blocks else sorted(pairs, key=lambda pair: pair[1])
    names, years = ([str(pair[place]) for pair in pairs] for place in (0, 1))
    table = [names, years] if first else [years, names]
    with pytest.raises(Undecided, match="several columns may be the years") as asked:
        look(*table, values(len(names)))
    answers = {str(remedy.settings["time"]): remedy.meaning for remedy in asked.value.questions[0].remedies}
    assert answers[str(int(first))] == "years from 1970 to 2010"
    series = look(*table, values(len(names)), time=int(first))
    assert series.ids == tuple(map(str, ids))


def test_a_year_beside_its_months_in_digits_is_no_date_of_its_own() -> None:
    series = look(*columns(MONTHS, ["%Y", "%Y%m"]), values(len(MONTHS)))
    assert_dated(series, MONTHS)


@pytest.mark.parametrize("case", COUNTED)
@pytest.mark.parametrize("labeled", [True, False])
def test_numbers_without_a_name_that_count_time_are_dates(case: str, labeled: bool) -> None:
    times, cells = COUNTED[case]
    names = [["A"] * 50 + ["B"] * 55] if labeled else []
    series = look(*names, cells[5:55] + cells[:55] if labeled else cells, values(105 if labeled else len(cells)))
    assert_dated(series, times[5:55].append(times[:55]) if labeled else times)


def test_numbers_before_years_that_make_no_dates_in_order_are_none() -> None:
    shop = [str(1 + row % 5) for row in range(60)]
    series = look(shop, [str(1990 + row // 5) for row in range(60)], values(60))
    assert series.ids == ("1", "2", "3", "4", "5")


def test_months_or_quarters_of_one_year_are_a_question() -> None:
    with pytest.raises(Undecided, match="several readings") as asked:
        look(["2020"] * 4, ["1", "2", "3", "4"], ["5.5", "6.5", "5.7", "6.1"])
    settings = [dict(remedy.settings) for remedy in asked.value.questions[0].remedies]
    assert settings == [
        {"time": [0, 1]},
        {"time": [0, 1], "time_format": "%G %V"},
        {"time": [0, 1], "time_format": "%Y %q"},
    ]


def test_values_without_a_name_are_no_dates() -> None:
    series = look(values(60), [f"{2000 + (row * 7) % 60}" for row in range(60)])
    assert series.time is None


@pytest.mark.parametrize("header", ["store,2019,2020", "store,1,2,3", "station,20210101,20210102", "date,0.1,0.9"])
def test_a_header_of_a_word_and_numbers_stays_one(header: str) -> None:
    from rnnexp.data.tables.layout import Layout
    from rnnexp.data.tables.table import column_names

    width = header.count(",")
    rows = [",".join([f"s{row}" if "s" in header else f"2020-01-{row + 10}", *["1.5"] * width]) for row in range(9)]
    Path("h.csv").write_text("\n".join([header, *rows[:4], header, *rows[4:], ""]), encoding="utf-8")
    assert column_names(Path("h.csv"), Layout()) == tuple(header.split(","))
