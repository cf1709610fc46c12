"""Dates in the forms in which people write them: known times are written, and read as these or refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.times import Dates

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
    "half-years": (YEARS[:10], [f"{time.year}-H1" for time in YEARS[:10]]),
    "years": (YEARS, written(YEARS, "%Y")),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN)
def test_dates_are_read_as_they_were_meant(case: str) -> None:
    times, cells = WRITTEN[case]
    assert (read(cells) == times).all()
    assert not (read(cells)[1:] == times[:-1]).any()
