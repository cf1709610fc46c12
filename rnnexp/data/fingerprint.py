"""What data are made of on the disk: the files that settings name, each with the digest of what is in it."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnexp.data.tables.locate import GLOB
from rnnexp.redact import redact
from rnnexp.runtime.digests import hash_file

Files = dict[str, str]  # name: SHA-256 of its content

# What runs leave behind in a folder is none of its data.
_OURS = ("runs", "mlruns", "mlartifacts", "mlflow.db", "__pycache__")
_TELLING = ("path", "file", "folder", "dir", "vectors")  # in the key of a setting that names files


def hash_data(settings: Iterable[Mapping[str, Any]]) -> dict[str, Files]:
    """Return the files of several data sources, by what their settings name: a file, a folder or a glob.

    Each is read once. Of generated data there are none. What is absent is left to those that read it.
    """
    found: dict[str, Files] = {}
    for values in settings:
        root = values.get("root") or os.environ.get("RNNEXP_DATA") or None
        for key, given in _texts("", values):
            if redact(given) not in found and key != "root" and _may_name(key, given):
                found[redact(given)] = _hash_place(key, given, root)
    return {given: files for given, files in found.items() if files}


def list_named(values: Mapping[str, Any]) -> set[str]:
    """Return what settings name that may be a file, a folder or a glob, as `hash_data` calls it."""
    return {redact(given) for key, given in _texts("", values) if key != "root" and _may_name(key, given)}


def join_digests(found: Mapping[str, Files]) -> str:
    """Return one digest of all files with their names; "" if there are none."""
    lines = sorted(f"{name} {digest}" for files in found.values() for name, digest in files.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32] if lines else ""


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(f"{key}.{name}".lstrip("."), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(key, inner)


def _may_name(key: str, given: str) -> bool:
    return any(word in key for word in _TELLING) or "/" in given or Path(given).suffix != ""


def _hash_place(key: str, given: str, root: str | None) -> Files:
    """Hash what is found as sources find it: as it is given, then in the second folder, then as a glob of both."""
    here = Path(given).expanduser()
    places = [here] if here.is_absolute() or not root else [here, Path(root).expanduser() / here]
    for place in places:
        with suppress(OSError):
            if place.is_file():
                return _hash_all([(given, place)])
            if place.is_dir() and any(word in key for word in _TELLING):
                return _hash_all((f"{given}/{path.relative_to(place)}", path) for path in _walk(place))
    for place in places if GLOB & set(given) else ():
        matches = sorted(Path(name) for name in glob.glob(str(place), recursive=True))
        if files := _hash_all((_name(path, here, root), path) for path in matches if path.is_file()):
            return files
    return {}


def _name(path: Path, here: Path, root: str | None) -> str:
    """Name a file of a glob as it is named from where it was looked for: the second folder may lie elsewhere."""
    inside = root is not None and not here.is_absolute() and path.is_relative_to(Path(root).expanduser())
    return str(path.relative_to(Path(str(root)).expanduser()) if inside else path)


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_ours(name))
        yield from (Path(place, name) for name in sorted(names) if not _is_ours(name))


def _is_ours(name: str) -> bool:
    return name.startswith((".", "mlflow.db")) or name in _OURS


def _hash_all(files: Iterable[tuple[str, Path]]) -> Files:
    found: Files = {}
    for name, path in files:
        with suppress(OSError):  # whoever reads it will say what is wrong
            found[redact(name)] = hash_file(path)
    return found
