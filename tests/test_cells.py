"""Texts of data and settings reach a spreadsheet, a Markdown viewer and a browser as texts."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from rnnexp.cells import comma_separated, harmless, markdown_cell
from rnnexp.compare.table import markdown
from rnnexp.deploy.write import csv_text, records, write

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("x")']


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.fault("I7")
def test_formulas_are_quoted(text: str) -> None:
    quoted = "'" + text.replace("\r", " ")
    assert harmless(text) == quoted
    (head, row) = csv.reader(io.StringIO(comma_separated([[text, "n"], ["a", text]]), newline=""))
    assert (head[0], row[1]) == (quoted, quoted)


@pytest.mark.parametrize("cell", ["a=1", "", "-", "=", "-1.5", "+3", "-1e-05", "-inf", "month", -1.5, None, True])
def test_numbers_and_other_texts_stay(cell: object) -> None:
    assert harmless(cell) is cell


@pytest.mark.fault("I7")
def test_predictions_are_quoted_in_csv_and_as_they_are_in_json_and_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"=token": ["=1+1", "-", "a"], "tag": ["O", "@x", "O"], "p": [0.5, -0.5, 1.0]})
    read = pd.read_csv(io.StringIO(csv_text(frame)))
    assert list(read.columns) == ["'=token", "tag", "p"]
    assert read["'=token"].tolist() == ["'=1+1", "-", "a"]
    assert read["p"].tolist() == [0.5, -0.5, 1.0]
    assert records(frame)[0] == {"=token": "=1+1", "tag": "O", "p": 0.5}
    write(frame, tmp_path / "x.parquet")
    assert list(pd.read_parquet(tmp_path / "x.parquet").columns) == list(frame.columns)
    write(frame, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == csv_text(frame)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),
        ("two\nlines", "two lines"),
        ("`code`", r"\`code\`"),
        ("![x](http://evil)", r"![x]\(http://evil)"),
        ("test/exact_match", "test/exact_match"),
        ("[64,32]", "[64,32]"),
    ],
)
@pytest.mark.fault("I7")
def test_markdown_shows_a_text_as_it_is(text: str, shown: str) -> None:
    assert markdown_cell(text) == shown
    assert markdown([["name", text]]).splitlines()[0] == f"| name | {shown} |"
