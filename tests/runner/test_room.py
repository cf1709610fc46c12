"""A run that does not fit on its disk is refused, and one that the disk has ended says so and shows its scores."""

from __future__ import annotations

from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.errors import ResourceError
from rnnexp.runner import room
from rnnexp.tracking.store import open_store

TINY = ("data.points=80", "model.units=[4]", "tracking.figures=false", "callbacks=checkpoints")
COPIES = ("callbacks.checkpoints.every=1", "callbacks.checkpoints.keep=1000000")
HUGE = ("trainer.epochs=1000000", "model.units=[300]", *COPIES)


@pytest.mark.fault("B3")
def test_a_run_that_cannot_fit_is_refused_before_it_is_trained_or_tracked(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    with pytest.raises(ResourceError, match=r"one: the run needs about [\d,]+\.\d MB of room, and .* free; make"):
        rx.run(rx.compose(*TINY, *HUGE, "tracking.mode=offline"), run_dir=folder, quiet=True)
    assert sorted(path.name for path in folder.iterdir()) == ["origin.json", "run.lock", "train.log"]


@pytest.mark.fault("B1", "C17")
def test_a_run_whose_checkpoints_find_no_disk_shows_its_scores_and_is_not_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "checkpoints").touch()  # no folder can be made there
    words = [*TINY, "trainer.epochs=9", "trainer.engine=keras", "callbacks.checkpoints.every=1", "hydra.run.dir=one"]
    assert main(["train", *words]) == 6
    out, err = capsys.readouterr()
    assert "RMSE on the test set" in out
    assert "could not be saved; the last good one is kept" in out + err
    assert "the disk does not take them, so training has stopped after epoch 3; make room" in err
    assert "Traceback" not in out + err
    (run,) = open_store(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert (run.info.status, run.data.tags["rnnexp.outcome"]) == ("FAILED", "disk_full")
    assert run.data.metrics["test/rmse"] > 0
    assert (tmp_path / "one" / "model" / "model.json").exists()


@pytest.mark.fault("B3")
@pytest.mark.parametrize(("every_s", "copies"), [("null", 2), ("60", 2 + 3 * 4)], ids=["without", "with checkpoints"])
def test_the_checkpoints_of_a_run_are_counted_with_its_optimizer_and_its_best_weights(
    every_s: str, copies: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WITHOUT_WEIGHTS", 0)
    asked: list[int] = []
    monkeypatch.setattr(room, "require_room", lambda _, needed, __: asked.append(needed))
    words = (*TINY[:3], "model.units=[50]", "trainer.epochs=1", f"trainer.checkpoint_every_s={every_s}", "tracking=off")
    rx.run(rx.compose(*words, "tracking.log_model=false"), run_dir=tmp_path / "one", quiet=True)
    weights = 4 * (4 * 50 * (1 + 50 + 1) + 51)
    assert asked[0] - room.ROW_BYTES == pytest.approx(copies * weights, rel=0.01)
