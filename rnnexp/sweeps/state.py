"""What a sweep remembers: lines that are only ever appended, whole after a `kill -9` at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rnnexp.compare.differ import REPEATS
from rnnexp.config.renamed import current_keys
from rnnexp.disk import name_file
from rnnexp.disk import write_whole as write_whole
from rnnexp.errors import TrackingError

JOURNAL = "jobs.jsonl"

Status = Literal["done", "pruned", "diverged", "failed"]
FINISHED: tuple[Status, ...] = ("done", "pruned", "diverged")


@dataclass
class JobState:
    """What is known of one job; `status` is None while it waits or runs.

    value: of the objective; None if it is not a number;  metrics: everything the run logged at its end
    """

    number: int
    trial: int
    digest: str
    values: dict[str, str]
    attempts: int = 0
    status: Status | None = None
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    seconds: float | None = None
    error: str | None = None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


@dataclass
class State:
    """The sweep as its journal tells it; `trials` are points by number, `jobs` are by number too."""

    trials: dict[int, dict[str, str]] = field(default_factory=dict)
    jobs: dict[int, JobState] = field(default_factory=dict)
    parent: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    closed: bool = False  # its table and report are of all that has happened

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one event; kinds that a later version may add are passed over."""
        kind = event.get("event")
        self.closed = kind == "closed"
        if kind == "trial":
            self.trials[event["trial"]] = current_keys(event["values"])
        elif kind == "job":
            values = current_keys(event["values"])
            self.jobs[event["job"]] = JobState(event["job"], event["trial"], event["digest"], values)
        elif kind == "start":
            job = self.jobs[event["job"]]
            job.attempts, job.status, job.error = event["attempt"], None, None
        elif kind == "end":
            job = self.jobs[event["job"]]
            for key in ("status", "value", "metrics", "run_id", "seconds", "error"):
                setattr(job, key, event.get(key, {} if key == "metrics" else None))
        elif kind == "parent":
            self.parent = event["run_id"]
        elif kind == "facts":
            self.facts = event


def mean_value(jobs: Sequence[JobState]) -> float | None:
    """Return the mean objective of a trial's jobs; None if one has no value."""
    values = [job.value for job in jobs]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


@dataclass(frozen=True)
class Best:
    """The best setting so far: the mean of its jobs, its point without seed and fold, and its best job."""

    value: float
    point: Mapping[str, str]
    job: JobState
    jobs: int


def best_setting(state: State, direction: str) -> Best | None:
    """Return the best of the settings whose jobs have all ended, by the mean of those that are done.

    Jobs that differ in seeds and folds alone are of one setting; one that was drawn again counts once.
    """
    choose = min if direction == "minimize" else max
    settings: dict[tuple[tuple[str, str], ...], dict[str, JobState]] = {}
    for job in state.jobs.values():
        point = tuple((key, value) for key, value in job.values.items() if key not in REPEATS)
        settings.setdefault(point, {}).setdefault(job.digest, job)
    found: list[Best] = []
    for point, jobs in settings.items():
        done = [job for job in jobs.values() if job.status == "done" and job.value is not None]
        mean = mean_value(done)
        if mean is not None and all(job.status for job in jobs.values()):
            found.append(Best(mean, dict(point), choose(done, key=lambda job: job.value or 0.0), len(done)))
    return choose(found, key=lambda best: best.value, default=None)


class Journal:
    """`jobs.jsonl`: one event per line, on the disk before `append` returns.

    A last line torn by a crash is left behind and overlooked; a damaged line elsewhere is an error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = State()
        for number, event in _read(path):
            try:
                self.state.apply(event)
            except (KeyError, TypeError, AttributeError):
                raise _damaged(path, number) from None

    def append(self, *events: Mapping[str, Any]) -> None:
        """Write events together and make sure that they survive."""
        if not events:
            return
        text = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
        with name_file(self.path), self.path.open("ab") as file:
            if file.tell() and not _ends_with_newline(self.path):
                text = "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        for event in events:
            self.state.apply(json.loads(json.dumps(event)))


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _damaged(path: Path, number: int) -> TrackingError:
    return TrackingError(
        f"{path}, line {number}: is not an event of a sweep; restore the file, or start anew with --new"
    )


def _read(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the events with their lines; a torn line cannot be read and was the last when its writer died."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            event = json.loads(line)
        except ValueError:
            if line.startswith(b'{"event":') or line.strip() in (b"", b"{") or b'{"event"'.startswith(line):
                continue
            raise _damaged(path, number) from None
        yield number, event
