"""Hopeless jobs are stopped while they run; the best one is the same as without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweeping import TINY, UNTRACKED, jobs, run, workshop

# The last one learns nothing; a slow callback needs the engine `keras`, so it is everybody's.
RATES = ("optimizer.learning_rate=0.01,0.011,1e-9", "trainer.epochs=20", "trainer.engine=keras")
# It is so slow that on any machine it is judged before its end, and beside the others.
PACES = "callbacks.trouble.seconds=0.02,0.03,1.0"
TOGETHER = ["optimizer.learning_rate", "callbacks.trouble.seconds"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sweep without a pruner."""
    with workshop(tmp_path_factory.mktemp("whole")):
        return run(*UNTRACKED, *RATES, launcher={"name": "serial"})


def epochs_run(folder: Path, job: int) -> int:
    lines = (folder / "jobs" / str(job) / "metrics.jsonl").read_text().splitlines()
    return sum('"step": 0,' not in line for line in lines)


def test_without_a_pruner_every_job_runs_to_its_end(whole: Path) -> None:
    assert [(job.status, epochs_run(whole, job.number)) for job in jobs(whole).values()] == [("done", 20)] * 3


@pytest.mark.end_to_end
@pytest.mark.fault("H11")
def test_a_hopeless_job_is_stopped_while_it_runs_and_the_best_is_the_same(
    client: Any, whole: Path, rehearsed: None
) -> None:
    pruner = {"name": "median", "n_startup_trials": 2}
    folder = run(*TINY, *RATES, PACES, zip=[TOGETHER], pruner=pruner, launcher={"n_jobs": 1})
    states = jobs(folder)
    assert [job.status for job in states.values()] == ["done", "done", "pruned"]
    assert epochs_run(folder, 2) < 20
    without = [job.value for job in jobs(whole).values()]
    assert [states[0].value, states[1].value] == without[:2]
    assert states[1].value != without[0]
    stopped = client.get_run(states[2].run_id)
    assert (stopped.info.status, stopped.data.tags["rnnexp.outcome"]) == ("FINISHED", "pruned")
    parent = client.get_run(stopped.data.tags["mlflow.parentRunId"])
    assert parent.data.metrics["best/val/loss"] == min(value for value in without if value is not None)
    assert parent.info.status == "FINISHED"


@pytest.mark.end_to_end
def test_a_job_is_stopped_beside_others_that_still_run(whole: Path, rehearsed: None) -> None:
    """Nobody waits for a batch: the word comes while the other jobs are in their epochs."""
    pruner = {"name": "successive_halving", "min_resource": 2, "reduction_factor": 2}
    folder = run(*UNTRACKED, *RATES, PACES, zip=[TOGETHER], pruner=pruner, launcher={"n_jobs": 3, "threads": 1})
    states = jobs(folder)
    assert states[2].status == "pruned"
    assert epochs_run(folder, 2) < 20
    done = [job for job in states.values() if job.status == "done"]
    assert done
    assert all(job.value == jobs(whole)[job.number].value for job in done)
