"""`rnnexp new`: a project whose experiment, model and test work as they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rnnexp.cli.main import main
from rnnexp.cli.new import FILES

ROOT = Path(__file__).parents[2]


def written(place: Path) -> set[str]:
    return {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}


def test_a_new_folder_and_an_empty_one_are_filled(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    for name in ("empty", "deep/demand"):
        assert main(["new", name]) == 0
        assert f"cd {name}" in capsys.readouterr().out
        assert written(Path(name)) == set(FILES)
    assert Path("deep/demand/README.md").read_text().startswith("# demand\n")
    (hook,) = yaml.safe_load(Path("empty/.pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert hook["entry"] == "rnnexp check"


def test_a_folder_that_holds_something_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep")
    assert main(["new", "mine"]) == 2
    assert "mine: holds files already; choose another name" in capsys.readouterr().err
    assert written(Path("mine")) == {"notes.txt"}
    assert main(["new", "mine/notes.txt"]) == 2
    assert "is a file" in capsys.readouterr().err
    assert main(["new", "mine/notes.txt/below"]) == 2
    assert "Not a directory" in capsys.readouterr().err
    assert Path("mine/notes.txt").read_text() == "keep"


@pytest.mark.end_to_end
def test_its_experiment_is_valid_and_trains_and_its_own_test_passes() -> None:
    assert main(["new", "demand"]) == 0
    check = call("-m", "rnnexp", "check")
    assert (check.returncode, check.stdout) == (0, "1 of 1 experiments are valid\n")
    train = call("-m", "rnnexp", "train", "experiment=first")
    assert train.returncode == 0, train.stderr
    assert "residual_gru" in train.stdout + train.stderr
    assert Path("demand/mlflow.db").is_file()
    test = call("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert (test.returncode, "1 passed" in test.stdout) == (0, True), test.stdout
    broken = Path("demand/experiments/first.yaml")
    broken.write_text(broken.read_text().replace("units: 8", "unit: 8"))
    assert call("-m", "rnnexp", "check").returncode == 2


def call(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Python in the project, as its owner does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd="demand",
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
