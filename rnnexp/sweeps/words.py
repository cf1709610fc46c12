"""What a sweep says before its first job and after its last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rnnexp.errors import count
from rnnexp.stopping import name_resuming
from rnnexp.sweeps.changed import describe_changes
from rnnexp.sweeps.coordinator import Coordinator
from rnnexp.sweeps.estimate import estimate, lay_out
from rnnexp.sweeps.facts import FEWEST, Facts, Planned
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.launcher import Launcher
from rnnexp.sweeps.objective import find_varied_units, of_epoch
from rnnexp.sweeps.preflight import Findings
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.reuse import FinishedRuns, Source
from rnnexp.sweeps.state import JobState, State
from rnnexp.sweeps.task import LOG, job_folder, shown
from rnnexp.sweeps.view import View, duration, values_text

TABLE = Path("tables", "trials.csv")
MAX_NAMED = 3  # folders of runs that are reused


def failures(failed: Sequence[JobState], folder: Path) -> str:
    """Name every failed job with its first line of error and its log."""
    lines = [
        f"  job {job.number} ({values_text(job.values)}): {job.error}\n    log: {job_folder(folder, job.number) / LOG}"
        for job in failed
    ]
    count = f"{len(failed)} job{'s' if len(failed) > 1 else ''} of the sweep failed"
    return "\n".join([f"{count}; run them again with --retry-failed:", *lines])


@dataclass(frozen=True)
class Standing:
    """How many of the jobs that are asked for have ended in which way; `kept`: finished ones that no longer are."""

    total: int
    done: int
    failed: int
    stopped: int
    reused: Sequence[Source]
    to_run: int
    kept: int

    def __str__(self) -> str:
        parts = [count(self.total, "job"), f"{self.done} done", f"{self.failed} failed" if self.failed else ""]
        parts += [f"{self.stopped} stopped" if self.stopped else ""]
        parts += [f"{len(self.reused)} reused" if self.reused else "", f"{self.to_run} to run"]
        return ", ".join(filter(None, parts))


def _stand(planned: Planned, request: Request, state: State, finished: FinishedRuns | None) -> Standing:
    """Count the jobs; which points a sampler will ask for, nobody knows, and none of its jobs is reused."""
    settings = request.settings
    if settings.is_grid:
        total = len(planned.jobs)
        known = {job.number: state.jobs[job.number] for job in planned.jobs if job.number in state.jobs}
        waiting = (job for job in planned.jobs if not _has_ended(known.get(job.number)))
        reused = [source for job in waiting if finished and (source := finished.find(job))]
    else:
        total, known, reused = (settings.n_trials or 0) * planned.planner.jobs_per_trial, state.jobs, []
    done = sum(job.finished for job in known.values())
    failed, stopped = (sum(job.status == status for job in known.values()) for status in ("failed", "stopped"))
    left_out = (0 if settings.retry_failed else failed) + (0 if settings.retry_stopped else stopped)
    kept = sum(job.finished for job in state.jobs.values()) - done
    return Standing(total, done, failed, stopped, reused, total - done - left_out - len(reused), kept)


def overview(
    planned: Planned,
    request: Request,
    state: State,
    facts: Facts,
    findings: Findings | None,
    finished: FinishedRuns | None,
) -> Iterator[str]:
    """Yield the lines of the table that is shown before the first job starts."""
    launcher = request.launcher
    settled = launcher.settled(facts.groups, request.settings.learns)
    standing = _stand(planned, request, state, finished)
    places = launcher.slots(planned.hardware) if launcher.job_per_slot else []
    at_once = f", {len(places)} at a time with {count(places[0].threads, 'CPU thread')} each" if places else ""
    yield f"sweep {planned.place.name}: {standing}"
    yield f"  executor       {launcher.name}{at_once}"
    if together := _say_together(planned, request, settled):
        yield f"  together       {together}"
    yield f"  folder         {planned.place.folder}"
    for key, values in _varied(planned, not request.settings.is_grid).items():
        yield f"  {key:<14} {values}"
    if request.settings.folds or request.settings.repeats > 1:
        seeds, folds = count(request.settings.repeats, "seed"), count(request.settings.folds or 1, "fold")
        yield f"  repetition     {seeds}, {folds} of each point"
    for change in planned.place.changes:
        yield f"  changed        {change}"
    if standing.reused:
        yield f"  reused         {_named(standing.reused)}; --new trains all"
    if standing.kept:
        yield f"  kept           {count(standing.kept, 'finished job')} of values that are no longer asked for"
    if planned.duplicates:
        yield f"  left out       {planned.duplicates} jobs that would compute the same as another"
    yield f"  objective      {facts.objective}, {facts.direction}d{_doubt(planned, facts.objective)}"
    if findings is not None:
        fewest, most = findings.parameters
        span = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        yield f"  parameters     {span}; {count(findings.networks, 'distinct network')} built"
        yield f"  estimated time {_estimate(planned, settled, standing.to_run, findings)}"
    yield ""


def _say_together(planned: Planned, request: Request, settled: Launcher) -> str:
    """Say whether jobs are trained as one, or that each averages networks of its own where they could be."""
    launcher, averaged = request.launcher, [job.mapping.get("ensemble", 1) for job in planned.jobs]
    if settled.name != launcher.name:
        return "jobs of one program are trained as one; hydra.launcher.vectorize=false: never"
    could = launcher.settled(True, request.settings.learns).name != launcher.name
    if could and sum(networks > 1 for networks in averaged) >= FEWEST:
        return f"none: a job averages {max(averaged)} networks; with ensemble=1 jobs of one program are trained as one"
    return ""


def _doubt(planned: Planned, objective: str) -> str:
    """Say which settings make the losses of jobs different things."""
    varied = find_varied_units([job.mapping for job in planned.jobs])
    if not varied:
        return ""
    told = f"losses of jobs that differ in {' and '.join(varied)} do not compare"
    return f"; WARNING: the {told}" if of_epoch(objective).endswith("loss") else f", since {told}"


def _has_ended(known: JobState | None) -> bool:
    return known is not None and known.status is not None


def _named(sources: Sequence[Source]) -> str:
    """Say where finished runs come from: of sweeps, or single ones."""
    folders = (source.folder for source in sources)
    found = Counter(str(shown(folder.parents[1] if folder.parent.name == "jobs" else folder)) for folder in folders)
    listed = [f"{count(number, 'run')} of {folder}" for folder, number in found.most_common(MAX_NAMED)]
    return ", ".join([*listed, *(["…"] if len(found) > MAX_NAMED else [])])


def _varied(planned: Planned, sampled: bool) -> dict[str, str]:
    """Return the values of each key that varies, shortened where there are many."""
    space = planned.planner.space
    if sampled:
        described = space.describe()
        return {key: described[key] for key in space.keys}
    shown = {}
    for dimension in space.dimensions:
        options = dimension.options
        text = ", ".join(options) if len(options) <= 8 else f"{', '.join(options[:6])}, … ({len(options)} values)"
        shown[dimension.key] = text
    return shown


def _estimate(planned: Planned, launcher: Launcher, to_run: int, findings: Findings) -> str:
    """Say between which times the sweep will probably take, from two epochs of the first job."""
    at_once = len(launcher.slots(planned.hardware)) if launcher.here else launcher.n_jobs or 1
    work = lay_out(planned.jobs, to_run, partial(launcher.pack, processes=at_once), findings)
    low, high = estimate(work, at_once, findings)
    times = f" in {findings.trainings} trainings of each" if findings.trainings > 1 else ""
    tried = f"{findings.epoch_s:.3g} s an epoch{times}, tried with the first job"
    return f"{duration(low)} to {duration(high)} ({tried})"


def listing(jobs: Sequence[Job], known: Mapping[int, JobState], finished: FinishedRuns | None) -> Iterator[str]:
    """Yield a line per job, for a dry run."""
    for job in jobs:
        status: str | None = known[job.number].status if job.number in known else None
        if status is None and finished and (source := finished.find(job)):
            status = f"reused from run {source.called[:8]}"
        yield f"  {job.number:>4}  {job.digest}  {values_text(job.values)}{f'  {status}' if status else ''}"
    yield "dry run: nothing was started"


def summary(folder: Path, state: State, coordinator: Coordinator, view: View, is_stored: bool) -> Iterator[str]:
    """Yield the last words of a sweep; what reads the tracking store is offered only if that holds the sweep."""
    yield ""
    yield f"sweep {folder.name}: {view.counts()}"
    if coordinator.why:
        yield f"  stopped: {coordinator.why}; to resume: {name_resuming(coordinator.orders.template.command)}"
    if out := [str(number) for number, job in state.jobs.items() if job.status == "stopped"]:
        yield f"  left out jobs stopped by `rnnexp stop`: {', '.join(out)}; --retry-stopped runs them"
    best = view.best()
    if best is not None:
        yield f"  best     {view.best_text(best)}"
    for mixed in describe_changes(state):
        yield f"  mixed    {mixed}"
    yield f"  table    {folder / TABLE}"
    if state.parent and best is not None and is_stored:  # before a job is done they have nothing to say
        name = folder.name
        yield f"  next     rnnexp compare {name}   rnnexp report {name}   rnnexp best {name} > experiments/winner.yaml"
