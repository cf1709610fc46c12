"""A project that was moved or copied finds its runs' files where they are now, and leaves the original alone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.tracking import RunInfo, start
from rnnexp.tracking.database import model_place
from rnnexp.tracking.moved import ARTIFACTS, Move, find_move, follow
from rnnexp.tracking.query import TrackedRun, Wanted, artifact, select
from rnnexp.tracking.store import open_store, tracking_uri

COLUMNS = ("experiments.artifact_location", "runs.artifact_uri", "logged_models.artifact_location")
ELSEWHERE = "file:///big/disk/mlartifacts/chosen"


def track(folder: Path, experiment: str = "sine") -> TrackedRun:
    """Track a run with a file, a logged model's row, and its folder in its description."""
    folder.mkdir(parents=True, exist_ok=True)
    run_dir = folder / "runs" / experiment / str(len(list(folder.rglob("run.json"))))
    description = f"**{experiment}**\n\nFolder: `{run_dir}`"
    tags = {"rnnexp.version": "0.1.0", "rnnexp.folder": str(run_dir)}
    info = RunInfo(experiment, "one", {}, tags, "seed: 1\n", description, "test/rmse", False, run_dir)
    with start(Tracking(uri=uri(folder)), info) as run:
        number = str(run.run_id)
    client = open_store(uri(folder))
    client.create_logged_model(str(run.experiment_id), "model", source_run_id=number)
    return found(folder, number)


def uri(folder: Path) -> str:
    return tracking_uri(f"sqlite:///{folder}/mlflow.db")


def found(folder: Path, run_id: str) -> TrackedRun:
    (run,) = select(uri(folder), Wanted(run=run_id))
    return run


