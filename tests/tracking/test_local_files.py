"""Files of this machine are written, listed and deleted as MLflow's own repository does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnexp.errors import TrackingError
from rnnexp.tracking.local_files import LocalFiles
from rnnexp.tracking.store import artifacts

NAMES = ("a.txt", "figures/b c.png", "deep/er/ü%20#1.csv")
Repository = Callable[[str], Any]


def of_mlflow(address: str) -> Any:
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    return LocalArtifactRepository(address)


def listed(files: Any) -> dict[str, int | None]:
    """Return all that is there, folder by folder."""
    found, left = {}, [None]
    while left:
        for item in files.list_artifacts(left.pop()):
            found[item.path] = item.file_size
            left += [item.path] if item.file_size is None else []
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        file = tmp_path / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * number)
    return tmp_path / "source"


def send_one_by_one(files: Any, source: Path) -> None:
    for name in NAMES:
        parent = Path(name).parent.as_posix()
        files.log_artifact(str(source / name), None if parent == "." else parent)


def send_all(files: Any, source: Path) -> None:
    files.log_artifacts(str(source))


def send_twice(files: Any, source: Path) -> None:
    send_all(files, source)
    (source / NAMES[0]).write_text("another")
    send_one_by_one(files, source)


def send_and_delete(files: Any, source: Path) -> None:
    send_all(files, source)
    files.delete_artifacts("deep")
    files.delete_artifacts(NAMES[0])


def send_and_delete_all(files: Any, source: Path) -> None:
    send_all(files, source)
    files.delete_artifacts()


def send_nothing(files: Any, source: Path) -> None:
    """A run without files."""


@pytest.mark.parametrize(
    "act", [send_one_by_one, send_all, send_twice, send_and_delete, send_and_delete_all, send_nothing]
)
def test_files_are_where_mlflow_would_have_put_them(
    tmp_path: Path, source: Path, act: Callable[[Any, Path], None]
) -> None:
    found = []
    for kind, make in (("ours", LocalFiles), ("theirs", of_mlflow)):
        folder = tmp_path / f"{kind} 100% #1"
        files = make((folder / "files").as_uri())
        act(files, source)
        there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        found.append((listed(files), there))
    assert found[0] == found[1]
    assert bool(found[0][0]) == (act not in (send_nothing, send_and_delete_all))


def test_a_file_and_a_folder_are_fetched(tmp_path: Path, source: Path) -> None:
    files = LocalFiles((tmp_path / "there").as_uri())
    send_all(files, source)
    assert Path(files.download_artifacts(NAMES[1], str(tmp_path / "copy"))).read_bytes() == b"x"
    assert (Path(files.download_artifacts("deep", str(tmp_path / "copy"))) / "er").is_dir()
    with pytest.raises(FileNotFoundError):
        files.download_artifacts("absent", str(tmp_path / "copy"))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "figures/../../secret", "link/secret"])
def test_no_name_leads_out_of_the_place(tmp_path: Path, source: Path, name: str) -> None:
    files = LocalFiles((tmp_path / "there").as_uri())
    send_all(files, source)
    (tmp_path / "secret").write_text("keep me")
    (tmp_path / "there" / "link").symlink_to(tmp_path)
    for act in (files.delete_artifacts, lambda path: files.download_artifacts(path, str(tmp_path / "copy"))):
        with pytest.raises(PermissionError, match="leads out of"):
            act(name)
    assert (tmp_path / "secret").read_text() == "keep me"


def test_only_folders_of_a_local_database_are_written_without_mlflow(tmp_path: Path) -> None:
    place = tmp_path.as_uri()
    assert isinstance(artifacts(place, f"sqlite:///{tmp_path}/mlflow.db"), LocalFiles)
    assert not isinstance(artifacts(place, "http://127.0.0.1:9"), LocalFiles)
    with pytest.raises(TrackingError, match="is not asked"):
        artifacts("http://127.0.0.1:9/files", f"sqlite:///{tmp_path}/mlflow.db")
