"""The latest runs, one line each; a sweep is one line, whatever the number of its jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rnnexp.compare.find import DEFAULT_GOAL
from rnnexp.compare.groups import latest
from rnnexp.compare.shown import ended
from rnnexp.compare.table import shown, skill_text
from rnnexp.task import scores, skills
from rnnexp.tracking.liveness import KILLED, count_untold, show_dead
from rnnexp.tracking.query import PARENT, TrackedRun, Wanted, select

HEAD = ("run", "name", "started", "ended", "experiment", "score", "skill")


@dataclass(frozen=True)
class Entry:
    """One line: a run, or a sweep with the outcomes of its jobs.

    metric: what `score` is of: a sweep's objective, or the test metric of a run
    untold: how many of its runs were killed without a word to the store
    """

    run_id: str
    name: str
    started: datetime
    outcome: str
    experiment: str
    metric: str | None
    score: float | None
    skill: float | None
    jobs: Mapping[str, int] | None = None
    untold: int = 0

    def cells(self) -> tuple[str, ...]:
        """Return what a person reads, in the order of `HEAD`."""
        return (
            self.run_id[:8],
            self.name,
            f"{self.started:%Y-%m-%d %H:%M}",
            self.outcome,
            self.experiment,
            "" if self.score is None else f"{self.metric} {shown(self.score)}",
            skill_text(self.skill),
        )


def entries(uri: str | None, expression: str | None = None, limit: int = 20) -> list[Entry]:
    """List the latest runs; with a filter (MLflow's language) those that fit, jobs under the sweep they belong to."""
    if expression is None:
        tops = show_dead(select(uri, Wanted(absent=(PARENT,), limit=limit)))
        jobs = _by_parent(_jobs(uri, [run.run_id for run in tops if run.is_sweep]))
        return [_entry(run, jobs.get(run.run_id, [])) for run in tops]
    found = show_dead(select(uri, Wanted(filter=expression)))
    children = _by_parent(run for run in found if PARENT in run.tags)
    tops = [run for run in found if PARENT not in run.tags]
    absent = set(children) - {run.run_id for run in tops}
    tops += show_dead(select(uri, Wanted(ids=tuple(absent)))) if absent else []
    tops.sort(key=lambda run: -run.started)
    return [_entry(run, children.get(run.run_id, [])) for run in tops[:limit]]


def _jobs(uri: str | None, sweeps: Sequence[str]) -> list[TrackedRun]:
    """Return the jobs of all sweeps at once, those in MLflow's trash too."""
    return show_dead(select(uri, Wanted(parents=tuple(sweeps), brief=True, deleted=None))) if sweeps else []


def _by_parent(jobs: Iterable[TrackedRun]) -> dict[str, list[TrackedRun]]:
    children: dict[str, list[TrackedRun]] = {}
    for job in jobs:
        children.setdefault(job.tags[PARENT], []).append(job)
    return children


def _entry(run: TrackedRun, children: Sequence[TrackedRun]) -> Entry:
    metric = _metric(run)
    jobs = dict(Counter(child.outcome for child in latest(children))) if run.is_sweep else None
    group = next((one.tags["rnnexp.group"] for one in (run, *children) if "rnnexp.group" in one.tags), "")
    return Entry(
        run_id=run.run_id,
        name=run.name,
        started=datetime.fromtimestamp(run.started / 1000),
        outcome=_ended(run, jobs),
        experiment=group,
        metric=metric,
        score=run.metrics.get(metric) if metric else None,
        skill=_skill(run),
        jobs=jobs,
        untold=count_untold([run, *children]),
    )


def _metric(run: TrackedRun) -> str | None:
    """Choose what is shown: of a sweep the objective of its best job, of a run its test metric."""
    objective = run.tags.get("rnnexp.objective", DEFAULT_GOAL)
    own = [objective, f"best/{objective}"] if run.is_sweep else []
    return next((name for name in (*own, *scores()) if name in run.metrics), None)


def _skill(run: TrackedRun) -> float | None:
    prefix = "best/" if run.is_sweep else ""
    found = (run.metrics.get(f"{prefix}{name}") for name in skills())
    return next((value for value in found if value is not None), None)


def _ended(run: TrackedRun, jobs: Mapping[str, int] | None) -> str:
    if jobs is None:
        return run.outcome
    before = {"RUNNING": "running: ", KILLED: "killed: "}.get(run.status, "")
    return f"{before}{ended(jobs) or 'no jobs'}"
