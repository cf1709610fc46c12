"""The table of bad input: each file is refused with a message that names the place and the way out."""

# ruff: noqa: E501 one case per line reads as a table

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from rnnexp.config.compose import compose
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.files import as_bytes
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks import load

DAYS = [f"2020-01-{day:02d},{day}.5" for day in range(1, 21)]


def table(rows: list[str], header: str = "date,y", end: str = "\n") -> str:
    return end.join([header, *rows]) + end


def read(text: str | bytes, name: str = "d.csv", **settings: object) -> object:
    content = text if isinstance(text, bytes) else text.encode()
    Path(name).write_bytes(content)
    return csv(**{"path": name, "time": "date", **settings}).read()


def changed(row: int, text: str) -> str:
    """Put `text` in the place of one of twenty daily rows; row 0 is line 2 of the file."""
    return table([*DAYS[:row], text, *DAYS[row + 1 :]])


CELLS = {
    "empty cell": (
        "2020-01-03,",
        'd.csv: column "y": 1 missing value (line 4). Allow it with data.missing=drop',
    ),
    "NA": ("2020-01-03,NA", 'column "y": 1 missing value (line 4)'),
    "dash": (
        "2020-01-03,-",
        '(line 4 "-"): a mark for a missing value. Read it with \'data.na=["-"]\' (1 cell missing',
    ),
    "word": (
        "2020-01-03,low",
        '1 cell is not a usable number (line 4 "low"): a word. Read it',
    ),
    "decimal comma": (
        '2020-01-03,"1,5"',
        '(line 4 "1,5"): a decimal comma\nd.csv: no marks read all cells: a decimal p',
    ),
    "thousands": ('2020-01-03,"1,234.5"', '(line 4 "1,234.5"): commas between thousands and a decimal point. Read it'),
    "European": ('2020-01-03,"1.234,5"', 'column "y" (line 4 "1.234,5"). Write all of them alike'),
    "percent": ("2020-01-03,5%", 'column "y" has several units: no unit (lines 2 "1.5"'),
    "infinite": ("2020-01-03,inf", '(line 4 "inf"): infinite. Read it with \'data.na=["inf"]\''),
    "beyond 2^53": ("2020-01-03,9007199254740993", "a whole number beyond 2^53"),
    "beyond float32": ("2020-01-03,1e39", "too large for float32 (over 3.4e38)"),
    "underscore": ("2020-01-03,1_000", '1 cell is not a usable number (line 4 "1_000")'),
    "other digits": ("2020-01-03,௧௨", "1 cell is not a usable number (line 4"),
    "too many cells": ("2020-01-03,1,2", "a row has another number of cells than expected: line 4 (3 cells)"),
    "too few cells": ("2020-01-03", "line 4 (1 cell); the header (line 1) has 2, with the separator"),
    "open quote": ('2020-01-03,"1', "d.csv, line 4: a quoted cell which begins here is never closed"),
    "quote in quotes": ('2020-01-03,"1"5"', "d.csv, line 4: ',' expected after '\"'"),
    "word as date": ("tomorrow,3", 'column "date": 1 unreadable date (line 4, the first is "tomorrow")'),
    "30 February": ("2020-02-30,3", '1 unreadable date (line 4, the first is "2020-02-30")'),
    "no date": (",3", 'column "date": 1 empty date (line 4). Every row needs its date'),
    "same date": ("2020-01-02,3", "1 row has the same date as another: line 4 (2020-01-02 first)"),
    "earlier date": (
        "2020-01-01,3",
        "time goes back once: line 4. 2020-01-01 is likely a wrong date, 2020-01-03 would fit there (line 4)",
    ),
    "beside the step": ("2020-01-03 07:00,3", '1 date beside the even steps of "D": line 4'),
    "one zone": ("2020-01-03T00:00Z,3", "19 zoneless dates (lines 2, 3, 5, 6, 7 and 14 more"),
}


@pytest.mark.parametrize("case", CELLS)
@pytest.mark.fault("E5", "E6", "E7", "E10")
def test_a_bad_row_is_named_with_its_line_and_the_way_out(case: str) -> None:
    row, message = CELLS[case]
    with pytest.raises(DataError, match=re.escape(message)):
        read(changed(2, row))


def test_the_same_table_without_a_bad_row_is_read() -> None:
    assert read(table(DAYS)).values.shape == (20, 1)


@pytest.mark.fault("E5")
def test_flaws_are_counted_and_the_first_five_are_shown() -> None:
    rows = [f"2020-01-{day:02d},low" for day in range(1, 12)]
    with pytest.raises(DataError, match='11 cells are not usable numbers .* 6 "low" and 6 more'):
        read(table(rows), target="y")


def test_all_flawed_columns_are_reported_together() -> None:
    with pytest.raises(DataError, match='(?s)column "a": 1 cell.*column "b": 1 cell'):
        read("a,b\n1,x\ny,2\n3,3\n", time=None, target=["a", "b"])


def test_flaws_in_columns_that_are_not_used_do_not_matter() -> None:
    assert read("a,b\n1,x\n2,\n3,$\n", time=None, target="a").values.ravel().tolist() == [1, 2, 3]


