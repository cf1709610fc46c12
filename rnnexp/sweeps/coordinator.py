"""The one process that decides: which job starts, which is given up, and what is remembered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError
from rnnexp.runner.unfinished import Unfinished
from rnnexp.stopping import STOP, read_stop, take_job_requests
from rnnexp.sweeps import attempt
from rnnexp.sweeps.adopt import POLL_S, read_end, wait_until_free
from rnnexp.sweeps.events import begin_event, drop_event, end_event, job_event, outcome_of, start_event, trial_event
from rnnexp.sweeps.executor import Executor, Exit
from rnnexp.sweeps.jobs import Job, check_unchanged
from rnnexp.sweeps.orders import Orders
from rnnexp.sweeps.outage import LOST, find_missed
from rnnexp.sweeps.reuse import copy_run
from rnnexp.sweeps.state import JobState, Journal, mean_value
from rnnexp.sweeps.task import LOG, Outcome, job_folder, read_groups, shown
from rnnexp.sweeps.view import View
from rnnexp.sweeps.watch import Watch
from rnnexp.tracking.start import end_dead_run


class Coordinator:
    """Runs what is missing of a sweep. `why` says afterwards why not everything has been run, if so."""

    def __init__(self, orders: Orders, journal: Journal, view: View) -> None:
        self.orders, self.journal, self.view = orders, journal, view
        self.state = journal.state
        self.settings = orders.settings
        self.why: str | None = None
        self.lost = ""  # the files of the data for which it waits
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
        self._jobs |= {job.number: job for job in self._known()}
        for number, known in self.state.jobs.items():
            if known.status is None and (known.attempts or self._folder(number).exists()):
                self._take_up(number, known)
        self._drop()
        self._replay()
        self._pending += (
            job for number, job in self._jobs.items() if self.settings.is_due(self.state.jobs[number].status)
        )
        attempt.tell_gone_on(self.view, {self._folder(one.number): one for one in self._pending}, self._find_unfinished)

    def _drop(self) -> None:
        """Forget jobs that a grid no longer has, but for those that have finished."""
        if self.orders.planned is not None:
            left = [job.number for job in self.state.jobs.values() if not job.finished and job.number not in self._jobs]
            self.journal.append(*({"event": "dropped", "job": number} for number in left))

    def _known(self) -> list[Job]:
        """Return the jobs that are known; those that the journal does not know yet are written into it."""
        jobs = self.orders.list_known(self.state)
        check_unchanged(jobs, self.state, self.orders.folder)
        self.journal.append(*(job_event(job) for job in jobs if job.says_more_than(self.state.jobs.get(job.number))))
        return jobs

    def _take_up(self, number: int, known: JobState) -> None:
        """Settle a job that was running when the coordinator of an earlier start died."""
        note = f"job {number} still runs in a process of an earlier start: waiting for it to end"
        wait_until_free(self._folder(number), lambda: self.view.note(note))
        gone = not self._folder(number).exists()
        stored = self.orders.ask_store(self._jobs.get(number), known, self.state.parent) if gone else None
        outcome = stored if gone else self._outcome(number)
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
            if len(jobs) == self.orders.planner.jobs_per_trial
            and not any(self.settings.is_due(job.status) for job in jobs)
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
        self.journal.append(begin_event(self.orders.count_jobs(self.state)))
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
        """Follow running jobs, leave word for those that are hopeless, and do what `rnnexp stop` asks for."""
        for number in self._running:
            self.view.progress[number] = self._watch.look(number)
        for number, why in take_job_requests(self.orders.folder):
            self._stop(number, why)
        self.view.tick(read_groups(self.orders.folder))

    def _stop(self, number: int, why: str) -> None:
        """Leave a job out if it waits, have it end if it runs."""
        waiting = next((job for job in self._pending if job.number == number), None)
        if waiting is not None:
            self._pending.remove(waiting)
            self._finish(number, Outcome("stopped", error=f"{why}, before it was started"))
        elif number in self._running:
            (self._folder(number) / STOP).write_text(why, encoding="utf-8")
            self.view.note(f"job {number}: {why}")
            self.executor.stop_job(number)

    def _fill(self) -> None:
        """Start as many jobs as there is room for."""
        ready: list[Job] = []
        while self.why is None and len(self._running) + len(ready) < self.executor.capacity:
            if self.settings.timeout and time.monotonic() - self._began > self.settings.timeout:
                self.out_of_time = True
                self.why = f"the time of {self.settings.timeout:g} s is up"
                break
            if not self._pending and not self._ask():
                break
            if self._pending and not self._reuse(job := self._pending.popleft()):
                ready.append(job)
        self._start(ready)

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

    def _reuse(self, job: Job) -> bool:
        """Take the results of a finished run of the same configuration, data and code, if there is one."""
        source = self.orders.finished and self.orders.finished.find(job)
        if not source:
            return False
        task = replace(self.orders.template, number=job.number, folder=self._folder(job.number), mapping=job.mapping)
        outcome = copy_run(source, replace(task, parent=self.parent))
        self._finish(job.number, outcome)
        return True

    def _start(self, jobs: Sequence[Job]) -> None:
        """Start jobs, once it is on the disk that all of them are."""
        attempts = {job.number: self.state.jobs[job.number].attempts + 1 for job in jobs}
        for job in jobs:
            goes_on = self._find_unfinished(job) is not None
            attempt.make_folder(self._folder(job.number), attempts[job.number], goes_on=goes_on)
        self.journal.append(*(start_event(job, attempts[job.number]) for job in jobs))
        for job in jobs:
            folder = self._folder(job.number)
            self._running[job.number] = job
            self._watch.start(job.number, folder)
            deaths, hydra = self._deaths.get(job.number, 0), self.orders.planner.hydra_config(job, folder)
            task = replace(self.orders.template, number=job.number, attempt=attempts[job.number], folder=folder)
            self.executor.submit(replace(task, mapping=job.mapping, parent=self.parent, deaths=deaths, hydra=hydra))

    def _ended(self, ended: Exit) -> None:
        self._running.pop(ended.number)
        if outcome := self._outcome(ended.number):
            self._finish(ended.number, outcome)
        else:
            self._died(ended)

    def _outcome(self, number: int) -> Outcome | None:
        """Return how a job has ended, if only because it was told to; None if its process died, or missed its data."""
        folder = self._folder(number)
        outcome = read_end(folder, self.orders.template.objective)
        if outcome is None and (why := read_stop(folder)):
            attempt.write_end(folder, why)
            self._bury(number)
            seconds = time.time() - (self.state.jobs[number].started or time.time())
            return Outcome("stopped", error=why, seconds=seconds)
        return None if outcome and outcome.lost and self._find_lost(number) else outcome

    def _died(self, ended: Exit) -> None:
        """Start a job whose process was killed again, but not for ever, and not without the files of its data."""
        self._bury(ended.number)
        if lost := self._find_lost(ended.number):
            self.journal.append(drop_event(ended.number, LOST))
            if not self.lost:
                self.view.note(f"job {ended.number}: {LOST}; it waits for them, and no other job is started")
            self.lost, self.why = lost, self.why or LOST
            return
        reason = ended.reason or "its process ended without a result"
        times = self._deaths[ended.number] = self._deaths.get(ended.number, 0) + 1
        if times <= self.settings.retries:
            self.journal.append(drop_event(ended.number, reason))
            job = self._jobs[ended.number]
            how = f"resuming from {found.place}" if (found := self._find_unfinished(job)) else "starting it again"
            self.view.note(f"job {ended.number}: {reason}; {how} ({times} of {self.settings.retries})")
            self._pending.appendleft(job)
        else:
            self._finish(ended.number, attempt.make_failure(reason, times))

    def _find_lost(self, number: int) -> str:
        """Return which files of its data a job has missed that once were there; "" for none."""
        job = self._jobs.get(number)
        return find_missed(job.mapping, self._folder(number), self.state) if job else ""

    def _bury(self, number: int, *, interrupted: bool = False) -> None:
        """Say for the run of a dead worker that it was killed."""
        if job := self._jobs.get(number):
            end_dead_run(self._folder(number), parse(job.mapping).tracking, interrupted=interrupted)

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
        """Keep what some workers have finished before they were stopped."""
        for number in list(self._running):
            if outcome := self._outcome(number):
                self._finish(number, outcome)
            else:
                self._bury(number, interrupted=True)
                self.journal.append(drop_event(number, "stopped with its sweep"))
        self._running.clear()

    def _find_unfinished(self, job: Job) -> Unfinished | None:
        return attempt.find_unfinished(self._folder(job.number), job, self.view, self.settings.allow_data_change)

    def _folder(self, number: int) -> Path:
        return job_folder(self.orders.folder, number)
