"""The folders of runs in one file, from which another machine or store gets the same runs.

A ZIP file without links, pickles or code. MANIFEST.json, its first member, lists every other one with its bytes and
SHA-256; nothing is believed that does not agree with it, and nothing that is there is ever overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from rnnexp import strict
from rnnexp.disk import is_inside, put_whole, require_room
from rnnexp.errors import BusyError, ConfigError
from rnnexp.redact import redact
from rnnexp.run_folder import ERROR, WRITTEN, is_held
from rnnexp.runtime.machine import find_version
from rnnexp.tracking.journal import ENTRIES, STORED, RunJournal
from rnnexp.tracking.sync import RUNS, find_journals

FORMAT, MANIFEST = 1, "MANIFEST.json"
MAX_FILES = 1_000_000
CHUNK = 1 << 20
# What we write into the folder of a run or a sweep; anything else, such as what SLURM's jobs are handed, stays.
_GROUPS = ("groups.json", "group-*.json")  # of jobs that are trained as one: left over, they need the same company
_OF_SWEEP = ("jobs", "jobs.jsonl", "sweep.json", "report.html", *_GROUPS)
_OURS = (*WRITTEN, *_OF_SWEEP, "*.log", "earlier-*", "result.json", "attempt")
_SPOKEN = (".log", ".txt")  # that others than us write into, too
_HEX = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")


@dataclass(frozen=True)
class Placed:
    """A folder that was in an archive; `added`: it was not there before."""

    folder: Path
    added: bool


def pack(text: str, file: Path) -> tuple[list[Path], list[Path]]:
    """Write the folders of a run or sweep into a new file; return them, and what lay in them and was left out.

    Raises ConfigError if there is no such run or the file is there, BusyError while a process writes to one.
    """
    if os.path.lexists(file):
        raise ConfigError(f"{file}: is there already; choose another name, nothing is overwritten")
    folders = [journal.folder.absolute() for journal in find_journals(text)]
    roots = [one for one in folders if not any(other in one.parents for other in folders)]
    for folder in folders:
        if folder.parent.name == "jobs" and folder in roots:
            raise ConfigError(f"{folder}: is a job of the sweep {folder.parents[1].name}; pack the sweep")
        if is_held(folder):
            raise BusyError(f"{folder}: a process writes to it; wait for it, or stop it: rnnexp stop {folder.name}")
    found, left = _collect(roots)
    put_whole(file, lambda new: _write(new, found, [_name(root) for root in roots]))
    return roots, left


def _name(root: Path) -> str:
    return "/".join((RUNS, *root.parts[-2:]))


def _collect(roots: Sequence[Path]) -> tuple[dict[str, Path], list[Path]]:
    found: dict[str, Path] = {}
    left: list[Path] = []
    for root in roots:
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if path.is_dir() and not path.is_symlink():
                continue
            if path.is_symlink() or not path.is_file() or not _is_ours(inside):
                left += [] if inside.name == "run.lock" or inside.as_posix().endswith(STORED) else [path]
            else:
                found[f"{_name(root)}/{inside.as_posix()}"] = path
    return found, left


def _is_ours(inside: Path) -> bool:
    first, *rest = inside.parts
    if inside.as_posix().endswith(STORED) or any(part.startswith(".tmp-") for part in inside.parts):
        return False
    if rest and (first == "jobs" or first.startswith("earlier-")):
        own = rest[1:] if first == "jobs" else rest
        return bool(own) and _is_ours(Path(*own))
    return any(fnmatch(first, name) for name in _OURS)


def _write(new: Path, found: Mapping[str, Path], roots: Sequence[str]) -> None:
    """Write the members in two passes, so that no file has to be held in memory."""
    files = {}
    for name, path in found.items():
        with _opened(path) as source:
            files[name] = _measure(source)
    made_by = f"rnnexp {find_version('rnnexp') or 'unknown'}"
    manifest = {"format": FORMAT, "made_by": made_by, "folders": list(roots), "files": files}
    with ZipFile(new, "x", ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        for name, path in found.items():
            with _opened(path) as source, archive.open(ZipInfo(name), "w", force_zip64=True) as member:
                shutil.copyfileobj(source, member, CHUNK)


def _opened(path: Path) -> BinaryIO:
    """Open a file as it may be given away: without secrets, where others than us have written."""
    if path.suffix not in _SPOKEN:
        return strict.open_file(path.parent, path.name)
    copy = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    copy.write(redact(path.read_text(encoding="utf-8", errors="replace")).encode())
    copy.seek(0)
    return copy


def _measure(source: BinaryIO) -> dict[str, Any]:
    sha, size = hashlib.sha256(), 0
    while part := source.read(CHUNK):
        sha.update(part)
        size += len(part)
    return {"bytes": size, "sha256": sha.hexdigest()}


def unpack(file: Path, into: Path) -> list[Placed]:
    """Put the folders of an archive below `into`, all or none of them; those that are there already stay.

    Raises ConfigError for an archive that is damaged or made to harm, and where another run has such a folder.
    """
    try:
        with ZipFile(file) as archive:
            manifest = _read_manifest(file, archive)
            require_room(into, sum(each["bytes"] for each in manifest["files"].values()), f"{file} needs")
            with tempfile.TemporaryDirectory(dir=into, prefix=".unpack-") as scratch:
                for name, about in manifest["files"].items():
                    _extract(file, archive, name, about, Path(scratch) / name)
                return list(_place_all(file, manifest["folders"], Path(scratch), into))
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        if isinstance(error, OSError) and error.filename not in (None, str(file)):
            raise
        raise ConfigError(f"{file}: cannot be unpacked: {strict.shorten(error)}") from None
    except Exception as error:  # zlib.error, for one, is no ValueError
        if type(error).__module__ in ("zlib", "lzma"):
            raise ConfigError(f"{file}: cannot be unpacked: {strict.shorten(error)}") from None
        raise


def _read_manifest(file: Path, archive: ZipFile) -> dict[str, Any]:
    """Return what an archive says it holds, if that is what it holds and all of it may be written."""
    members = {info.filename: info for info in archive.infolist()}
    if len(members) < len(archive.infolist()) or len(members) > MAX_FILES or MANIFEST not in members:
        raise ConfigError(f"{file}: is no archive of runs: it lacks {MANIFEST}, or holds a name twice")
    if members[MANIFEST].file_size > strict.MAX_JSON:
        raise ConfigError(f"{file}: its {MANIFEST} is larger than any needs to be")
    values: Any = json.loads(archive.read(MANIFEST))
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        known = strict.shorten(values.get("format") if isinstance(values, dict) else values)
        raise ConfigError(f"{file}: is of format {known}; this version reads format {FORMAT}")
    folders = strict.checked(list[str], values.get("folders"), f"{file}: folders")
    files = strict.checked(dict[str, dict[str, int | str]], values.get("files"), f"{file}: files")
    if {*files, MANIFEST} != members.keys():
        raise ConfigError(f"{file}: holds other files than its {MANIFEST} says")
    if not folders or len(set(folders)) < len(folders) or any(len(PurePosixPath(one).parts) != 3 for one in folders):
        raise ConfigError(f"{file}: names no folders of runs")
    for name, about in files.items():
        if problem := _find_problem(members[name], about, folders):
            raise ConfigError(f"{file}: {strict.shorten(name)}: {problem}; nothing was unpacked")
    return {"folders": folders, "files": files}


def _find_problem(info: ZipInfo, about: Mapping[str, Any], folders: Sequence[str]) -> str:
    parts = info.filename.split("/")
    if parts[0] != RUNS or len(parts) < 4 or {"", ".", ".."} & set(parts) or set("\\:\0") & set(info.filename):
        return "its name leads elsewhere"
    if "/".join(parts[:3]) not in folders or not _is_ours(Path(*parts[3:])):
        return "is no file of a run"
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.flag_bits & 1:
        return "is a link, a device or encrypted"
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "is packed in a way that we do not use"
    if set(about) != {"bytes", "sha256"} or not isinstance(about["bytes"], int) or about["bytes"] != info.file_size:
        return f"its size is not as {MANIFEST} says"
    return ""


def _extract(file: Path, archive: ZipFile, name: str, about: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sha, left = hashlib.sha256(), int(about["bytes"])
    with archive.open(name) as member, path.open("xb") as out:
        while part := member.read(CHUNK):
            left -= len(part)
            if left < 0:
                break
            sha.update(part)
            out.write(part)
    if left or sha.hexdigest() != about["sha256"]:
        raise ConfigError(f"{file}: {strict.shorten(name)}: is not as it was packed; nothing was unpacked")


def _place_all(file: Path, folders: Sequence[str], scratch: Path, into: Path) -> Iterator[Placed]:
    """Move the folders to their places, after a look at all of them."""
    pairs = [(scratch / name, into / name) for name in folders]
    for new, place in pairs:
        _check_journals(file, new)
        if not is_inside(place, into):
            raise ConfigError(f"{place}: a link leads out of {into}; nothing was unpacked")
        if os.path.lexists(place) and _key(place) != _key(new):
            raise ConfigError(f"{place}: is there, and is another run; give another folder with --into")
    for new, place in pairs:
        added = not os.path.lexists(place)
        if added:
            place.parent.mkdir(parents=True, exist_ok=True)
            new.rename(place)
        yield Placed(place, added)


def _key(folder: Path) -> Any:
    return (RunJournal(folder).begun or {}).get("key")


def _check_journals(file: Path, folder: Path) -> None:
    """Refuse journals that would have other files stored than those of their runs, or names of another kind."""
    if not (folder / ENTRIES).is_file():
        raise ConfigError(f"{file}: {folder.name} has no journal: it is no run that was tracked")
    for journal in find_journals(str(folder)):
        for entry in journal.list_entries():
            if not _is_harmless(entry, journal.folder):
                raise ConfigError(f"{file}: a journal in {folder.name} is damaged, or leads out of its folder")


def _is_harmless(entry: Any, folder: Path) -> bool:
    kind = entry.get("event") if isinstance(entry, dict) else None
    if kind == "begin":
        texts = ("name", "uri", "experiment")
        ids = [entry.get("key"), *([entry["parent"]] if entry.get("parent") else [])]
        named = all(isinstance(entry.get(key), str) for key in texts) and isinstance(entry.get("tags"), dict)
        return named and all(isinstance(one, str) and _HEX.fullmatch(one) is not None for one in ids)
    if kind == "model":
        place, number = entry.get("bundle"), entry.get("number")
        return _is_within(place, folder) and isinstance(number, str) and _MODEL.fullmatch(number) is not None
    if kind == "file":
        return _is_within(entry.get("path"), folder)
    if kind == "removed":
        return entry.get("path") == ERROR
    return kind in ("tags", "experiment", "data", "end")


def _is_within(name: Any, folder: Path) -> bool:
    return isinstance(name, str) and is_inside(folder / name, folder)
