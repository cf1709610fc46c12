"""Which recordings there are: those in a folder and its sub-folders, or in a zip archive of them."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

from rnnexp.data.audio.reading import SUFFIXES, Open
from rnnexp.errors import DataError

MOST_BYTES = 1 << 30  # of one recording: more than an hour, and no archive unpacks to more
IGNORED = "__MACOSX"  # what an archive made on macOS holds beside the files


def find_recordings(place: Path) -> dict[str, Open]:
    """Return what reads each recording of a folder or an archive, by its path within it, in the order of the paths.

    Raises DataError where there are none.
    """
    if place.is_dir():
        files: dict[str, Open] = {
            child.relative_to(place).as_posix(): partial(_read_file, child) for child in place.rglob("*")
        }
    elif zipfile.is_zipfile(place):
        files = _list_members(place)
    else:
        raise DataError(f"{place}: is neither a folder nor a zip archive of recordings")
    found = {name: files[name] for name in sorted(files) if is_recording(name)}
    if not found:
        raise DataError(f"{place}: holds no recordings ({', '.join(SUFFIXES)})")
    return found


def is_recording(name: str) -> bool:
    """Tell a recording by its name; what is hidden is none."""
    path = Path(name)
    hidden = any(part.startswith(".") or part == IGNORED for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _list_members(archive: Path) -> dict[str, Open]:
    opened = zipfile.ZipFile(archive)  # stays open as long as one of its members may be read
    return {info.filename: partial(_read_member, opened, info) for info in opened.infolist()}


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read one file of an archive; what it promises to unpack to is checked first."""
    name = f"{archive.filename}: {info.filename}"
    if info.file_size > MOST_BYTES:
        raise DataError(f"{name}: {info.file_size:,} bytes are more than a recording may have ({MOST_BYTES:,})")
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise DataError(f"{name}: cannot be unpacked ({error})") from None


def _read_file(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{file}: {size:,} bytes are more than a recording may have ({MOST_BYTES:,})")
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