def places(folder: Path) -> dict[str, set[str]]:
    """Return every place of files that a database names."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        rows = {name: connection.execute("SELECT {1} FROM {0}".format(*name.split("."))) for name in COLUMNS}
        return {name: {place for (place,) in cells} for name, cells in rows.items()}


def all_below(folder: Path) -> bool:
    return all(place.startswith(f"{folder.as_uri()}/") for found in places(folder).values() for place in found)


def local(place: str) -> Path:
    return Path(unquote(urlparse(place).path))


@pytest.mark.parametrize("way", ["copied", "renamed", "deeper", "with a blank", "read only"])
def test_a_project_that_lies_elsewhere_finds_its_files_there(way: str, tmp_path: Path) -> None:
    old, run = tmp_path / "old", track(tmp_path / "old")
    new = tmp_path / {"deeper": "a/b/c", "with a blank": "n e w"}.get(way, "new")
    new.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(old, new) if way == "copied" else old.rename(new)
    if way == "read only":
        for path in [new, *new.rglob("*")]:
            path.chmod(0o555)
    now = found(new, run.run_id)
    assert now.artifacts == run.artifacts.replace(old.as_uri(), new.as_uri())
    assert artifact(uri(new), now, "config/config.yaml") == "seed: 1\n"
    assert f"Folder: `{new}/runs/" in now.tags["mlflow.note.content"]
    assert now.tags["rnnexp.folder"].startswith(f"{new}/runs/")
    assert str(model_place(new / "mlflow.db", run.run_id)).startswith(f"{new.as_uri()}/{ARTIFACTS}/sine/models/")
    for path in [new, *new.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.parametrize("copied", [True, False])
def test_what_a_moved_project_writes_stays_within_it(copied: bool, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run = track(old)
    shutil.copytree(old, new) if copied else old.rename(new)
    before = sorted(old.rglob("*"))
    other = track(new)
    assert sorted(old.rglob("*")) == before
    assert old.exists() == copied
    assert local(other.artifacts).parts[: len(new.parts)] == new.parts
    assert (local(other.artifacts) / "config" / "config.yaml").is_file()
    assert all_below(new)
    client = open_store(uri(new))  # as plain MLflow reads it
    assert [file.path for file in client.list_artifacts(run.run_id, "config")] == ["config/config.yaml"]
    if copied:
        assert all_below(old)
        assert find_in(old) is None


def find_in(folder: Path) -> Move | None:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        return find_move(connection, folder / "mlflow.db")


def test_the_places_that_somebody_chose_stay_as_they_are(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    track(old)
    client = open_store(uri(old))
    number = client.create_experiment("chosen", ELSEWHERE)
    inside = client.create_experiment("inside", (old / "mine").as_uri())
    chosen = client.create_run(number).info.artifact_uri
    old.rename(new)
    open_store(uri(new))
    assert places(new)["experiments.artifact_location"] == {
        *(f"{new.as_uri()}/{ARTIFACTS}/0", f"{new.as_uri()}/{ARTIFACTS}/sine"),
        *(ELSEWHERE, (old / "mine").as_uri()),
    }
    assert chosen in places(new)["runs.artifact_uri"]
    assert open_store(uri(new)).get_experiment(inside).artifact_location == (old / "mine").as_uri()


def test_a_root_that_somebody_chose_is_no_former_place(tmp_path: Path) -> None:
    disk, project = tmp_path / "disk", tmp_path / "project"
    track(project)
    (disk / ARTIFACTS).mkdir(parents=True)
    with closing(sqlite3.connect(project / "mlflow.db")) as connection, connection:
        root = [f"{(disk / ARTIFACTS).as_uri()}/0"]
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", root)
    before = places(project)
    open_store(uri(project))
    assert places(project) == before


def test_files_that_stayed_behind_are_found_where_they_are_and_new_ones_come_here(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run = track(old)
    new.mkdir()
    shutil.copy(old / "mlflow.db", new)
    assert artifact(uri(new), found(new, run.run_id), "config/config.yaml") == "seed: 1\n"
    other = track(new)
    assert artifact(uri(new), found(new, run.run_id), "config/config.yaml") == "seed: 1\n"
    assert local(other.artifacts).parts[: len(new.parts)] == new.parts


def test_a_link_to_the_folder_is_the_same_place(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    run = track(real)
    link.symlink_to(real)
    before = places(real)
    assert artifact(uri(link), found(link, run.run_id), "config/config.yaml") == "seed: 1\n"
    open_store(uri(link))
    assert places(real) == before


def test_a_database_that_plain_mlflow_has_made_moves_too(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run = track(old)
    with closing(sqlite3.connect(old / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = '/srv/mlruns/0' WHERE experiment_id = 0")
    old.rename(new)
    assert artifact(uri(new), found(new, run.run_id), "config/config.yaml") == "seed: 1\n"


def test_a_move_back_undoes_it(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    track(old)
    before = places(old)
    old.rename(new)
    open_store(uri(new))
    assert places(new) != before
    new.rename(old)
    open_store(uri(old))
    assert places(old) == before


def test_plain_mlflow_finds_the_files_once_anything_has_looked_at_the_moved_runs(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run = track(old)
    old.rename(new)
    assert not all_below(new)
    found(new, run.run_id)
    assert all_below(new)


@pytest.mark.parametrize("brought", [("mlflow.db", "runs"), ("mlflow.db", "mlartifacts"), ("mlflow.db",)], ids=" ".join)
def test_what_was_brought_along_tells_what_a_run_was_made_of(brought: tuple[str, ...], tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run = track(old)
    new.mkdir()
    for name in brought:
        (old / name).rename(new / name)
    shutil.rmtree(old)
    known = artifact(uri(new), found(new, run.run_id), "config/config.yaml")
    assert known == ("seed: 1\n" if len(brought) > 1 else None)


def test_a_folder_of_another_run_is_not_taken_for_that_of_a_run_whose_files_are_gone(tmp_path: Path) -> None:
    run = track(tmp_path / "old")
    folder = Path(run.tags["rnnexp.folder"])
    shutil.rmtree(tmp_path / "old" / "mlartifacts")
    assert artifact(uri(tmp_path / "old"), run, "config/config.yaml") == "seed: 1\n"
    (folder / "run.json").write_text('{"run_id": "another"}')
    assert artifact(uri(tmp_path / "old"), run, "config/config.yaml") is None


def test_sync_knows_a_moved_store_and_fills_the_store_of_another_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    old, new, other = tmp_path / "old", tmp_path / "new", tmp_path / "other"
    run = track(old)
    old.rename(new)
    monkeypatch.chdir(new)
    assert main(["sync"]) == 0
    assert "1 of 1 run complete" in capsys.readouterr().out
    other.mkdir()
    shutil.copytree(new / "runs", other / "runs")
    monkeypatch.chdir(other)
    assert main(["sync"]) == 0
    there = found(other, run.run_id)
    assert artifact(uri(other), there, "config/config.yaml") == "seed: 1\n"
    assert there.tags["rnnexp.folder"].startswith(f"{other}/runs/")
    assert f"Folder: `{other}/runs/" in there.tags["mlflow.note.content"]


@pytest.mark.parametrize(
    ("address", "was", "now", "there"),
    [
        ("sqlite:////a/mlflow.db", "/a/runs/x/1", "/b/c/runs/x/1", "sqlite:////b/c/mlflow.db"),
        ("sqlite:////a/store/mlflow.db", "/a/runs/x/1", "/b/runs/x/1", "sqlite:////b/store/mlflow.db"),
        ("sqlite:////stores/mlflow.db", "/a/runs/x/1", "/b/runs/x/1", "sqlite:////stores/mlflow.db"),
        ("sqlite:////a/mlflow.db", "/a/runs/x/1", "/a/runs/x/1", "sqlite:////a/mlflow.db"),
        ("sqlite:////a/mlflow.db", "/a/runs/x/1", "/b/runs/x/2", "sqlite:////a/mlflow.db"),
        ("sqlite:////a/mlflow.db", None, "/b/runs/x/1", "sqlite:////a/mlflow.db"),
        ("http://a/", "/a/runs/x/1", "/b/runs/x/1", "http://a/"),
    ],
)
def test_a_database_follows_the_folder_it_moved_with(address: str, was: str | None, now: str, there: str) -> None:
    assert follow(address, was, Path(now)) == there
