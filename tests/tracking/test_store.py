"""The store is found, made, and refused with advice."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from rnnexp.config.settings import Tracking
from rnnexp.errors import TrackingError
from rnnexp.tracking import list_packages, mlflow_import, start, warm_up
from rnnexp.tracking.store import _locked, artifact_root, experiment_id, open_store, tracking_uri, ui_command
from rnnexp.tracking.template import save_schema_version


def test_the_default_store_lies_in_the_working_directory(tmp_path: Path) -> None:
    assert tracking_uri(None) == f"sqlite:///{tmp_path}/mlflow.db"


def test_settings_come_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri(None) == "http://127.0.0.1:5000"
    assert tracking_uri("sqlite:///other.db") == f"sqlite:///{tmp_path}/other.db"


@pytest.mark.fault("C8")
@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "mlruns"])
def test_the_old_file_store_is_refused_with_what_to_use(uri: str) -> None:
    with pytest.raises(TrackingError, match="old file store.*use sqlite:///mlflow.db or a server"):
        tracking_uri(uri)


@pytest.mark.parametrize(
    ("uri", "hint"),
    [("htp://127.0.0.1:5000", "did you mean `http`"), ("127.0.0.1:5000", "did you mean `http://127.0.0.1:5000`")],
)
def test_a_misspelled_address_is_refused_before_anything_is_trained(uri: str, hint: str) -> None:
    with pytest.raises(TrackingError, match=f"is no address of a store; {hint}"):
        tracking_uri(uri)
    for known in ("https://tracking.example", "postgresql+psycopg2://db/x", "s3plugin://elsewhere"):
        assert tracking_uri(known) == known


def test_a_new_store_shows_everything_to_a_plain_mlflow_ui(tmp_path: Path, make_info: Any) -> None:
    with start(Tracking(), make_info()) as run:
        run.log_text("note.txt", "hello")
    assert (tmp_path / "mlflow.db").is_file()
    assert list((tmp_path / "mlartifacts" / "sine").rglob("note.txt"))
    assert not (tmp_path / "mlruns").exists()
    assert ui_command(tracking_uri(None)) == "mlflow ui"


@pytest.mark.fault("C8")
def test_a_folder_mlruns_changes_nothing_but_the_ui_command(
    tmp_path: Path, make_info: Any, settings: Tracking, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    with caplog.at_level(logging.INFO, logger="rnnexp"), start(settings, make_info()) as run:
        assert run.run_id
    assert list((tmp_path / "mlruns").rglob("*")) == [tmp_path / "mlruns" / "0"]
    assert f"mlflow ui --backend-store-uri '{settings.uri}'" in caplog.text


@pytest.mark.fault("B10")
def test_a_path_with_spaces_hashes_and_umlauts_works(tmp_path: Path) -> None:
    folder = tmp_path / "a b#ü"
    folder.mkdir()
    uri = tracking_uri(f"sqlite:///{folder}/mlflow.db")
    client = open_store(uri)
    run = client.create_run(experiment_id(client, uri, "sine", {}))
    client.log_text(run.info.run_id, "hello", "note.txt")
    assert list((folder / "mlartifacts" / "sine").rglob("note.txt"))


@pytest.mark.fault("B10")
def test_a_path_that_sqlalchemy_misreads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="misreads `%`"):
        open_store(f"sqlite:///{tmp_path}/a%20b.db")


@pytest.mark.fault("C7")
def test_mlflow_draws_no_bars_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook they would warn that they lack a package."""
    name = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    monkeypatch.delenv(name, raising=False)
    mlflow_import.require_mlflow()
    assert os.environ[name] == "false"
    monkeypatch.setenv(name, "true")
    mlflow_import.require_mlflow()
    assert os.environ[name] == "true"  # a user's own word counts


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(TrackingError, match=r"is empty \(0 bytes\).*delete it"):
        open_store(tracking_uri(None))


