"""Hopeless jobs are stopped while they run; the best one is the same as without."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import TINY, UNTRACKED, jobs, run, table

RATES = ("optimizer.learning_rate=0.01,0.011,1e-9", "trainer.epochs=20")  # the last one learns nothing
SLOW = "callbacks.trouble.seconds=0.05"
HALVING = {"name": "successive_halving", "min_resource": 2, "reduction_factor": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Return the values of the jobs without a pruner."""
    place = tmp_path_factory.mktemp("whole")
    (place / "toys.py").write_text(sweeping.TOYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        rows = table(run(*UNTRACKED, *RATES, launcher={"name": "serial"}))
    sys.modules.pop("toys", None)
    return [float(row["best/val/loss"]) for row in rows]


def epochs_run(folder: Path, job: int) -> int:
    lines = (folder / "jobs" / str(job) / "metrics.jsonl").read_text().splitlines()
    return sum('"step": 0,' not in line for line in lines)


@pytest.mark.parametrize(
    "pruner", [{"name": "median", "n_startup_trials": 2}, HALVING], ids=lambda pruner: pruner["name"]
)
def test_a_hopeless_job_is_stopped_while_it_runs(client: Any, whole: list[float], pruner: dict[str, Any]) -> None:
    folder = run(*TINY, *RATES, SLOW, pruner=pruner, launcher={"n_jobs": 1})
    states = jobs(folder)
    assert states[2].status == "pruned"
    assert epochs_run(folder, 2) < 20
    best = min((job for job in states.values() if job.status == "done"), key=lambda job: job.value or 0.0)
    assert epochs_run(folder, best.number) == 20
    assert best.value == min(whole)
    assert best.value != max(whole)
    stopped = client.get_run(states[2].run_id)
    assert (stopped.info.status, stopped.data.tags["rnnexp.outcome"]) == ("FINISHED", "pruned")
    parent = client.get_run(stopped.data.tags["mlflow.parentRunId"])
    assert parent.data.metrics["best/job"] == best.number
    assert parent.info.status == "FINISHED"


def test_a_job_is_stopped_beside_others_that_still_run() -> None:
    """Nobody waits for a batch: the word comes while the other jobs are in their epochs."""
    folder = run(*UNTRACKED, *RATES, SLOW, pruner=HALVING, launcher={"n_jobs": 3, "threads": 1})
    assert jobs(folder)[2].status == "pruned"
    assert epochs_run(folder, 2) < 20


def test_the_same_sweep_without_a_pruner_runs_every_job_to_its_end() -> None:
    folder = run(*UNTRACKED, *RATES, launcher={"name": "serial"})
    assert [(job.status, epochs_run(folder, job.number)) for job in jobs(folder).values()] == [("done", 20)] * 3
