"""One run at a time writes to a folder, and each keeps its files apart."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.errors import BusyError
from rnnexp.failures import foreseen
from rnnexp.run_folder import LOCK, claimed
from rnnexp.runner import make_run_folder

TINY = ("data.points=60", "model.units=[2]", "trainer.epochs=3", "trainer.batch_size=full", "tracking=off")


def test_a_folder_that_is_held_says_by_whom_and_since_when(tmp_path: Path) -> None:
    with claimed(tmp_path / "run"):
        since = json.loads((tmp_path / "run" / LOCK).read_text())["since"]
        told = rf"process {os.getpid()} on {platform.node()}, since {since[:16]}.*; wait for it"
        with pytest.raises(BusyError, match=told), claimed(tmp_path / "run"):
            pass
        with claimed(tmp_path / "other"):
            pass
    with claimed(tmp_path / "run"):
        pass


def test_the_lock_of_a_dead_process_does_not_count(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from rnnexp.run_folder import claimed\n"
        "with claimed(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    dead = json.loads((tmp_path / LOCK).read_text())["pid"]
    with claimed(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid() != dead


def test_a_run_in_a_folder_that_is_held_ends_with_7_and_leaves_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    with claimed(folder):
        (folder / "metrics.jsonl").write_text("mine")
        command = [sys.executable, "-m", "rnnexp", "train", *TINY, f"hydra.run.dir={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 7
        assert (folder / "metrics.jsonl").read_text() == "mine"
        assert not any(path.stat().st_size for path in folder.glob("*.log"))
    assert f"process {os.getpid()} on" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_run_sets_the_files_of_the_first_aside(tmp_path: Path) -> None:
    folder = tmp_path / "again"
    (folder / "notes").mkdir(parents=True)
    experiment = rx.compose(*TINY, "tracking.figures=false")
    rx.run(experiment, folder)
    first = (folder / "metrics.jsonl").read_text()
    (folder / "run.json").write_text('{"run_id": "of the first"}')
    rx.run(experiment, folder)
    kept = folder / "earlier-1"
    assert (kept / "metrics.jsonl").read_text() == first
    assert (kept / "run.json").exists()
    assert not (folder / "run.json").exists()
    assert (folder / "metrics.jsonl").read_text().count("\n") == first.count("\n")
    assert (kept / "model" / "model.json").exists()
    assert (folder / "model" / "model.json").exists()
    assert (folder / "notes").is_dir()


@pytest.mark.fault("B4", "B12")
@pytest.mark.parametrize("closed", [".", "runs", "runs/one"])
def test_a_folder_that_cannot_be_written_ends_with_6_and_is_named(
    tmp_path: Path, closed: str, without_override: None
) -> None:
    (tmp_path / closed).mkdir(parents=True, exist_ok=True)
    (tmp_path / closed).chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="denied") as caught, claimed(tmp_path / "runs" / "one"):
            pass
    finally:
        (tmp_path / closed).chmod(0o755)
    known = foreseen(caught.value)
    assert known is not None
    assert known.exit_code == 6
    assert str(known).startswith(f"{tmp_path}/runs")


@pytest.mark.fault("B9")
def test_runs_that_start_in_the_same_second_have_folders_of_their_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: make_run_folder("same"), range(200)))
    assert len(set(folders)) == len(list(Path("runs/same").iterdir())) == 200
