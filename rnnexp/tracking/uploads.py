"""Files that were sent to a tracking server: they are there only if it lists them, each with its size.

MLflow's client takes every answer to a file but a refusal for success, such as the page on which a proxy wants its
users to sign in. Any other store is asked by a library that understands its answers.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.errors import TrackingError
from rnnexp.redact import redact

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

_SERVED = "/mlflow-artifacts/artifacts"  # in the address of what a tracking server keeps itself


def is_listed(artifacts: ArtifactRepository, name: str) -> bool:
    """Say whether a listing shows a file; one that is named as its folder MLflow's client leaves out."""
    return _SERVED in artifacts.artifact_uri and posixpath.basename(posixpath.dirname(name)) != posixpath.basename(name)


def find_missing(artifacts: ArtifactRepository, sizes: Mapping[str, int]) -> list[str]:
    """Return the names of files that are not there with their sizes, by one question for each folder."""
    listed = {
        item.path: item.file_size
        for folder in sorted({posixpath.dirname(name) for name in sizes})
        for item in artifacts.list_artifacts(folder or None)
    }
    return [name for name, size in sizes.items() if listed.get(name) != size]


def require(artifacts: ArtifactRepository, sizes: Mapping[str, int]) -> None:
    """Raise TrackingError unless files that were sent are there."""
    if missing := find_missing(artifacts, {name: size for name, size in sizes.items() if is_listed(artifacts, name)}):
        raise TrackingError(
            f"{redact(artifacts.artifact_uri)}: took {', '.join(missing)} and does not have what was sent; is there a "
            "proxy on the way to it that wants you to sign in?"
        )


def send_folder(artifacts: ArtifactRepository, folder: Path) -> None:
    """Copy all that is in a folder. Raises TrackingError unless it is there then."""
    artifacts.log_artifacts(str(folder))
    found = (path for path in folder.rglob("*") if path.is_file())
    require(artifacts, {path.relative_to(folder).as_posix(): path.stat().st_size for path in found})
