"""What a word on the command line means: a sweep, or a filter over all runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rnnexp.compare.complete import completed, journal, unseen
from rnnexp.compare.groups import MAX_NAMED, Comparison, Goal, compare, named
from rnnexp.errors import ConfigError, count, did_you_mean
from rnnexp.task import headlines, rises, scores
from rnnexp.tracking.find import is_filter, sweeps
from rnnexp.tracking.liveness import count_untold, show_dead, tell_untold
from rnnexp.tracking.model_registry import SCHEME, find_run_id
from rnnexp.tracking.query import MIXED, TrackedRun, Wanted, select, with_metric
from rnnexp.training.monitor import UNITS_OF_LOSS

DEFAULT_GOAL = "best/val/loss"


@dataclass(frozen=True)
class Sweep:
    """A sweep's own run and its jobs' runs, the latest first, those in MLflow's trash too.

    absent: jobs that have no run, by how they ended;  notes: what is not known of the runs
    """

    parent: TrackedRun
    children: Sequence[TrackedRun]
    absent: Mapping[str, Sequence[int]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def name(self) -> str:
        return self.parent.name

    @property
    def goal(self) -> Goal:
        """The sweep's objective, at the epoch whose weights were kept where runs have logged that: not the last."""
        tags = self.parent.tags
        metric = tags.get("rnnexp.objective", DEFAULT_GOAL)
        best = f"best/{metric}"
        kept = any(best in run.metrics for run in self.children)
        return Goal(best if kept else metric, tags.get("rnnexp.direction") == "maximize")

    @property
    def folder(self) -> Path | None:
        return Path(self.parent.tags["rnnexp.folder"]) if "rnnexp.folder" in self.parent.tags else None

    @property
    def varied(self) -> list[str]:
        return [key.strip() for key in self.parent.tags.get("rnnexp.varied", "").split(",") if key.strip()]

    def compared(self, metric: str | None = None) -> Comparison:
        found = compare(self.children, self.goal, self.varied, metric)
        listed = "; ".join(f"{len(jobs)} {how} ({_numbers(jobs)})" for how, jobs in self.absent.items())
        absent = [f"jobs of the sweep that have no run here: {listed}"] if listed else []
        return replace(found, notes=[*found.notes, *self.notes, *absent])


def sweep(uri: str | None, text: str | None = None) -> Sweep:
    """Find a sweep by its name, its folder, the only beginning of a name or its run's id; default: the latest."""
    known = sweeps(uri)
    if not known:
        raise ConfigError("no sweep is tracked here; start one with: rnnexp train -m model=lstm,gru seed=0,1,2")
    try:
        parent = known[0] if text is None else _named(text, known)
    except ConfigError:
        if text and (single := find_single(uri, text)):
            raise ConfigError(_tell_single(text, single)) from None
        raise
    folder = Sweep(parent, []).folder
    jobs = show_dead(select(uri, Wanted(parents=(parent.run_id,), deleted=None)))
    children = completed(uri, sorted(jobs, key=lambda run: run.deleted), folder)
    notes = [*children.notes(), *tell_untold(count_untold(jobs)), *_mixed(parent)]
    return Sweep(parent, children.runs, _without_run(folder, children.runs), notes)


def find_single(uri: str | None, text: str | None) -> TrackedRun | None:
    """Return the run that a text names, if it names no sweep: its id or name, or the beginning of its id."""
    if text is None or any(one.name.startswith(text) or one.run_id.startswith(text) for one in sweeps(uri)):
        return None
    text = find_run_id(uri, text) if text.startswith(SCHEME) else text
    found = select(uri, Wanted(run=text))
    exact = [one for one in found if text in (one.run_id, one.name)]
    return (exact or found)[0] if exact or len(found) == 1 else None


def _tell_single(text: str, run: TrackedRun) -> str:
    """Say of a run that it is no sweep, and what takes its place."""
    sweep = run.tags.get("rnnexp.sweep")
    instead = f"its sweep is {sweep}" if sweep else f"beside others: rnnexp diff {run.run_id[:8]} OTHER"
    return f"`{text}` is a single run ({run.name} {run.run_id[:8]}), no sweep; {instead}"


