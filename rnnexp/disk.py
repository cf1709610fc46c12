"""Disks that are full or refuse to be written: how much room there is, and files that are there whole or not at all."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rnnexp.errors import ResourceError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, no quota, or a limit of a file's size: may change
GONE = (  # what is said of files whose drive was taken away, or whose server no longer answers: may change, too
    *(errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN),
    *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH),
)
DISK_FULL = "disk_full"  # how a run says that it ended so
ADVICE = "make room on this disk, or work on another one"
MB = 1 << 20

log = logging.getLogger("rnnexp")


def require_room(folder: Path, needed: int, what: str) -> None:
    """Raise ResourceError unless a disk has so many bytes free; one that does not say how large it is passes."""
    disk = shutil.disk_usage(folder)
    if disk.total and disk.free < needed:
        raise ResourceError(
            f"{folder}: {what} {describe_size(needed)} of room, and {describe_size(disk.free)} is free; {ADVICE}"
        )


def describe_size(size: int) -> str:
    return f"{size / MB:,.1f} MB"


def measure_size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file())


@contextmanager
def name_file(path: Path) -> Iterator[None]:
    """Have what the system says of a write name the file, which it does not by itself."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def put_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file, or a folder of files, beside its place and rename it: no part of it is ever seen."""
    new, old = (path.with_name(f".tmp-{os.getpid()}-{kind}{path.name}") for kind in ("", "old-"))
    with name_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(new, write)
            if path.is_dir():
                path.rename(old)
            new.replace(path)
        finally:
            remove(new)
            remove(old)


def _write(new: Path, write: Callable[[Path], object]) -> None:
    try:
        write(new)
    except OSError:
        raise
    except Exception as error:  # a ZIP file, for one, cannot be closed after the disk has refused, and says only that
        if isinstance(cause := error.__cause__ or error.__context__, OSError):
            raise cause from error
        raise


def flush(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Write a text so that it is never seen in part, and survives a loss of power."""

    def write(new: Path) -> None:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    put_whole(path, write)
    flush(path.parent)


def identify(path: Path | int) -> tuple[int, int] | None:
    """Tell a file or folder, which may be open, from another one that takes its place; None where there is none."""
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None


def is_inside(path: Path, folder: Path) -> bool:
    """Say whether a path, which may be a link, leads to something in a folder."""
    return path.resolve().is_relative_to(folder.resolve())


def remove(path: Path) -> None:
    """Remove a file or a folder of our own, if it is there and can be removed."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


class GrowingFile:
    """A file to which bytes are added; what its disk does not take is kept, and written once there is room.

    A process that was killed may have left half a line: it is ended before anything is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unwritten = bytearray()
        self._lock = threading.Lock()
        self._size: int | None = None  # of the file, when it was written last
        self.error: OSError | None = None  # why the disk has not taken what is unwritten
        self._told = False

    def append(self, data: bytes) -> None:
        """Write at once, and what the disk refuses later; never raises OSError."""
        with self._lock:
            if self._size is None:
                self._size, torn = _look(self.path)
                self.unwritten += b"\n" * torn
            self.unwritten += data
            self._write()

    def flush(self) -> bool:
        """Write what is left; False if the disk does not take it."""
        with self._lock:
            self._write()
            return not self.unwritten

    def _write(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                size = self._size or 0
                if os.fstat(descriptor).st_size < size:  # it was removed: what follows keeps its place
                    os.ftruncate(descriptor, size - 1)
                    os.write(descriptor, b"\n")
                before = os.fstat(descriptor).st_size
                try:
                    done = 0
                    while done < len(self.unwritten):
                        done += os.write(descriptor, self.unwritten[done:])
                finally:  # Ctrl-C may come when the system has written and has not yet said how much
                    del self.unwritten[: os.fstat(descriptor).st_size - before]
            finally:
                self._size = os.fstat(descriptor).st_size
                os.close(descriptor)
            self.error = None
        except OSError as error:  # must not end a training; its checkpoints will tell
            self.error = error
            if not self._told:
                self._told = True
                log.warning("%s: %s; the missing rows are written once that is possible", self.path, error.strerror)

    def size(self) -> int:
        """Return the bytes of all that was added, with those that could not be written."""
        with self._lock:
            return self._written() + len(self.unwritten)

    def _written(self) -> int:
        try:
            return os.stat(self.path).st_size
        except OSError:  # where it was removed, what is left goes on where it ended
            return self._size or 0

    def read(self, start: int, size: int) -> bytes:
        """Return at most `size` bytes from one on, with those that could not be written."""
        with self._lock:
            data, there = b"", self._written()
            with suppress(FileNotFoundError), self.path.open("rb") as file:
                file.seek(start)
                data = file.read(min(size, max(0, there - start)))
            return (data + self.unwritten[max(0, start - there) :])[:size]

    def sync(self) -> None:
        """Have what is written survive a loss of power."""
        with suppress(OSError):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _look(path: Path) -> tuple[int, bool]:
    """Return the size of a file, and whether it ends in the middle of a line."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - 1))
            return size, size > 0 and file.read(1) != b"\n"
    except OSError:  # there is none
        return 0, False
