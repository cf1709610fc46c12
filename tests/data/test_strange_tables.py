"""Tables of programs and offices that were met once: each kind is read rightly, or refused with the way out."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.inspect.finding import Undecided
from rnnexp.data.series import Series
from rnnexp.errors import DataError

ROWS = 60
DAYS = pd.date_range("2021-01-01", periods=ROWS)
MONTHS = pd.date_range("2015-01-01", periods=ROWS, freq="MS")
VALUES = [round(200 + 30 * np.sin(row / 3) + row % 7, 1) for row in range(ROWS)]


def look(columns: dict[str, Sequence[Any]], separator: str = ",", **given: Any) -> tuple[dict[str, Any], Series]:
    """Write a table, and return the settings that `init` finds for it and what they read."""
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in zip(*columns.values()))]
    Path("t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    finding, series = inspect("t.csv", given)
    return finding.settings, series


def assert_dates(series: Series, dates: pd.DatetimeIndex) -> None:
    assert series.time is not None
    assert series.time.tolist() == dates.to_numpy().astype("datetime64[ns]").tolist()


def flags(asked: pytest.ExceptionInfo[Undecided]) -> list[dict[str, Any]]:
    return [dict(remedy.settings) for remedy in asked.value.questions[0].remedies]


@pytest.mark.parametrize("seed", range(4))
def test_an_id_of_letters_and_digits_is_no_date(seed: int) -> None:
    dice = random.Random(seed)
    words = ["".join(dice.choices("ABCDEFGHK", k=dice.choice((2, 3, 4)))) for _ in range(2)]
    ids = f"{words[0]}{dice.randint(1000, 2050)}{words[1]}{dice.randint(0, 9)}"
    settings, series = look({"Series Id": [ids] * ROWS, "month": MONTHS.date, "value": VALUES})
    assert settings["time"] == "month"
    assert series.values[:, 0].tolist() == VALUES


@pytest.mark.parametrize(("level", "other"), [(10.5, None), (241.3, None), (3.1, "b")])
def test_three_decimals_are_decimals_where_commas_separate_cells(level: float, other: str | None) -> None:
    cells = [f"{level + value / 7000:.3f}" for value in VALUES]
    table = {"date": DAYS.date, "a": cells} | ({other: [f"{value:.2f}" for value in VALUES]} if other else {})
    _, series = look(table, ";" if other else ",", target="a")
    assert series.values[:, 0].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize("kind", ["semicolons", "some below a thousand", "round", "commas in quotes"])
def test_points_that_may_stand_between_thousands_are_a_question(kind: str) -> None:
    numbers = [round(value * 7) for value in VALUES]
    if kind == "some below a thousand":
        numbers = [round(value * 5) for value in VALUES]
    if kind == "round":
        numbers = [10 * number for number in numbers]
    table = {"date": DAYS.date, "a": [f"{number:,}".replace(",", ".") for number in numbers]}
    if kind == "commas in quotes":
        table["b"] = [f'"{value}"'.replace(".", ",") for value in VALUES]
    with pytest.raises(Undecided, match="every point stands before three digits") as asked:
        look(table, ";" if kind == "semicolons" else ",", target="a")
    _, series = look(table, ";" if kind == "semicolons" else ",", target="a", **flags(asked)[1])
    assert series.values[:, 0].tolist() == numbers


@pytest.mark.parametrize(("mark", "step"), [("M{:02d}", 1), ("m{}", 1), ("Q{:02d}", 3), ("Q{}", 3)])
def test_a_lettered_part_of_a_year_names_no_series(mark: str, step: int) -> None:
    dates = pd.date_range("1990-01-01", periods=ROWS, freq=f"{step}MS")
    parts = [mark.format((date.month + step - 1) // step) for date in dates]
    settings, series = look({"id": ["CU0000SA0"] * ROWS, "Year": dates.year, "Period": parts, "Value": VALUES})
    assert "series" not in settings
    assert_dates(series, dates)


def test_yearly_means_among_months_may_be_left_out() -> None:
    rows = [(year, f"M{month:02d}", year + month / 100) for year in range(2011, 2016) for month in range(1, 14)]
    table = dict(zip(("year", "period", "value"), zip(*rows)))
    with pytest.raises(Undecided, match="2011 M13") as asked:
        look(table)
    _, series = look(table, **flags(asked)[0])
    assert series.values[:, 0].tolist() == [value for _, month, value in rows if month != "M13"]


@pytest.mark.parametrize(
    "names",
    [("YEAR", "MO", "DY", "HR"), ("#YY", "MM", "DD", "hh"), ("Year", "Month", "Day", "H"), ("YYYY", "MM", "DD", "HH")],
)
def test_short_names_of_parts_of_dates(names: tuple[str, ...]) -> None:
    hours = pd.date_range("2021-01-30", periods=ROWS, freq="h")
    parts = (hours.year, hours.month, hours.day, hours.hour)
    settings, series = look({**dict(zip(names, parts)), "T2M": VALUES})
    assert "series" not in settings
    assert_dates(series, hours)


def test_mm_is_the_minute_beside_a_month_called_so() -> None:
    times = pd.date_range("2021-01-30", periods=ROWS, freq="10min")
    parts = dict(zip(("YY", "MM", "DD", "hh", "mm"), (times.year, times.month, times.day, times.hour, times.minute)))
    _, series = look({**parts, "WSPD": VALUES})
    assert_dates(series, times)


@pytest.mark.parametrize(
    ("name", "parts", "first", "form"),
    [
        ("SETTLEMENT_PERIOD", 48, 1, "%Y-%m-%d"),
        ("Interval", 24, 0, "%d/%m/%Y"),
        ("n", 96, 1, "%d-%b-%Y"),
        ("PTU", 96, 1, "%d.%m.%Y"),
    ],
)
def test_parts_of_days_are_no_series_and_the_line_that_joins_them_works(
    name: str, parts: int, first: int, form: str
) -> None:
    times = pd.date_range("2021-01-12", periods=3 * parts, freq=f"{1440 // parts}min")
    counted = [first + row % parts for row in range(3 * parts)]
    table = {"date": times.strftime(form), name: counted, "load": [row * 7 % 13 for row in range(3 * parts)]}
    with pytest.raises(DataError, match=f'"{name}" counts {parts} parts of each day') as refused:
        look(table)
    frame = pd.read_csv("t.csv")
    exec(re.search(r"frame\['date'\] = .*\)", str(refused.value))[0], {"pandas": pd, "frame": frame})  # type: ignore[index]
    assert (frame["date"] == times).all()
    settings, _ = look({"date": times.date, "store": counted, "load": [row * 7 % 13 for row in range(3 * parts)]})
    assert settings["series"] == "store"


@pytest.mark.parametrize("names", [("latitude", "longitude"), ("lat", "lon"), ("depth", "level")])
def test_places_that_two_numbers_tell_apart_are_joined(names: tuple[str, str]) -> None:
    rows = [(day, x, y, VALUES[row]) for row, day in enumerate(DAYS.date) for x in (52.0, 52.5) for y in (13.0, 13.5)]
    with pytest.raises(DataError, match=f'"{names[0]}", "{names[1]}" together tell the series apart'):
        look(dict(zip(("time", *names, "t2m"), zip(*rows))), target="t2m")


@pytest.mark.parametrize("cell", ["", "2021-13-01", "unknown"])
def test_few_rows_without_a_date_may_be_left_out(cell: str) -> None:
    dates = [*DAYS.astype(str)[:30], cell, *DAYS.astype(str)[30:]]
    table = {"date": dates, "y": [*VALUES[:30], 7.0, *VALUES[30:]], "z": range(ROWS + 1)}
    with pytest.raises(Undecided, match="line 32") as asked:
        look(table, target="y")
    _, series = look(table, target="y", **flags(asked)[0])
    assert series.values[:, 0].tolist() == VALUES


@pytest.mark.parametrize("code", ["-99", "-200", "-999", "-8888", "9999.9", "-6999"])
def test_a_lone_number_that_programs_write_for_none_is_a_question(code: str) -> None:
    with pytest.raises(Undecided, match=re.escape(f"{float(code):.15g} in column")):
        look({"date": DAYS.date, "y": [code, *VALUES[1:]]})
    low = [value - 400 for value in VALUES]
    if abs(float(code)) < 400:
        look({"date": DAYS.date, "y": [code, *low[1:]]})


@pytest.mark.parametrize("names", [None, ("unit_number", "cycle", "s1", "s2"), ("machine", "t", "s1", "s2")])
def test_blocks_in_which_a_column_counts_anew_are_asked_about(names: tuple[str, ...] | None) -> None:
    rows = [(unit, cycle, VALUES[cycle], VALUES[-cycle]) for unit in range(1, 6) for cycle in range(1, 31)]
    lines = [" ".join(map(str, row)) for row in ([names, *rows] if names else rows)]
    Path("t.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(Undecided, match="rows lie in blocks") as asked:
        inspect("t.txt", {})
    assert list(flags(asked)[0]) == ["series"]


@pytest.mark.parametrize("zero", [0x660, 0x6F0, 0x966])
def test_numbers_in_the_digits_of_other_scripts(zero: int) -> None:
    cells = ["".join(chr(zero + int(sign)) if sign.isdigit() else "٫" for sign in str(value)) for value in VALUES]
    _, series = look({"date": DAYS.date, "y": cells}, separator=";")
    assert series.values[:, 0].tolist() == VALUES


def test_the_format_of_accountants_with_the_currency_before_the_bracket() -> None:
    cells = [f'" $ (1,{row + 100}.50)"' if row % 3 else f'" $ 1,{row + 100}.50 "' for row in range(ROWS)]
    _, series = look({"date": DAYS.date, "y": cells})
    assert series.values[:, 0].tolist() == [(-1 if row % 3 else 1) * (1100.5 + row) for row in range(ROWS)]


@pytest.mark.parametrize("unit", [" kWh", "°C", " mm", " µg/m³", "K", " m3/h"])
def test_the_line_that_takes_a_unit_off_works(unit: str) -> None:
    with pytest.raises(DataError, match="take the unit off, with pandas") as refused:
        look({"date": DAYS.date, "y": [f"{value}{unit}" for value in VALUES]})
    frame = pd.read_csv("t.csv")
    exec(re.search(r"frame\['y'\] = [^)]*\)", str(refused.value))[0], {"frame": frame})  # type: ignore[index]
    assert frame["y"].astype(float).tolist() == VALUES
    with pytest.raises(DataError, match="different letters"):
        look({"date": DAYS.date, "y": [f"{value}{'M' if row % 2 else 'K'}" for row, value in enumerate(VALUES)]})


FORMATS = ("5s\t15s\t20d\t14n", "text\tcode\tdatetime\tfloat", ":---\t---\t---:\t---")


@pytest.mark.parametrize("formats", FORMATS)
def test_formats_below_the_header_are_not_the_header(formats: str) -> None:
    rows = "".join(f"USGS\t0164\t{day:%Y-%m-%d}\t{value}\n" for day, value in zip(DAYS, VALUES))
    Path("t.tsv").write_text(f"agency\tsite\tdatetime\t1_00060_00003\n{formats}\n{rows}")
    finding, series = inspect("t.tsv", {})
    assert finding.settings["target"] == "1_00060_00003"
    assert series.values[:, 0].tolist() == VALUES


@pytest.mark.parametrize("units", ["", "              degC    degC    days      mm   hours\n"])
def test_columns_of_a_fixed_width_below_titles(units: str) -> None:
    rows = "".join(
        f"   {month.year}  {month.month:2d}  {value:6.1f}    {value - 5:6.1f}   ---   {value:6.1f}   ---\n"
        for month, value in zip(MONTHS, VALUES)
    )
    title = "Oxford\nLocation: 450900E, 63 m\nMissing data (more than 2 days missing in month) is marked by  ---.\n"
    Path("t.txt").write_text(f"{title}   yyyy  mm   tmax    tmin      af    rain     sun\n{units}{rows}")
    _, series = inspect("t.txt", {"target": "tmax"})
    assert_dates(series, MONTHS)
    assert series.values[:, 0].tolist() == VALUES


@pytest.mark.parametrize(
    "footer",
    ["\n(60 rows affected)\n", "(60 rows)\n", "\nP: power (W)\nG(i): irradiance\n\nPVGIS (c) Union, 2001-2022\n"],
)
def test_what_programs_write_below_the_rows(footer: str) -> None:
    rows = "".join(f"{day:%Y%m%d}:0010,{value}\n" for day, value in zip(DAYS, VALUES))
    Path("t.csv").write_text(f"time,y\n{rows}{footer}")
    _, series = inspect("t.csv", {})
    assert_dates(series, DAYS + pd.Timedelta("10min"))
    assert series.values[:, 0].tolist() == VALUES


@pytest.mark.parametrize(
    ("name", "start", "what"),
    [
        ("a.arff", b"@relation x\n@attribute y numeric\n@data\n1\n2\n", "ARFF"),
        ("a.tsf", b"# Monash\n@relation x\n@attribute series_name string\n@data\nT1:1,2\n", "Monash"),
        ("a.nc", b"CDF\x01" + bytes(300), "netCDF"),
        ("a.sav", b"$FL2@(#) SPSS" + bytes(300), "SPSS"),
        ("a.dta", b"<stata_dta><header>" + bytes(300), "Stata"),
        ("a.sas7bdat", bytes(12) + b"\xc2\xea\x81\x60" + bytes(300), "SAS"),
    ],
)
def test_files_of_other_programs_are_named(name: str, start: bytes, what: str) -> None:
    Path(name).write_bytes(start)
    with pytest.raises(DataError, match=f"is an? .*{what}"):
        inspect(name, {})


DAILY_HOURS = [5 + row * 7 % 18 for row in range(ROWS)]


@pytest.mark.parametrize("name", ["response_time", "travel time", "time", "kl", "Std", "hour", "hour_meter"])
@pytest.mark.parametrize("unit", ["hours", "minutes", "seconds"])
def test_a_duration_beside_a_date_is_no_time_of_day(name: str, unit: str) -> None:
    cells = [hours * {"hours": 1, "minutes": 9, "seconds": 211}[unit] for hours in DAILY_HOURS]
    _, series = look({"date": DAYS.date, name: cells, "sales": VALUES}, target="sales")
    assert_dates(series, DAYS)


def test_durations_of_several_series_and_hours_of_the_sun_are_no_times_of_day() -> None:
    rows = [
        (day, store, 5 + 7 * row % 18, value)
        for row, (day, value) in enumerate(zip(DAYS.date, VALUES))
        for store in "AB"
    ]
    settings, _ = look(dict(zip(("date", "store", "delivery_time", "sales"), zip(*rows))), target="sales")
    assert (settings["time"], settings["series"]) == ("date", "store")
    sunrise = [f"0{5 + row % 3}:{10 + row % 50}" for row in range(ROWS)]
    _, series = look({"date": DAYS.date, "sunrise": sunrise, "temp": VALUES}, target="temp")
    assert_dates(series, DAYS)


@pytest.mark.parametrize("form", ["{:%H:%M}", "{0.hour}", "{0.hour}00"])
def test_a_time_of_day_beside_a_repeated_date_is_one(form: str) -> None:
    hours = pd.date_range("2021-01-01", periods=ROWS, freq="h")
    _, series = look({"date": hours.date, "time": [*map(form.format, hours)], "y": VALUES}, target="y")
    assert_dates(series, hours)


@pytest.mark.parametrize("name", ["region", "product_number", "store", "shop nr"])
def test_series_that_are_numbered_are_no_parts_of_days(name: str) -> None:
    rows = [
        (day, number, VALUES[(number + row) % ROWS]) for row, day in enumerate(DAYS.date) for number in range(1, 49)
    ]
    settings, series = look(dict(zip(("date", name, "sales"), zip(*rows))))
    assert settings["series"] == name
    assert len(series.ids) == 48


@pytest.mark.parametrize("kind", ["decimal", "text", "comma"])
def test_numbers_of_parquet_that_are_no_floats(kind: str) -> None:
    from decimal import Decimal

    write = {
        "decimal": lambda value: Decimal(str(value)),
        "text": str,
        "comma": lambda value: str(value).replace(".", ","),
    }
    pd.DataFrame({"date": DAYS, "y": [*map(write[kind], VALUES)]}).to_parquet("t.parquet")
    _, series = inspect("t.parquet", {})
    assert series.values[:, 0].tolist() == VALUES


def refuse(text: str, match: str, **given: Any) -> str:
    Path("t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=match) as refused:
        inspect("t.csv", given)
    return str(refused.value)


@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_lines_that_are_quoted_whole_are_told_and_the_command_that_mends_them_works(mark: str) -> None:
    rows = "".join(f'"{day}{mark}""{value}"""\n' for day, value in zip(DAYS.date, VALUES))
    said = refuse(f'"date{mark}y"\n{rows}', "each line is one cell in quotes")
    command = said[said.index("sed ") :].replace("FILE", "t.csv")
    subprocess.run(["sh", "-c", command], check=True)
    _, series = inspect("new.csv", {})
    assert series.values[:, 0].tolist() == VALUES