@pytest.mark.fault("E10")
def test_line_numbers_count_comments_blank_lines_and_line_breaks_within_quotes() -> None:
    text = '# one\ndate,t,y\n\n2020-01-01,"a\n# b\nc",1\n# two\n2020-01-02,d,x\n2020-01-03,d,2\n'
    with pytest.raises(DataError, match=re.escape('(line 8 "x")')):
        read(text, comment="#", target="y")


TABLES = {
    "empty file": ("", {}, "d.csv: is empty (0 bytes)"),
    "blank lines": ("\n\n", {}, "0 usable rows: only blank lines or comments"),
    "header only": ("date,y\n", {}, "0 usable rows: there is nothing below the header in line 1"),
    "no header": (table(DAYS[1:], DAYS[0]), {}, "line 1: the header looks like data (2020-01-01,1.5)"),
    "other case": (table(DAYS), {"time": "Date"}, 'data.time: there is no column "Date"; did you mean "date"?'),
    "other blanks": (table(DAYS, "date,y x"), {"target": "yx"}, 'no column "yx"; did you mean "y x"?'),
    "no such column": (table(DAYS), {"target": "z"}, 'there is no column "z" (columns: "date", "y")'),
    "no such position": (table(DAYS), {"target": 4}, "no column 4; positions run from 0 to 1"),
    "one name twice": (table(["1,2,3"], "date,y,y"), {"target": "y"}, '2 columns are called "y" (positions 1, 2)'),
    "column used twice": (table(DAYS), {"target": "y", "features": ["y"]}, 'column "y" is named twice among'),
    "open target": ("a,b\n1,2\n", {"time": None}, 'which of 2 columns of numbers is to be forecast? "a", "b"'),
    "no numbers": ("a,b\nx,y\n", {"time": None}, 'no column of numbers to forecast (columns: "a", "b")'),
    "comment": ("# hello, x\n" + table(DAYS), {}, """line 1 begins with "#": comments, not rows. Read it with 'data.comment="#"'"""),
    "NUL": (table(DAYS).encode("utf-16-le"), {}, "UTF-16 without a byte-order mark. Read it with data.encoding=utf-16-le"),
    "binary": (b"date,y\n2020-01-01,\0\n", {}, "line 2: contains NUL characters"),
    "latin-1": ("date,größe\n".encode("latin-1"), {}, "byte 0xf6 at offset 7 (line 1). Read it with data.encoding=cp1252 (it reads größe)"),
    "cut gzip": (gzip.compress(table(DAYS).encode())[:-9], {}, "damaged gzip file"),
    "damaged parquet": (b"PAR1" + b"x" * 50, {}, "d.csv: damaged Parquet file"),
    "recording": (b"RIFF\x24\0\0\0WAVEfmt \x80", {}, "is a recording or a film: write its numbers as CSV"),
    "picture": (b"\x89PNG\r\n\x1a\n\xff", {}, "is an image: save the table that it shows as CSV"),
    "pickle": (b"\x80\x04\x95\xff", {}, "is a pickle, which can run code when it is read: write the table with"),
    "zip": (b"PK\x03\x04...", {}, "is a zip archive: unpack it"),
    "long line": ("y\n" + "1" * 1_000_001, {"time": None}, "over 1,000,000 characters long; is this a table?"),
    "no values": (table([day[:11] for day in DAYS]), {"target": "y"}, 'column "y" has no values at all'),
    "gap": (table(DAYS[:3] + DAYS[4:]), {}, '1 row is absent between 19 rows in steps of "D", in 1 gap: after line 4'),
    "uneven": (table([DAYS[0], DAYS[2], DAYS[3], DAYS[9]]), {}, "dates have no even step (from 1 days"),
    "nothing before": (table(["2020-01-01,1,", "2020-01-02,2,2"], "date,y,z"),
                       {"missing": "ffill", "target": "y", "features": ["z"]}, "(line 2) with no value before to fill"),
    "nothing after": (table(["2020-01-01,1,1", "2020-01-02,2,"], "date,y,z"),
                      {"missing": "interpolate", "target": "y", "features": ["z"]}, "(line 3) with no value after"),
    "all dropped": (table(["2020-01-01,", "2020-01-02,"]), {"missing": "drop", "target": "y"}, "0 usable rows"),
    "no series name": ("s,date,y\nA,2020-01-01,1\n,2020-01-02,2\n", {"series": "s"}, "1 row without a series name: line 3"),
    "long as one": (table(["A,2020-01-01,1", "B,2020-01-01,1"], "s,date,y"), {}, "name their column with data.series"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.fault("E2", "E4", "E7", "E9", "E10", "E11")
def test_a_bad_file_is_refused(case: str) -> None:
    text, settings, message = TABLES[case]
    with pytest.raises(DataError, match=re.escape(message)):
        read(text, **settings)


DATES = {
    "ambiguous": (["01/02/2020", "02/02/2020"], {}, 'data.time_format="%d/%m/%Y"\' (from 2020-02-01 to 2020-02-02), or '),
    "reversed": (["30/01/2020", "31/01/2020", "02/13/2020"], {}, '1 reversed date (line 4, the first is "02/13/2020")'),
    "epoch seconds": (["1577836800", "1577836860"], {}, "They look like epoch time. Read it with data.time_format=s"),
    "epoch milliseconds": (["1577836800000"], {}, "They look like epoch time. Read it with data.time_format=ms"),
    "row counter": (["1", "2"], {}, "Read it with data.time=null (they only count rows)"),
    "clock only": (["12:30", "12:31"], {}, '1 unreadable date (line 2, the first is "12:30")'),
    "zones": (["2020-01-01T00:00+01:00", "2020-01-02T00:00+01:00", "2020-01-03T00:00+02:00"], {},
              "1 differently zoned date (line 4"),
    "zone of none": (["2020-01-01"], {"time_zone": "UTC"}, "data.time_zone is given, but the dates"),
    "other format": (["2020-01-01"], {"time_format": "%d.%m.%Y"}, "Read as `%d.%m.%Y`"),
    "far away": (["1500-01-01"], {}, '1 too distant date (line 2, the first is "1500-01-01"). Dates must lie between'),
}  # fmt: skip


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("power", [-300, -60, -40, -30, 0, 30])
def test_numbers_that_are_all_too_small_for_float32_are_refused(power: int, sign: int) -> None:
    path = table([f"2020-01-{day:02d},{sign * day}e{power}" for day in range(1, 10)])
    if power > -38:
        assert read(path, target="y").values[:, 0].tolist() == [float(f"{sign * day}e{power}") for day in range(1, 10)]
        return
    with pytest.raises(DataError, match=r'column "y": no value is further from 0 than 9e-\d+, too small for float32'):
        read(path, target="y")


@pytest.mark.parametrize("case", DATES)
@pytest.mark.fault("E7")
def test_a_date_that_can_be_misread_is_refused(case: str) -> None:
    dates, settings, message = DATES[case]
    with pytest.raises(DataError, match=re.escape(message)):
        read(table([f"{date},{row}" for row, date in enumerate(dates)]), target="y", **settings)


@pytest.mark.fault("E7")
def test_hour_25_does_not_run_into_the_next_day() -> None:
    text = "year,month,day,hour,y\n2020,1,31,23,1\n2020,1,31,25,2\n"
    with pytest.raises(DataError, match=r"1 unreadable date \(line 3, the first is \"2020 1 31 25\"\)"):
        read(text, time=["year", "month", "day", "hour"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoding": "klingon"}, "data.encoding: `klingon` is unknown"),
        ({"time_format": "%Q"}, "data.time_format: `%Q` is not a date format"),
        ({"path": " "}, "data.path: is empty"),
    ],
)
def test_a_bad_option_is_a_mistake_of_the_configuration(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(table(DAYS), **settings)


@pytest.mark.fault("E9")
def test_the_offset_of_a_bad_byte_is_exact_far_into_a_file() -> None:
    good = b"y\n" + b"1.00000000000000000000\n" * 60_000  # further than any buffer reaches
    with pytest.raises(DataError, match=rf"byte 0xff at offset {len(good)} \(line 60002\)"):
        read(good + b"\xff\n", time=None)


@pytest.mark.fault("E9")
def test_bytes_that_no_encoding_makes_words_of_leave_the_encoding_open() -> None:
    with pytest.raises(DataError, match="Name the encoding it was saved in: data.encoding=latin-1 takes any byte"):
        read("date,größe\n".encode() + b"\xff\xfe\n")


ARCHIVES = {b"\xfd7zXZ\0": "unxz", b"BZh91AY": "bunzip2", b"\x28\xb5\x2f\xfd": "unzstd", b"SQLite format 3\0": "export"}
ARCHIVES |= {
    b"MATLAB 5.0 MAT-file": "npz",
    b"ARROW1\0\0": "Parquet",
    b"<?xml version": "CSV",
    b"<!DOCTYPE html>": "CSV",
}
JSON = (b'[{"day": 1}]', b'{"day": 1}\n{"day": 2}\n')


@pytest.mark.parametrize("start", ARCHIVES)
@pytest.mark.fault("E11")
def test_another_kind_of_file_is_named_with_what_makes_a_table_of_it(start: bytes) -> None:
    with pytest.raises(DataError, match=f"is (an? |XML).*{ARCHIVES[start]}"):
        read(start + b"rest" * 9)


@pytest.mark.parametrize("content", JSON)
def test_json_is_no_table(content: bytes) -> None:
    with pytest.raises(DataError, match="is JSON: write the table as CSV or Parquet"):
        read(content)


@pytest.mark.parametrize("content", JSON)
def test_a_text_may_begin_as_json_does(content: bytes) -> None:
    Path("log.txt").write_bytes(content)
    with as_bytes(Path("log.txt")) as stream:
        assert stream.read() == content


@pytest.mark.parametrize("device", ["/dev/zero", "pipe"])
@pytest.mark.fault("E1")
def test_a_pipe_or_a_device_is_no_table(device: str) -> None:
    os.mkfifo("pipe")
    with pytest.raises(DataError, match="is a pipe or a device"):
        load(compose("data=csv", f"data.path={device}").data)
