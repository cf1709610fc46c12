"""The files of a run or model in a folder of this machine, as MLflow's repositories have it, without its import."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlparse

from rnnexp.disk import is_inside, put_whole

SCHEME = "file:///"


class Item(NamedTuple):
    """A file or folder, and its size; None of a folder."""

    path: str
    file_size: int | None


class LocalFiles:
    """What lies at an address that begins with `file:///`; a file is there whole or not at all."""

    def __init__(self, address: str) -> None:
        self.artifact_uri = address
        self._root = Path(unquote(urlparse(address).path))

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Copy a file into a folder of this place."""
        put_whole(self._find(artifact_path) / Path(local_file).name, lambda new: shutil.copyfile(local_file, new))

    def log_artifacts(self, local_dir: str) -> None:
        """Copy all that is in a folder, over files of the same name."""
        shutil.copytree(local_dir, self._root, dirs_exist_ok=True, copy_function=shutil.copyfile)

    def list_artifacts(self, path: str | None = None) -> Iterator[Item]:
        """Yield what is in a folder; nothing if there is no such folder."""
        folder = self._find(path)
        for each in sorted(folder.iterdir()) if folder.is_dir() else []:
            size = None if each.is_dir() else each.stat().st_size
            yield Item(each.relative_to(self._root).as_posix(), size)

    def download_artifacts(self, artifact_path: str, dst_path: str) -> str:
        """Copy a file or folder into another folder, and return where it is there."""
        found, copy = self._find(artifact_path), Path(dst_path, artifact_path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(found, copy, dirs_exist_ok=True) if found.is_dir() else shutil.copyfile(found, copy)
        return str(copy)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or a folder, or all; what is not there is no mistake."""
        found = self._find(artifact_path)
        shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)

    def _find(self, path: str | None) -> Path:
        found = self._root / (path or "")
        if not is_inside(found, self._root):
            raise PermissionError(f"{found}: leads out of {self._root}")
        return found
