"""The one process that decides: which job starts, which is given up, and what is remembered."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError
from rnnexp.run_folder import is_held
from rnnexp.sweeps.events import end_event, job_event, outcome_of, trial_event
from rnnexp.sweeps.executor import Executor, Exit
from rnnexp.sweeps.jobs import Job, Planner
from rnnexp.sweeps.search import Grid, Optuna
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.state import JobState, Journal, mean_value
from rnnexp.sweeps.task import ATTEMPT, LOG, Outcome, Task, free_name, job_folder, read_outcome, shown
from rnnexp.sweeps.view import View
from rnnexp.sweeps.watch import Watch
from rnnexp.tracking.start import end_dead_run

POLL_S = 0.2

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
        self.interrupted = False
        self.parent: str | None = None
        self.executor: Executor
        self._jobs: dict[int, Job] = {}
        self._pending: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._next_trial = 0
        self._watch = Watch(self.settings, orders.template.objective, orders.direction)
        self._began = time.monotonic()
        self._failures = 0
        self._deaths: dict[int, int] = {}
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

    def _known(self) -> list[Job]:
        """Return the jobs that are known: those of a grid, or those that a sampler has asked for so far."""
        jobs = list(self.orders.planned or ())
        if self.orders.planned is None:
            for trial, point in sorted(self.state.trials.items()):
                try:
                    jobs += self.orders.planner.jobs(trial, point)
                except ConfigError as error:  # has been recorded as failed
                    log.debug("trial %d: %s", trial, error)
        self._check_unchanged(jobs)
        self.journal.append(*(job_event(job) for job in jobs if job.number not in self.state.jobs))
        return jobs

    def _check_unchanged(self, jobs: Iterable[Job]) -> None:
        """Refuse to go on when files of the configuration, or defaults, have changed under the same command."""
        known = self.state.jobs
        changed = [str(job.number) for job in jobs if not job.is_known_as(known.get(job.number))]
        if changed:
            more = ", …" if len(changed) > 5 else ""
            raise ConfigError(
                f"the sweep {self.orders.folder}: the same command now gives other configurations (jobs "
                f"{', '.join(changed[:5])}{more}), because YAML files, defaults or the environment have changed; put "
                f"them back to go on with it, or start a new sweep beside it with --new"
            )

    def _is_due(self, known: JobState) -> bool:
        return known.status is None or (known.status == "failed" and self.settings.retry_failed)

    def _take_up(self, number: int, known: JobState) -> None:
        """Settle a job that was running when the coordinator of an earlier start died."""
        folder = self._folder(number)
        if is_held(folder):
            self.view.note(f"job {number} still runs in a process of an earlier start: waiting for it to end")
        while is_held(folder):
            time.sleep(POLL_S)
        outcome = read_outcome(folder)
        if outcome is not None:
            self.journal.append(end_event(number, outcome))
        else:
            self._bury(number)

    def _replay(self) -> None:
        per_trial: dict[int, list[JobState]] = {}
        for job in self.state.jobs.values():
            per_trial.setdefault(job.trial, []).append(job)
            if job.status is not None:
                self._watch.replay(job.number, self._folder(job.number), job.value, job.status == "pruned")
        ended = {
            trial: mean_value(jobs)
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
        except BaseException:
            self.interrupted = True
            raise
        finally:
            if self._running:
                executor.stop()
                self._collect()
            executor.close()

    def look_after(self) -> None:
        """Follow running jobs: show their epochs, and leave word for those that are hopeless."""
        for number, job in self._running.items():
            epoch = self._watch.look(number)
            if epoch:
                self.view.epochs[number] = (epoch, int(job.mapping["trainer"]["epochs"]))
        self.view.tick()

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
            self.journal.append(trial_event(trial, point), job_event(unknown), end_event(number, failed))
            self.orders.search.tell(trial, None)
            self._say(number)
            return True
        self.journal.append(trial_event(trial, point), *map(job_event, jobs))
        for job in jobs:
            self._jobs[job.number] = job
            twin = self._digests.get(job.digest) or self._digests.get(job.legacy or "")
            if twin:
                self._finish(job.number, outcome_of(twin))
            else:
                self._pending.append(job)
        return True

    def _start(self, job: Job) -> None:
        attempt = self.state.jobs[job.number].attempts + 1
        folder = self._folder(job.number)
        if folder.exists():
            folder.rename(free_name(folder, attempt - 1))
        folder.mkdir(parents=True, mode=0o700)
        (folder / ATTEMPT).write_text(str(attempt), encoding="utf-8")
        (folder / LOG).touch()
        self.journal.append({"event": "start", "job": job.number, "attempt": attempt, "time": round(time.time(), 3)})
        task = replace(self.orders.template, number=job.number, attempt=attempt, folder=folder, mapping=job.mapping)
        self._running[job.number] = job
        self._watch.start(job.number, folder)
        self.view.started(job.number)
        self.executor.submit(replace(task, parent=self.parent, hydra=self.orders.planner.hydra_config(job, folder)))

    def _ended(self, ended: Exit) -> None:
        self._running.pop(ended.number)
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
        """Say for the run of a dead worker that it was killed."""
        job = self._jobs.get(number)
        if job:
            end_dead_run(self._folder(number), parse(job.mapping).tracking)

    def _finish(self, number: int, outcome: Outcome) -> None:
        self.journal.append(end_event(number, outcome))
        job = self.state.jobs[number]
        if job.finished:
            self._digests.setdefault(job.digest, job)
        self._watch.ended(number, outcome.value, outcome.status == "pruned")
        same = [other for other in self.state.jobs.values() if other.trial == job.trial]
        if len(same) == self.orders.planner.jobs_per_trial and all(other.status for other in same):
            self.orders.search.tell(job.trial, mean_value(same))
        self._say(number)

    def _say(self, number: int) -> None:
        job = self.state.jobs[number]
        self.view.ended(job, str(shown(self._folder(number) / LOG)))
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
