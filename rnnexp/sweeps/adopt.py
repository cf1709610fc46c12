"""How a job ended that nobody has said the end of: from its result, what its run has written down, or the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnexp.config.settings import Tracking
from rnnexp.errors import TrackingError
from rnnexp.run_folder import is_held
from rnnexp.sweeps.state import JobState, Status
from rnnexp.sweeps.task import Outcome, read_outcome
from rnnexp.sweeps.worker import objective_value
from rnnexp.tracking import store
from rnnexp.tracking.journal import ENTRIES, RunJournal, gather_numbers
from rnnexp.tracking.query import Wanted, select
from rnnexp.tracking.run import OUTCOME

POLL_S = 0.2

_STATUS: Mapping[str, Status] = {"ok": "done", "pruned": "pruned", "diverged": "diverged"}


@dataclass(frozen=True)
class WrittenRun:
    """A run that was trained to its end, as its folder tells it.

    begun:   the entry with which it began
    outcome: the tag that says how it ended
    summary: what was logged at its end;  epochs: metrics of each epoch, by its number
    """

    begun: Mapping[str, Any]
    run_id: str | None
    outcome: str
    summary: Mapping[str, float]
    epochs: Mapping[int, Mapping[str, float]]
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether no row is missing."""
        return bool(self.summary) and list(self.epochs) == list(range(1, len(self.epochs) + 1))

    def as_outcome(self, objective: str) -> Outcome | None:
        """Return it as the outcome of a job; None if it has not said how it ended."""
        status = _STATUS.get(self.outcome)
        last = self.epochs[max(self.epochs)] if self.epochs else {}
        value = objective_value(objective, self.summary, [dict(last)])
        return Outcome(status, value, self.summary, self.run_id, self.seconds) if status else None


def read_run(folder: Path) -> WrittenRun | None:
    """Read the run of a folder; None if there is none that has finished."""
    if not (folder / ENTRIES).is_file():
        return None
    journal = RunJournal(folder)
    begun: Mapping[str, Any] = {}
    tags: dict[str, str] = {}
    ended: Mapping[str, Any] = {}
    for entry in journal.entries.records():
        if entry["event"] == "begin":
            begun, tags, ended = entry, dict(entry["tags"]), {}
        elif entry["event"] == "tags":
            tags |= entry["tags"]
        elif entry["event"] == "end":
            ended = entry
    if not begun or ended.get("status") != "FINISHED":
        return None
    summary: dict[str, float] = {}
    epochs: dict[int, Mapping[str, float]] = {}
    for row in journal.rows.records():
        if row["step"]:
            epochs[row["step"]] = row["metrics"]
        else:
            summary |= gather_numbers(row)
    seconds = (ended["time"] - begun["time"]) / 1000
    return WrittenRun(begun, _run_id(journal, begun), tags.get(OUTCOME, ""), summary, epochs, seconds)


def _run_id(journal: RunJournal, begun: Mapping[str, Any]) -> str | None:
    """Return the id in the store; a local database takes the key."""
    return journal.stored.run_id or (begun["key"] if store.database(begun["uri"]) else None)


def read_end(folder: Path, objective: str) -> Outcome | None:
    """Return how the job in a folder ended; None if it has to be run again.

    A process may be killed when its run has ended and its result is not yet written.
    """
    found = read_outcome(folder)
    if found is None and (run := read_run(folder)):
        found = run.as_outcome(objective)
    return found


def ask_store(settings: Tracking, parent: str | None, job: JobState, objective: str) -> Outcome | None:
    """Return how a job ended whose folder is gone, if the store knows a finished run of it below its sweep's."""
    if parent is None or not settings.is_pushed:
        return None
    ours = {"rnnexp.job": str(job.number), "rnnexp.config_hash": job.digest}
    try:
        found = select(settings.uri, Wanted(tags=ours, parents=(parent,), status="FINISHED"))
    except TrackingError:  # is told where the run is tracked
        return None
    for run in found:
        if status := _STATUS.get(run.outcome):
            value = objective_value(objective, run.metrics, [])
            return Outcome(status, value, run.metrics, run.run_id, ((run.ended or run.started) - run.started) / 1000)
    return None


def wait_until_free(folder: Path, told: Callable[[], None]) -> None:
    """Wait for a worker of an earlier start that still runs a job; `told` is called once if there is one."""
    if is_held(folder):
        told()
    while is_held(folder):
        time.sleep(POLL_S)