def _mixed(parent: TrackedRun) -> Iterator[str]:
    """Say that the jobs of a sweep have not all seen the same data, which its user has allowed."""
    if MIXED in parent.tags:
        yield f"{parent.tags[MIXED]}: their scores do not compare with those of the others"


def _without_run(folder: Path | None, runs: Sequence[TrackedRun]) -> dict[str, list[int]]:
    """Return the jobs of the journal that have no run in the store, by how they ended."""
    known = {run.tags.get("rnnexp.config_hash") for run in runs} | {run.run_id for run in runs}
    absent: dict[str, list[int]] = {}
    for job in journal(folder).values() if folder else ():
        if job.digest not in known and job.run_id not in known:
            absent.setdefault(job.status or "waiting", []).append(job.number)
    return absent


def _numbers(jobs: Sequence[int]) -> str:
    return ", ".join(f"job {number}" for number in jobs[:MAX_NAMED]) + (", …" if len(jobs) > MAX_NAMED else "")


def _find_folder(run: TrackedRun) -> Path | None:
    return Path(run.tags["rnnexp.folder"]).resolve() if "rnnexp.folder" in run.tags else None


def _named(text: str, known: Sequence[TrackedRun]) -> TrackedRun:
    for fits in (
        [run for run in known if text in (run.name, run.run_id)],
        [run for run in known if Path(text).is_dir() and Path(text).resolve() == _find_folder(run)],
        [run for run in known if run.name.startswith(text)],
        [run for run in known if run.run_id.startswith(text)],
    ):
        if len({run.name for run in fits}) == 1:  # of one name the latest
            return fits[0]
        if fits:
            raise ConfigError(f"`{text}` is the beginning of several sweeps: {', '.join(run.name for run in fits)}")
    names = list(dict.fromkeys(run.name for run in known))
    listing = "\n".join(f"  {name}" for name in names[:20])
    more = f"\n  and {len(names) - 20} more" if len(names) > 20 else ""
    raise ConfigError(
        f"there is no sweep `{text}`{did_you_mean(text, names)}\nknown sweeps, the latest first:\n{listing}{more}"
    )


def chosen(uri: str | None, text: str | None, metric: str | None = None) -> tuple[Comparison, Sweep | None]:
    """Compare what was asked for: a sweep, or by a filter runs of any kind; `metric` is shown beside the goal."""
    if text is None or not is_filter(text):
        found = sweep(uri, text)
        found = replace(found, children=with_metric(uri, found.children, metric))
        return found.compared(metric), found
    fitting = [one for one in select(uri, Wanted(filter=text, deleted=None)) if not one.is_sweep]
    runs = show_dead([one for one in fitting if not one.deleted])
    deleted = [one for one in fitting if one.deleted]
    if not runs:
        raise ConfigError(f"no run of rnnexp fits the filter: {text}")
    whole = completed(uri, runs)
    compared = compare(with_metric(uri, whole.runs, metric), usual_goal(runs), metric=metric)
    notes = [*whole.notes(), *tell_untold(count_untold(runs)), *_beside(deleted), *unseen(uri, text)]
    return replace(compared, notes=[*compared.notes, *notes]), None


def _beside(deleted: Sequence[TrackedRun]) -> Iterator[str]:
    """Say which runs a filter does not find although they may be meant."""
    if deleted:
        yield f"{count(len(deleted), 'run')} in MLflow's trash would fit, too: {named(deleted)}"


def _list_comparable(runs: Sequence[TrackedRun]) -> list[str]:
    """List what chosen runs are ranked by: not by losses that are different things, or in different units."""
    keys = {key for one in runs for key in one.params if key in UNITS_OF_LOSS or key.startswith("loss.")}
    varied = any(len({one.params.get(key, "none") for one in runs}) > 1 for key in keys)
    return [f"best/val/{name}" for name in (*headlines(), "smape")] if varied else [DEFAULT_GOAL]


def usual_goal(runs: Sequence[TrackedRun]) -> Goal:
    """Rank by what most of the runs have: the validation loss if it is among that, else the test metric."""
    names = (*_list_comparable(runs), *scores(), "best/train/loss")
    metric = max(names, key=lambda name: sum(name in one.metrics for one in runs))
    return Goal(metric, rises(metric))
