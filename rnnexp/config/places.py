"""Where configuration files lie: the working directory first, then the checkout, then the installed copies."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def folders(name: str) -> list[Path]:
    """Return the existing folders called `name` ("conf" or "experiments"), the first of which wins."""
    checkout = PACKAGE.parent
    shipped = checkout / name if (checkout / "pyproject.toml").is_file() else PACKAGE / name
    places = [Path.cwd() / name, shipped]
    return list(dict.fromkeys(place.resolve() for place in places if place.is_dir()))


def find(relative: str) -> Path | None:
    """Return the first file for a config path such as `model/lstm` or `experiment/airline_lstm`."""
    kind, path = _split(relative)
    for folder in folders(kind):
        file = folder / f"{path}.yaml"
        if path and file.is_file() and folder in file.resolve().parents:
            return file
    return None


def obstacle(relative: str) -> str | None:
    """Say why the first file for a config path cannot be read; None if it can, or if there is none."""
    kind, path = _split(relative)
    for folder in folders(kind):
        file = folder / f"{path}.yaml"
        if file.is_symlink() or file.exists():
            why = _obstacle(file, folder)
            return f"{file}: {why}" if why else None
    return None


def _obstacle(file: Path, folder: Path) -> str | None:
    if not file.exists():
        return f"is a broken link to {os.readlink(file)}"
    if not file.is_file():
        return "is a folder, not a file" if file.is_dir() else "is not a regular file"
    if folder not in file.resolve().parents:
        return f"is a link that leads out of {folder}; put a copy there"
    return None if os.access(file, os.R_OK) else "no permission to read this file"


def listed(relative: str) -> set[str]:
    """Return the names of the YAML files that lie in a group such as `model` or `experiment`."""
    kind, path = _split(relative)
    return {file.stem for folder in folders(kind) for file in (folder / path).glob("*.yaml")}


def groups(relative: str) -> set[str]:
    """Return the sub-folders of a config path; the folder `experiments` is shown as the group `experiment`."""
    kind, path = _split(relative)
    inside = {
        child.name
        for folder in folders(kind)
        if (folder / path).is_dir()
        for child in (folder / path).iterdir()
        if child.is_dir() and not child.name.startswith((".", "__"))
    }
    return inside | {"experiment"} if relative == "" else inside


def is_folder(relative: str) -> bool:
    kind, path = _split(relative)
    return any((folder / path).is_dir() for folder in folders(kind))


def _split(relative: str) -> tuple[str, str]:
    path = relative.removesuffix(".yaml").strip("/")
    if path == "experiment" or path.startswith("experiment/"):
        return "experiments", path.removeprefix("experiment").strip("/")
    return "conf", path
