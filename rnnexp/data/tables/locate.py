"""Finding files and folders that settings name: here, then in a second folder; what is absent is told by name."""

from __future__ import annotations

import glob
import os
from difflib import get_close_matches
from pathlib import Path

from rnnexp.disk import GONE
from rnnexp.errors import ConfigError, DataError

GLOB = frozenset("*?[")


def locate(path: str, root: str | None = None, origin: str = "") -> list[Path]:
    """Find the file, or the files of a glob in name order: in the working directory, then in `root`."""
    if not path.strip():
        raise ConfigError("data.path: is empty; give the file to read, for example data.path=my.csv")
    candidates = _candidates(path, root)
    for candidate in candidates:
        if candidate.exists():
            return [_regular(candidate)]
    if GLOB & set(path):
        for candidate in candidates:
            if found := _matches(candidate):
                return found
    raise DataError(_absent(path, candidates, root, origin))


def describe_absent(path: str, root: str | None = None, origin: str = "", folder: bool = False) -> str | None:
    """Say that there is nothing by this name, or that matches it; None if there is, be it what it may.

    The folder at which a drive is mounted is empty without it; of files on a server that has gone the system says so.
    """
    candidates = _candidates(path, root)
    try:
        if here := next((candidate for candidate in candidates if candidate.exists()), None):
            return f"{path}: is an empty folder; is its drive mounted?" if _is_empty_folder(here) else None
        matches = (name for one in candidates for name in glob.iglob(str(one), recursive=True))
        if not folder and GLOB & set(path) and any(matches):  # the first one is enough
            return None
        return _absent(path, candidates, root, origin, folder)
    except OSError as error:  # anything else that cannot be looked at is told by who reads it
        return describe_unreachable(path, error) if error.errno in GONE else None
    except ValueError:
        return None


def describe_unreachable(path: str, error: OSError) -> str:
    """Say of files that they are on a drive or a server that has gone, in the words of the system."""
    return f"{path}: {error.strerror}; is the drive or the server that has it still there?"


def _is_empty_folder(path: Path) -> bool:
    if not path.is_dir():
        return False
    with os.scandir(path) as found:
        return not any(found)


def list_parts(path: str, root: str | None = None) -> list[Path]:
    """Return the parts of a table that is a folder of Parquet files, in name order; [] if it is anything else.

    What begins with `_` or `.` is no part: marks and checksums of those who write such folders.
    """
    folder = next((candidate for candidate in _candidates(path, root) if candidate.exists()), None)
    if folder is None or not path.strip() or not folder.is_dir():
        return []
    parts = sorted(child for child in folder.iterdir() if child.is_file() and child.name[0] not in "._")
    return [_regular(part) for part in parts] if all(part.suffix.lower() == ".parquet" for part in parts) else []


def locate_folder(path: str, root: str | None = None, origin: str = "") -> Path:
    """Find a folder: in the working directory, then in `root`."""
    candidates = _candidates(path, root)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
        if candidate.exists():
            raise DataError(f"{candidate}: is a file, not a folder")
    raise DataError(_absent(path, candidates, root, origin, folder=True))


def _candidates(path: str, root: str | None) -> list[Path]:
    given = Path(path).expanduser()
    if given.is_absolute() or not root:
        return [given]
    return [given, Path(root).expanduser() / given]


def _matches(pattern: Path) -> list[Path]:
    found = (Path(name) for name in sorted(glob.glob(str(pattern), recursive=True)))
    return [_regular(path) for path in found if path.is_file()]


def _regular(path: Path) -> Path:
    if path.is_dir():
        raise DataError(f"{path}: is a directory, not a file. {_what_it_holds(path)}")
    if not path.is_file():
        raise DataError(f"{path}: is a pipe or a device; tables are read more than once: save it as a file first")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: no permission to read this file; try: chmod u+r '{path}'")
    return path


def _what_it_holds(folder: Path) -> str:
    """Say how the tables of a folder are read, or those of the folders in it."""
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    if names := [child.name for child in children if child.is_file()]:
        one = f'For all its files as one series: data.path="{folder}/*.csv"'
        put = "put labels.csv beside them, with columns file and label"
        own = "labels.csv needs a column with their names and one with their labels" if "labels.csv" in names else put
        return f"It holds {', '.join(names[:5])}. {one}; for a sequence in each: {own}"
    folders = [child for child in children if child.is_dir()]
    inner = next((file for child in folders for file in sorted(child.iterdir()) if file.is_file()), None)
    if inner is None:
        return "It holds no files"
    example = f"such as {inner.relative_to(folder)} and {inner.parent.name}"
    return (
        f"It holds the folders {', '.join(child.name for child in folders[:5])}. For a sequence in each of their "
        f"tables: put labels.csv into {folder}, with columns file and label, {example}"
    )


def _absent(path: str, candidates: list[Path], root: str | None, origin: str, folder: bool = False) -> str:
    broken = [candidate for candidate in candidates if candidate.is_symlink()]
    if broken:
        return f"{broken[0]}: is a broken link to {os.readlink(broken[0])}, which does not exist"
    if "://" in path:
        return f"{path}: is an address, and only files are read: download it and give the path of the file"
    what = "no file matches" if GLOB & set(path) else "there is no folder" if folder else "there is no file"
    places = " nor ".join(str(candidate.parent.absolute()) for candidate in candidates)
    text = f"{path}: {what} `{candidates[0].name}` in {places}{nearby(candidates)}"
    if not root and not candidates[0].is_absolute():
        text += ". Files kept elsewhere are found through data.root or the environment variable RNNEXP_DATA"
    return text + (f". Where to get it: {origin}" if origin else "")


def nearby(candidates: list[Path]) -> str:
    """Name the existing files, at most three, whose names come closest."""
    close: list[str] = []
    for candidate in candidates:
        if not candidate.parent.is_dir():
            return f" (the folder {candidate.parent} does not exist)"
        names = {child.name.lower(): child for child in candidate.parent.iterdir()}
        close += [str(names[name]) for name in get_close_matches(candidate.name.lower(), names, n=3, cutoff=0.5)]
    return f"; near it: {', '.join(close[:3])}" if close else ""
