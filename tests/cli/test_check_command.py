"""`rnnexp check`: every experiment, wherever it lies below the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp.cli.main import main


def write(*names: str, text: str = "trainer: {epochs: 3}\n") -> None:
    for name in names:
        file = Path("experiments", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def checked(capsys: pytest.CaptureFixture[str], *paths: str) -> tuple[int, list[str]]:
    code = main(["check", *paths])
    return code, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("path", ["experiments", "experiments/paper", "experiments/paper/wrong.yml"])
def test_check_goes_into_folders_and_takes_both_suffixes(capsys: pytest.CaptureFixture[str], path: str) -> None:
    write("good.yaml", "paper/good.yaml")
    write("paper/wrong.yml", text="trainer: {epochs: 0}\n")
    number = {"experiments": 3, "experiments/paper": 2}.get(path, 1)
    code, lines = checked(capsys, path)
    assert (code, lines[0], lines[-1]) == (2, "paper/wrong:", f"{number - 1} of {number} experiments are valid")
    assert "trainer.epochs: 0 given" in lines[1]


def test_check_speaks_of_the_experiments_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine.yaml")
    assert checked(capsys) == (0, ["1 of 1 experiments are valid"])


def test_check_goes_on_past_two_files_of_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    write("paper/table1.yaml", "twice.yaml", "twice.yml")
    code, lines = checked(capsys, "experiments")
    assert (code, lines[0], lines[-1]) == (2, "twice:", "1 of 2 experiments are valid")
    assert "twice.yaml and twice.yml exist" in lines[1]


def test_check_refuses_a_file_that_no_name_means(capsys: pytest.CaptureFixture[str]) -> None:
    write("../elsewhere/table1.yaml")
    assert main(["check", "elsewhere/table1.yaml"]) == 2
    assert "does not lie in a folder `experiments` of the working directory" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mine", "experiment=mine", "paper/mine"])
def test_check_takes_the_name_of_an_experiment(capsys: pytest.CaptureFixture[str], name: str) -> None:
    write("mine.yaml", "paper/mine.yaml")
    assert checked(capsys, name) == (0, ["1 of 1 experiments are valid"])
    assert main(["check", f"{name}e"]) == 2
    assert "there is no such experiment file; did you mean `" in capsys.readouterr().err