@pytest.mark.fault("C7")
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("something else " * 100)
    with pytest.raises(TrackingError, match="file is not a database"):
        open_store(tracking_uri(None))
    assert (tmp_path / "mlflow.db").read_text().startswith("something else")


@pytest.mark.fault("C7")
def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(TrackingError, match="database of another program"):
        open_store(tracking_uri(None))
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.fault("C7")
def test_another_schema_version_is_refused_with_the_way_to_migrate(tmp_path: Path, store: str) -> None:
    copy = tmp_path / "old.db"
    source, target = sqlite3.connect(store.removeprefix("sqlite:///")), sqlite3.connect(copy)
    source.backup(target)
    target.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    target.execute("DROP TABLE trace_tags")  # MLflow migrates such a database without asking
    target.commit()
    source.close()
    target.close()
    with pytest.raises(TrackingError, match="another version of MLflow(.|\n)*mlflow db upgrade 'sqlite:///") as caught:
        open_store(f"sqlite:///{copy}")
    assert caught.value.exit_code == 5
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("451aebb31d03",)
    connection.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="the folder .*/nowhere does not exist"):
        open_store(f"sqlite:///{tmp_path}/nowhere/mlflow.db")


@pytest.mark.fault("C7")
def test_a_read_only_database_and_folder_are_refused(tmp_path: Path, store: str, without_override: None) -> None:
    copy = tmp_path / "mlflow.db"
    copy.write_bytes(Path(store.removeprefix("sqlite:///")).read_bytes())
    copy.chmod(0o444)
    with pytest.raises(TrackingError, match="readonly database"):
        open_store(f"sqlite:///{copy}")
    copy.unlink()
    tmp_path.chmod(0o555)
    with pytest.raises(TrackingError, match="cannot be created: .*Permission denied"):
        open_store(f"sqlite:///{copy}")
    tmp_path.chmod(0o755)


