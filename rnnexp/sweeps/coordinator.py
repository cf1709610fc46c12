"""The one process that decides: which job starts, which is given up, and what is remembered."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnnexp.errors import ConfigError
from rnnexp.sweeps.executors import Executor
from rnnexp.sweeps.executors.base import Exit
from rnnexp.sweeps.jobs import Job, Planner
from rnnexp.sweeps.objective import of_epoch
from rnnexp.sweeps.search import Grid, Optuna, Pruning
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.state import JobState, Journal
from rnnexp.sweeps.task import ATTEMPT, LOCK, LOG, STOP, Outcome, Task, read_outcome
from rnnexp.sweeps.view import View
from rnnexp.tracking.abandoned import end_abandoned

POLL_S = 0.2
JOURNAL = "jobs.jsonl"

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Orders:
    """What a coordinator works by.

    template: the task of a job, without what is its own;  planned: the jobs of a grid, None for a sampler
    """

    folder: Path
    settings: Sweep
    planner: Planner
    search: Grid | Optuna
    template: Task
    direction: Any
    planned: list[Job] | None = None

    @property
    def total(self) -> int:
        """How many jobs there are in all."""
        return len(self.planned) if self.planned is not None else self.search.total * self.planner.jobs_per_trial


class Coordinator:
    """Runs what is missing of a sweep. `why` says afterwards why not everything has been run, if so."""

    def __init__(self, orders: Orders, journal: Journal, view: View) -> None:
        self.orders, self.journal, self.view = orders, journal, view
        self.state = journal.state
        self.settings = orders.settings
        self.why: str | None = None
        self.out_of_time = False
        self.parent: str | None = None
        self.executor: Executor
        self._jobs: dict[int, Job] = {}
        self._pending: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._next_trial = 0
        self._curves: dict[int, _Curve] = {}
        self._began = time.monotonic()
        self._failures = 0
        self._deaths: dict[int, int] = {}
        self._pruning = Pruning(self.settings.pruner, orders.direction) if self.settings.pruner is not None else None
        self._digests = {job.digest: job for job in self.state.jobs.values() if job.finished}

    def prepare(self) -> None:
        """Take up what earlier starts have left: results, live workers, the sampler's history."""
        for job in self._known():
            self._jobs[job.number] = job
        for number, known in self.state.jobs.items():
            if known.attempts and known.status is None:
                self._take_up(number, known)
        self._replay()
        for job in self._jobs.values():
            if self._is_due(self.state.jobs[job.number]):
                self._pending.append(job)

    def _known(self) -> Iterable[Job]:
        """Yield the jobs that are known: those of a grid, or those that a sampler has asked for so far."""
        if self.orders.planned is not None:
            new = [job for job in self.orders.planned if job.number not in self.state.jobs]
            self.journal.append(*(_job_event(job) for job in new))
            return self.orders.planned
        jobs: list[Job] = []
        for trial, point in sorted(self.state.trials.items()):
            try:
                jobs += self.orders.planner.jobs(trial, point)
            except ConfigError as error:  # has been recorded as failed
                log.debug("trial %d: %s", trial, error)
        self.journal.append(*(_job_event(job) for job in jobs if job.number not in self.state.jobs))
        return jobs

    def _is_due(self, known: JobState) -> bool:
        return known.status is None or (known.status == "failed" and self.settings.retry_failed)

    def _take_up(self, number: int, known: JobState) -> None:
        """Settle a job that was running when the coordinator of an earlier start died."""
        folder = self._folder(number)
        lock = FileLock(folder / LOCK)
        told = False
        while folder.exists():
            try:
                with lock.acquire(timeout=0):
                    break
            except Timeout:
                if not told:
                    self.view.note(f"job {number} still runs in a process of an earlier start: waiting for it to end")
                told = True
                time.sleep(POLL_S)
        outcome = read_outcome(folder)
        if outcome is not None:
            self.journal.append(_end_event(number, outcome))
        else:
            self._bury(number)

    def _replay(self) -> None:
        per_trial: dict[int, list[JobState]] = {}
        for job in self.state.jobs.values():
            per_trial.setdefault(job.trial, []).append(job)
            if self._pruning and job.status is not None:
                self._pruning.hopeless(job.number, _Curve(self._folder(job.number), self._metric()).new())
                self._pruning.ended(job.number, job.value, job.status == "pruned")
        ended = {
            trial: _mean(jobs)
            for trial, jobs in per_trial.items()
            if len(jobs) == self.orders.planner.jobs_per_trial and not any(self._is_due(job) for job in jobs)
        }
        self.orders.search.replay(self.state.trials, ended)
        self._next_trial = max(self.state.trials, default=-1) + 1

    @property
    def has_work(self) -> bool:
        """Whether a job waits, or the sampler has points left."""
        return bool(self._pending) or (self.orders.planned is None and self._next_trial < self.orders.search.total)

    def run(self, executor: Executor) -> None:
        """Run until nothing is left, or until a limit says stop; an interruption stops the workers."""
        self.executor = executor
        try:
            while True:
                self._fill()
                if not self._running:
                    break
                for ended in executor.wait(POLL_S):
                    self._ended(ended)
                self.look_after()
                if self.why and self.settings.fail_fast:
                    break
        finally:
            if self._running:
                executor.stop()
                self._collect()
            executor.close()

    def look_after(self) -> None:
        """Follow running jobs: show their epochs, and leave word for those that are hopeless."""
        for number, job in list(self._running.items()):
            curve = self._curves[number]
            new = curve.new()
            if curve.epoch:
                self.view.epochs[number] = (curve.epoch, int(job.mapping["trainer"]["epochs"]))
            if self._pruning and new and self._pruning.hopeless(number, self._so_far(curve, new)):
                (self._folder(number) / STOP).touch()
        self.view.tick()

    def _so_far(self, curve: _Curve, new: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Turn values of epochs into the best so far where the objective is the best one."""
        if not self.orders.template.objective.startswith("best/"):
            return new
        better = min if self.orders.direction == "minimize" else max
        result = []
        for epoch, value in new:
            if math.isfinite(value):
                curve.best = value if curve.best is None else better(curve.best, value)
                result.append((epoch, curve.best))
        return result

    def _fill(self) -> None:
        """Start as many jobs as there is room for."""
        while self.why is None and len(self._running) < self.executor.capacity:
            if self.settings.timeout and time.monotonic() - self._began > self.settings.timeout:
                self.out_of_time = True
                self.why = f"the time of {self.settings.timeout:g} s is up"
                return
            if not self._pending and not self._ask():
                return
            if self._pending:
                self._start(self._pending.popleft())

    def _ask(self) -> bool:
        """Ask the sampler for the next point; False once there is none."""
        if not self.has_work:
            return False
        trial, self._next_trial = self._next_trial, self._next_trial + 1
        point = self.orders.search.ask(trial)
        try:
            jobs = list(self.orders.planner.jobs(trial, point))
        except ConfigError as error:
            number = trial * self.orders.planner.jobs_per_trial
            failed = Outcome("failed", error=error.problems[0], exit_code=error.exit_code)
            unknown = Job(number, trial, point, "", {})
            self.journal.append(_trial_event(trial, point), _job_event(unknown), _end_event(number, failed))
            self.orders.search.tell(trial, None)
            self._say(number)
            return True
        self.journal.append(_trial_event(trial, point), *map(_job_event, jobs))
        for job in jobs:
            self._jobs[job.number] = job
            twin = self._digests.get(job.digest)
            if twin is not None:
                self._finish(job.number, _outcome(twin))
            else:
                self._pending.append(job)
        return True

    def _start(self, job: Job) -> None:
        attempt = self.state.jobs[job.number].attempts + 1
        folder = self._folder(job.number)
        if folder.exists():
            folder.rename(_free_name(folder, attempt - 1))
        folder.mkdir(parents=True, mode=0o700)
        (folder / ATTEMPT).write_text(str(attempt), encoding="utf-8")
        (folder / LOG).touch()
        self.journal.append({"event": "start", "job": job.number, "attempt": attempt, "time": round(time.time(), 3)})
        task = replace(self.orders.template, number=job.number, attempt=attempt, folder=folder, mapping=job.mapping)
        self._running[job.number] = job
        self._curves[job.number] = _Curve(folder, self._metric())
        self.view.started(job.number)
        self.executor.submit(replace(task, parent=self.parent))

    def _ended(self, ended: Exit) -> None:
        self._running.pop(ended.number)
        self._curves.pop(ended.number, None)
        outcome = read_outcome(self._folder(ended.number))
        if outcome is None:
            self._died(ended)
        else:
            self._finish(ended.number, outcome)

    def _died(self, ended: Exit) -> None:
        """Start a job whose process was killed again, but not for ever."""
        self._bury(ended.number)
        reason = ended.reason or "its process ended without a result"
        times = self._deaths[ended.number] = self._deaths.get(ended.number, 0) + 1
        if times <= self.settings.retries:
            self.view.running.pop(ended.number, None)
            self.view.note(f"job {ended.number}: {reason}; starting it again ({times} of {self.settings.retries})")
            self._pending.appendleft(self._jobs[ended.number])
        else:
            error = f"{reason}, {times} times" if times > 1 else reason
            self._finish(ended.number, Outcome("failed", error=error, exit_code=1))

    def _bury(self, number: int) -> None:
        """Say in MLflow that the run of a dead worker was killed."""
        job = self._jobs.get(number)
        tracking = job.mapping.get("tracking", {}) if job else {}
        end_abandoned(self._folder(number), tracking.get("uri"))

    def _finish(self, number: int, outcome: Outcome) -> None:
        self.journal.append(_end_event(number, outcome))
        job = self.state.jobs[number]
        if job.finished:
            self._digests.setdefault(job.digest, job)
        if self._pruning:
            self._pruning.ended(number, outcome.value, outcome.status == "pruned")
        same = [other for other in self.state.jobs.values() if other.trial == job.trial]
        if len(same) == self.orders.planner.jobs_per_trial and all(other.status for other in same):
            self.orders.search.tell(job.trial, _mean(same))
        self._say(number)

    def _say(self, number: int) -> None:
        job = self.state.jobs[number]
        self.view.ended(job, str(_shown(self._folder(number) / LOG)))
        if job.status == "failed":
            self._failures += 1
            limit = 1 if self.settings.fail_fast else self.settings.max_failures
            if limit is not None and self._failures >= limit and self.why is None:
                self.why = f"{self._failures} job{'s have' if self._failures > 1 else ' has'} failed"

    def _collect(self) -> None:
        """After the workers were stopped: keep what some of them have finished nevertheless."""
        for number in list(self._running):
            outcome = read_outcome(self._folder(number))
            if outcome is not None:
                self._finish(number, outcome)
            else:
                self._bury(number)
        self._running.clear()
        self.view.running.clear()

    def _folder(self, number: int) -> Path:
        return job_folder(self.orders.folder, number)

    def _metric(self) -> str:
        return of_epoch(self.orders.template.objective)


class _Curve:
    """Reads what a running job appends to its `metrics.jsonl`."""

    def __init__(self, folder: Path, metric: str) -> None:
        self._path, self._metric = folder / "metrics.jsonl", metric
        self._offset = 0
        self.epoch = 0
        self.best: float | None = None

    def new(self) -> list[tuple[int, float]]:
        """Return (epoch, value) of the epochs since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["step"]:
                self.epoch = max(self.epoch, entry["step"])
                if self._metric in entry["metrics"]:
                    found.append((entry["step"], float(entry["metrics"][self._metric])))
        return found


def job_folder(sweep: Path, number: int) -> Path:
    return sweep / "jobs" / str(number)


def _free_name(folder: Path, attempt: int) -> Path:
    """Return a name under which an earlier attempt is kept: nothing is deleted."""
    number = max(1, attempt)
    while (name := folder.with_name(f"{folder.name}.attempt{number}")).exists():
        number += 1
    return name


def _shown(path: Path) -> Path:
    """Return a path as short as it can be from the working directory."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _mean(jobs: list[JobState]) -> float | None:
    """Return the mean objective of a trial's jobs; None if one has no value."""
    values = [job.value for job in jobs]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _outcome(job: JobState) -> Outcome:
    """Return the outcome of a job for its twin, which would compute the same."""
    return Outcome(job.status or "done", job.value, job.metrics, job.run_id, 0.0)


def _trial_event(trial: int, point: Mapping[str, str]) -> dict[str, Any]:
    return {"event": "trial", "trial": trial, "values": dict(point)}


def _job_event(job: Job) -> dict[str, Any]:
    return {"event": "job", "job": job.number, "trial": job.trial, "digest": job.digest, "values": dict(job.values)}


def _end_event(number: int, outcome: Outcome) -> dict[str, Any]:
    return {
        "event": "end",
        "job": number,
        "status": outcome.status,
        "value": outcome.value,
        "metrics": dict(outcome.metrics),
        "run_id": outcome.run_id,
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
        "time": round(time.time(), 3),
    }
