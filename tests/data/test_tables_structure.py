"""What a file holds besides its table: read past where only one reading exists, else refused with what reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnexp.data.series import Series
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.columns import Table
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.places import Counts
from rnnexp.data.tables.table import read_cells, read_table
from rnnexp.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
NAMES = ["date", "y", "z"]
ROWS = [[f"2020-01-{day:02d}", f"{day}.5", f"{day * 7 % 10}"] for day in range(1, 13)]
TRUTH = [[day + 0.5, float(day * 7 % 10)] for day in range(1, 13)]


def table(rows: list[list[str]] | None = None, names: list[str] | None = None, separator: str = ",") -> list[str]:
    every = [NAMES if names is None else names, *(ROWS if rows is None else rows)]
    return [separator.join(cells) for cells in every]


def write(lines: list[str], name: str = "d.csv", end: str = "\n", encoding: str = "utf-8") -> Path:
    path = Path(name)
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def read(lines: list[str], **settings: object) -> Series:
    path = write(lines)
    return csv(**{"path": str(path), "time": "date", "target": ["y", "z"], **settings}).read()


def table_of(lines: list[str], layout: Layout | None = None) -> Table:
    return read_table(write(lines), layout or Layout(), Wanted(("date",), None, ("y", "z")))


def assert_true(series: Series) -> None:
    assert series.values.tolist() == TRUTH
    assert series.time is not None
    assert str(series.time[0])[:10] == "2020-01-01"


def test_lines_above_the_header_are_left_out_and_told() -> None:
    series = read(["Station 7", "", *table()], skip_lines=2)
    assert_true(series)
    assert series.notes == ("2 lines left out (data.skip_lines) of d.csv",)


def test_lines_below_the_rows_are_left_out_and_told() -> None:
    series = read([*table(), "", "Source: office, 2020", ""], skip_footer=3)
    assert_true(series)
    assert series.notes == ("3 lines left out (data.skip_footer) of d.csv",)


@pytest.mark.parametrize("skip", [[3, 4], ["Deg C", "Avg"], [3, "Avg"]])
def test_rows_are_left_out_by_line_or_by_a_cell(skip: list[int | str]) -> None:
    rows = [["TS", "Deg C", "%"], ["", "Avg", "Smp"], *ROWS]
    series = read(["TOA5", *table(rows)], skip_lines=1, skip_rows=skip)
    assert_true(series)
    assert series.notes == ("3 lines left out (data.skip_lines and data.skip_rows) of d.csv",)


def test_a_column_that_is_called_like_rows_left_out_stays() -> None:
    rows = [*ROWS, ["Total", "9", "9"]]
    series = read(table(rows, ["date", "Total", "z"]), target=["Total", "z"], skip_rows=["Total"])
    assert_true(series)


def test_the_line_that_names_the_separator_is_read_past_and_told() -> None:
    for separator in SEPARATORS:
        series = read([f"sep={separator}", *table(separator=separator)])
        assert_true(series)
        assert series.notes == ('line 1 only names the separator ("sep=") of d.csv',)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("where", ["header", "rows", "both", "some rows"])
def test_separators_at_the_end_of_lines_add_no_column(separator: str, where: str) -> None:
    lines = table(separator=separator)
    for row in range(len(lines)):
        if where == "both" or (where == "header") == (row == 0) and not (where == "some rows" and row % 3):
            lines[row] += separator
    series = read(lines)
    assert_true(series)


def test_a_cell_too_many_that_is_not_empty_is_no_separator_at_the_end() -> None:
    lines = table()
    lines[4] += ",7"
    with pytest.raises(DataError, match=r"a row has another number of cells than expected: line 5 \(4 cells\)"):
        read(lines)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("place", [1, 5, 13])
def test_rows_of_empty_cells_are_left_out_where_there_are_dates(separator: str, place: int) -> None:
    lines = table(separator=separator)
    lines[place:place] = [separator * 2, separator * 2, " " + separator + " ", ""]
    series = read(lines)
    assert_true(series)
    assert series.notes == ("2 rows of empty cells left out of d.csv",)


def test_a_row_of_empty_cells_is_a_step_where_there_are_no_dates() -> None:
    with pytest.raises(DataError, match=r'column "y": 1 missing value \(line 3\)'):
        read(["y,z", "1,2", ",", "3,4"], time=None)


BROKEN = ["2020-01-13", '"1\n"', "2"]
STRUCTURE = {
    "plain": (table(), Layout(), Counts(13, 1, 0, 0, 0, 12, 12)),
    "blank": (["", *table(), "", ""], Layout(), Counts(16, 1, 0, 3, 0, 12, 12)),
    "comments": (["# a", *table(), "# b"], Layout(comment="#"), Counts(15, 1, 0, 0, 2, 12, 12)),
    "skipped": (["t", *table(), "f"], Layout(skip_lines=1, skip_footer=1, skip_rows=(4,)),
                Counts(15, 1, 3, 0, 0, 11, 11)),
    "breaks": (table([*ROWS, BROKEN]), Layout(), Counts(15, 1, 0, 0, 0, 14, 13)),
    "broken header": (table([[*row, ""] for row in ROWS], [*NAMES, '"a\nb"']), Layout(),
                      Counts(14, 2, 0, 0, 0, 12, 12)),
    "skipped breaks": (table([*ROWS, ['"\n\n"', "x", "2"]]), Layout(skip_rows=("x",)),
                       Counts(16, 1, 3, 0, 0, 12, 12)),
    "empty": (table([*ROWS, ["", "", ""]]), Layout(), Counts(14, 1, 0, 0, 0, 13, 13, 1)),
    "declared": (["sep=,", *table(), "  "], Layout(), Counts(15, 1, 1, 1, 0, 12, 12)),
}  # fmt: skip


@pytest.mark.parametrize("case", STRUCTURE)
def test_every_line_of_a_file_is_accounted_for(case: str) -> None:
    lines, layout, counts = STRUCTURE[case]
    found = table_of(lines, layout)
    assert found.counts == counts
    assert found.counts.adds_up
    assert found.counts.rows == len(found.values)


def test_a_lost_line_would_be_seen() -> None:
    assert not Counts(lines=14, header=1, record_lines=12, records=12).adds_up
    assert (Counts(13, 1, 0, 0, 0, 12, 12) + Counts(13, 1, 0, 0, 0, 12, 12)).lines == 26


def test_all_cells_are_given_as_text_with_their_lines() -> None:
    names, columns, lines = read_cells(
        write(["t", *table([["2020-01-01", " 1 ", "a"], ["", "", ""], ["b", "2", ""]])]), Layout(skip_lines=1)
    )
    assert names == ("date", "y", "z")
    assert columns == [["2020-01-01", "b"], ["1", "2"], ["a", ""]]
    assert np.array_equal(lines, [3, 5])
