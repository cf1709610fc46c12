"""Rows on calendars that people have, clean and flawed in one place: step, gaps and the dates that follow are known."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.cells import HOURS
from rnnexp.data.calendar import following, has_hours
from rnnexp.data.inspect.flaws import choose_remedy
from rnnexp.data.series import Series, Tally
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.flawed import Flawed
from rnnexp.deploy.write import csv_text, lines, records
from rnnexp.tasks import load

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
@pytest.mark.fault("E7")
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


@pytest.mark.parametrize(("row", "years"), [(0, 70), (20, -70), (ROWS - 1, 70)])
@pytest.mark.parametrize("name", CALENDARS)
def test_a_wrong_year_is_named_and_nothing_is_filled(name: str, row: int, years: int) -> None:
    time, _ = CALENDARS[name]
    wrong = shifted(time[:ROWS], row, years)
    with pytest.raises(Flawed, match=rf"(?s)likely a wrong date.*line {row + 2}\b") as refused:
        read(wrong)
    assert choose_remedy(refused.value.flaw) is None
    if "trading" not in name:
        assert str(time[row])[:10] in str(refused.value)


@pytest.mark.parametrize("row", [0, 20, ROWS - 1])
def test_a_wrong_date_is_left_out_by_its_line(row: int) -> None:
    time = pd.date_range("2019-01-01", periods=ROWS, freq="MS")
    with pytest.raises(Flawed) as refused:
        read(shifted(time, row, 70))
    remedy = refused.value.remedies[0]
    assert remedy.settings == {"skip_rows": [row + 2]}
    rest = {"gaps": "ignore"} if row == 20 else {}
    series = read(shifted(time, row, 70), **remedy.settings, **rest)
    assert (series.time == time.delete(row).to_numpy()).all()


def test_a_row_that_only_stands_elsewhere_is_no_wrong_date() -> None:
    time = pd.date_range("2019-01-01", periods=ROWS, freq="MS")
    with pytest.raises(Flawed) as refused:
        read(time.delete(10).append(time[10:11]))
    assert "wrong date" not in str(refused.value)
    assert [remedy.settings for remedy in refused.value.remedies] == [{"unsorted": "sort"}]


def hours(rows: int, first: str = "2013-01-01") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=rows, freq="h")


def test_a_long_gap_is_told_by_length_and_share_and_never_filled_unasked() -> None:
    time = hours(24_000)
    gone = time.delete(range(812, 812 + 7386))
    with pytest.raises(Flawed, match=r"1 gap of 7,386 hours \(31 % of the rows\): after line 813 \(2013") as e:
        read(gone)
    assert choose_remedy(e.value.flaw) is None
    few = hours(24_000).delete(range(812, 812 + 60))
    with pytest.raises(Flawed, match=r"1 gap of 60 hours \(0\.2 % of the rows\)") as e:
        read(few)
    assert choose_remedy(e.value.flaw) is None
    with pytest.raises(Flawed) as e:
        read(hours(24_000).delete([30, 700, 701, 9_000]))
    assert choose_remedy(e.value.flaw).settings == {"gaps": "ffill"}


def test_a_long_gap_that_is_filled_is_told_with_the_training_rows_that_it_makes() -> None:
    path = table(hours(3_000).delete(range(500, 1_200)))
    dataset = load(csv(path=str(path), time="ds", target="y", sequence_length=5, gaps="ffill"))
    told = "\n".join(dataset.summary.notes)
    assert (
        "the longest gap: 700 rows on end after line 501 are filled, all like the one before them (gaps=ffill)" in told
    )
    assert "700 of 2,100 training rows (33%) fill gaps: they repeat the row before their gap (gaps=ffill)" in told
    short = load(
        csv(path=str(table(hours(3_000).delete([500]))), time="ds", target="y", sequence_length=5, gaps="ffill")
    )
    assert "training rows" not in "\n".join(short.summary.notes)


def test_a_long_stretch_of_missing_values_is_not_filled_unasked() -> None:
    values = np.arange(24_000.0)
    values[812:872] = np.nan
    with pytest.raises(Flawed, match="60 missing values") as e:
        read(hours(24_000), values)
    assert choose_remedy(e.value.flaw) is None
    values[814:872] = 0
    with pytest.raises(Flawed) as e:
        read(hours(24_000), values)
    assert choose_remedy(e.value.flaw).settings == {"missing": "ffill"}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
@pytest.mark.parametrize("step", ["h", "15min"])
@pytest.mark.fault("E7")
def test_a_change_of_clocks_is_named(zone: str, step: str) -> None:
    year = pd.date_range("2021-01-01", "2021-12-31", freq=step, tz=zone)
    local = year.tz_localize(None)
    autumn, spring = ("2021-09-01", "2022-01-01"), ("2021-02-01", "2021-06-01")
    if zone == "Australia/Sydney":
        autumn, spring = spring, autumn
    twice = local[(local >= autumn[0]) & (local < autumn[1])]
    with pytest.raises(Flawed, match="clocks are changed in that night"):
        read(twice)
    with pytest.raises(Flawed, match="clocks are changed in that night"):
        read(local[(local >= spring[0]) & (local < spring[1])])
    other = hours(500, "2021-07-05")
    with pytest.raises(Flawed) as e:
        read(other.delete(200))
    assert "clocks" not in str(e.value)


def test_business_days_are_taken_without_holidays() -> None:
    days = pd.bdate_range("2020-01-01", periods=300)
    with pytest.raises(Flawed, match="on holidays") as e:
        read(days.delete([5, 80, 81, 200]))
    assert choose_remedy(e.value.flaw).settings == {"gaps": "ignore"}
    series = read(days.delete([5, 80, 81, 200]), gaps="ignore")
    assert series.frequency == "B"
    assert following(np.datetime64("2021-01-08"), "B", 1) == np.datetime64("2021-01-11")
    assert following(np.datetime64("2021-01-09"), "B", 1) == np.datetime64("2021-01-11")


FLAWS: dict[str, Any] = {
    "clean": ([], {}),
    "a gap": ([("drop", 9)], {"gaps": "ffill"}),
    "a gap that is ignored": ([("drop", 9)], {"gaps": "ignore"}),
    "a repeated date": ([("again", 9)], {"duplicates": "mean"}),
    "a hole": ([("hole", 9)], {"missing": "drop", "gaps": "ignore"}),
    "a hole that is filled": ([("hole", 9)], {"missing": "interpolate"}),
    "no target at the ends": ([("hole", 0), ("hole", 28), ("hole", 29)], {}),
    "all of it": (
        [("hole", 0), ("hole", 29), ("hole", 12), ("drop", 20), ("again", 9)],
        {"missing": "ffill", "gaps": "ffill", "duplicates": "first"},
    ),
}


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("case", FLAWS)
def test_the_sums_of_rows_hold(case: str, several: bool) -> None:
    planted, settings = FLAWS[case]
    rows = [f"2020-01-{day:02d},{day}" for day in range(1, 31)]
    added = {"drop": lambda row: [], "again": lambda row: [row, row], "hole": lambda row: [row[:11]]}
    for how, place in sorted(planted, key=lambda one: -one[1]):
        rows[place : place + 1] = added[how](rows[place])
    if several:
        long = [*(f"A,{row}" for row in rows), "B,2020-01-01,1", "B,2020-01-02,2", *(f"C,{row}" for row in rows)]
        settings, rows = {**settings, "series": "id", "on_short": "skip", "sequence_length": 5}, long
    Path("t.csv").write_text(
        "\n".join(["id,ds,y" if several else "ds,y", *rows, *([",,"] if several else [","])]) + "\n"
    )
    series = csv(path="t.csv", time="ds", target="y", **settings).read()
    tally = series.tally
    assert tally.records == len(rows) + 1
    assert tally.records == tally.kept + sum(tally.left_out.values()) + sum(tally.merged.values())
    assert len(series.values) == tally.rows == tally.kept + sum(tally.filled.values())
    assert (0 if series.added is None else series.added.sum()) == sum(tally.filled.values())
    copies = 2 if several else 1
    again, holes = (copies * sum(how == one for how, _ in planted) for one in ("again", "hole"))
    assert sum(tally.merged.values()) == again
    short = {"in series that are too short": 2} if several else {}
    ends = copies * sum(how == "hole" and place in (0, 28, 29) for how, place in planted)
    assert sum(tally.left_out.values()) == 1 + sum(short.values()) + (holes if "drop" in settings.values() else ends)
    assert short.items() <= tally.left_out.items()


def test_sums_that_do_not_hold_are_seen() -> None:
    assert Tally(10, {"dropped": 1}, {"merged": 2}, {"added": 3}).rows == 10
    assert Tally(10, {"dropped": 1}, {"merged": 1}, {"added": 3}).rows != 10


def test_a_refusal_of_rows_keeps_its_remedies_in_another_process() -> None:
    with pytest.raises(Flawed) as refused:
        read(hours(40).delete(20))
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.flaw) == (str(refused.value), refused.value.flaw)


@pytest.mark.parametrize(
    ("frequency", "dated"), [("h", True), ("30min", True), ("36h", True), ("D", False), ("24h", False), ("MS", False)]
)
def test_midnights_are_written_with_their_hour_where_rows_are_hours(frequency: str, dated: bool) -> None:
    assert has_hours(frequency) == dated
    frame = pd.DataFrame({"ds": pd.to_datetime(["2020-01-01"]), "y": [1.0]})
    frame.attrs[HOURS] = dated
    assert ("2020-01-01 00:00:00" in csv_text(frame)) == dated
    assert ("T00:00:00" in records(frame)[0]["ds"]) == dated
    assert ("T00:00:00" in lines(frame)[1][0]) == dated


def test_targets_that_end_early_are_left_out_and_known_columns_go_on() -> None:
    days = pd.date_range("2021-01-01", periods=60)
    frame = pd.DataFrame({"ds": days, "y": np.arange(60.0), "promo": np.arange(60) % 2})
    frame.loc[:2, "y"] = frame.loc[50:, "y"] = np.nan
    frame.to_csv("t.csv", index=False)
    source = csv(path="t.csv", time="ds", target="y", known=["promo"])
    series = source.read()
    assert series.values[:, 0].tolist() == list(range(3, 50))
    assert "10 rows without a target at the end, left out of training and scoring" in series.notes
    assert "3 rows without a target at the beginning, left out of training and scoring" in series.notes
    (rows,), _ = source.read_open("D")
    assert len(rows.values) == 57
    assert np.isnan(rows.values[-10:, 0]).all()
    assert rows.values[-10:, 1].tolist() == frame["promo"][50:].tolist()
    frame.loc[20, "y"] = np.nan
    frame.to_csv("t.csv", index=False)
    with pytest.raises(Flawed, match=r'column "y": 1 missing value \(line 22\)'):
        source.read()


def test_a_first_row_at_another_time_of_day_is_one_of_its_week() -> None:
    weeks = pd.date_range("2019-07-04 13:37", periods=20, freq="W-THU")
    other = weeks[1:].insert(0, weeks[0] - pd.Timedelta("3h"))
    assert (read(other).time == other.to_numpy()).all()
    far = weeks.insert(0, pd.Timestamp("1677-09-22"))
    with pytest.raises(Flawed, match="1677-09-22 00:00 is likely a wrong date"):
        read(far)


@pytest.mark.parametrize("year", [1705, 1969, 2021])
def test_after_a_weekend_comes_monday(year: int) -> None:
    for day in pd.date_range(f"{year}-05-01", periods=10):
        (ahead,) = following(day.to_datetime64(), "B", 1)
        assert ahead == (day + pd.offsets.BusinessDay()).to_datetime64()
