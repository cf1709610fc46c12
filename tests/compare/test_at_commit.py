"""Which experiments compose to other values than in a commit, and what a run has that an experiment then had not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.cli.main import main


def git(*words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


@pytest.fixture
def committed() -> None:
    """Commit four experiments, two of which depend on a preset of the project's own."""
    for name, text in {
        "experiments/same.yaml": "trainer: {epochs: 3}\n",
        "experiments/longer.yaml": "trainer: {epochs: 3}\n",
        "experiments/paper/preset.yaml": "defaults:\n  - override /model: mine\n",
        "experiments/gone.yaml": "seed: 1\n",
        "conf/model/mine.yaml": "name: gru\nunits: [4]\n",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main([*words]) == code
    found = capsys.readouterr()
    return found.err if code else found.out


@pytest.mark.end_to_end
def test_check_says_which_experiments_have_changed(committed: None, capsys: pytest.CaptureFixture[str]) -> None:
    unchanged = told(capsys, "check", "experiments", "--against", "HEAD")
    assert "0 of 4 experiments compose to other values than in HEAD" in unchanged
    assert "has changed" not in unchanged

    Path("experiments/longer.yaml").write_text("trainer: {epochs: 5}\n# a remark\n")
    Path("experiments/same.yaml").write_text("# only a remark\ntrainer:\n  epochs: 3\n")
    Path("conf/model/mine.yaml").write_text("name: gru\nunits: [8]\n")
    Path("experiments/new.yaml").write_text("seed: 2\n")
    Path("experiments/gone.yaml").unlink()
    text = told(capsys, "check", "experiments", "--against", "HEAD")
    assert "longer: has changed since HEAD" in text
    assert [line.split() for line in text.splitlines() if "trainer.epochs" in line] == [["trainer.epochs", "3", "5"]]
    assert "paper/preset: has changed since HEAD" in text
    assert "[4]" in text
    assert "[8]" in text
    assert "same:" not in text
    assert "new: is new since HEAD" in text
    assert "gone: was there in HEAD" in text
    assert "2 of 3 experiments compose to other values than in HEAD" in text
    assert Path("conf/model/mine.yaml").read_text() == "name: gru\nunits: [8]\n", "the working directory stays"


def test_an_experiment_that_could_not_be_composed_then_is_told(
    committed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("experiments/same.yaml").write_text("trainer: {epoch: 3}\n")
    git("commit", "-q", "-a", "-m", "a mistake")
    Path("experiments/same.yaml").write_text("trainer: {epochs: 3}\n")
    text = told(capsys, "check", "experiments/same.yaml", "--against", "HEAD")
    assert "cannot be composed then: trainer.epoch: unknown key" in text


def test_an_experiment_of_a_commit_is_compared_with_a_run(committed: None, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("experiment=longer", "data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking.figures=false")
    run = rx.run(rx.compose(*words))
    text = told(capsys, "diff", "HEAD:experiments/longer.yaml", str(run.run_id))
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith(("trainer.", "data."))}
    assert rows["trainer.epochs"] == ["3", "1"]
    assert rows["data.points"] == ["1000", "60"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diff", "HEAD:experiments/nope.yaml", "x"), "experiments/nope.yaml: there is no such file there"),
        (("diff", "nowhere:experiments/same.yaml", "x"), "git: Not a valid object name nowhere"),
        (("diff", "--", "--output=x:experiments/same.yaml", "x"), "git: Not a valid object name --output=x"),
        (("check", "experiments", "--against", "nowhere"), "object name nowhere; there are the branches "),
    ],
)
def test_what_git_does_not_know_is_a_mistake(
    committed: None, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in told(capsys, *words, code=2)


def test_best_writes_what_a_single_run_was_trained_with(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "data=sine",
        "data.points=60",
        "model=gru",
        "model.units=[2]",
        "trainer.epochs=1",
        "tracking.figures=false",
    )
    run = rx.run(rx.compose(*words))
    text = told(capsys, "best", str(run.run_id)[:8])
    Path("experiments").mkdir()
    Path("experiments/again.yaml").write_text(text)
    again = rx.compose("experiment=again", "tracking.figures=false")
    assert (again.data, again.model, again.trainer) == (
        run.experiment.data,
        run.experiment.model,
        run.experiment.trainer,
    )
    assert again.model != rx.compose("experiment=again", "model.units=[3]").model
