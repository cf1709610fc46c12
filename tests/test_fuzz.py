"""Some of the broken inputs of `python -m tests.fuzz`, and a fault that it must find."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.fuzz.judge import Fault, checked
from tests.fuzz.overrides import case
from tests.fuzz.parts import of_models, of_overrides, of_tables
from tests.fuzz.pool import answers


@pytest.mark.parametrize("number", range(60))
@pytest.mark.fault("F3")
def test_an_override_is_answered(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "case" / "folder"
    folder.mkdir(parents=True)
    assert of_overrides(1, number, folder)


@pytest.mark.parametrize("number", range(40))
@pytest.mark.fault("E5")
def test_a_table_is_answered(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "case" / "folder"
    folder.mkdir(parents=True)
    assert of_tables(1, number, folder)


@pytest.mark.fault("I1")
def test_a_broken_model_is_answered(tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert of_models(1, number, folder)


def test_a_case_is_the_same_again_and_differs_from_the_next() -> None:
    assert case(0, 5) == case(0, 5) != case(0, 6)


def planted(number: int, folder: Path) -> str:
    if number == 1:
        raise KeyError("planted")
    if number == 2:
        while True:
            pass
    if number == 3:
        import os

        os._exit(9)
    return "well"


def test_planted_faults_are_found() -> None:
    found = {answer.number: answer.fault for answer in answers(planted, range(5), workers=1, seconds=1.0)}
    assert found[0] is None
    assert found[4] is None
    assert "KeyError: 'planted'" in str(found[1])
    assert "no answer within 1 s" in str(found[2])
    assert "the process died" in str(found[3])


def test_a_traceback_a_strange_code_and_a_silent_failure_are_faults() -> None:
    for code, said in ((1, "Traceback (most recent call last):"), (139, "x"), (2, "")):
        with pytest.raises(Fault, match=f"exit {code}"):
            checked(code, said)
    assert checked(2, "rnnexp: no") == "exit 2: rnnexp: no"
    assert partial(checked, 0)("") == "exit 0: "
