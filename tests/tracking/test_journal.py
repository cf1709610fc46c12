"""What a run logs is in its folder first, whatever becomes of the disk, the database and the process."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.tracking import start
from rnnexp.tracking.journal import ENTRIES, JsonLines, RunJournal
from rnnexp.tracking.store import database, experiment_id, open_store

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.mark.fault("B2")
@needs_full
@pytest.mark.fault("B2")
def test_what_a_full_disk_does_not_take_is_written_once_there_is_room(tmp_path: Path, caplog: Any) -> None:
    """B2."""
    path = tmp_path / "lines.jsonl"
    path.symlink_to("/dev/full")
    lines = JsonLines(path)
    for number in range(3):
        lines.append([{"number": number}])
    assert [record["number"] for record, _ in lines.read(0)[0]] == [0, 1, 2]  # may be stored from here nevertheless
    assert caplog.text.count("No space left") == 1
    path.unlink()
    lines.append([{"number": 3}])
    assert path.read_text() == '{"number": 0}\n{"number": 1}\n{"number": 2}\n{"number": 3}\n'
    assert lines.file.size() == path.stat().st_size


@pytest.mark.fault("B2")
@needs_full
@pytest.mark.fault("B2")
def test_a_run_whose_folder_is_full_is_stored_and_ends_as_what_it_was(
    settings: Tracking, make_info: Any, client: Any
) -> None:
    """B2."""
    info = make_info()
    info.run_dir.mkdir(parents=True)
    (info.run_dir / "metrics.jsonl").symlink_to("/dev/full")
    with start(settings, info) as run:
        for epoch in range(1, 6):
            run.log_epochs(epoch, [{"train/loss": 1 / epoch}], epoch, epoch + 1)
        assert run.flush(60)
        (info.run_dir / "metrics.jsonl").unlink()
        run.log_summary({"test/rmse": 1.0})
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert len(client.get_metric_history(run.run_id, "train/loss")) == 5
    assert len((info.run_dir / "metrics.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize("size", [10, 100, 1 << 20])
def test_lines_are_read_in_chunks_of_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("rnnexp.tracking.journal.CHUNK", size)
    lines = JsonLines(tmp_path / "lines.jsonl")
    lines.append({"number": number, "text": "é" * number} for number in range(50))
    found, at = [], 0
    while (some := lines.read(at))[1] > at:
        found += [record["number"] for record, _ in some[0]]
        assert some[0][-1][1] == some[1]
        at = some[1]
    assert found == list(range(50))
    assert at == lines.file.size()


def test_a_line_that_is_not_at_its_end_yet_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": 1}\n{"a": ')
    assert JsonLines(path).read(0) == ([({"a": 1}, 9)], 9)


@pytest.mark.fault("C6")
def test_a_database_that_is_locked_for_a_while_is_waited_for(
    settings: Tracking, make_info: Any, client: Any, store: str
) -> None:
    """C6: nothing of what is logged meanwhile is lost, and logging does not wait."""
    other = sqlite3.connect(str(database(store)), isolation_level=None, check_same_thread=False)
    with start(settings, make_info()) as run:
        assert run.flush(60)
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(2.0, lambda: other.execute("COMMIT")).start()
        began = time.thread_time()
        for epoch in range(1, 501):
            run.log_epochs(epoch, [{"train/loss": 1 / epoch}], epoch, epoch + 1)
        assert time.thread_time() - began < 1
    other.close()
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert len(client.get_metric_history(run.run_id, "train/loss")) == 500


@pytest.mark.fault("C7")
def test_a_database_that_is_no_database_stops_no_training(
    make_info: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """C7."""
    (tmp_path / "mlflow.db").touch()
    with start(Tracking(), make_info()) as run:
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
    assert run.run_id is None
    assert caplog.text.count("is empty (0 bytes), no runs are in it; delete it") == 1
    (tmp_path / "mlflow.db").unlink()
    assert main(["sync"]) == 0
    assert len(open_store(f"sqlite:///{tmp_path / 'mlflow.db'}").search_runs(["1"])) == 1


@pytest.mark.fault("C9")
def test_an_experiment_in_the_trash_stops_no_training(
    settings: Tracking, make_info: Any, client: Any, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    """C9."""
    number = experiment_id(client, store, "trashed", {})
    client.delete_experiment(number)
    info = make_info(experiment="trashed")
    with start(settings, info) as run:
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
    assert f"mlflow experiments restore --experiment-id {number}" in caplog.text
    client.restore_experiment(number)
    assert main(["sync", str(info.run_dir), "--uri", store]) == 0
    assert [run.info.status for run in client.search_runs([number])] == ["FINISHED"]


def test_offline_nothing_is_imported_or_opened(make_info: Any, tmp_path: Path, caplog: Any) -> None:
    with start(Tracking(mode="offline"), make_info()) as run:
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
    assert not (tmp_path / "mlflow.db").exists()
    assert (run.run_id, RunJournal(run.folder).ended) == (None, "FINISHED")
    assert "store it with: rnnexp sync runs/one" in caplog.text


def test_off_writes_no_journal(make_info: Any) -> None:
    with start(Tracking(mode="off"), make_info()) as run:
        pass
    assert not (run.folder / ENTRIES).exists()


def test_where_runs_are_remembered_is_no_part_of_what_they_are() -> None:
    from rnnexp.config.compose import compose
    from rnnexp.config.identity import config_hash

    plain, offline = compose(), compose("tracking.mode=offline")
    assert config_hash(plain) == config_hash(offline)
    assert config_hash(plain) != config_hash(compose("seed=1"))


TRAINED = """
import json, sys, threading
from importlib.abc import MetaPathFinder

class Watch(MetaPathFinder):
    threads = []
    def find_spec(self, name, path=None, target=None):
        if name.startswith("mlflow."):  # whoever imports it; to ask whether it is there imports nothing
            self.threads.append(threading.current_thread().name)

sys.meta_path.insert(0, Watch())
from rnnexp.cli.main import main
code = main(["train", "data.points=60", "model.units=[2]", "trainer.epochs=3", "tracking.figures=false"])
print(json.dumps([code, Watch.threads[0]]))
"""


@pytest.mark.end_to_end
@pytest.mark.fault("C1", "C3")
def test_training_does_not_import_mlflow_and_a_dead_server_costs_seconds(tmp_path: Path) -> None:
    """C1, C3."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment |= {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", TRAINED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, "rnnexp-tracking"]
    assert done.stdout.count("rnnexp sync runs/sine/") + done.stderr.count("rnnexp sync runs/sine/") == 1
    assert len(list(tmp_path.glob("runs/sine/*/model/model.json"))) == 1
