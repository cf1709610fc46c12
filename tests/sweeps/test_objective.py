"""What a sweep compares by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweeping import UNTRACKED, Quick, run, table

from rnnexp.errors import ConfigError
from rnnexp.sweeps.objective import check_given, check_pruner, direction_for, find_varied_units, objective_for, of_epoch
from rnnexp.sweeps.worker import objective_value

JOB: dict[str, Any] = {"metrics": ["mae"], "trainer": {"log_grad_norm": False}}


@pytest.mark.parametrize("name", ["test/rmse", "best/test/rmse", "skill/rmse", "baseline/linear/rmse"])
@pytest.mark.fault("H12")
def test_a_metric_of_the_test_part_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^hydra.sweeper.objective: `{name}` is computed on the test set; a choice"):
        check_given(name)


@pytest.mark.fault("H12")
def test_a_metric_of_the_test_part_is_refused_before_anything_is_written(quick: Quick, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use best/val/loss or another val/… metric"):
        run(*UNTRACKED, "seed=0,1", objective="test/rmse")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("val/los", r"`val/los` is not logged by all jobs; they log .*; did you mean `val/loss`\?$"),
        ("best/val/mea", r"did you mean `best/val/mae`\?$"),
        (
            "val/rmse",
            "they log best/train/loss, best/train/mae, best/val/loss, best/val/mae, train/loss,",
        ),
        ("opt/learning_rate", "is not logged by all jobs"),
    ],
)
@pytest.mark.fault("H12")
def test_a_metric_that_is_not_logged_is_told_with_those_that_are(given: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        objective_for(given, True, [JOB, JOB])


def test_a_metric_that_only_some_jobs_log_is_refused() -> None:
    assert objective_for("val/mae", True, [JOB]) == "val/mae"
    with pytest.raises(ConfigError, match="`val/mae` is not logged by all jobs"):
        objective_for("val/mae", True, [JOB, {**JOB, "metrics": []}])


def test_without_validation_the_training_loss_counts() -> None:
    assert objective_for(None, True, [JOB]) == "best/val/loss"
    assert objective_for(None, False, [JOB]) == "train/loss"
    with pytest.raises(ConfigError, match="`val/loss` is not logged by all jobs"):
        objective_for("val/loss", False, [JOB])
    with pytest.raises(ConfigError, match="some jobs have a validation set and some have none; name an objective"):
        objective_for(None, None, [JOB, JOB])


@pytest.mark.parametrize(
    ("objective", "direction"),
    [("best/val/loss", "minimize"), ("val/accuracy", "maximize"), ("best/val/mae", "minimize"), ("val/r2", "maximize")],
)
@pytest.mark.fault("H12")
def test_the_direction_follows_the_metric_unless_it_is_given(objective: str, direction: str) -> None:
    assert direction_for(None, objective) == direction
    assert direction_for("minimize", objective) == "minimize"
    assert direction_for("maximize", objective) == "maximize"


def test_the_best_of_an_objective_is_made_of_its_epochs() -> None:
    assert (of_epoch("best/val/loss"), of_epoch("val/loss")) == ("val/loss", "val/loss")


def test_the_value_is_what_was_logged_at_the_end_or_in_the_last_epoch() -> None:
    epochs = [{"val/loss": 3.0}, {"val/loss": 2.0}]
    assert objective_value("best/val/loss", {"best/val/loss": 1.0}, epochs) == 1.0
    assert objective_value("val/loss", {"best/val/loss": 1.0}, epochs) == 2.0
    assert objective_value("val/loss", {}, [{"val/loss": float("nan")}]) is None
    assert objective_value("val/loss", {}, []) is None


def of(scaler: Any = "standard", loss: str | None = None, units: int = 8) -> dict[str, Any]:
    """Return a job that is scaled and trained in some way."""
    return {**JOB, "data": {"scaler": scaler}, "loss": loss and {"name": loss}, "model": {"units": units}}


@pytest.mark.parametrize(
    ("jobs", "varied"),
    [
        ([of("standard"), of("minmax")], ["data.scaler"]),
        ([of(["standard", "last"]), of(["standard", "instance"])], ["data.scaler"]),
        ([of(loss="mse"), of(loss="mae")], ["loss"]),
        ([of(), of(loss="mae")], ["loss"]),
        ([of("none"), of("standard", "mae")], ["loss", "data.scaler"]),
        ([of(units=8), of(units=16)], []),
        ([of(["standard", "last"]), of(["standard", "last"], units=16)], []),
    ],
)
def test_jobs_whose_losses_are_different_things_are_compared_by_the_score_in_original_units(
    jobs: list[dict[str, Any]], varied: list[str]
) -> None:
    assert find_varied_units(jobs) == varied
    assert objective_for(None, True, jobs, "rmse") == ("best/val/rmse" if varied else "best/val/loss")
    assert objective_for(None, True, jobs) == "best/val/loss"  # where there is no such score
    assert objective_for("best/val/rmse", True, jobs, "rmse") == "best/val/rmse"


def test_no_job_is_given_up_by_losses_that_do_not_compare() -> None:
    check_pruner([of(units=8), of(units=16)])
    with pytest.raises(ConfigError, match=r"hydra.sweeper.pruner: .* differ in data.scaler do not compare; leave"):
        check_pruner([of("standard"), of("minmax")])


def test_a_sweep_over_scalers_is_won_by_the_lowest_error_and_not_by_the_smallest_units(
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows = table(run(*UNTRACKED, "data.scaler=standard,minmax", launcher={"name": "serial"}))
    assert "best/val/rmse, minimized, since losses of jobs that differ in data.scaler do not" in capfd.readouterr().out
    errors = [float(row["best/val/rmse"]) for row in rows]
    assert min(errors) > 0
    assert errors[0] != errors[1]


def test_a_sweep_without_validation_by_another_metric_has_it_in_its_table() -> None:
    split = ("data.split.train=0.8", "data.split.val=0", "data.split.test=0.2", "metrics=[mae]")
    rows = table(run(*UNTRACKED, *split, "seed=0,1", objective="train/mae_scaled", launcher={"name": "serial"}))
    assert all(float(row["train/mae_scaled"]) > 0 for row in rows)
    assert rows[0]["train/mae_scaled"] != rows[1]["train/mae_scaled"]
