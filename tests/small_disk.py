"""Disks that tests can fill or close: a small file system where one may be mounted, else a limit on files' sizes."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

KB = 1024
SIZE_KB = 2048


class SmallDisk:
    """`folder` lies on it; `fill` leaves so many kilobytes free, `free` all of it."""

    def __init__(self, folder: Path, mounted: bool) -> None:
        self.folder, self.mounted = folder, mounted
        self._filler = folder / "filler"

    def fill(self, left: int = 0) -> None:
        if not self.mounted:  # to files that hold more nothing is added
            resource.setrlimit(resource.RLIMIT_FSIZE, (left * KB, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            return
        self.free()
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4 * KB))
        with self._filler.open("r+b") as file:
            file.truncate(max(0, self._filler.stat().st_size - left * KB))

    def free(self) -> None:
        if self.mounted:
            self._filler.unlink(missing_ok=True)
        else:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def mounted_disk(folder: Path, options: str = f"size={SIZE_KB}k") -> Iterator[SmallDisk]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    disk = SmallDisk(folder, mounted)
    try:
        yield disk
    finally:
        disk.free()
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def without_override() -> Iterator[None]:
    """Take from root, in this thread, what lets it read and write whatever permissions say; others never had it."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may write everywhere, and lays that right down on Linux alone")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    before, held = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    assert libc.capget(header, before) == libc.capget(header, held) == 0
    held[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, held) == 0, os.strerror(ctypes.get_errno())
    yield
    assert libc.capset(header, before) == 0
