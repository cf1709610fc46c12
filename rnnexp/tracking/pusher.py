"""A thread that stores what the runs of this process log, however the store answers: training never waits for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from functools import cache

from rnnexp.errors import RnnexpError, first_line
from rnnexp.redact import redact
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.mlflow_import import require_mlflow
from rnnexp.tracking.push import push_journals
from rnnexp.tracking.store import database
from rnnexp.tracking.target import Target

INTERVAL_S = 2.0
LONGEST_PAUSE_S = 60.0  # between two attempts while the store does not answer
SHORTEST_PAUSE_S = 0.5  # if somebody waits for it
ATTEMPTS = 2  # while somebody waits
PATIENCE_S = 5.0  # how long the end of runs waits for a server
INTERRUPTED_S = 3.0  # for a local database at the end of a run that was told to end
LOCAL_PATIENCE_S = 30.0  # and for a local database, which other processes write to

log = logging.getLogger("rnnexp")


class Pusher:
    """Stores journals, all of which go to one store; `error` is what went wrong last, None while all is well."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.error: Exception | None = None
        self._target: Target | None = None
        self._journals: list[RunJournal] = []
        self._condition = threading.Condition()
        self._hurried = self._told = self._started = False
        self._experiment: str | None = None
        self._failures = self._all_failures = 0
        self.is_local = database(uri) is not None
        self._patience = self._most_patience = LOCAL_PATIENCE_S if self.is_local else PATIENCE_S

    def open(self, experiment: str | None = None) -> None:
        """Open the store, and import MLflow for it if need be, now that nothing is there to be stored yet."""
        self._experiment = self._experiment or experiment
        self._hurry()

    def add(self, journal: RunJournal) -> None:
        """Store a journal as it grows, until it is closed and all of it is there."""
        with self._condition:
            self._journals.append(journal)
        self._hurry()

    def patience(self, *, interrupted: bool) -> float:
        """Return how long the end of a run may wait; one that was told to end waits only for what answers."""
        if not interrupted:
            return self._patience
        if self.is_local:
            return min(self._patience, INTERRUPTED_S)
        return min(self._patience, SHORTEST_PAUSE_S if self._target is None or self._failures else INTERVAL_S)

    def closed(self) -> list[RunJournal]:
        """Return the journals to which nothing will be added, and of which something may not be stored yet."""
        with self._condition:
            return [journal for journal in self._journals if journal.closed]

    def flush(self, journals: Sequence[RunJournal], patience: float | None = None) -> bool:
        """Wait until all that journals hold is stored; False if the store does not take it in time.

        All waiting together is bounded while nothing succeeds: a dead server does not cost every run its patience.
        """
        began, before = time.monotonic(), self._all_failures
        deadline = began + (self._patience if patience is None else patience)
        with self._condition:
            while any(journal.pending for journal in journals):
                left = deadline - time.monotonic()
                if left <= 0 or self._all_failures - before >= ATTEMPTS:
                    self._patience = max(0.0, self._patience - (time.monotonic() - began))
                    return False
                self._hurried = True
                self._condition.notify_all()
                self._condition.wait(min(left, SHORTEST_PAUSE_S))
        return True

    def _hurry(self) -> None:
        with self._condition:
            self._hurried = True
            self._condition.notify_all()
            if not self._started:
                self._started = True
                threading.Thread(target=self._work, name="rnnexp-tracking", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._hurried = False
            try:
                self._push()
            except Exception as error:  # MLflow, SQLAlchemy, requests and the disk raise whatever they like
                if not threading.main_thread().is_alive():  # Python ends, and has told what is not stored
                    return
                self._fail(error)
            else:
                self._succeed()
            self._rest()

    def _push(self) -> None:
        with self._condition:
            journals = list(self._journals)
        if self._target is None:
            first = next((str(begun["experiment"]) for one in journals if (begun := one.begun)), None)
            self._target = Target(self.uri, self._experiment or first)
        push_journals(self._target, [journal for journal in journals if journal.pending])
        with self._condition:
            self._journals = [one for one in self._journals if one.pending or not one.closed]

    def _rest(self) -> None:
        """Wait for the next attempt: until something may have been logged, and longer if the store does not answer."""
        with self._condition:
            self._condition.notify_all()
            if self._failures:
                self._condition.wait(SHORTEST_PAUSE_S)
            pause = min(INTERVAL_S * 2**self._failures, LONGEST_PAUSE_S) if self._journals else None
            self._condition.wait_for(lambda: self._hurried, pause)

    def _succeed(self) -> None:
        if self._told:
            log.info("tracking: %s answers again", redact(self.uri))
        self._told, self._failures, self.error, self._patience = False, 0, None, self._most_patience

    def _fail(self, error: Exception) -> None:
        """Tell it once, and have what is logged survive a loss of power: it is nowhere else."""
        log.debug("tracking", exc_info=error)
        with self._condition:
            self.error, journals = error, list(self._journals)
            self._failures += 1
            self._all_failures += 1
        if self._target:
            self._target.forget()
        if journals and not self._told:
            self._told = True
            reason = (
                str(error) if isinstance(error, RnnexpError) else f"{redact(self.uri)}: {redact(first_line(error))}"
            )
            log.warning(
                "tracking: %s\nwhat runs log is kept in their folders and stored once the store answers", reason
            )
        for journal in journals:
            journal.sync()


@cache
def _get_pusher(uri: str, process: int) -> Pusher:
    return Pusher(uri)


def get_pusher(uri: str) -> Pusher:
    """Return the one pusher that this process has for a store. Raises ResourceError where MLflow is not installed."""
    require_mlflow()
    return _get_pusher(uri, os.getpid())
