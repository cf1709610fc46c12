"""The files of the cache that tables are mapped from: made once, kept while they are used, removed when they are not.

Who has mapped a file holds a shared lock on it, which goes when the last array of it goes, or the process ends however
it does. Files are removed when another one is written, and only those that nobody holds.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from rnnexp.disk import put_whole, remove, require_room

ENDING = ".table"
MAX_AGE_S = 30 * 24 * 3600  # since it was mapped last
MAX_SHARE = 0.5  # of the room that is there without the cache


def keep(path: Path, size: int, write: Callable[[Path], None]) -> BinaryIO:
    """Return an open file of so many bytes that `write` makes if it is not there; arrays mapped from it hold it.

    Raises ResourceError where the disk has no room for it.
    """
    file = _open(path, size)
    if file is None:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        _remove_leftovers(path.parent)
        prune(path.parent, size)
        require_room(path.parent, size, "the table as it is mapped takes")
        put_whole(path, write)
        file = _open(path, size)
    if file is None:
        raise FileNotFoundError(f"{path}: was removed while it was written")
    os.utime(path)
    return file


def _open(path: Path, size: int) -> BinaryIO | None:
    """Open a file and hold it; None where it is not there, or not whole."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    _lock(file, share=True)
    if os.fstat(file.fileno()).st_size == size:
        return file
    file.close()
    return None


def prune(folder: Path, needed: int) -> None:
    """Remove what was not used for long, and what was not used for longest while too much of the disk is taken.

    needed: bytes of the file that is to be written
    """
    found = []
    for path in folder.glob(f"*{ENDING}"):
        with suppress(FileNotFoundError):  # another process may prune, too
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    taken = needed + sum(size for _, size, _ in found)
    room = MAX_SHARE * (shutil.disk_usage(folder).free + taken - needed)
    for used, size, path in sorted(found):
        if (time.time() - used > MAX_AGE_S or taken > room) and _remove_unheld(path):
            taken -= size


def _remove_unheld(path: Path) -> bool:
    """Remove a file unless somebody has mapped it; say whether it is gone."""
    try:
        with path.open("rb") as file:
            _lock(file, share=False)
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _lock(file: BinaryIO, *, share: bool) -> None:
    """Lock a file; for one owner alone or BlockingIOError. Nothing is locked where the system has no such locks."""
    with suppress(ImportError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_SH if share else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_leftovers(folder: Path) -> None:
    """Remove what processes have left that were killed while they wrote."""
    for path in folder.glob(".tmp-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            remove(path)
