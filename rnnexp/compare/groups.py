"""Runs become groups of repetitions, ranked and tested against the best of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rnnexp.compare import differ
from rnnexp.compare.stats import Summary, holm, paired, summary
from rnnexp.compare.values import order, typed
from rnnexp.errors import count
from rnnexp.task import LOSS, UNPENALIZED, score_of
from rnnexp.tracking.query import TrackedRun

SIGNIFICANT = 0.05
BEST, NOISE, WORSE, FEW, NONE = "best", "within noise", "worse", "too few to tell", "no result"


@dataclass(frozen=True)
class Goal:
    """What runs are ranked by, a metric's name, and whether more of it is better."""

    metric: str
    maximize: bool = False

    def sign(self) -> int:
        """Return what a value is multiplied by so that less is better."""
        return -1 if self.maximize else 1


@dataclass(frozen=True)
class Group:
    """One setting with its repetitions.

    runs:    those that have a value of the goal, by seed and fold
    others:  how the rest ended: {"failed": 2}
    scores:  of the goal, over `runs`; None if there are none
    test:    of the test metric;  skill: mean of 1 - model / best baseline
    epoch:   mean of the epochs whose weights were kept
    p:       of the paired test against the best group, corrected for the number of tests
    """

    setting: Mapping[str, Any]
    runs: Sequence[TrackedRun]
    others: Mapping[str, int]
    scores: Summary | None
    test: Summary | None
    skill: float | None
    epoch: float | None
    p: float | None = None
    verdict: str = NONE


