"""The page "Your table" says what `init` does: its tables are made and read anew."""

from __future__ import annotations

from pathlib import Path

from tests.tables.page import GROUPS, INTRODUCTION, PAGE, Kind, answer, settings, write


def test_the_page_shows_what_init_writes_for_each_kind() -> None:
    assert write() == PAGE.read_text(encoding="utf-8"), "write it anew: python -m tests.tables.page"


def test_another_table_would_have_another_section() -> None:
    plain = ("date,y", *(f"2021-01-{day:02d},{day}.5" for day in range(1, 31)))
    commented = Kind("", ("# a remark", *plain))
    assert answer(Kind("", plain)) != answer(commented)


def test_only_settings_that_tables_differ_in_are_shown() -> None:
    shown = settings("name: x\ndata:\n  path: a.csv\n  time: date  # why\n  scaler: standard\n")
    assert shown == "time: date  # why"


def test_the_page_names_every_group_and_the_readme_leads_to_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(INTRODUCTION)
    assert [f"## {group}" for group, _ in GROUPS] == [line for line in text.splitlines() if line.startswith("## ")]
    assert "docs/tables.md" in (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert Path(PAGE).name == "tables.md"
