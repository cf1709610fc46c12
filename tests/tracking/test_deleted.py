"""What somebody deletes or locks in a store while a run goes on: nothing is lost, and `sync` says what it does."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.tracking import pusher, start
from rnnexp.tracking.store import database, open_store
from tests.tracking.faulty_server import running


def train_while_deleted(uri: str, info: Any, delete: Any) -> str:
    """Return the id of a run that is deleted in the middle."""
    with start(Tracking(uri=uri), info) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        assert run.flush(60)
        delete(str(run.run_id))
        for epoch in range(2, 10):
            run.log_epochs(epoch, [{"train/loss": 1 / epoch}], epoch, epoch + 1)
        run.log_text("note.txt", "a note")
        return str(run.run_id)


def forget(uri: str, run_id: str) -> None:
    """Delete the rows of a run, as `mlflow gc` does."""
    with sqlite3.connect(str(database(uri))) as connection:
        for table in ("metrics", "latest_metrics", "tags", "params", "runs"):
            connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", [run_id])
    connection.close()


@pytest.mark.fault("C10")
@pytest.mark.parametrize("way", ["trash", "gone", "trash of a server"])
def test_a_run_deleted_during_training_is_stored_anew_and_says_what_it_replaces(
    store: str, client: Any, make_info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def check(uri: str, delete: Any) -> None:
        info, client = make_info(experiment=way.replace(" ", "-")), open_store(uri)
        before = train_while_deleted(uri, info, delete)
        assert main(["sync", str(info.run_dir), "--uri", uri]) == 0
        assert main(["sync", str(info.run_dir), "--uri", uri]) == 0  # which adds nothing
        (run,) = client.search_runs([client.get_experiment_by_name(info.experiment).experiment_id])
        assert run.info.run_id != before
        assert (run.info.status, run.data.tags["rnnexp.replaces"]) == ("FINISHED", before)
        assert [row.step for row in client.get_metric_history(run.info.run_id, "train/loss")] == [*range(1, 10)]
        assert {"note.txt", "metrics.jsonl"} <= {item.path for item in client.list_artifacts(run.info.run_id)}
        assert "rnnexp.incomplete" not in run.data.tags

    if way == "trash of a server":
        monkeypatch.setattr(pusher, "PATIENCE_S", 5.0)
        with running(tmp_path, monkeypatch) as server:
            check(server.uri, lambda run_id: open_store(server.uri).delete_run(run_id))
    else:
        check(store, client.delete_run if way == "trash" else lambda run_id: forget(store, run_id))


@pytest.mark.fault("C9")
def test_an_experiment_deleted_during_training_goes_on_once_it_is_restored(
    store: str, client: Any, make_info: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    info = make_info(experiment="deleted-meanwhile")

    def number() -> str:
        return str(client.get_experiment_by_name(info.experiment).experiment_id)

    run_id = train_while_deleted(store, info, lambda _: client.delete_experiment(number()))
    assert main(["sync", str(info.run_dir), "--uri", store]) == 5
    assert f"mlflow experiments restore --experiment-id {number()}" in capsys.readouterr().err
    client.restore_experiment(number())
    assert main(["sync", str(info.run_dir), "--uri", store]) == 0
    (run,) = client.search_runs([number()])
    assert (run.info.run_id, run.info.status, "rnnexp.replaces" in run.data.tags) == (run_id, "FINISHED", False)
    assert len(client.get_metric_history(run_id, "train/loss")) == 9


LOCKED = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.end_to_end
@pytest.mark.fault("C6")
def test_a_database_that_another_process_locks_for_long_costs_no_row_and_no_time(
    store: str, client: Any, make_info: Any
) -> None:
    info, command = make_info(experiment="locked"), [sys.executable, "-c", LOCKED, str(database(store)), "25"]
    with start(Tracking(uri=store), info) as run:
        assert run.flush(60)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            began = time.thread_time()
            for epoch in range(1, 2001):
                run.log_epochs(epoch, [{"train/loss": 1 / epoch}], epoch, epoch + 1)
            assert time.thread_time() - began < 2
    assert main(["sync", str(info.run_dir), "--uri", store]) == 0
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert len(client.get_metric_history(run.run_id, "train/loss")) == 2000


@pytest.mark.end_to_end
@pytest.mark.fault("C6")
def test_sync_waits_for_a_database_that_is_locked(store: str, client: Any, make_info: Any) -> None:
    info = make_info(experiment="waited-for")
    with start(Tracking(uri=store, mode="offline"), info) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
    command = [sys.executable, "-c", LOCKED, str(database(store)), "23"]  # MLflow itself gives up after 20
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        assert main(["sync", str(info.run_dir), "--uri", store]) == 0
    number = client.get_experiment_by_name("waited-for").experiment_id
    assert [one.info.status for one in client.search_runs([number])] == ["FINISHED"]