@dataclass(frozen=True)
class Baseline:
    """What no network has reached on the test metric, over all runs: it may depend on the setting."""

    name: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Groups, the best first, with the parameters (dotted keys) in which they differ."""

    goal: Goal
    columns: Sequence[str]
    groups: Sequence[Group]
    test_metric: str | None
    baselines: Sequence[Baseline]
    unfinished: Sequence[TrackedRun]
    notes: Sequence[str] = field(default_factory=list)

    @property
    def best(self) -> Group | None:
        return self.groups[0] if self.groups and self.groups[0].scores else None


def compare(runs: Sequence[TrackedRun], goal: Goal, varied: Sequence[str] = ()) -> Comparison:
    """Group runs (the latest first) over seeds and folds, rank the groups, and test each against the best one."""
    counted = latest(runs)
    replaced = len(runs) - len(counted)
    grouped: dict[Hashable, list[TrackedRun]] = {}
    for run in counted:
        grouped.setdefault(differ.frozen(differ.setting(run, varied)), []).append(run)
    test_metric = score_of({name for run in counted for name in run.metrics})
    groups = [_group(found, goal, test_metric, varied) for found in grouped.values()]
    groups.sort(key=lambda group: goal.sign() * group.scores.mean if group.scores else math.inf)
    columns = differ.columns([group.setting for group in groups], varied)
    return Comparison(
        goal=goal,
        columns=columns,
        groups=_judged(groups, goal),
        test_metric=test_metric,
        baselines=_baselines(counted, test_metric),
        unfinished=[run for run in counted if not counts(run, goal)],
        notes=_notes(counted, goal, columns, replaced),
    )


def counts(run: TrackedRun, goal: Goal) -> bool:
    """Say whether a run has a value that may enter a mean: a pruned or broken one was not trained to its end."""
    value = run.metrics.get(goal.metric, math.nan)
    return run.status == "FINISHED" and run.outcome != "pruned" and math.isfinite(value)


def latest(runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """Keep the latest finished run of each configuration, or the latest if none is; `runs` the latest first."""
    kept: dict[Hashable, TrackedRun] = {}
    for run in runs:
        identity = (run.tags.get("rnnexp.config_hash", run.run_id), run.tags.get("rnnexp.backend"))
        known = kept.get(identity)
        if known is None or (known.status != "FINISHED" and run.status == "FINISHED"):
            kept[identity] = run
    return list(kept.values())


def _group(found: Sequence[TrackedRun], goal: Goal, test_metric: str | None, varied: Sequence[str]) -> Group:
    valid: dict[Hashable, TrackedRun] = {}
    for run in found:
        if counts(run, goal):
            valid.setdefault(differ.repetition(run), run)
    runs = sorted(valid.values(), key=lambda run: [order(value) for value in differ.repetition(run)])
    short = (test_metric or "").partition("/")[2]
    skills = _values(runs, f"skill/{short}")
    epochs = _values(runs, "best/epoch")
    ended = Counter(run.outcome for run in found)
    del ended["ok"]
    return Group(
        setting=differ.setting(found[0], varied),
        runs=runs,
        others=dict(ended),
        scores=summary(_values(runs, goal.metric)),
        test=summary(_values(runs, test_metric or "")),
        skill=sum(skills) / len(skills) if skills else None,
        epoch=sum(epochs) / len(epochs) if epochs else None,
    )


def _values(runs: Sequence[TrackedRun], metric: str) -> list[float]:
    return [run.metrics[metric] for run in runs if math.isfinite(run.metrics.get(metric, math.nan))]


def _judged(groups: Sequence[Group], goal: Goal) -> list[Group]:
    """Test every group against the first one over the seeds and folds that both have."""
    if not groups or groups[0].scores is None:
        return list(groups)
    best, *others = groups
    tests = [paired(_pairs(group, goal), _pairs(best, goal)) for group in others]
    corrected = holm([test.p if test else None for test in tests])
    judged = [
        replace(group, p=p, verdict=_verdict(goal.sign() * test.gap if test else 0.0, p) if group.scores else NONE)
        for group, test, p in zip(others, tests, corrected)
    ]
    return [replace(best, verdict=BEST), *judged]


def _pairs(group: Group, goal: Goal) -> dict[object, float]:
    """Map seed and fold to the value; runs in different MLflow experiments, on other data, are no pair."""
    return {(run.experiment_id, *differ.repetition(run)): run.metrics[goal.metric] for run in group.runs}


def _verdict(loss: float, p: float | None) -> str:
    """Judge by what a group loses against the best one (above 0), and how sure that is."""
    if p is None:
        return FEW
    return WORSE if p < SIGNIFICANT and loss > 0 else NOISE


def _baselines(runs: Sequence[TrackedRun], test_metric: str | None) -> list[Baseline]:
    """Return the linear baseline and the best one, by their scores on the test metric."""
    short = (test_metric or "").partition("/")[2]
    best = Counter(run.tags["rnnexp.best_baseline"] for run in runs if run.tags.get("rnnexp.best_baseline"))
    names = dict.fromkeys([name for name, _ in best.most_common(1)] + ["linear"])
    found = {name: _values(runs, f"baseline/{name}/{short}") for name in names}
    return [
        Baseline(name, sum(values) / len(values), min(values), max(values)) for name, values in found.items() if values
    ]


def _holds_penalties(run: TrackedRun) -> bool:
    """Say whether the loss of a run is the sum with its penalties, as it was once logged."""
    penalized = any(typed(run.params.get(f"model.{key}", "0")) for key in ("l1", "l2"))
    return penalized and run.tags.get(LOSS) != UNPENALIZED


def _notes(runs: Sequence[TrackedRun], goal: Goal, columns: Sequence[str], replaced: int) -> list[str]:
    """Say what a reader of the table could be misled by."""
    notes = []
    if replaced:
        runs_were = "1 run was" if replaced == 1 else f"{replaced} runs were"
        notes.append(f"{runs_were} repeated: the latest finished one of each configuration counts")
    if len({run.experiment_id for run in runs}) > 1:
        notes.append("the runs are in several MLflow experiments: scores on different data do not compare")
    held = [run for run in runs if _holds_penalties(run)]
    if held and goal.metric.endswith("/loss"):
        notes.append(
            f"{count(len(held), 'run')} of an older version: their {goal.metric} holds the L1 and L2 penalties and "
            "compares with no other; train them again, or compare by the test metric"
        )
    if "train/" in goal.metric:
        notes.append(f"{goal.metric} rewards learning by heart: a validation part (data.split) would not")
    units = [key for key in columns if key in ("data.scaler", "data.per_series") or key.split(".")[0] == "loss"]
    if units and goal.metric.endswith("/loss"):
        notes.append(f"{goal.metric} is in units that {', '.join(units)} changes: compare by the test metric instead")
    return notes
