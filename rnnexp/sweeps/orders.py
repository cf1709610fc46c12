"""What the process that decides has been told to do."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError
from rnnexp.sweeps.adopt import ask_store
from rnnexp.sweeps.jobs import Job, Planner
from rnnexp.sweeps.reuse import FinishedRuns
from rnnexp.sweeps.search import Grid, Optuna
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.state import JobState, State
from rnnexp.sweeps.task import Outcome, Task
from rnnexp.tracking.journal import RunJournal

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Orders:
    """What a coordinator works by.

    folder:   of the sweep;  search: the grid, or the sampler that is asked for points
    template: the task of a job, without what is its own;  planned: the jobs of a grid, None for a sampler
    finished: finds runs of other sweeps, and single ones, that need not be run again; None where all are to be
    """

    folder: Path
    settings: Sweep
    planner: Planner
    search: Grid | Optuna
    template: Task
    direction: Any
    planned: list[Job] | None = None
    finished: FinishedRuns | None = None

    def list_known(self, state: State) -> list[Job]:
        """Return the jobs of a grid, or those that a sampler has asked for so far."""
        jobs = list(self.planned or ())
        for trial, point in sorted(state.trials.items()) if self.planned is None else ():
            try:
                jobs += self.planner.jobs(trial, point)
            except ConfigError as error:  # has been recorded as failed
                log.debug("trial %d: %s", trial, error)
        return jobs

    def count_jobs(self, state: State) -> int:
        """Count all jobs: those of a grid and what has finished of points that it once had, or all to be drawn."""
        if self.planned is None:
            return self.search.total * self.planner.jobs_per_trial
        finished = {job.number for job in state.jobs.values() if job.finished}
        return len(finished | {job.number for job in self.planned})

    def ask_store(self, job: Job | None, known: JobState, parent: str | None) -> Outcome | None:
        """Return how a job of the sweep with this run ended whose folder is gone, as far as the store knows."""
        if job is None:
            return None
        parent = RunJournal(self.folder).stored.run_id or parent
        return ask_store(parse(job.mapping).tracking, parent, known, self.template.objective)
