"""Where configuration files lie: the working directory first, then the checkout, then the installed copies."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rnnexp.errors import ConfigError

PACKAGE = Path(__file__).parents[1]
SUFFIXES = (".yaml", ".yml")
CONFIG = "config/config.yaml"  # of a run, within its folder


def folders(name: str) -> list[Path]:
    """Return the existing folders called `name` ("conf" or "experiments"), the first of which wins."""
    checkout = PACKAGE.parent
    shipped = checkout / name if (checkout / "pyproject.toml").is_file() else PACKAGE / name
    places = [Path.cwd() / name, shipped]
    return list(dict.fromkeys(place.resolve() for place in places if place.is_dir()))


def find(relative: str) -> Path | None:
    """Return the first file for a config path such as `model/lstm` or `experiment/paper/table1`."""
    kind, path = _split(relative)
    for folder in folders(kind):
        files = [folder / f"{path}{suffix}" for suffix in SUFFIXES if path]
        found = [file for file in files if _exists(file) and file.is_file() and folder in file.resolve().parents]
        if len(found) > 1:
            raise ConfigError(f"{relative}: both {found[0]} and {found[1].name} exist; remove or rename one of them")
        if found:
            return found[0]
    return _typed(path) if kind == "experiments" else None


def _typed(path: str) -> Path | None:
    """Return the file that `experiment=PATH` leads to: an experiment, or what the run in a folder was trained with."""
    at = [Path.cwd() / path, Path(f"/{path}")] if "/" in path else []
    files = [file for place in at for file in (place.with_name(f"{place.name}.yaml"), place / CONFIG)]
    return next((file for file in files if _exists(file) and file.is_file()), None)


def obstacle(relative: str) -> str | None:
    """Say why the first file for a config path cannot be read; None if it can, or if there is none."""
    kind, path = _split(relative)
    for folder in folders(kind):
        for file in (folder / f"{path}{suffix}" for suffix in SUFFIXES):
            if _exists(file):
                why = _obstacle(file, folder)
                return f"{file}: {why}" if why else None
    return None


def _exists(file: Path) -> bool:
    """Say whether something has this name, be it a broken link; no file can have one that is too long."""
    with suppress(OSError, ValueError):
        return os.path.lexists(file)
    return False


def _obstacle(file: Path, folder: Path) -> str | None:
    if not file.exists():
        return f"is a broken link to {os.readlink(file)}"
    if not file.is_file():
        return "is a folder, not a file" if file.is_dir() else "is not a regular file"
    if folder not in file.resolve().parents:
        return f"is a link that leads out of {folder}; put a copy there"
    return None if os.access(file, os.R_OK) else "no permission to read this file"


def listed(relative: str) -> set[str]:
    """Return the names of the YAML files in a group such as `model`; experiments may lie in sub-folders, too."""
    kind, path = _split(relative)
    return {name for folder in folders(kind) for name in named(folder / path, deep=kind == "experiments")}


def named(folder: Path, deep: bool, suffixes: tuple[str, ...] = SUFFIXES) -> set[str]:
    """Return the names of the YAML files in a folder; `deep`: and below it, as `paper/table1`."""
    return {file.with_suffix("").as_posix() for file in files(folder, deep) if file.suffix in suffixes}


def files(folder: Path, deep: bool) -> list[Path]:
    """Return what is called a YAML file in a folder, relative to it, without hidden ones; it may be no file at all."""
    found = (file for file in folder.glob("**/*" if deep else "*") if file.suffix in SUFFIXES and not file.is_dir())
    inside = (file.relative_to(folder) for file in found)
    return sorted(file for file in inside if not any(map(_is_hidden, file.parts)))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def groups(relative: str) -> set[str]:
    """Return the sub-folders of a config path; the folder `experiments` is shown as the group `experiment`."""
    kind, path = _split(relative)
    if kind == "experiments":  # its sub-folders are parts of names
        return set()
    inside = {
        child.name
        for folder in folders(kind)
        if (folder / path).is_dir()
        for child in (folder / path).iterdir()
        if child.is_dir() and not _is_hidden(child.name)
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
