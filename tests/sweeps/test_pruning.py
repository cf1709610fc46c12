"""Hopeless jobs are stopped while they run; the best one is the same as without."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import TINY, UNTRACKED, jobs, run

# The last one learns nothing; a slow callback needs the engine `keras`, so it is everybody's.
RATES = ("optimizer.learning_rate=0.01,0.011,1e-9", "trainer.epochs=20", "trainer.engine=keras")
SLOW = "callbacks.trouble.seconds=0.05"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sweep without a pruner."""
    place = tmp_path_factory.mktemp("whole")
    (place / "toys.py").write_text(sweeping.TOYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        folder = run(*UNTRACKED, *RATES, launcher={"name": "serial"})
    sys.modules.pop("toys", None)
    return folder


def epochs_run(folder: Path, job: int) -> int:
    lines = (folder / "jobs" / str(job) / "metrics.jsonl").read_text().splitlines()
    return sum('"step": 0,' not in line for line in lines)


def test_without_a_pruner_every_job_runs_to_its_end(whole: Path) -> None:
    assert [(job.status, epochs_run(whole, job.number)) for job in jobs(whole).values()] == [("done", 20)] * 3


def test_a_hopeless_job_is_stopped_while_it_runs_and_the_best_is_the_same(client: Any, whole: Path) -> None:
    folder = run(*TINY, *RATES, SLOW, pruner={"name": "median", "n_startup_trials": 2}, launcher={"n_jobs": 1})
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


def test_a_job_is_stopped_beside_others_that_still_run(whole: Path) -> None:
    """Nobody waits for a batch: the word comes while the other jobs are in their epochs."""
    pruner = {"name": "successive_halving", "min_resource": 2, "reduction_factor": 2}
    pace = "callbacks.trouble.seconds=0.02,0.03,0.4"  # the hopeless one is slow, so that it is judged beside the others
    together = ["optimizer.learning_rate", "callbacks.trouble.seconds"]
    folder = run(*UNTRACKED, *RATES, pace, zip=[together], pruner=pruner, launcher={"n_jobs": 3, "threads": 1})
    states = jobs(folder)
    assert states[2].status == "pruned"
    assert epochs_run(folder, 2) < 20
    done = [job for job in states.values() if job.status == "done"]
    assert done
    assert all(job.value == jobs(whole)[job.number].value for job in done)
