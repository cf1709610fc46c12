"""What a disk does not take of a run waits elsewhere, is brought home, and never ends as FINISHED if it cannot be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from small_disk import SmallDisk

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.errors import ResourceError
from rnnexp.tracking import run_files, start
from rnnexp.tracking.run_files import RunFiles

CLOSED, OPEN = 0o555, 0o755


def fill_model(folder: Path) -> None:
    folder.mkdir()
    (folder / "weights.npz").write_bytes(bytes(3000))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rnnexp"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.fault("B1", "B4")
def test_what_a_folder_refuses_waits_elsewhere_and_comes_home(
    folder: Path, cache: Path, without_override: None
) -> None:
    files = RunFiles(folder)
    folder.chmod(CLOSED)
    there = files.write("model", fill_model)
    files.write("tables/a.csv", lambda path: path.write_text("a"))
    assert there.is_relative_to(cache)
    assert names(there) == {"weights.npz"}
    assert (files.name_of(there), files.is_home("model")) == ("model", False)
    folder.chmod(OPEN)
    assert names(folder) == set()
    files.settle(0, [])
    assert names(folder) == {"model/weights.npz", "tables/a.csv"}
    assert (files.problem(""), list(cache.iterdir())) == (None, [])


@pytest.mark.fault("B1", "B4")
def test_what_cannot_come_home_is_said_with_the_command_that_brings_it(
    folder: Path, cache: Path, without_override: None
) -> None:
    files = RunFiles(folder)
    folder.chmod(CLOSED)
    files.write("model", fill_model)
    files.settle(0, [])
    said = files.problem("true")
    folder.chmod(OPEN)
    assert said is not None
    assert said.startswith(f"{folder}: Permission denied; what it lacks (model: 0.0 MB) is in {cache}/rnnexp-run-")
    subprocess.run(["bash", "-c", said.split("bring it home: ")[1]], check=True)
    assert names(folder) == {"model/weights.npz"}


@pytest.mark.fault("B1")
def test_what_no_disk_takes_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_override: None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(run_files, "SHARED_MEMORY", folder)
    files = RunFiles(folder / "run")
    folder.chmod(CLOSED)
    files.write("model", fill_model)
    folder.chmod(OPEN)
    assert files.problem("") == f"{folder}/run: Permission denied; no disk has taken model"


@pytest.mark.fault("B1", "B2", "C17")
def test_a_run_whose_disk_stays_full_is_not_finished_and_loses_nothing(
    small_disk: SmallDisk,
    settings: Tracking,
    make_info: Any,
    client: Any,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    without_override: None,
) -> None:
    monkeypatch.setattr(run_files, "PATIENCE_S", 0.0)
    info = make_info(run_dir=small_disk.folder / "run")
    with start(settings, info) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        if small_disk.mounted:
            small_disk.fill()
        else:
            info.run_dir.chmod(CLOSED)
        for epoch in range(2, 200):
            run.log_epochs(epoch, [{"train/loss": 1 / epoch}], epoch, epoch + 1.0)
        run.files.write("model", fill_model)
        run.log_text("note.txt", "a note")
    small_disk.free()
    info.run_dir.chmod(OPEN)
    assert client.get_run(run.run_id).info.status == "FAILED"
    assert run.problem is not None
    subprocess.run(["bash", "-c", run.problem.split("bring it home: ")[1].split(" && rnnexp")[0]], check=True)
    assert main(["sync", str(info.run_dir), "--uri", str(settings.uri)]) == 0
    assert {"model/weights.npz", "note.txt", "metrics.jsonl"} <= names(info.run_dir)
    assert (info.run_dir / "metrics.jsonl").read_text().count("train/loss") == 199
    stored = client.get_run(run.run_id)
    assert (stored.info.status, stored.data.tags["rnnexp.outcome"]) == ("FAILED", "disk_full")
    assert "rnnexp.incomplete" not in stored.data.tags
    assert len(client.get_metric_history(run.run_id, "train/loss")) == 199
    assert "note.txt" in {item.path for item in client.list_artifacts(run.run_id)}


@pytest.mark.fault("B1", "B2")
def test_a_disk_that_is_full_for_a_while_costs_nothing(
    small_disk: SmallDisk, settings: Tracking, make_info: Any, client: Any, cache: Path
) -> None:
    info = make_info(run_dir=small_disk.folder / "run")
    with start(settings, info) as run:
        small_disk.fill()
        run.log_epochs(1, [{"train/loss": 1.0}] * 500, 0.0, 500.0)
        run.log_text("note.txt", "a note" * 1000)
        small_disk.free()
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert len(client.get_metric_history(run.run_id, "train/loss")) == 500
    assert (info.run_dir / "metrics.jsonl").read_text().count("train/loss") == 500
    assert (info.run_dir / "note.txt").read_text() == "a note" * 1000
    assert "note.txt" in {item.path for item in client.list_artifacts(run.run_id)}
    assert (run.problem, "rnnexp.incomplete" in client.get_run(run.run_id).data.tags) == (None, False)


@pytest.mark.fault("B5")
@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_removed_ends_the_run_and_its_status_is_stored(
    settings: Tracking, make_info: Any, client: Any, tmp_path: Path, again: bool
) -> None:
    def train() -> None:
        with start(settings, info) as run:
            known.append(str(run.run_id))
            run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
            assert run.flush(60)
            info.run_dir.rename(tmp_path / "moved")
            if again:
                info.run_dir.mkdir()
            for epoch in range(2, 1000):
                run.log_epochs(epoch, [{"train/loss": 0.5}], 1.0, 2.0)

    info, known = make_info(), list[str]()
    with pytest.raises(ResourceError, match="one: was removed or moved while the run wrote"):
        train()
    assert client.get_run(known[0]).info.status == "FAILED"
    assert len(client.get_metric_history(known[0], "train/loss")) == 1
    assert re.search("was removed", (info.run_dir / "error.txt").read_text())
