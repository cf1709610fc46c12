"""Runs that were packed are the same elsewhere, and an archive that was made to harm leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty_server import running

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.run_folder import hold
from rnnexp.tracking import Data, start
from rnnexp.tracking.store import open_store, tracking_uri

TABLES = ("runs", "metrics", "latest_metrics", "params", "tags", "datasets")
TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def sweep(store: str, make_info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Track a sweep of one job in a project of its own, and work there."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    folder = tmp_path / "old" / "runs" / "sweeps" / "s-1"
    uri = tracking_uri(None)
    tags = {"rnnexp.version": "0.1.0", "rnnexp.folder": str(folder), "rnnexp.kind": "sweep"}
    with start(Tracking(uri=uri), make_info(run_dir=folder, run_name="s-1", tags=tags)) as parent:
        parent.log_summary({"best/val/loss": 0.25})
    job = folder / "jobs" / "0"
    tags = {"rnnexp.version": "0.1.0", "rnnexp.folder": str(job), "rnnexp.sweep": "s-1", "rnnexp.job": "0"}
    with start(Tracking(uri=uri), make_info(run_dir=job, tags=tags, parent=parent.key)) as run:
        run.log_epochs(1, [{"train/loss": 0.5, "val/loss": 0.25}, {"train/loss": 0.25, "val/loss": 0.125}], 5, 6)
        run.log_data(Data("train", "d" * 40, "sine", 98, ("value",)))
        run.log_text("model_summary.txt", "two layers")
        (job / "train.log").write_text(f"token {TOKEN}\n")
    (folder / "run.lock").touch()
    (folder / "mine.bin").write_bytes(b"not ours")
    return folder


@pytest.fixture
def packed(sweep: Path, tmp_path: Path) -> Path:
    assert main(["pack", "s-1", str(tmp_path / "s.zip")]) == 0
    return tmp_path / "s.zip"


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new"


def rows(folder: Path) -> dict[str, list[Any]]:
    """Return the rows of a project's store, with its folder called `@`."""
    with sqlite3.connect(folder / "mlflow.db") as connection:
        found = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    connection.close()
    found["datasets"] = [row[1:] for row in found["datasets"]]
    return {table: sorted(repr(row).replace(str(folder), "@") for row in rows) for table, rows in found.items()}