@pytest.mark.fault("I6")
def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="does not answer") as caught:
        open_store("http://ada:hunter2secret@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)
    assert "http://***@127.0.0.1:9" in str(caught.value)


@pytest.mark.fault("C9")
def test_a_deleted_experiment_can_be_restored_with_the_command_shown(client: Any, store: str) -> None:
    number = experiment_id(client, store, "gone", {})
    client.delete_experiment(number)
    with pytest.raises(TrackingError, match=f"mlflow experiments restore --experiment-id {number}"):
        experiment_id(client, store, "gone", {})


def test_the_experiment_is_made_once_and_its_tags_follow(client: Any, store: str) -> None:
    first = experiment_id(client, store, "once", {"a": "1"})
    assert experiment_id(client, store, "once", {"a": "2"}) == first
    assert client.get_experiment(first).tags["a"] == "2"


@pytest.mark.fault("B10")
@pytest.mark.parametrize(
    "name", ["..", ".", "...", " ", ". .", "/etc", "../../x", "a/../..", "~", "x" * 300, "名" * 300, "a\\b", "é"]
)
@pytest.mark.fault("I5")
def test_the_files_of_an_experiment_lie_in_a_folder_of_their_own_whatever_it_is_called(name: str) -> None:
    place = Path(unquote(urlparse(str(artifact_root("sqlite:////srv/runs/mlflow.db", name))).path))
    assert os.path.normpath(place) == str(place)
    assert place.parent == Path("/srv/runs/mlartifacts")
    assert len(os.fsencode(place.name)) <= 200


def test_a_server_decides_where_files_go() -> None:
    assert artifact_root("http://127.0.0.1:5000", "sine") is None
    assert artifact_root("sqlite:////data/mlflow.db", "a/b") == "file:///data/mlartifacts/a%252Fb"


def test_what_the_user_has_set_is_not_overridden(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")
    open_store(store)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_warming_up_returns_at_once_and_a_bad_store_is_reported_later(tmp_path: Path, make_info: Any) -> None:
    (tmp_path / "mlflow.db").touch()
    strict = Tracking(mode="strict")
    with _locked(tmp_path):  # until then nobody can open the store
        warm_up(strict)
        assert "rnnexp-tracking" in {thread.name for thread in threading.enumerate()}
    with pytest.raises(TrackingError, match="is empty"), start(strict, make_info()):
        pass


@pytest.mark.parametrize("processes", [2, pytest.param(8, marks=pytest.mark.end_to_end)])
@pytest.mark.fault("C6")
def test_processes_that_start_together_on_a_fresh_store_make_it_once(tmp_path: Path, processes: int) -> None:
    script = """
import sys
from pathlib import Path
from rnnexp.config.settings import Tracking
from rnnexp.tracking import RunInfo, start
i = sys.argv[1]
info = RunInfo("sine", "run" + i, {"i": i}, {}, "", "", "test/rmse", False, Path("runs") / i)
with start(Tracking(), info) as run:
    for epoch in range(1, 201):
        run.log_epochs(epoch, [{"train/loss": 1 / epoch}], 5.0, 6.0)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script]
    together = [
        subprocess.Popen([*command, str(i)], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for i in range(processes)
    ]
    for process in together:
        out, err = process.communicate(timeout=150)
        assert (process.returncode, out, err) == (0, b"", b"")
    client = open_store(tracking_uri(None))
    experiments = client.search_experiments()
    assert sorted(experiment.name for experiment in experiments) == ["Default", "sine"]
    runs = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert sorted(run.data.params["i"] for run in runs) == [str(i) for i in range(processes)]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {len(client.get_metric_history(run.info.run_id, "train/loss")) for run in runs} == {200}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlartifacts", "mlflow.db", "runs"]


def test_threads_of_one_process_may_make_databases_at_once(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    uris = [f"sqlite:///{tmp_path / str(number) / 'mlflow.db'}" for number in range(3)]
    for number in range(3):
        (tmp_path / str(number)).mkdir()
    with ThreadPoolExecutor(3) as pool:
        clients = list(pool.map(open_store, uris))
    assert [len(client.search_experiments()) for client in clients] == [1, 1, 1]


def test_a_second_store_is_poured_and_is_like_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def made(folder: str) -> list[str]:
        (tmp_path / folder).mkdir()
        open_store(tracking_uri(f"sqlite:///{tmp_path / folder}/mlflow.db"))
        with sqlite3.connect(tmp_path / folder / "mlflow.db") as connection:
            connection.execute("UPDATE experiments SET creation_time = 0, last_update_time = 0")
            lines = list(connection.iterdump())
        connection.close()
        return [line.replace(str(tmp_path / folder), "HERE") for line in lines]

    first = made("first")
    (template,) = (tmp_path / "cache" / "rnnexp").glob("mlflow-*-empty.db")
    age = template.stat().st_mtime_ns
    assert made("second") == first != []
    assert template.stat().st_mtime_ns == age
    assert any("HERE" in line for line in first)


def test_nothing_of_mlflow_is_imported_early_where_a_local_database_has_the_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, second = (Tracking(uri=f"sqlite:///{tmp_path / name}.db") for name in ("first", "second"))
    assert "mlflow.pyfunc" in list_packages(first, "Default")
    open_store(str(first.uri))
    save_schema_version("known")
    assert list_packages(first, "Default") == ()
    assert list_packages(first, "new") == list_packages(second, "new") != ()
    server = Tracking(uri="http://127.0.0.1:9")
    assert list_packages(server, "Default") != () == list_packages(replace(server, mode="off"), "Default")


@pytest.mark.fault("B11")
def test_a_damaged_template_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import version

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "rnnexp").mkdir()
    (tmp_path / "rnnexp" / f"mlflow-{version('mlflow')}-empty.db").write_bytes(b"SQLite format 3" + bytes(5000))
    client = open_store(tracking_uri(f"sqlite:///{tmp_path}/mlflow.db"))
    assert [experiment.name for experiment in client.search_experiments()] == ["Default"]
