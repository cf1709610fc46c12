"""Runs that have died without a word: the store is told that they were killed, once it is sure that they were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnnexp.errors import ConfigError, TrackingError, first_line
from rnnexp.redact import redact
from rnnexp.run_folder import look_at
from rnnexp.tracking import find, store
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.liveness import KILLED, SWEEP, Liveness, examine, examine_folder
from rnnexp.tracking.moved import FOLDER
from rnnexp.tracking.query import TrackedRun, Wanted, select
from rnnexp.tracking.run import OUTCOME
from rnnexp.tracking.start import end_journal
from rnnexp.tracking.sync import ALL, find_journals, sync_journal
from rnnexp.tracking.target import Target

Verdict = Literal["killed", "stored", "alive", "unknown", "busy"]


@dataclass(frozen=True)
class ReapedRun:
    """What was found of one run and done about it.

    verdict: "killed" and "stored" (its end, which was not in the store) have been done, the others are left alone
    status:  as the store, or the journal of a run that is not there, has it now;  why: what the verdict rests on
    """

    name: str
    run_id: str | None
    folder: Path | None
    verdict: Verdict
    status: str
    why: str


def reap(uri: str | None, text: str = ALL, *, force: bool = False, beside: bool = True) -> Iterator[ReapedRun]:
    """End the dead among the runs that are meant and that the store takes for running; tell of all of them.

    `force` ends those, too, of which this machine cannot know; never those that live. `beside` looks through the
    folders for runs that the store does not know.
    Raises ConfigError if no run is meant, TrackingError if the store cannot be used.
    """
    where = store.tracking_uri(uri)
    running = select(uri, Wanted(status="RUNNING"))
    chosen = _choose(uri, running, text)
    target: Target | None = None
    for run in chosen:
        finding = examine(run)
        if finding.life == "alive" or (finding.life == "unknown" and not force):
            yield ReapedRun(run.name, run.run_id, finding.folder, finding.life, run.status, finding.why)
            continue
        target = target or Target(where)
        yield _end(target, run, finding)
    known = {run.run_id for run in running}
    for journal in _unstored(text, known) if beside else ():
        yield _end_unstored(journal, where, force=force)


def _choose(uri: str | None, running: Sequence[TrackedRun], text: str) -> list[TrackedRun]:
    """Return the running ones that are meant: all, one by name or id, those of a sweep, or those below a folder."""
    if text == ALL:
        return list(running)
    if Path(text).is_dir():
        folder = Path(text).resolve()
        return [run for run in running if FOLDER in run.tags and folder in _upwards(run.tags[FOLDER])]
    if chosen := [run for run in running if text in (run.name, run.run_id, run.tags.get(SWEEP))]:
        return chosen
    try:
        one = find.run(uri, text)
    except ConfigError:
        if _journals(text):  # of a run that is not in this store
            return []
        raise
    return [run for run in running if run.run_id == one.run_id]


def _upwards(folder: str) -> list[Path]:
    path = Path(folder).resolve()
    return [path, *path.parents]


def _journals(text: str) -> list[RunJournal]:
    try:
        return find_journals(text)
    except ConfigError:
        return []


def _unstored(text: str, known: set[str]) -> Iterator[RunJournal]:
    """Yield the journals of runs that have not ended and that the store does not take for running."""
    for journal in _journals(text):
        ids = {journal.stored.run_id, (journal.begun or {}).get("key")}
        if journal.begun and journal.ended is None and not ids & known:
            yield journal


def _end_unstored(journal: RunJournal, where: str, *, force: bool) -> ReapedRun:
    """End a run of which the store in use knows nothing in its folder alone."""
    sweep = journal.folder.parent.parent if SWEEP in (journal.begun or {})["tags"] else None
    finding = examine_folder(journal.folder, journal, sweep)
    name = str((journal.begun or {})["name"])
    if finding.life == "alive" or (finding.life == "unknown" and not force):
        verdict: Verdict = finding.life
        return ReapedRun(name, journal.stored.run_id, journal.folder, verdict, "RUNNING", finding.why)
    end_journal(journal)
    named = journal.stored.uri or (journal.begun or {})["uri"]
    lacking = f"{finding.why}; store it with: rnnexp sync {os.path.relpath(journal.folder)}"
    why = lacking if named == redact(where) else f"{finding.why}; it goes to another store: {named}"
    return ReapedRun(name, journal.stored.run_id, journal.folder, "killed", KILLED, why)


def _end(target: Target, run: TrackedRun, finding: Liveness) -> ReapedRun:
    """End a run that is dead, by its journal if there is one: with all else that the store lacks of it."""
    folder, journal = finding.folder, finding.journal
    if folder is not None:
        with look_at(folder) as is_taken:  # nobody can claim it until its end is written down
            if is_taken:
                return ReapedRun(run.name, run.run_id, folder, "alive", run.status, "a process writes to its folder")
            if journal:
                end_journal(journal)
    if journal:
        done = sync_journal(target, journal, run.name)
        if journal.pending:
            return ReapedRun(run.name, run.run_id, folder, "busy", run.status, done.note)
    status = (journal.ended if journal else None) or KILLED
    _require(target, run, status)
    verdict: Verdict = "stored" if finding.life == "ended" else "killed"
    return ReapedRun(run.name, run.run_id, folder, verdict, status, finding.why)


def _require(target: Target, run: TrackedRun, status: str) -> None:
    """Make sure that the store has the end of a run, which no journal may have told it."""
    try:
        if target.client.get_run(run.run_id).info.status != "RUNNING":
            return
        if status == KILLED:
            target.client.set_tag(run.run_id, OUTCOME, "killed")
        target.client.set_terminated(run.run_id, status, _last_sign(target, run))
    except Exception as error:  # MLflow, SQLAlchemy and requests raise whatever they like
        raise TrackingError(f"{target.shown}: run {run.name} cannot be ended: {redact(first_line(error))}") from None


def _last_sign(target: Target, run: TrackedRun) -> int:
    """Return when the store has last heard of a run, in milliseconds."""
    last = [target.client.get_metric_history(run.run_id, name)[-1].timestamp for name in run.metrics]
    return max([run.started, *last])