@pytest.mark.parametrize("signs", ["''", "“”", "[]", "«»"])
def test_signs_around_numbers_come_off_by_the_line_that_is_given(signs: str) -> None:
    rows = "".join(f"{day},{signs[0]}{value}{signs[1]}\n" for day, value in zip(DAYS.date, VALUES))
    said = refuse(f"date,y\n{rows}", "take the signs around numbers off")
    frame = pd.read_csv("t.csv")
    exec(said[said.index("frame[") : said.rindex(")")], {"frame": frame})
    assert frame["y"].astype(float).tolist() == VALUES


@pytest.mark.parametrize(("names", "what"), [("{}", "months"), ("{:02d}", "months"), ("m{}", "steps in time")])
def test_a_row_of_twelve_numbered_columns_beside_a_year_has_months(names: str, what: str) -> None:
    months = [names.format(month) for month in range(1, 13)]
    rows = "".join(f"{year},{','.join(map(str, VALUES[:12]))}\n" for year in range(2000, 2010))
    refuse(f"Year,{','.join(months)}\n{rows}", f"are {what}: a row for each")


def test_thirty_one_columns_are_days_of_a_month() -> None:
    rows = "".join(f"{month:%Y-%m},{','.join(map(str, VALUES[:31]))}\n" for month in MONTHS)
    refuse(f"month,{','.join(map(str, range(1, 32)))}\n{rows}", "are days of a month")
