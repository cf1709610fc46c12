"""A run is gone on with by its name: unfinished, or finished and to be trained for longer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.runner import Result
from rnnexp.tracking.store import open_store

TINY = ("data.points=80", "model.units=[4]", "model.dropout=0.2", "tracking.figures=false", "trainer.epochs=4")
EARLY = ("+callbacks.early_stopping.name=early_stopping", "callbacks.early_stopping.min_delta=10.0")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def started(*words: str) -> Result:
    return rx.run(rx.compose(*TINY, *words), quiet=True)


def is_same(one: Path, other: Path) -> bool:
    with np.load(one / "model" / "weights.npz") as ours, np.load(other / "model" / "weights.npz") as theirs:
        return ours.files == theirs.files and all(np.array_equal(ours[path], theirs[path]) for path in ours.files)


engines = pytest.mark.parametrize("engine", [pytest.param("keras", marks=pytest.mark.end_to_end), "compiled"])


@pytest.mark.fault("D6")
@engines
def test_a_finished_run_goes_on_to_what_all_epochs_in_one_go_would_give(engine: str, tmp_path: Path) -> None:
    words = (f"trainer.engine={engine}", "trainer.restore_best=false")
    run = started(*words)
    assert main(["resume", str(run.run_dir), "trainer.epochs=7"]) == 0
    whole = started(*words, "trainer.epochs=7")
    assert is_same(run.run_dir, whole.run_dir)
    assert not is_same(run.run_dir, started(*words, "trainer.epochs=6").run_dir)
    client = open_store(f"sqlite:///{tmp_path}/mlflow.db")
    stored = client.get_run(run.run_id)
    assert (stored.info.status, stored.data.tags["rnnexp.outcome"]) == ("FINISHED", "ok")
    assert stored.data.tags["rnnexp.resume.changed"] == "trainer.epochs 7 (was 4)"
    assert sorted(point.step for point in client.get_metric_history(run.run_id, "train/loss")) == [*range(1, 8)]
    assert stored.data.metrics["test/mae"] == pytest.approx(whole.metrics["test/mae"])


@pytest.mark.fault("D6")
@engines
def test_a_run_that_was_stopped_early_goes_on_with_more_patience(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*EARLY, f"trainer.engine={engine}", "trainer.epochs=8", "trainer.restore_best=false", "tracking=off")
    run = started(*words, "callbacks.early_stopping.patience=2")
    assert run.history.stopped == "early_stopping"
    assert main(["resume", str(run.run_dir)]) == 2
    assert "was stopped early after epoch 3" in capsys.readouterr().err
    assert main(["resume", str(run.run_dir), "callbacks.early_stopping.patience=4"]) == 0
    assert "from epoch 3, step 0 with callbacks.early_stopping.patience 4 (was 2)" in capsys.readouterr().out
    whole = started(*words, "callbacks.early_stopping.patience=4")
    assert len(whole.history.epochs) == 5
    assert is_same(run.run_dir, whole.run_dir)


@pytest.mark.fault("D6")
def test_what_would_make_another_run_of_it_is_refused_by_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    run = started("tracking=off")
    capsys.readouterr()
    for word, told in {
        "seed=1": "seed: cannot change in the middle of a run",
        "model.units=[8]": "model.units: cannot change in the middle of a run",
        "optimizer.learning_rate=1": "optimizer.learning_rate: cannot change",
        "data.points=90": "data.points: cannot change",
        "trainer.epochs=3": "trainer.epochs: 3 given; ",
        "trainer.epochs=4": "has ended after epoch 4; to train on: trainer.epochs=N",
        "trainer.epochs=many": "trainer.epochs: ",
        "trainer.epochs=1,2": "give one value",
        "tracking.shade=red": "tracking.shade: unknown key",
    }.items():
        assert main(["resume", str(run.run_dir), word]) == 2, word
        assert told in capsys.readouterr().err, word
    assert main(["resume", "nothing_like_it"]) == 2


def test_a_run_without_a_checkpoint_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    run = started("tracking=off", "trainer.checkpoint_every_s=null")
    assert main(["resume", str(run.run_dir), "trainer.epochs=9"]) == 2
    assert "has no usable checkpoint to resume from" in capsys.readouterr().err


def test_a_schedule_that_counts_epochs_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    run = started("tracking=off", "schedule=cosine")
    assert main(["resume", str(run.run_dir), "trainer.epochs=5"]) == 0
    assert "schedule cosine was laid out for 4 epochs, and is for 5 from here on" in capsys.readouterr().out


def test_data_may_lie_elsewhere_but_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "y\n" + "\n".join(f"{number % 7 + number / 10}" for number in range(80)) + "\n"
    (tmp_path / "a.csv").write_text(rows)
    words = [word for word in TINY if not word.startswith("data.")] + ["data=csv", "data.path=a.csv", "data.target=y"]
    run = rx.run(rx.compose(*words, "tracking=off"), quiet=True)
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    assert main(["resume", str(run.run_dir), "trainer.epochs=5", "data.path=b.csv"]) == 0
    (tmp_path / "b.csv").write_text(rows + "0.5\n")
    assert main(["resume", str(run.run_dir), "trainer.epochs=6", "data.path=b.csv"]) == 3
    assert "changed since" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_an_ensemble_goes_on_as_it_was_begun_alone(capsys: pytest.CaptureFixture[str]) -> None:
    run = started("ensemble=2", "tracking=off")
    assert main(["resume", str(run.run_dir), "trainer.epochs=7"]) == 2
    assert "is an ensemble, and of networks that have ended only the weights are kept" in capsys.readouterr().err
