"""Names that become folders stay below the folder they belong to."""

from __future__ import annotations

import pytest

from rnnexp.paths import LONGEST, label_problem, name_problem, short_name

BAD = {
    "../../../escaped": "begins with",
    "/absolute": "it is empty",
    "a/../b": "begins with",
    ".": "begins with",
    "..": "begins with",
    "...": "begins with",
    ".hidden": "begins with",
    "~": "begins with",
    "~/x": "begins with",
    "a/~b": "begins with",
    "a//b": "it is empty",
    "a/": "it is empty",
    " ": "a part of it",
    "a ": "a part of it",
    " a": "a part of it",
    "a.": "a part of it",
    "a\\b": "there is a",
    "..\\..\\x": "there is a",
    "a\0b": "control characters",
    "a\nb": "control characters",
    "a\x1b[2Jb": "control characters",
    "a\ud800b": "control characters",
    "CON": "a device",
    "nul.txt": "a device",
    "a/LPT1": "a device",
    "token=hunter2secret": "holds a password",
    "https://ada:hunter2@host": "holds a password",
}


@pytest.mark.parametrize("name", BAD, ids=repr)
@pytest.mark.fault("I5")
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert BAD[name] in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "name", ["sine_lstm", "paper/table1", "a b", "größe", "v1.2", "console", "-x", "名前", "a" * 300]
)
def test_other_names_may_be_chosen(name: str) -> None:
    assert name_problem(name) is None


def test_a_name_of_one_part_has_no_slash() -> None:
    assert "there is a `/` in it" in str(name_problem("a/b", parts=False))


@pytest.mark.parametrize("label", ["../x", "/Users/ada/exp", "a/b", "..", "CON"])
def test_a_label_may_look_like_a_path(label: str) -> None:
    assert label_problem(label) is None


@pytest.mark.parametrize("name", ["x" * 300, "é" * 300, "a/" * 200 + "b", "名" * 80, "x" * 190 + "/ " * 40])
def test_a_long_name_is_cut_and_told_from_others(name: str) -> None:
    short = short_name(name)
    assert len(short.encode()) <= LONGEST
    assert short != short_name(f"{name}y")
    assert name_problem(short) is None


def test_a_short_name_stays() -> None:
    assert short_name("x" * LONGEST) == "x" * LONGEST
