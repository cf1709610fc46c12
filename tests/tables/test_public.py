"""Tables of the tests of csvkit and agate: header, rows and cells are those that Python's csv module gives."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest

from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.table import read_cells
from rnnexp.errors import DataError

HERE = Path(__file__).parent / "public"
LARGE = (
    *("csvkit/realdata/census_2000/determination.csv", "csvkit/realdata/census_2010/ilgeo2010_excerpt.csv"),
    *("csvkit/realdata/ks_1033_data.csv", "agate/realdata/ks_1033_data.csv"),
    "agate/realdata/exonerations-20150828.csv",
)

# The options that the tests of csvkit and agate give; other files have a header, commas and UTF-8.
OPTIONS: dict[str, dict[str, Any]] = {
    "csvkit/dummy.tsv": {"separator": "\t"},
    "csvkit/sniff_limit.csv": {"separator": ";"},
    "csvkit/test_skip_lines.csv": {"skip_lines": 3},
    "csvkit/no_header_row.csv": {"header": False},
    "csvkit/no_header_row2.csv": {"header": False},
    "csvkit/no_header_row3.csv": {"header": False},
    "csvkit/join_no_header_row.csv": {"header": False},
    "csvkit/test_latin1.csv": {"encoding": "latin-1"},
    "agate/test_latin1.csv": {"encoding": "latin-1"},
    "csvkit/test_utf16_big.csv": {"encoding": "utf-16"},
    "csvkit/test_utf16_little.csv": {"encoding": "utf-16"},
    "agate/test_utf16_big.csv": {"encoding": "utf-16"},
    "agate/test_utf16_little.csv": {"encoding": "utf-16"},
    "csvkit/test_utf8_bom.csv": {"encoding": "utf-8-sig"},
    "agate/test_no_header.csv": {"header": False},
    "agate/test_csv_sniff.csv": {"separator": "|"},
}

# Those tests expect an error for a line of these, or no table at all: so does our reader.
BROKEN = {
    "csvkit/bad.csv": "none of its rows|number of cells",
    "csvkit/bad_skip_lines.csv": "none of its rows|number of cells",
    "csvkit/test_join_short_rows.csv": "none of its rows|number of cells",
    "csvkit/empty.csv": "0 usable rows",
    "agate/empty.csv": "0 usable rows",
}

# Those tests read these; our reader refuses them, for the reason that its message says.
REFUSED = {
    "csvkit/join_a_short.csv": "none of its rows|number of cells",  # they fill up a row of two cells; we invent none
    "csvkit/null_byte.csv": "NUL characters",  # they drop it
    # Files that no test of theirs reads: a name too many, and names in the second line.
    "csvkit/test_extra_header.csv": "the header .* has 4",
    "csvkit/realdata/Datagov_FY10_EDU_recp_by_State.csv": "above the table|looks like data",
}


def tables() -> list[str]:
    """Name all tables, the large ones too where they are at hand."""
    small = [str(file.relative_to(HERE)) for file in sorted(HERE.rglob("*.[ct]sv"))]
    return [*small, *(name for name in LARGE if "RNNEXP_PUBLIC_TABLES" in os.environ)]


TABLES = tables()
READ = [name for name in TABLES if name not in BROKEN and name not in REFUSED]


def place(name: str) -> Path:
    return (Path(os.environ["RNNEXP_PUBLIC_TABLES"]) if name in LARGE else HERE) / name


def with_python(name: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows that are not empty, as Python's csv module reads them; blanks around cells go.

    A row may end before the columns without a name that are the last ones.
    """
    given = OPTIONS.get(name, {})
    with place(name).open(encoding=given.get("encoding", "utf-8"), newline="") as stream:
        lines = stream.read().splitlines(keepends=True)[given.get("skip_lines", 0) :]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=given.get("separator", ","))]
    rows = [row for row in rows if any(row)]
    header = [""] * len(rows[0]) if given.get("header") is False else rows.pop(0)
    named = max((index + 1 for index, cell in enumerate(header) if cell), default=len(header))
    rows = [row + [""] * (len(header) - len(row)) if len(row) >= named else row for row in rows]
    return [cell or f"column_{index}" for index, cell in enumerate(header)], rows


def with_ours(name: str) -> tuple[list[str], list[list[str]]]:
    names, columns, _ = read_cells(place(name), Layout(**OPTIONS.get(name, {})))
    return list(names), [list(row) for row in zip(*columns)]


@pytest.mark.parametrize("name", READ)
def test_a_table_has_the_header_the_rows_and_the_cells_that_python_reads(name: str) -> None:
    assert with_ours(name) == with_python(name)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_for_them_is_refused_by_us(name: str) -> None:
    with pytest.raises(DataError, match=BROKEN[name]):
        with_ours(name)


@pytest.mark.parametrize("name", REFUSED)
def test_what_we_refuse_is_refused_for_the_reason_that_is_listed(name: str) -> None:
    with pytest.raises(DataError, match=REFUSED[name]):
        with_ours(name)


def test_all_but_the_few_whose_reason_is_listed_are_read() -> None:
    assert len(READ) >= 0.95 * (len(READ) + len(REFUSED))
    assert len(TABLES) >= 92


def test_another_separator_gives_other_cells() -> None:
    names, _, _ = read_cells(HERE / "csvkit/dummy.tsv", Layout(separator=","))
    assert list(names) != with_python("csvkit/dummy.tsv")[0]
