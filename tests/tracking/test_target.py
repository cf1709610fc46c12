"""A local database is looked at and made without MLflow, wherever what it says is what MLflow's client would say."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rnnexp.errors import TrackingError
from rnnexp.tracking import store, template
from rnnexp.tracking.target import KEY, Target

TAGS = {"mlflow.note.content": "`rnnexp` on **sine**", "mlflow.experimentKind": "custom_model_development"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rnnexp"


def open_target(folder: Path, experiment: str | None = "sine") -> Target:
    folder.mkdir(exist_ok=True)
    return Target(store.tracking_uri(f"sqlite:///{folder}/mlflow.db"), experiment)


@pytest.fixture
def without_mlflow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function after which MLflow's client may not be asked."""

    def refuse(uri: str) -> Any:
        raise AssertionError("MLflow's client was asked")

    return lambda: monkeypatch.setattr(store, "open_store", refuse)


def dump(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("UPDATE experiments SET creation_time = creation_time > 0, last_update_time = 1")
        return [line.replace(str(folder), "HERE") for line in connection.iterdump()]


@pytest.mark.end_to_end
def test_a_second_new_database_has_the_experiment_without_mlflow(
    tmp_path: Path, cache: Path, without_mlflow: Any
) -> None:
    first = open_target(tmp_path / "first").home("sine", TAGS)
    without_mlflow()
    second = open_target(tmp_path / "second").home("sine", TAGS)
    assert second.experiment_id == first.experiment_id
    assert second.location == (tmp_path / "second" / "mlartifacts" / "sine").as_uri()
    assert dump(tmp_path / "second") == dump(tmp_path / "first")


def test_the_experiment_of_a_copy_was_made_now(tmp_path: Path, cache: Path) -> None:
    open_target(tmp_path / "first").home("sine", TAGS)
    (kept,) = set(cache.glob("*.db")) - {*cache.glob("*-empty.db")}
    with closing(sqlite3.connect(kept)) as connection, connection:
        connection.execute("UPDATE experiments SET creation_time = 1")
    open_target(tmp_path / "second")
    with closing(sqlite3.connect(tmp_path / "second" / "mlflow.db")) as connection:
        times = [time for (time,) in connection.execute("SELECT creation_time FROM experiments")]
    assert min(times) > 1_700_000_000_000


def test_an_experiment_with_other_tags_and_one_that_is_new_are_mlflows(tmp_path: Path, cache: Path) -> None:
    open_target(tmp_path / "first").home("sine", TAGS)
    target = open_target(tmp_path / "second")
    home = target.home("sine", {**TAGS, "more": "one"})
    assert target.client.get_experiment(home.experiment_id).tags == {**TAGS, "more": "one"}
    other = target.home("airline", {})
    assert target.client.get_experiment_by_name("airline").experiment_id == other.experiment_id != home.experiment_id


def test_a_database_in_which_something_has_happened_is_no_template(tmp_path: Path, cache: Path) -> None:
    target = open_target(tmp_path / "first", None)
    target.client.create_run("0")
    target.home("sine", TAGS)
    assert [path.name for path in cache.glob("*.db")] == [path.name for path in cache.glob("*-empty.db")]
    other = open_target(tmp_path / "second", None)
    other.home("airline", {})
    other.home("sine", TAGS)  # the second of two
    assert len([*cache.glob("*.db")]) == 2


def test_an_experiment_in_the_trash_is_told(tmp_path: Path, cache: Path) -> None:
    target = open_target(tmp_path / "first")
    target.client.delete_experiment(target.home("sine", TAGS).experiment_id)
    target.forget()
    with pytest.raises(TrackingError, match="lies in MLflow's trash"):
        target.home("sine", TAGS)


def test_runs_are_found_as_the_client_finds_them(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = open_target(tmp_path / "first")
    experiment = target.home("sine", TAGS).experiment_id
    named, deleted = (target.client.create_run(experiment, tags={KEY: key}).info.run_id for key in ("named", "deleted"))
    target.client.delete_run(deleted)
    keys = (named, "named", deleted, "deleted", "absent")
    ours = [target.find_run(key) for key in keys]
    assert ours == [named, named, None, None, None]
    target.forget()
    monkeypatch.setattr("rnnexp.tracking.database._ACTIVE_RUN", "SELECT no_such_column FROM runs")
    assert [target.find_run(key) for key in keys] == ours


@pytest.mark.end_to_end
@pytest.mark.parametrize("content", [b"", b"SQLite format 3" + bytes(5000), b"\xff"])
def test_damaged_files_of_the_cache_do_no_harm(tmp_path: Path, cache: Path, content: bytes) -> None:
    open_target(tmp_path / "first").home("sine", TAGS)
    for path in cache.glob("*.db"):
        path.write_bytes(content)
    home = open_target(tmp_path / "second").home("sine", TAGS)
    assert home.location == (tmp_path / "second" / "mlartifacts" / "sine").as_uri()


def test_the_version_of_the_tables_is_asked_for_once(tmp_path: Path, cache: Path) -> None:
    store._installed_version.cache_clear()
    version = store._installed_version()
    assert template.find_schema_version() == version
    (path,) = cache.glob("*-schema.txt")
    path.write_text("another\n")
    store._installed_version.cache_clear()
    assert store._installed_version() == "another"
    path.write_bytes(b"\xff")
    store._installed_version.cache_clear()
    assert store._installed_version() == version


def test_few_templates_are_kept(tmp_path: Path, cache: Path) -> None:
    target = open_target(tmp_path / "first")
    target.home("sine", TAGS)
    for number in range(template.MAX_KEPT):
        (cache / f"mlflow-1.0.{number}-empty.db").touch()
        os.utime(cache / f"mlflow-1.0.{number}-empty.db", (number, number))
    open_target(tmp_path / "second", None).home("airline", {})
    assert len([*cache.glob("*.db")]) == template.MAX_KEPT
    assert not (cache / "mlflow-1.0.0-empty.db").exists()


TRACKED = """
import sys
from pathlib import Path
from rnnexp.config.settings import Tracking
from rnnexp.tracking import Data, RunInfo, start, warm_up

warm_up(Tracking(), "sine")
info = RunInfo("sine", "lstm", {"model.units": [8]}, {}, "a: 1", "", "test/rmse", False, Path("runs/one"))
with start(Tracking(), info) as run:
    run.log_data(Data("train", "d", "sine", 98))
    run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
    run.log_text("a/b.txt", "c")
    run.log_summary({"test/rmse": 14.5})
print(run.run_id, *[name for name in ("mlflow", "sqlalchemy", "alembic", "fastapi") if name in sys.modules])
"""


@pytest.mark.end_to_end
def test_a_process_that_tracks_a_run_of_a_known_experiment_leaves_mlflow_out(tmp_path: Path, cache: Path) -> None:
    def track(folder: str) -> list[str]:
        (tmp_path / folder).mkdir()
        done = subprocess.run(
            [sys.executable, "-c", TRACKED],
            cwd=tmp_path / folder,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        return done.stdout.split()

    assert track("first")[1:] == ["mlflow", "sqlalchemy", "alembic", "fastapi"]
    (run_id,) = track("second")
    run = store.open_store(f"sqlite:///{tmp_path}/second/mlflow.db").get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"train/loss": 0.5, "test/rmse": 14.5}
    assert (tmp_path / "second" / "mlartifacts" / "sine" / run_id / "artifacts" / "a" / "b.txt").read_text() == "c"