def artifacts(folder: Path) -> dict[str, bytes]:
    root = folder / "mlartifacts"
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.fault("C5")
def test_runs_are_the_same_in_another_project_however_often_they_are_unpacked(
    packed: Path, new: Path, sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 0
    first, old = rows(new), sweep.parents[2]
    assert first == rows(old)
    assert len(first["metrics"]) == 5
    assert [row for row in first["tags"] if "mlflow.parentRunId" in row]
    assert artifacts(new) == artifacts(old)
    assert main(["unpack", str(packed)]) == 0
    assert "is there already" in capsys.readouterr().out
    assert rows(new) == first
    assert sorted(path.name for path in (new / "runs").iterdir()) == ["sweeps"]


def test_a_server_gets_them_with_new_ids_below_their_sweep(
    packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(new, monkeypatch) as server:
        monkeypatch.chdir(new)
        for _ in range(2):
            assert main(["unpack", str(packed), "--uri", server.uri]) == 0
        client = open_store(server.uri)
        runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
        by_name = {run.info.run_name: run for run in runs}
        assert len(runs) == 2
        assert by_name["lstm-u8-lr1e-3-a1b2"].data.tags["mlflow.parentRunId"] == by_name["s-1"].info.run_id
        history = client.get_metric_history(by_name["lstm-u8-lr1e-3-a1b2"].info.run_id, "val/loss")
        assert [(point.step, point.value) for point in history] == [(1, 0.25), (2, 0.125)]


def test_secrets_and_what_is_not_ours_stay(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "s.zip"
    assert main(["pack", "s-1", str(packed)]) == 0
    assert "mine.bin" in capsys.readouterr().err
    with zipfile.ZipFile(packed) as archive:
        names = {name.removeprefix("runs/sweeps/s-1/") for name in archive.namelist()}
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert {"jobs/0/train.log", "jobs/0/tracking/journal.jsonl", "tracking/journal.jsonl"} <= names
    assert not {"mine.bin", "run.lock", "tracking/stored.json", "jobs/0/tracking/stored.json"} & names
    assert TOKEN.encode() not in content


def test_the_groups_of_jobs_that_are_trained_as_one_go_with_their_sweep(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that is left over would be trained in other company, and be rounded otherwise."""
    ours = {"groups.json", "group-0.json", "group-12.json"}
    for name in ours:
        (sweep / name).write_text("[]")
    assert main(["pack", "s-1", str(tmp_path / "s.zip")]) == 0
    assert "group" not in capsys.readouterr().err
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        assert ours <= {name.removeprefix("runs/sweeps/s-1/") for name in archive.namelist()}


def test_what_runs_is_not_packed(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hold(sweep / "jobs" / "0"):
        assert main(["pack", "s-1", str(tmp_path / "s.zip")]) == 7
    assert "a process writes to it" in capsys.readouterr().err
    assert main(["pack", "runs/sweeps/s-1/jobs/0", str(tmp_path / "s.zip")]) == 2
    assert "is a job of the sweep s-1" in capsys.readouterr().err
    assert not (tmp_path / "s.zip").exists()


def test_nothing_is_overwritten(
    packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = packed.read_bytes()
    assert main(["pack", "s-1", str(packed)]) == 2
    assert packed.read_bytes() == before
    (new / "runs" / "sweeps" / "s-1").mkdir(parents=True)
    (new / "runs" / "sweeps" / "s-1" / "mine.txt").write_text("mine")
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 2
    assert "is another run" in capsys.readouterr().err
    assert [path.name for path in (new / "runs").rglob("*") if path.is_file()] == ["mine.txt"]


Change = Callable[[dict[str, bytes], dict[str, Any]], Any]


def _rewritten(packed: Path, change: Change, mode: int = 0) -> None:
    """Write an archive anew after a change of its files and manifest, which follows unless `change` returns RAW."""
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("MANIFEST.json"))
    raw = change(files, manifest) == RAW
    for name, content in ({} if raw else files).items():
        own = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["files"].setdefault(name, own)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MANIFEST.json", json.dumps(manifest))
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)


RAW = "raw"
ROOT = "runs/sweeps/s-1"
JOURNAL = f"{ROOT}/tracking/journal.jsonl"


def _add(name: str) -> Change:
    return lambda files, manifest: files.update({name: b"evil"})


def _journal(old: bytes, new: bytes) -> Change:
    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        assert old in files[JOURNAL]
        files[JOURNAL] = files[JOURNAL].replace(old, new)
        del manifest["files"][JOURNAL]

    return change


def _entry(**entry: Any) -> Change:
    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        files[JOURNAL] += json.dumps(entry).encode() + b"\n"
        del manifest["files"][JOURNAL]

    return change


HOSTILE = {
    "a parent": _add(f"{ROOT}/model/../../../../../evil"),
    "absolute": _add("/tmp/evil"),
    "a backslash": _add(f"{ROOT}/model/..\\..\\evil"),
    "a drive": _add(f"{ROOT}/model/C:evil"),
    "an empty part": _add(f"{ROOT}//model/evil"),
    "another folder": _add("runs/sweeps/s-2/model/evil"),
    "no run's": _add("conf/config.yaml"),
    "not ours": _add(f"{ROOT}/evil.pickle"),
    "a member that is not listed": lambda files, manifest: manifest["files"].pop(JOURNAL) and RAW,
    "a file that is not there": lambda files, manifest: files.pop(JOURNAL) and RAW,
    "no journal": lambda files, manifest: manifest["files"].pop(JOURNAL) and files.pop(JOURNAL),
    "another sum": lambda files, manifest: manifest["files"][JOURNAL].update(sha256="0" * 64),
    "another size": lambda files, manifest: manifest["files"][JOURNAL].update(bytes=1),
    "a size below 0": lambda files, manifest: manifest["files"][JOURNAL].update(bytes=-1),
    "a text for a size": lambda files, manifest: manifest["files"][JOURNAL].update(bytes="9"),
    "a later format": lambda files, manifest: manifest.update(format=2),
    "no folders": lambda files, manifest: manifest.update(folders=[]),
    "another place": lambda files, manifest: manifest.update(folders=["../../x"]),
    "folders twice": lambda files, manifest: manifest.update(folders=[ROOT, ROOT]),
    "files that are a list": lambda files, manifest: manifest.update(files=[]) or RAW,
    "a file of others": _entry(event="file", path="../../../../../../../etc/passwd", redacted=False),
    "a model of others": _entry(event="model", number="m-" + "0" * 32, bundle="/etc", params={}, points=[]),
    "a number that leads away": _entry(event="model", number="../../x", bundle="model", params={}, points=[]),
    "a key that leads away": _journal(b'"key": "', b'"key": "../'),
    "a removal of others": _entry(event="removed", path="../other/model"),
    "an unknown event": _entry(event="run", what="rm"),
}


@pytest.mark.fault("I1")
@pytest.mark.parametrize("kind", HOSTILE)
def test_an_archive_that_was_made_to_harm_leaves_nothing_behind(
    kind: str, packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _rewritten(packed, HOSTILE[kind])
    monkeypatch.chdir(new)
    capsys.readouterr()
    assert main(["unpack", str(packed)]) == 2
    assert capsys.readouterr().err.startswith(f"rnnexp: {packed}: ")
    assert list(new.rglob("*")) == []


@pytest.mark.fault("I1")
@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o666, stat.S_IFDIR | 0o755, stat.S_IFCHR])
def test_links_pipes_and_devices_are_refused(
    mode: int, packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _rewritten(packed, lambda files, manifest: None, mode=mode)
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 2
    assert "is a link, a device or encrypted" in capsys.readouterr().err
    assert list(new.rglob("*")) == []


def test_a_harmless_change_of_the_same_way_is_unpacked(
    packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the two above."""
    _rewritten(packed, _add(f"{ROOT}/tables/more.csv"), mode=stat.S_IFREG | 0o644)
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 0


def test_a_run_that_has_gone_on_after_an_error_is_unpacked(
    packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rewritten(packed, _entry(event="removed", path="error.txt"))
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_archive_is_refused(
    damage: str, packed: Path, new: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = packed.read_bytes()
    middle = len(whole) // 3
    flipped = whole[:middle] + bytes(byte ^ 255 for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
    packed.write_bytes({"cut": whole[:-200], "flipped": flipped, "empty": b"", "text": b"hello"}[damage])
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 2
    assert f"{packed}: " in capsys.readouterr().err
    assert list(new.rglob("*")) == []


@pytest.mark.fault("I5")
def test_a_link_in_the_project_is_not_followed_out_of_it(
    packed: Path, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    os.symlink(tmp_path / "home", new / "runs")
    monkeypatch.chdir(new)
    assert main(["unpack", str(packed)]) == 2
    assert "a link leads out of" in capsys.readouterr().err
    assert list((tmp_path / "home").iterdir()) == []
