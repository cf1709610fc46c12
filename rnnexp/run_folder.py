"""A run's own folder: one run at a time writes to it, and none mixes its files with those of an earlier one."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from rnnexp.errors import BusyError

LOCK = "run.lock"
EARLIER = "earlier"
JOURNAL = "metrics.jsonl"  # that a run has been here is seen by this file
WRITTEN = (
    *("run.json", JOURNAL, "error.txt", "git.diff", "model_summary.txt"),
    *("config", "model", "figures", "tables", "samples", "checkpoints", "tracking"),
)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a run's folder, made if need be; what an earlier run has left in it is set aside.

    Raises BusyError if another run holds it. The system gives a lock back when its process ends, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        if not _is_locked(file):
            raise BusyError(f"{folder}: another run writes to it{_holder(file)}; wait for it, or choose another folder")
        file.truncate(0)
        now = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z}"
        file.write(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now}) + "\n")
        file.flush()
        _set_aside(folder)
        yield


def _is_locked(file: IO[str]) -> bool:
    """Lock a file; where there are no locks (some network file systems), go on without."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        known = json.loads(file.read())
        return f": process {known['pid']} on {known['host']}, since {known['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not yet said who it is
        return ""


def _set_aside(folder: Path) -> None:
    """Move the files of an earlier run into a folder of their own: nothing is deleted."""
    if not (folder / JOURNAL).exists():
        return
    number = 1
    while (kept := folder / f"{EARLIER}-{number}").exists():
        number += 1
    kept.mkdir()
    for name in WRITTEN:
        if (folder / name).exists():
            (folder / name).rename(kept / name)
