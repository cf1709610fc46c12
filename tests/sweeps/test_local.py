"""Jobs in processes of their own: isolated, quickly started, and truly told in MLflow."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sweeping
from sweeping import TINY, UNTRACKED, jobs, run, table

from rnnexp.runtime.machine import count_usable_cpus
from rnnexp.sweeps.sweep import SweepFailed


@dataclass
class Mixed:
    """A sweep of which one job went well, one raised an error and one was killed each time."""

    folder: Path
    client: Any
    output: str
    error: SweepFailed

    def runs(self, job: int) -> list[Any]:
        """Return the MLflow runs of a job, one per attempt."""
        return [run for run in self.children() if run.data.tags["rnnexp.job"] == str(job)]

    def children(self) -> list[Any]:
        return [run for run in all_runs(self.client) if "mlflow.parentRunId" in run.data.tags]

    def parent(self) -> Any:
        (found,) = (run for run in all_runs(self.client) if run.data.tags.get("rnnexp.kind") == "sweep")
        return found

    def log(self, job: int) -> str:
        return (self.folder / "jobs" / str(job) / "job.log").read_text()


def all_runs(client: Any) -> list[Any]:
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


@pytest.fixture(scope="module")
def mixed(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    from rnnexp.tracking.store import open_store, tracking_uri

    place = tmp_path_factory.mktemp("mixed")
    shutil.copyfile(empty_store, place / "mlflow.db")
    output = io.StringIO()
    with sweeping.workshop(place), contextlib.redirect_stdout(output):
        with pytest.raises(SweepFailed, match="2 jobs of the sweep failed") as caught:
            run(*TINY, "callbacks.trouble.kind=none,raise,kill", launcher={"n_jobs": 2}, retries=1)
        client = open_store(tracking_uri(None))
    (folder,) = (place / "runs" / "sweeps").iterdir()
    return Mixed(folder, client, output.getvalue(), caught.value)


def test_each_job_has_a_process_of_its_own(mixed: Mixed) -> None:
    processes = [int(number) for job in range(3) for number in re.findall(r"process (\d+)", mixed.log(job))]
    assert len({*processes, os.getpid()}) == len(processes) + 1 >= 4


def test_a_job_starts_with_everything_imported(mixed: Mixed) -> None:
    """Its plugin, read before it imports anything itself, finds Keras there, and MLflow if the store takes it: no job
    waits for them.
    """
    for job in range(3):
        assert re.fullmatch(r"jax keras( mlflow)? pandas", re.findall(r"process \d+ with (.*)", mixed.log(job))[0])


def test_the_processors_are_shared_out(mixed: Mixed) -> None:
    threads = max(1, count_usable_cpus() // 2)
    assert re.search(rf"backend jax \(.*\), cpu, {threads} thread", mixed.log(0))
    assert f"2 at a time with {threads} CPU thread{'' if threads == 1 else 's'} each" in mixed.output


def test_what_a_job_prints_goes_to_its_log(mixed: Mixed) -> None:
    (printed,) = re.findall(r"process \d+", mixed.log(0))
    assert printed not in mixed.output
    assert "data sine" in mixed.log(0)
    assert "data sine" not in mixed.output


@pytest.mark.fault("A12", "H1", "H4")
def test_failures_are_listed_with_their_first_line_and_log(mixed: Mixed) -> None:
    assert mixed.error.exit_code == 10
    listed = str(mixed.error)
    log = mixed.folder / "jobs" / "1" / "job.log"
    where = r"\(\S+toys\.py, line \d+, in trouble\.Trouble\.on_epoch_end\)"
    told = rf"job 1 \(callbacks\.trouble\.kind=raise\): RuntimeError: trouble in epoch 1 {where}\n    log: {log}"
    assert re.search(told, listed)
    killed = "its process was killed by SIGKILL, 2 times; where memory ran out, set a smaller hydra.launcher.n_jobs"
    assert f"job 2 (callbacks.trouble.kind=kill): {killed}" in listed
    assert listed.count("where memory ran out") == 1
    assert "and more about it" not in listed
    assert "--retry-failed" in listed
    assert "Traceback" in mixed.log(1)
    assert "and more about it" in mixed.log(1)


def test_output_that_is_no_terminal_has_a_line_per_job(mixed: Mixed) -> None:
    lines = [line for line in mixed.output.splitlines() if line.startswith("job ")]
    assert "\x1b" not in mixed.output
    assert sorted(line.split("  ")[:2] for line in lines if "again" not in line) == [
        ["job 0", "done"],
        ["job 1", "failed"],
        ["job 2", "failed"],
    ]
    assert "job 2: its process was killed by SIGKILL; starting it again (1 of 1)" in lines


@pytest.mark.fault("C17", "H4")
def test_the_status_of_each_run_is_the_truth(mixed: Mixed) -> None:
    told = {job: [(run.info.status, run.data.tags["rnnexp.outcome"]) for run in mixed.runs(job)] for job in range(3)}
    assert told == {0: [("FINISHED", "ok")], 1: [("FAILED", "failed")], 2: [("KILLED", "killed")] * 2}
    assert (mixed.parent().info.status, mixed.parent().data.tags["rnnexp.outcome"]) == ("FAILED", "failed")


def test_the_runs_know_their_sweep(mixed: Mixed) -> None:
    name, parent = mixed.folder.name, mixed.parent()
    for child in mixed.children():
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.tags["rnnexp.sweep"] == name
        assert child.data.tags["rnnexp.varied"] == "callbacks.trouble.kind"
    assert parent.info.run_name == name
    assert parent.data.tags["rnnexp.objective"] == "best/val/loss"
    assert parent.data.tags["rnnexp.direction"] == "minimize"
    assert parent.data.tags["rnnexp.command"].startswith("rnnexp train -m plugins=[toys]")


def test_the_parent_shows_its_best_child(mixed: Mixed) -> None:
    (best,) = mixed.runs(0)
    metrics = mixed.parent().data.metrics
    assert metrics["best/job"] == 0
    assert metrics["best/val/loss"] == best.data.metrics["best/val/loss"]
    assert metrics["best/test/rmse"] == best.data.metrics["test/rmse"]
    assert metrics["best/test/rmse"] != best.data.metrics["val/loss"]


def test_the_parent_has_the_table_the_definition_and_the_report(mixed: Mixed) -> None:
    run_id = mixed.parent().info.run_id
    files = {item.path for item in mixed.client.list_artifacts(run_id)}
    assert {"sweep.json", "report.html", "tables"} <= files
    assert [item.path for item in mixed.client.list_artifacts(run_id, "tables")] == ["tables/trials.csv"]


def test_the_table_has_a_row_per_job(mixed: Mixed) -> None:
    rows = {row["callbacks.trouble.kind"]: row for row in table(mixed.folder)}
    assert {kind: row["status"] for kind, row in rows.items()} == {"none": "done", "raise": "failed", "kill": "failed"}
    assert float(rows["none"]["best/val/loss"]) > 0
    assert rows["raise"]["error"].startswith("RuntimeError: trouble in epoch 1 (")
    assert rows["raise"]["best/val/loss"] == ""


def test_the_folder_of_a_killed_attempt_is_kept(mixed: Mixed) -> None:
    assert (mixed.folder / "jobs" / "2.attempt1" / "job.log").is_file()
    assert (mixed.folder / "jobs" / "2" / "attempt").read_text() == "2"


@pytest.mark.fault("H4")
def test_a_killed_worker_is_started_again_and_may_end_well(rehearsed: None, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "callbacks.trouble.kind=kill_once", retries=1)
    assert "job 0: its process was killed by SIGKILL; starting it again (1 of 1)" in capsys.readouterr().out
    assert [(job.status, job.attempts) for job in jobs(folder).values()] == [("done", 2)]


KILLED_AS_IT_BEGINS = """
import importlib
import multiprocessing

