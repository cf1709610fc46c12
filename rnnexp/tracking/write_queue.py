"""What is to be written to a local database, gathered from all runs of this process and written in few transactions.

Each transaction waits for the disk and for the other processes of a sweep; a thread makes one every few seconds.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rnnexp.tracking.batch import transaction

INTERVAL_S = 2.0
MAX_ROWS = 50_000  # rows in one transaction, a quarter of a second: other writers wait for it

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class PendingWrite:
    """Something to be written: as rows, or where the tables are not as expected by asking MLflow's client.

    call: takes `what` and a function, and keeps a failure from going further;  size: rows, about
    """

    what: str
    rows: Callable[[sqlite3.Connection], None]
    ask: Callable[[], Any]
    call: Callable[[str, Callable[[], Any]], Any]
    size: int = 1


class WriteQueue:
    """Writes for one database, written in the order in which they came."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._waiting: list[PendingWrite] = []
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._woken = threading.Event()
        threading.Thread(target=self._work, name="rnnexp-write-queue", daemon=True).start()

    def put(self, write: PendingWrite) -> None:
        with self._lock:
            self._waiting.append(write)
        self._woken.set()

    def flush(self) -> None:
        """Write what has gathered, and wait for it."""
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            for some in _split(waiting):
                if not self._written(some):
                    for write in some:
                        if not self._written([write]):
                            write.call(write.what, write.ask)

    def _written(self, writes: list[PendingWrite]) -> bool:
        try:
            with transaction(self.file) as connection:
                for write in writes:
                    write.rows(connection)
        except sqlite3.Error as error:  # tables of another version, a run in the trash: MLflow knows what to say
            log.debug("%s: %s", self.file, error)
            return False
        return True

    def _work(self) -> None:
        pause = threading.Event()
        while self._woken.wait():
            pause.wait(INTERVAL_S)
            self._woken.clear()
            self.flush()


@cache
def get_write_queue(file: Path) -> WriteQueue:
    """Return the one queue that this process has for a database."""
    return WriteQueue(file)


def _split(writes: list[PendingWrite]) -> Iterator[list[PendingWrite]]:
    some: list[PendingWrite] = []
    for write in writes:
        some.append(write)
        if sum(each.size for each in some) >= MAX_ROWS:
            yield some
            some = []
    if some:
        yield some
