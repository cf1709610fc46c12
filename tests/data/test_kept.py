"""While an unknown table is looked at, no file is read twice in the same way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnnexp.data.tables.kept import MAX_KEPT, keep_tables
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.remedy import Refused
from rnnexp.data.tables.table import read_cells, read_table

FILE = Path("d.csv")
WANTED = Wanted(("date",), None, ("y",))


def write(value: int) -> None:
    FILE.write_text(f"date,y\n2020-01-01,{value}\n2020-01-02,2\n", encoding="utf-8")
    os.utime(FILE, ns=(value, value))


def test_a_table_is_read_once_and_again_where_it_changed_or_is_read_otherwise() -> None:
    write(1)
    assert read_table(FILE, Layout(), WANTED) is not read_table(FILE, Layout(), WANTED)
    with keep_tables():
        first = read_table(FILE, Layout(), WANTED)
        assert read_table(FILE, Layout(), WANTED) is first
        assert read_table(FILE, Layout(na=("2",)), WANTED) is not first
        write(5)
        assert read_table(FILE, Layout(), WANTED).values.tolist() == [[5.0], [2.0]]
    assert read_table(FILE, Layout(), WANTED) is not read_table(FILE, Layout(), WANTED)


def test_a_refusal_is_given_again() -> None:
    FILE.write_text("Report\ndate,y\n2020-01-01,1\n2020-01-02,2\n", encoding="utf-8")
    with keep_tables():
        said = []
        for _ in range(2):
            with pytest.raises(Refused, match="data.skip_lines=1") as refused:
                read_cells(FILE, Layout())
            said.append(refused.value)
    assert said[0] is said[1]


def test_only_the_latest_are_kept() -> None:
    write(1)
    with keep_tables():
        first = read_table(FILE, Layout(), WANTED)
        for code in range(MAX_KEPT):
            read_table(FILE, Layout(na=(f"{code + 7}",)), WANTED)
        assert read_table(FILE, Layout(), WANTED) is not first
