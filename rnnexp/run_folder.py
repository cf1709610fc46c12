"""The folder of a run or a sweep: one process at a time writes to it, and others can tell whether it lives.

Whoever writes to a folder holds a lock on a file in it, which the system gives back when its process ends, however
that ends. The number of a process says nothing in another container, on another machine, or once it is given anew.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from rnnexp.disk import identify
from rnnexp.errors import BusyError

LOCK = "run.lock"
EARLIER = "earlier"
ORIGIN = "origin.json"  # of what the run is made
ERROR = "error.txt"  # what has ended the last attempt
JOURNAL = "metrics.jsonl"  # that a run has been here is seen by this file
WRITTEN = (
    *("run.json", ORIGIN, JOURNAL, ERROR, "git.diff", "model_summary.txt"),
    *("config", "model", "figures", "tables", "samples", "checkpoints", "tracking"),
)
POLL_S = 0.05
REMOVALS = 100  # of a folder by others, each between its making and the opening of its lock
LOOK_S, LONGEST_LOOK_S = 0.001, 10.0  # of those that only look; longer if they are stopped in the middle of it


@dataclass(frozen=True)
class Owner:
    """Who has written to a folder last; `lock` is the path from the folder to the file whose lock is held instead."""

    pid: int
    host: str
    since: str
    boot: str = ""
    lock: str = ""

    @property
    def is_here(self) -> bool:
        """Whether its locks can be seen from here: it runs on this machine, or ran there before it was restarted."""
        return self.host == platform.node() or (self.boot != "" and self.boot == _boot())


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a run's folder; what an earlier run has left in it is set aside. Raises BusyError if another holds it."""
    with hold(folder):
        set_aside(folder)
        yield


@contextmanager
def hold(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder, made if need be. Raises BusyError if another process holds it, unless that is to be waited for."""
    with _signed(folder, "", wait):
        yield


@contextmanager
def hold_together(folders: Sequence[Path], place: Path) -> Iterator[None]:
    """Hold many folders by one file in `place`, for a process may not open thousands; wait where others hold them."""
    with NamedTemporaryFile("w", dir=place, prefix=".group-", suffix=".lock") as file:
        _lock(file)
        for folder in folders:
            with _signed(folder, os.path.relpath(file.name, folder), wait=True):
                pass
        yield


@contextmanager
def look_at(folder: Path) -> Iterator[bool]:
    """Keep a folder from being claimed for a moment, and say whether a live process holds it.

    Whoever wants to claim it waits for that moment. What cannot be known (a disk without locks) counts as held.
    """
    with _shared(folder / LOCK) as is_taken:
        yield is_taken or _is_lent(folder)


def is_held(folder: Path) -> bool:
    """Say whether a live process writes to a folder; one of another machine may do so unseen."""
    with look_at(folder) as is_taken:
        return is_taken


def find_owner(folder: Path) -> Owner | None:
    """Return who has written to a folder last; None if nobody has said so."""
    with suppress(OSError, ValueError, TypeError):
        return Owner(**json.loads((folder / LOCK).read_text(encoding="utf-8")))
    return None


@contextmanager
def _signed(folder: Path, lock: str, wait: bool) -> Iterator[None]:
    """Lock a folder's own file and write into it who does, with the `lock` that holds on after the block."""
    with ExitStack() as stack:
        while True:
            file = stack.enter_context(_open_lock(folder))
            while not _take(file) or _is_lent(folder):
                if not wait:
                    told = f"another process writes to it{_tell(folder)}"
                    raise BusyError(f"{folder}: {told}; wait for it, stop it, or choose another folder")
                time.sleep(POLL_S)
            if identify(folder / LOCK) == identify(file.fileno()):
                break
            stack.pop_all().close()  # the folder was removed by whoever has held it
        file.truncate(0)
        now = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z}"
        file.write(json.dumps(asdict(Owner(os.getpid(), platform.node(), now, _boot(), lock))) + "\n")
        file.flush()
        yield


def _open_lock(folder: Path) -> IO[str]:
    """Open a folder's own lock, both made if need be, also while others remove the folder."""
    for _ in range(REMOVALS):
        with suppress(FileNotFoundError, FileExistsError):
            return _make_lock(folder)
        time.sleep(LOOK_S)
    return _make_lock(folder)


def _make_lock(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / LOCK).open("a+", encoding="utf-8")


def _take(file: IO[str]) -> bool:
    """Lock a file unless a process holds it; those that only look share its lock, and will be done in a moment."""
    deadline = time.monotonic() + LONGEST_LOOK_S
    while not _lock(file):
        if not _lock(file, share=True) or time.monotonic() > deadline:
            return False
        _unlock(file)
        time.sleep(LOOK_S)
    return True


def _is_lent(folder: Path) -> bool:
    """Say whether a folder is held by the lock of another file than its own."""
    owner = find_owner(folder)
    if owner is None or not owner.lock:
        return False
    with _shared(folder / owner.lock) as is_taken:
        return is_taken


@contextmanager
def _shared(path: Path) -> Iterator[bool]:
    """Share the lock of a file, which may be read-only; yield whether that cannot be, for a process holds it."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            is_taken = not _lock(file, share=True, without=False)
        except (FileNotFoundError, NotADirectoryError):
            is_taken = False
        except OSError:  # of another user
            is_taken = True
        yield is_taken


def _lock(file: IO[Any], *, share: bool = False, without: bool = True) -> bool:
    """Lock a file, with others that `share` it; where there are no locks (some network disks) return `without`."""
    try:
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_SH if share else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return without
    return True


def _unlock(file: IO[Any]) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_UN)


def _tell(folder: Path) -> str:
    owner = find_owner(folder)  # one that has the lock may not yet have said who it is
    return f": process {owner.pid} on {owner.host}, since {owner.since}" if owner else ""


def _boot() -> str:
    """Return what tells this start of this machine from any other, the same in all its containers; "" if unknown."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def set_aside(folder: Path) -> None:
    """Move the files of an earlier run, if there are any, into a folder of their own: nothing is deleted."""
    if not (folder / JOURNAL).exists():
        return
    number = 1
    while (kept := folder / f"{EARLIER}-{number}").exists():
        number += 1
    kept.mkdir()
    for name in WRITTEN:
        if (folder / name).exists():
            (folder / name).rename(kept / name)
