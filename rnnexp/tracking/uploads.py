"""Files that were sent to a tracking server: they are there only if it lists them, each with its size.

MLflow's client takes every answer to a file but a refusal for success, such as the page on which a proxy wants its
users to sign in, and waits for it as long as for any other, however long a server copies a large file. Any other store
is asked by a library that understands its answers.
"""

from __future__ import annotations

import logging
import mimetypes
import posixpath
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.errors import TrackingError
from rnnexp.redact import redact

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

    from rnnexp.tracking.local_files import LocalFiles

    Artifacts = ArtifactRepository | LocalFiles

SLOWEST = 2e6  # bytes a second, of a server that puts away what it was sent
_SERVED = "/mlflow-artifacts/artifacts"  # in the address of what a tracking server keeps itself

log = logging.getLogger("rnnexp")


def is_listed(artifacts: Artifacts, name: str) -> bool:
    """Say whether a listing shows a file; one that is named as its folder MLflow's client leaves out."""
    return _SERVED in artifacts.artifact_uri and posixpath.basename(posixpath.dirname(name)) != posixpath.basename(name)


def find_missing(artifacts: Artifacts, sizes: Mapping[str, int]) -> list[str]:
    """Return the names of files that are not there with their sizes, by one question for each folder."""
    listed = {
        item.path: item.file_size
        for folder in sorted({posixpath.dirname(name) for name in sizes})
        for item in artifacts.list_artifacts(folder or None)
    }
    return [name for name, size in sizes.items() if listed.get(name) != size]


def require(artifacts: Artifacts, sizes: Mapping[str, int]) -> None:
    """Raise TrackingError unless files that were sent are there."""
    if missing := find_missing(artifacts, {name: size for name, size in sizes.items() if is_listed(artifacts, name)}):
        raise TrackingError(
            f"{redact(artifacts.artifact_uri)}: took {', '.join(missing)} and does not have what was sent; is there a "
            "proxy on the way to it that wants you to sign in?"
        )


def send(artifacts: Artifacts, path: Path, name: str) -> None:
    """Copy a file to its name among the artifacts; a server has the longer to answer the larger it is."""
    folder = posixpath.dirname(name) or None
    if _SERVED not in artifacts.artifact_uri:
        artifacts.log_artifact(str(path), folder)
        return
    from mlflow.environment_variables import MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD, MLFLOW_HTTP_REQUEST_TIMEOUT
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import augmented_raise_for_status, http_request

    if MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD.get():
        artifacts.log_artifact(str(path), folder)
        return
    kind = {"Content-Type": mimetypes.guess_type(name)[0] or "application/octet-stream"}
    patience = MLFLOW_HTTP_REQUEST_TIMEOUT.get() + path.stat().st_size / SLOWEST
    server = get_default_host_creds(artifacts.artifact_uri)
    with path.open("rb") as file:
        sent = http_request(server, f"/{name}", "PUT", data=file, extra_headers=kind, timeout=patience)
    augmented_raise_for_status(sent)


def send_folder(artifacts: Artifacts, folder: Path) -> None:
    """Copy all that is in a folder. Raises TrackingError unless it is there then."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    if _SERVED in artifacts.artifact_uri:
        for name, path in found.items():
            send(artifacts, path, name)
    else:  # a library may copy many at a time
        artifacts.log_artifacts(str(folder))
    require(artifacts, {name: path.stat().st_size for name, path in found.items()})


def remove(artifacts: Artifacts, name: str, instead: str) -> None:
    """Delete a file; where a store cannot do that, a text takes its place."""
    try:
        artifacts.delete_artifacts(name)
    except Exception as error:  # each kind of store raises what it likes
        log.debug("tracking: %s", name, exc_info=error)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, Path(name).name)
            path.write_text(instead, encoding="utf-8")
            send(artifacts, path, name)