push = importlib.import_module("rnnexp.tracking.push")

if multiprocessing.parent_process() is not None and not Path("killed").exists():

    def die(*_):
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)

    push.TargetRun._keep_id = die  # called when the run is in MLflow, before its id is in the folder
"""


@pytest.mark.fault("H4", "C17")
def test_a_worker_that_is_killed_as_its_run_begins_leaves_no_run_running(
    client: Any, tmp_path: Path, rehearsed: None
) -> None:
    with (tmp_path / "toys.py").open("a") as file:
        file.write(KILLED_AS_IT_BEGINS)
    folder = run(*TINY, "seed=0", launcher={"n_jobs": 1})
    assert [(job.status, job.attempts) for job in jobs(folder).values()] == [("done", 2)]
    assert sorted(run.info.status for run in all_runs(client)) == ["FINISHED", "FINISHED", "KILLED"]


@pytest.mark.fault("C16")
def test_a_foreign_run_id_in_the_environment_pulls_no_run_elsewhere(
    client: Any, monkeypatch: pytest.MonkeyPatch, rehearsed: None
) -> None:
    other = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", other)
    folder = run(*TINY, "seed=0,1", launcher={"name": "serial"})
    children = [str(job.run_id) for job in jobs(folder).values()]
    assert len({*children, other, "None"}) == 4
    assert client.get_run(other).info.status == "RUNNING"
    assert "rnnexp.sweep" not in client.get_run(other).data.tags
    (parent,) = {client.get_run(child).data.tags["mlflow.parentRunId"] for child in children}
    assert client.get_run(parent).data.tags["rnnexp.kind"] == "sweep"


@pytest.mark.fault("H6")
def test_five_jobs_at_a_time_on_one_fresh_store_lose_nothing(tmp_path: Path, rehearsed: None) -> None:
    from mlflow import MlflowClient

    folder = run(*TINY, "seed=range(5)", launcher={"n_jobs": 5, "threads": 1})
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = [client.get_run(str(job.run_id)) for job in jobs(folder).values()]
    assert [run.info.status for run in runs] == ["FINISHED"] * 5
    assert [run.data.params["seed"] for run in runs] == [str(seed) for seed in range(5)]
    assert {len(client.get_metric_history(run.info.run_id, "val/loss")) for run in runs} == {2}
    assert len(all_runs(client)) == 6
