"""The step of dates as it is given by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnexp.config.compose import compose
from rnnexp.data.calendar import describe_step, following, season_of
from rnnexp.data.tables.frequency import infer, lay, mistake
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks import load

RENAMED = {
    "M": "ME",
    "H": "h",
    "Y": "YE",
    "A": "YE",
    "Q": "QE",
    "T": "min",
    "15T": "15min",
    "2M": "2ME",
    "Q-MAR": "QE-MAR",
}
ROWS = "d,y\n" + "".join(f"20{year:02d}-01-01,{year}\n" for year in range(40))


@pytest.mark.parametrize("alias", RENAMED)
def test_an_alias_of_an_older_pandas_is_answered_with_todays(alias: str) -> None:
    assert mistake(alias) == f"`{alias}` is an alias of older versions of pandas; write {RENAMED[alias]}"
    assert mistake(RENAMED[alias]) is None


@pytest.mark.parametrize("alias", ["nonsense", "", "W-XXX", "0D", "-1D", "9" * 30 + "D", "D;D"])
def test_nonsense_is_a_mistake_before_data_are_read(alias: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.frequency: `"):
        compose("data=csv", "data.path=absent.csv", "data.time=d", f"data.frequency='{alias}'")


@pytest.mark.parametrize("alias", ["h", "D", "W-SUN", "MS", "15min", "2h30min", "QS-FEB", "WOM-3FRI"])
def test_what_pandas_knows_is_taken(alias: str) -> None:
    assert mistake(alias) is None


def test_a_step_that_would_fill_memory_is_refused() -> None:
    Path("years.csv").write_text(ROWS)
    source = compose("data=csv", "data.path=years.csv", "data.time=d", "data.frequency=ms").data
    with pytest.raises(DataError, match='steps of "ms" would make over a hundred times the 40 rows'):
        load(source)


OTHERS = {
    "A-DEC": "YE-DEC",
    "AS-JAN": "YS-JAN",
    "BA-JUN": "BYE-JUN",
    "BAS": "BYS",
    "BQ-JAN": "BQE-JAN",
    "BM": "BME",
    "SM": "SME",
    "CBM": "CBME",
    "L": "ms",
    "U": "us",
    "N": "ns",
    "3S": "3s",
    "4A-JUN": "4YE-JUN",
    "BH": "bh",
    "1H30T": "1h30min",
    "2h30T": "2h30min",
    "1.5H": "1.5h",
    "w-mon": "W-MON",
    "2w": "2W",
    "d": "D",
    "q": "QE",
    "daily": "D",
    "Hour": "h",
    "weekly": "W",
    "monthly": "MS",
    "me": "ME",
    "bme": "BME",
    "t": "min",
}


@pytest.mark.parametrize("given", OTHERS)
def test_what_is_meant_by_another_word_is_named(given: str) -> None:
    assert str(mistake(given)).endswith(f"; write {OTHERS[given]}")
    assert mistake(OTHERS[given]) is None


NOWHERE = ["-1M", "0M", "-2h", "0MS", "0MS+3D", "MS+31D", "ME+1D", "WOM-5FRI", "M-1", "111111111MS"]


@pytest.mark.parametrize("given", NOWHERE)
def test_a_step_that_leads_nowhere_is_a_mistake(given: str) -> None:
    assert str(mistake(given)).startswith(f"`{given}` ")


@pytest.mark.parametrize("given", ["MS+14D", "2MS+14D", "QS-FEB+14D", "YS-MAR+9D"])
def test_months_dated_on_one_of_their_days_are_a_step(given: str) -> None:
    assert mistake(given) is None


YEAR = np.arange("2023-01-02", "2024-01-01", dtype="datetime64[D]")  # from a Monday to a Sunday
CLOSED = {
    "C-MON-TUE-WED-THU-FRI-SAT": ("6", "Sundays", "2024-01-01"),
    "C-TUE-WED-THU-FRI-SAT-SUN": ("0", "Mondays", "2024-01-02"),
    "C-MON-TUE-THU-FRI-SAT": ("26", "Wednesdays and Sundays", "2024-01-01"),
    "B": ("56", "Saturdays and Sundays", "2024-01-01"),
}


def without(days: str, *others: int) -> np.ndarray:
    weekday = (YEAR.astype(int) + 3) % 7
    return np.delete(YEAR[~np.isin(weekday, [int(day) for day in days])], others).astype("datetime64[ns]")


@pytest.mark.parametrize("alias", CLOSED)
def test_weekdays_that_never_have_a_row_are_no_gaps(alias: str) -> None:
    closed, names, after = CLOSED[alias]
    time = without(closed)
    assert infer(time) == infer(without(closed, 30, 100, 101)) == alias
    assert mistake(alias) is None
    steps = lay(time, alias)
    assert not steps.off.any()
    assert steps.absent == 0
    assert lay(without(closed, 30, 100, 101), alias).absent == 3
    assert season_of(alias) == 7 - len(closed)
    assert describe_step(alias) == f"{alias} (no rows on {names})"
    np.testing.assert_array_equal(steps.dates(np.arange(len(time))), time)
    assert following(time[-1], alias, 1)[0] == np.datetime64(after)


def test_a_weekday_with_a_row_or_few_weeks_stays_a_day() -> None:
    time = without("6")
    assert infer(time[:20]) == "D"
    assert infer(np.insert(time, 6, np.datetime64("2023-01-08"))) == "D"
    assert describe_step("D") == "D"


@pytest.mark.parametrize("alias", ["C-MON-MON", "C-XXX", "C-", "C-mon"])
def test_open_days_are_named_once_each(alias: str) -> None:
    assert "is not a step of dates" in (mistake(alias) or "")
