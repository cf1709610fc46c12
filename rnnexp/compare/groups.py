"""Runs become groups of repetitions, ranked and tested against the best of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rnnexp.compare import differ
from rnnexp.compare.stats import Summary, holm, paired, summary
from rnnexp.compare.table import order
from rnnexp.config.text import typed
from rnnexp.errors import count
from rnnexp.task import LOSS, UNPENALIZED, find_metric, score_of
from rnnexp.tracking.query import TrackedRun
from rnnexp.training.monitor import UNITS_OF_LOSS

SIGNIFICANT = 0.05
# Settings that choose the rows or values which scores are of.
SCORED = r"data\.(name|path|folder|split|folds|horizon|target|label|task|points|examples|noise|columns_as_series)\b"
MAX_NAMED = 5  # runs in a note
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
    """Groups, the best first, with the parameters (dotted keys) in which they differ.

    runs: the latest one of each configuration;  unfinished: those of them that have no value of the goal
    """

    goal: Goal
    columns: Sequence[str]
    groups: Sequence[Group]
    test_metric: str | None
    baselines: Sequence[Baseline]
    unfinished: Sequence[TrackedRun]
    runs: Sequence[TrackedRun] = ()
    notes: Sequence[str] = field(default_factory=list)

    @property
    def best(self) -> Group | None:
        return self.groups[0] if self.groups and self.groups[0].scores else None


def compare(
    runs: Sequence[TrackedRun], goal: Goal, varied: Sequence[str] = (), metric: str | None = None
) -> Comparison:
    """Group runs (the latest first) over seeds and folds, rank the groups, and test each against the best one.

    metric: shown beside the goal and the baselines; None for the score that heads the runs
    """
    counted = latest(runs)
    grouped: dict[Hashable, list[TrackedRun]] = {}
    for run in counted:
        grouped.setdefault(differ.frozen(differ.setting(run, varied)), []).append(run)
    logged = {name for run in counted for name in run.metrics}
    test_metric = find_metric(metric, logged) if metric else score_of(logged)
    groups = [_group(found, goal, test_metric, varied) for found in grouped.values()]
    groups.sort(key=lambda group: _rank(group, goal))
    columns = differ.columns([group.setting for group in groups], varied)
    judged = _judged(groups, goal)
    return Comparison(
        goal=goal,
        columns=columns,
        groups=judged,
        test_metric=test_metric,
        baselines=_baselines(counted, test_metric),
        unfinished=[run for run in counted if not counts(run, goal)],
        runs=counted,
        notes=[*_repeated(runs, counted, judged, goal), *_unlike(grouped, varied), *_notes(counted, goal, columns)],
    )


def _rank(group: Group, goal: Goal) -> tuple[float, int]:
    """Order by the mean; of equal ones the setting with the first job is first, as in the words of the sweep."""
    mean = goal.sign() * group.scores.mean if group.scores else math.inf
    return mean, min((run.job for run in group.runs), default=0)


def counts(run: TrackedRun, goal: Goal) -> bool:
    """Say whether a run has a value that may enter a mean: it was trained to its end, and is not in the trash."""
    return run.finished and run.outcome == "ok" and math.isfinite(run.metrics.get(goal.metric, math.nan))


def latest(runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    """Keep the latest finished run of each configuration, or the latest if none is; `runs` the latest first."""
    kept: dict[Hashable, TrackedRun] = {}
    for run in runs:
        own = run.params.get("plugins")  # which the hash leaves out, although they bring code
        identity = (run.tags.get("rnnexp.config_hash", run.run_id), run.tags.get("rnnexp.backend"), own)
        known = kept.get(identity)
        if known is None or (not known.finished and run.finished):
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


def _repeated(
    runs: Sequence[TrackedRun], counted: Sequence[TrackedRun], groups: Sequence[Group], goal: Goal
) -> Iterator[str]:
    """Say which runs do not count, and why: what was trained twice is no independent repetition."""
    latest_ones = {run.run_id for run in counted}
    if repeated := [run for run in runs if run.run_id not in latest_ones]:
        were = "was" if len(repeated) == 1 else "were"
        which = f"the latest finished one of each configuration counts, not {named(repeated)}"
        yield f"{count(len(repeated), 'run')} {were} repeated: {which}"
    ranked = {run.run_id for group in groups for run in group.runs}
    if again := [run for run in counted if counts(run, goal) and run.run_id not in ranked]:
        have = "has" if len(again) == 1 else "have"
        which = f"a later one, which counts instead of {named(again)}"
        yield f"{count(len(again), 'run')} {have} the setting, seed and fold of {which}"
    ended: dict[str, list[TrackedRun]] = {}
    for run in counted if ranked else ():
        if not counts(run, goal):
            ended.setdefault(_NAMES.get(run.outcome, run.outcome), []).append(run)
    if ended:
        yield f"not ranked: {'; '.join(f'{len(some)} {how} ({named(some)})' for how, some in ended.items())}"


_NAMES = {"ok": "without a value", "deleted": "deleted in MLflow"}


def named(runs: Sequence[TrackedRun]) -> str:
    """Name runs as the commands know them; of many only the first."""
    more = f" and {len(runs) - MAX_NAMED} more" if len(runs) > MAX_NAMED else ""
    return ", ".join(f"{run.name} {run.run_id[:8]}" for run in runs[:MAX_NAMED]) + more


def _unlike(grouped: Mapping[Hashable, Sequence[TrackedRun]], varied: Sequence[str]) -> Iterator[str]:
    """Say in what runs of one setting differ that are not seeds or folds."""
    described = [[differ.incidental(run, varied) for run in found] for found in grouped.values()]
    keys = dict.fromkeys(key for some in described for one in some for key in one)
    if unlike := [key for key in keys if any(len({one.get(key) for one in some}) > 1 for some in described)]:
        yield f"runs of one setting differ also in {', '.join(unlike)}: they are treated as repetitions"


def _holds_penalties(run: TrackedRun) -> bool:
    """Say whether the loss of a run is the sum with its penalties, as it was once logged."""
    penalized = any(typed(run.params.get(f"model.{key}", "0")) for key in ("l1", "l2"))
    return penalized and run.tags.get(LOSS) != UNPENALIZED


def _notes(runs: Sequence[TrackedRun], goal: Goal, columns: Sequence[str]) -> list[str]:
    """Say what a reader of the table could be misled by."""
    notes = []
    if len({run.experiment_id for run in runs}) > 1:
        notes.append("the runs are in several MLflow experiments: scores on different data do not compare")
    held = [run for run in runs if _holds_penalties(run)]
    if held and goal.metric.endswith("/loss"):
        notes.append(
            f"{count(len(held), 'run')} of an older version: their {goal.metric} holds the L1 and L2 penalties and "
            "compares with no other; train them again, or compare by the test metric"
        )
    if "train/" in goal.metric:
        notes.append(f"{goal.metric} rewards overfitting; a validation set (data.split) would not")
    units = [key for key in columns if key in UNITS_OF_LOSS or key.startswith("loss.")]
    if units and goal.metric.endswith("/loss"):
        notes.append(f"{goal.metric} is in units that {', '.join(units)} changes: compare by the test metric instead")
    if scored := [key for key in columns if re.match(SCORED, key)]:
        notes.append(f"runs that differ in {', '.join(scored)} are scored on other values: these scores do not compare")
    return notes
