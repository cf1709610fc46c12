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

Status = Literal["done", "pruned", "diverged", "failed", "stopped"]
FINISHED: tuple[Status, ...] = ("done", "pruned", "diverged")


@dataclass
class JobState:
    """What is known of one job; `status` is None while it waits or runs.

    started: seconds since 1970 while it runs, None otherwise;  epochs: how many it is to train
    value: of the objective; None if it is not a number;  metrics: everything the run logged at its end
    version: of the files that it was trained on;  reused: the run whose results it has, if it was not run
    """

    number: int
    trial: int
    digest: str
    values: dict[str, str]
    attempts: int = 0
    started: float | None = None
    epochs: int = 0
    status: Status | None = None
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    seconds: float | None = None
    error: str | None = None
    version: int = 0
    reused: str | None = None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in that it has been started, has ended, or has come to nothing."""
        self.started = event.get("time") if event["event"] == "start" else None
        if event["event"] == "start":
            self.attempts, self.epochs, self.status, self.error = event["attempt"], event.get("epochs", 0), None, None
        elif event["event"] == "end":
            for key in ("status", "value", "metrics", "run_id", "seconds", "error", "reused"):
                setattr(self, key, event.get(key, {} if key == "metrics" else None))


@dataclass
class State:
    """The sweep as its journal tells it; `trials` are points by number, `jobs` are by number too.

    total: jobs in all;  began: seconds since 1970, of the latest start;  ended_before: those that cost no time of it
    inputs:  files of data and plugins with their digests;  version: how often these have changed between two jobs
    changes: what was other then, by the version that came
    closed: its table and report are of all that has happened;  exit_code: of the latest start, None until its end
    """

    trials: dict[int, dict[str, str]] = field(default_factory=dict)
    jobs: dict[int, JobState] = field(default_factory=dict)
    last_job: int = -1  # the highest number that a job has ever had
    parent: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    version: int = 0
    changes: dict[int, list[str]] = field(default_factory=dict)
    total: int = 0
    began: float | None = None
    ended_before: int = 0
    closed: bool = False
    exit_code: int | None = None

    @property
    def running(self) -> dict[int, float]:
        """Return the jobs that run, with when they were started."""
        return {number: job.started for number, job in self.jobs.items() if job.started is not None}

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one event; kinds that a later version may add are passed over."""
        kind = event.get("event")
        self.closed = kind == "closed"
        self.exit_code = event.get("exit_code") if kind in ("closed", "interrupted") else None
        if kind == "trial":
            self.trials[event["trial"]] = current_keys(event["values"])
        elif kind == "job":
            self._add(event["job"], event)
        elif kind == "dropped":
            del self.jobs[event["job"]]
        elif kind in ("start", "end", "lost"):
            self._follow(self.jobs[event["job"]], event)
        elif kind == "begin":
            self.total, self.began = event["total"], event["time"]
            self.ended_before = sum(job.status is not None for job in self.jobs.values())
            for job in self.jobs.values():
                job.started = None
        elif kind == "parent":
            self.parent = event["run_id"]
        elif kind == "inputs":
            self.inputs, self.version = event["files"], event["version"]
            self.changes |= {self.version: event["changes"]} if event["changes"] else {}
        elif kind == "facts":
            self.facts = event

    def _add(self, number: int, event: Mapping[str, Any]) -> None:
        values = current_keys(event["values"])
        if number in self.jobs:  # more of its keys vary than did before
            self.jobs[number].values = values
        else:
            self.jobs[number] = JobState(number, event["trial"], event["digest"], values)
        self.last_job = max(self.last_job, number)

    def _follow(self, job: JobState, event: Mapping[str, Any]) -> None:
        job.apply(event)
        if event["event"] == "end":
            job.version = self.version
            self.ended_before += job.reused is not None  # it says nothing of how long the others will take


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
        f"{path}, line {number}: is not an event of a sweep; restore the file, or start a new sweep with --new"
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
