"""What journals hold, put into a store in the order in which it was written down."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from rnnexp.tracking.batch import transaction
from rnnexp.tracking.journal import JournalBusyError, RunJournal
from rnnexp.tracking.target import Target
from rnnexp.tracking.target_run import Operation, TargetRun

MAX_ROWS = 50_000  # in one transaction, a quarter of a second: other writers wait for it
MAX_OPEN = 100  # journals at a time: each holds a file open
# What another process, a full disk or its owner may change.
_PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
)

Operations = list[tuple[TargetRun, Operation]]

log = logging.getLogger("rnnexp")


def push_journals(target: Target, journals: Sequence[RunJournal]) -> None:
    """Store what is pending of journals. Raises what a store raises that does not take it now.

    What another process is storing is left to it.
    """
    for start in range(0, len(journals), MAX_OPEN):
        with ExitStack() as stack:
            runs = []
            for journal in journals[start : start + MAX_OPEN]:
                with suppress(JournalBusyError):
                    stack.enter_context(journal.alone())
                    runs.append(TargetRun(target, journal))
            if target.file:
                _push_rows(target.file, runs)
            else:
                for run in runs:
                    run.push_by_client()


def _push_rows(file: Path, runs: Sequence[TargetRun]) -> None:
    """Store what several runs have logged in few transactions; the trouble of one does not hold up the others."""
    failure: Exception | None = None
    some: Operations = []
    for run in runs:
        try:
            for operation in run.operations():
                if operation.write is None:
                    some = _ask(file, run, operation, some)
                some.append((run, operation))
                if sum(each.size for _, each in some) >= MAX_ROWS:
                    ready, some = some, []
                    _commit(file, ready)
        except Exception as error:  # MLflow and the disk raise whatever they like
            failure = error
    _commit(file, some)
    if failure:
        raise failure


def _ask(file: Path, run: TargetRun, operation: Operation, some: Operations) -> Operations:
    """Have MLflow's client do an operation, and return what is still to be written.

    What begins again asks for the run, which may be among that.
    """
    if operation.what == "begin":
        _commit(file, some)
        some = []
    run.ask(operation)
    return some


def _commit(file: Path, some: Sequence[tuple[TargetRun, Operation]]) -> None:
    """Write all in one transaction, or those of each run in one, or by MLflow's client, which says what is wrong."""
    by_run: dict[int, list[tuple[TargetRun, Operation]]] = {}
    for pair in some:
        by_run.setdefault(id(pair[0]), []).append(pair)
    if not _is_written(file, some):
        for pairs in by_run.values():
            if len(by_run) == 1 or not _is_written(file, pairs):
                pairs[0][0].push_by_client()


def _is_written(file: Path, some: Sequence[tuple[TargetRun, Operation]]) -> bool:
    try:
        if any(operation.write for _, operation in some):
            with transaction(file) as connection:
                for _, operation in some:
                    if operation.write:
                        operation.write(connection)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:  # our own have none
            raise
        log.debug("%s: %s", file, error)  # tables of another version, a run in the trash
        return False
    for run, operation in some:
        run.advance(operation)
    return True
