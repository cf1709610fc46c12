"""What a change of the tests has dropped is found, wherever the tests lie."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.compare_tests import asserted, at_revision, in_tree, report

OLD = """
import numpy as np
import pytest

class TestOfAClass:
    def test_in_a_class(self):
        assert len("four") == 4

@pytest.mark.parametrize("case", [10, 20])
def test_of_cases(case):
    def inner(x):
        assert x > 0.25
    inner(case)

def test_of_refusals():
    with pytest.raises(ValueError, match="no number"):
        int("x")
    np.testing.assert_allclose([1.5], 1.5)
    value = 77

def test_that_asserts_no_constant(client):
    assert client

def helps(x):
    assert x != "never"
"""


def lines(old: str, new: str) -> list[str]:
    return list(report(asserted({"tests/test_a.py": old}), asserted({"tests/other/test_b.py": new})))


def test_what_is_only_moved_is_not_dropped() -> None:
    assert lines(OLD, OLD) == ["4 tests then, 4 now"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("== 4", "> 0", "less: test_in_a_class: 4"),
        ("[10, 20]", "[10]", "less: test_of_cases: 20"),
        ("0.25", "0", "less: test_of_cases: 0.25"),
        ('"no number"', '"no"', "less: test_of_refusals: 'no number'"),
        ("[1.5], 1.5", "[1.5], 1.6", "less: test_of_refusals: 1.5"),
        ('"never"', '"ever"', "less: helps: 'never'"),
        ("def test_in_a_class", "def test_by_another_name", "gone: test_in_a_class, which asserts what "),
        ("def test_that_asserts_no_constant", "def asserts_nothing", "gone: test_that_asserts_no_constant"),
    ],
)
def test_what_is_dropped_is_told(before: str, after: str, told: str) -> None:
    assert OLD.count(before) == 1
    (line,) = lines(OLD, OLD.replace(before, after))[1:]
    assert line.startswith(told)


def test_a_test_that_is_gone_is_told_with_what_it_asserted() -> None:
    assert lines(OLD, OLD.replace(OLD[OLD.index("class") : OLD.index("@")], "")) == [
        "4 tests then, 3 now",
        "gone: test_in_a_class: 'four', 4",
    ]


def test_a_value_that_is_not_asserted_and_a_test_that_is_new_are_not_told() -> None:
    assert lines(OLD, OLD.replace("77", "78") + "\ndef test_new():\n    assert 1\n") == ["4 tests then, 5 now"]


def test_a_revision_is_held_against_the_files_as_they_lie(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(OLD)
    git("init")
    git("add", "-A")
    git("commit", "-m", "tests")
    (tmp_path / "tests" / "room").mkdir()
    (tmp_path / "tests" / "test_a.py").rename(tmp_path / "tests" / "room" / "test_b.py")
    old, new = at_revision(tmp_path, "HEAD"), in_tree(tmp_path)
    assert (list(old), list(new)) == (["tests/test_a.py"], ["tests/room/test_b.py"])
    assert list(report(asserted(old), asserted(new))) == ["4 tests then, 4 now"]
