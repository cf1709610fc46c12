"""One run at a time writes to a folder, and each keeps its files apart."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.errors import BusyError
from rnnexp.run_folder import LOCK, claimed

TINY = ("data.points=60", "model.units=[2]", "trainer.epochs=3", "trainer.batch_size=full", "tracking=off")


@pytest.mark.fault("B8")
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


@pytest.mark.fault("B8")
def test_the_lock_of_a_dead_process_does_not_count(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from rnnexp.run_folder import claimed\n"
        "with claimed(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    dead = json.loads((tmp_path / LOCK).read_text())["pid"]
    with claimed(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid() != dead


@pytest.mark.fault("B8")
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


@pytest.mark.fault("F14")
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
