"""The built-in callbacks, driven by metrics written by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from small_disk import SmallDisk

from rnnexp.errors import ConfigError
from rnnexp.registry import lookup
from rnnexp.training.checkpoint import load_weights
from rnnexp.training.fit import fit
from rnnexp.training.training_state import TrainingState


def course(tmp_path: Path | None = None, epochs: int = 100) -> TrainingState:
    return TrainingState(epochs, "val/loss", lambda: {"head/kernel": np.ones(2, "float32")}, tmp_path)


def play(
    values: list[float], name: str, at: TrainingState | None = None, metric: str = "val/loss", **settings: Any
) -> TrainingState:
    """Show a callback one metric value per epoch until it stops the training."""
    at = at or course()
    callback = lookup("callback", name)(**settings)
    state = callback.initial()
    best = float("inf")
    for at.epoch, value in enumerate(values, 1):
        at.metrics = {metric: value, "opt/learning_rate": 0.1 * at.rate_factor}
        at.is_best, best = value < best, min(value, best)
        callback.on_epoch_end(at, state)
        if at.stop:
            break
    return at


def test_early_stopping_waits_for_its_patience() -> None:
    stopped = play([3, 2, 2, 2.5, 2, 1], "early_stopping", patience=3)
    assert (stopped.epoch, stopped.stop) == (5, "early_stopping")


def test_early_stopping_goes_on_while_there_is_progress() -> None:
    assert play([3, 2.9, 3, 2.8, 3, 2.7], "early_stopping", patience=2).stop is None


def test_a_tiny_progress_does_not_count() -> None:
    assert play([3, 2.99, 2.98, 2.97], "early_stopping", patience=2, min_delta=0.1).epoch == 3


def test_early_stopping_may_start_late() -> None:
    assert play([1, 2, 2, 2, 2, 2], "early_stopping", patience=2, start_epoch=4).epoch == 6


def test_accuracy_should_rise() -> None:
    rising = [0.1, 0.2, 0.3, 0.4]
    assert play(rising, "early_stopping", metric="val/accuracy", monitor="val/accuracy", patience=1).stop is None
    assert play(rising, "early_stopping", patience=1).stop == "early_stopping"


def test_a_monitor_that_is_not_logged_names_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"callbacks.early_stopping.monitor: `val/mae` is not logged; choose from"):
        play([1], "early_stopping", monitor="val/mae")


def test_plateau_lowers_the_rate_after_its_patience() -> None:
    assert play([3, 2, 2, 2], "plateau", factor=0.1, patience=2).rate_factor == pytest.approx(0.1)
    assert play([3, 2, 2], "plateau", factor=0.1, patience=2).rate_factor == 1.0


def test_plateau_rests_during_its_cooldown() -> None:
    flat = [1.0] * 7
    assert play(flat, "plateau", patience=1, cooldown=2).rate_factor == pytest.approx(0.25)
    assert play(flat, "plateau", patience=1).rate_factor == pytest.approx(0.5**6)


def test_plateau_stops_at_the_lowest_rate() -> None:
    assert play([1.0] * 9, "plateau", patience=1, min_learning_rate=0.03).rate_factor == pytest.approx(0.3)


def saved(folder: Path) -> set[str]:
    return {path.name for path in (folder / "checkpoints").iterdir()}


@pytest.mark.fault("B1")
def test_a_disk_that_takes_no_checkpoint_stops_the_training_after_three_in_a_row(
    small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    at = course(small_disk.folder)
    callback = lookup("callback", "checkpoints")(every=1, keep=5, best=False)
    state = callback.initial()
    for at.epoch, full in enumerate([False, True, True, False, True, True, True], 1):
        small_disk.fill() if full else small_disk.free()
        callback.on_epoch_end(at, state)
        assert at.stop == ("disk_full" if at.epoch == 7 else None)
    small_disk.free()
    assert saved(small_disk.folder) == {"epoch-000001", "epoch-000004"}  # whole ones, and nothing of others
    assert all(load_weights(path)[1] for path in (small_disk.folder / "checkpoints").iterdir())
    assert caplog.text.count("epoch 2 could not be saved; the last good one is kept") == 1
    assert caplog.text.count("could not be saved") == 2


@pytest.mark.fault("B1")
@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_either_engine_stops_with_the_weights_of_its_best_epoch(tmp_path: Path, engine: str) -> None:
    (tmp_path / "checkpoints").touch()  # where there should be a folder
    callbacks = {"checkpoints": lookup("callback", "checkpoints")(every=1)}
    plan = toy.plan(epochs=9, engine=engine, plan={"callbacks": callbacks, "run_dir": tmp_path})
    history = fit(toy.network(), toy.windows(16, val=8), plan)
    assert history.stopped == "disk_full"
    assert history.best_epoch > 0


@pytest.mark.fault("B2")
def test_what_a_full_disk_does_not_take_of_the_csv_log_is_written_later(small_disk: SmallDisk) -> None:
    at = course(small_disk.folder, epochs=600)
    callback = lookup("callback", "csv_log")()
    state = callback.initial()
    for at.epoch in range(1, 601):
        small_disk.free() if at.epoch % 200 else small_disk.fill()
        at.metrics = {"val/loss": 1 / at.epoch}
        callback.on_epoch_end(at, state)
        if at.epoch == 600:
            small_disk.free()
    callback.on_epoch_end(at, state)
    rows = list(csv.DictReader((small_disk.folder / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [*range(1, 601), 600]


def test_csv_log_has_a_row_per_epoch(tmp_path: Path) -> None:
    play([3, 2], "csv_log", course(tmp_path))
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [(row["epoch"], row["val/loss"]) for row in rows] == [("1", "3"), ("2", "2")]


def test_csv_log_stays_in_the_run_folder() -> None:
    with pytest.raises(ValueError, match="file"):
        lookup("callback", "csv_log")(file="../history.csv")


def test_checkpoints_keep_the_newest_and_the_best(tmp_path: Path) -> None:
    play([5, 1, 2, 2, 2, 2, 2], "checkpoints", course(tmp_path), every=1, keep=2)
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.glob("epoch-*")) == ["epoch-000002", "epoch-000006", "epoch-000007"]
    assert json.loads((folder / "best.json").read_text()) == {"folder": "epoch-000002", "epoch": 2}
    assert not list(folder.glob(".tmp-*"))


def test_checkpoints_are_written_every_n_epochs_and_at_the_end(tmp_path: Path) -> None:
    play([1.0] * 7, "checkpoints", course(tmp_path, epochs=7), every=3, keep=9, best=False)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["epoch-000003", "epoch-000006", "epoch-000007"]


def test_a_checkpoint_holds_the_weights_and_metrics_of_its_epoch(tmp_path: Path) -> None:
    callbacks = {"c": lookup("callback", "checkpoints")(every=1, keep=9)}
    model = toy.network()
    history = fit(model, toy.windows(16), toy.plan(plan={"callbacks": callbacks, "run_dir": tmp_path}))
    epoch, weights, metrics = load_weights(tmp_path / "checkpoints" / "epoch-000003")
    assert (epoch, metrics) == (3, history.epochs[2])
    for variable in model.weights:
        np.testing.assert_array_equal(weights[variable.path], variable.numpy())
    _, earlier, _ = load_weights(tmp_path / "checkpoints" / "epoch-000001")
    assert not np.array_equal(earlier["head/kernel"], weights["head/kernel"])


def test_a_callback_that_writes_needs_a_run_folder() -> None:
    with pytest.raises(ConfigError, match=r"callbacks.csv_log: needs a run folder"):
        play([1], "csv_log")


def test_callbacks_steer_a_real_training() -> None:
    callbacks = {
        "stop": lookup("callback", "early_stopping")(patience=4, min_delta=100.0),
        "slow": lookup("callback", "plateau")(patience=1, min_delta=100.0, factor=0.5),
    }
    history = fit(toy.network(), toy.windows(16, val=8), toy.plan(epochs=9, plan={"callbacks": callbacks}))
    assert history.stopped == "early_stopping"
    assert [epoch["opt/learning_rate"] for epoch in history.epochs] == [0.01, 0.01, 0.005, 0.0025, 0.00125]
