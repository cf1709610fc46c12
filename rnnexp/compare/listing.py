"""The latest runs, one line each; a sweep is one line, whatever the number of its jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
        return [_entry(run, _jobs(uri, run)) for run in tops]
    found = show_dead(select(uri, Wanted(filter=expression)))
    children: dict[str, list[TrackedRun]] = {}
    for run in found:
        if PARENT in run.tags:
            children.setdefault(run.tags[PARENT], []).append(run)
    tops = [run for run in found if PARENT not in run.tags]
    absent = set(children) - {run.run_id for run in tops}
    tops += [run for parent in absent for run in show_dead(select(uri, Wanted(run=parent)))]
    tops.sort(key=lambda run: -run.started)
    return [_entry(run, children.get(run.run_id, [])) for run in tops[:limit]]


def _jobs(uri: str | None, run: TrackedRun) -> list[TrackedRun]:
    ours = {PARENT: run.run_id}
    views = (False, True) if run.is_sweep else ()
    return show_dead([job for deleted in views for job in select(uri, Wanted(tags=ours, brief=True, deleted=deleted))])


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
