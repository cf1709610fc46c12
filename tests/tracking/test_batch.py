"""What is written straight into MLflow's tables is what MLflow's client would have written."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_batch_log_limits

from rnnexp.config.settings import Tracking
from rnnexp.tracking import batch, start
from rnnexp.tracking.batch import Batch, Point, ask, transaction
from rnnexp.tracking.store import database

Rows = dict[str, list[tuple[Any, ...]]]

NAN, INF = float("nan"), float("inf")
POINTS = [
    Point("train/loss", 1.0, 1000, 1),
    Point("train/loss", 0.5, 1010, 2),
    Point("train/loss", 0.7, 1020, 2),  # later, of the same step
    Point("train/loss", 0.9, 1020, 2),  # larger, at the same time
    Point("train/loss", 9.0, 1030, 1),  # later, of an earlier step
    Point("val/loss", NAN, 1000, 1),
    Point("val/loss", NAN, 1000, 1),
    Point("val/loss", -1.0, 1000, 1),  # less than NaN, which is stored as zero
    Point("test/mape", INF, 1000, 0),
    Point("test/bias", -INF, 1000, 0),
    Point("model/parameters", 3, 1000, 0),
]
LATER = [Point("train/loss", 0.1, 1040, 3), Point("train/loss", 1.0, 1000, 1), Point("val/loss", 0.4, 1000, 1)]
EARLIER = [Point("train/loss", 0.2, 900, 0), Point("val/loss", -2.0, 1000, 1)]


@pytest.fixture
def file(store: str) -> Path:
    found = database(store)
    assert found is not None
    return found


@pytest.fixture
def new_run(client: Any) -> Any:
    """Return a function that makes a run and returns its id."""
    found = client.get_experiment_by_name("batches")
    number = found.experiment_id if found else client.create_experiment("batches")

    return lambda: client.create_run(number).info.run_id


def rows(file: Path, run_id: str) -> Rows:
    """Return what the tables hold of a run, with the types of the values and without its id."""
    wanted = {
        "metrics": "key, value, timestamp, step, is_nan",
        "latest_metrics": "key, value, timestamp, step, is_nan",
        "params": "key, value",
        "tags": "key, value",
    }
    found: Rows = {}
    with sqlite3.connect(file) as connection:
        for table, columns in wanted.items():
            types = ", ".join(f"typeof({column})" for column in columns.split(", "))
            query = f"SELECT {columns}, {types} FROM {table} WHERE run_uuid = ? ORDER BY {columns}"
            found[table] = connection.execute(query, [run_id]).fetchall()
    connection.close()
    found["tags"] = [row for row in found["tags"] if row[0] != "mlflow.runName"]  # a random one
    return found


def write(file: Path, run_id: str, one: Batch) -> None:
    with transaction(file) as connection:
        batch.write(connection, run_id, one)


def batches() -> Sequence[Batch]:
    return (
        Batch(params={"model.units": "[8]", "seed": "1"}, tags={"a": "1", "b": "2"}),
        Batch(points=POINTS, tags={"b": "3", "c": "ü"}),
        Batch(points=LATER, params={"seed": "1", "epochs": "5"}),
        Batch(points=EARLIER),
    )


def test_the_tables_hold_what_the_client_would_have_written(client: Any, file: Path, new_run: Any) -> None:
    direct, asked = new_run(), new_run()
    for one in batches():
        write(file, direct, one)
        ask(client, asked, one)
    assert rows(file, direct) == rows(file, asked)
    assert {table: len(found) for table, found in rows(file, direct).items()} == {
        "metrics": 14,
        "latest_metrics": 5,
        "params": 3,
        "tags": 3,
    }
    write(file, direct, Batch(points=[Point("train/loss", 0.1, 1041, 3)]))  # the comparison can tell
    assert rows(file, direct)["metrics"] != rows(file, asked)["metrics"]
    assert rows(file, direct)["latest_metrics"] != rows(file, asked)["latest_metrics"]


@pytest.mark.fault("C11")
def test_more_parameters_and_metrics_than_a_request_takes_are_sent_in_several(
    client: Any, file: Path, new_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of MLflow takes 100 parameters, 1,000 metrics, and 1,000 of both together."""
    params = {f"p{i:03}": "x" * 6000 if i == 7 else str(i) for i in range(250)}
    one = Batch(points=[Point(f"m{i}", i, 1000, 0) for i in range(1001)], params=params, tags={"a": "1"})
    asked, written = new_run(), new_run()
    log_batch = client.log_batch

    def checked(run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        _validate_batch_log_limits(metrics, params, tags)
        log_batch(run_id, metrics, params, tags)

    monkeypatch.setattr(client, "log_batch", checked)
    ask(client, asked, one)
    write(file, written, one)
    assert client.get_run(asked).data.params == params
    assert rows(file, asked) == rows(file, written)
    with pytest.raises(MlflowException, match="at most 100 params"):
        client.log_batch(asked, params=[Param(*pair) for pair in params.items()])


@pytest.mark.fault("C5")
def test_sending_again_changes_nothing(file: Path, new_run: Any) -> None:
    run_id = new_run()
    for one in batches():
        write(file, run_id, one)
    before = rows(file, run_id)
    write(file, run_id, Batch(points=POINTS))
    assert rows(file, run_id) == before


def test_another_value_of_a_parameter_is_refused_and_nothing_of_its_batch_is_kept(
    client: Any, file: Path, new_run: Any
) -> None:
    run_id = new_run()
    write(file, run_id, Batch(params={"seed": "1"}))
    with pytest.raises(sqlite3.IntegrityError, match="has other values of seed"):
        write(file, run_id, Batch(points=POINTS, params={"seed": "2", "epochs": "5"}))
    assert len(rows(file, run_id)["params"]) == 1
    assert rows(file, run_id)["metrics"] == []
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        ask(client, run_id, Batch(params={"seed": "2"}))


def test_tables_that_have_changed_are_left_to_mlflow(
    settings: Tracking, make_info: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_METRIC", "INSERT INTO metrics (no_such_column) VALUES (?, ?, ?, ?, ?, ?)")
    with start(settings, make_info()) as run:
        run.log_epochs(1, [{"val/loss": 0.5}], 5.0, 6.0)
        run.set_tags({"a": "1"})
    stored = client.get_run(run.run_id)
    assert (stored.data.metrics, stored.data.tags["a"], stored.info.status) == ({"val/loss": 0.5}, "1", "FINISHED")


@pytest.mark.fault("C6")
def test_another_writer_is_waited_for(file: Path, new_run: Any) -> None:
    run_id = new_run()
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, lambda: other.execute("COMMIT"))
    release.start()
    write(file, run_id, Batch(points=POINTS))
    release.join()
    other.close()
    assert len(rows(file, run_id)["metrics"]) == 10


def test_a_run_ends_with_its_status_and_the_time(client: Any, file: Path, new_run: Any) -> None:
    run_id = new_run()
    before = time.time() * 1000
    write(file, run_id, Batch(status="KILLED"))
    info = client.get_run(run_id).info
    assert info.status == "KILLED"
    assert before - 1 <= info.end_time <= time.time() * 1000


def test_many_epochs_are_logged_at_once(settings: Tracking, make_info: Any, client: Any, clients_seconds: Any) -> None:
    """A thousand cost less than twenty by MLflow's client, 0.01 s beside 0.15 s."""
    info = make_info()
    metrics = [{"train/loss": 1 / epoch, "val/loss": 2 / epoch, "opt/learning_rate": 0.1} for epoch in range(1, 1001)]
    with start(settings, info) as run:
        began = time.time() - 2
        before = time.thread_time()  # of this thread alone, whatever else the machine is doing
        run.log_epochs(1, metrics[:600], began, began + 1)
        run.log_epochs(601, metrics[600:], began + 1, began + 2)
        spent = time.thread_time() - before
    clients = clients_seconds(20, 3)
    assert spent < clients, f"{spent:.3f} s beside {clients:.3f} s"
    history = client.get_metric_history(run.run_id, "val/loss")
    assert [(point.step, point.value) for point in history] == [(epoch, 2 / epoch) for epoch in range(1, 1001)]
    times = [point.timestamp for point in history]
    assert sorted(set(times)) == times
    assert began * 1000 <= times[0] < times[-1] <= (began + 2) * 1000
    assert len((info.run_dir / "metrics.jsonl").read_text().splitlines()) == 1000


@pytest.mark.fault("C13")
def test_epochs_that_are_not_finite_are_marked_each_by_itself(
    settings: Tracking, make_info: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "rnnexp"), start(settings, make_info()) as run:
        run.log_epochs(1, [{"train/loss": 1.0}, {"train/loss": NAN, "val/loss": INF}], 5.0, 6.0)
        run.log_epochs(3, [], 6.0, 6.0)
    assert [point.step for point in client.get_metric_history(run.run_id, "diverged")] == [2]
    assert client.get_run(run.run_id).data.metrics == {"train/loss": 1.0, "diverged": 1.0}
    assert caplog.text == ""
