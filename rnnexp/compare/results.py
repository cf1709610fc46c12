"""The results table: one row per experiment, model and backend, seeds together."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnnexp.compare import differ
from rnnexp.compare.table import aligned, skill_text
from rnnexp.compare.table import markdown as as_markdown
from rnnexp.task import score_of
from rnnexp.tracking.query import TrackedRun

# What a sweep may vary and still ask the experiments' own questions; jobs of a search or of folds are no results.
_ASKED = {"experiment", "data", "model", "backend", "seed", "data.seed", "threads", "device"}

HEAD = ("experiment", "model", "backend", "runs", "metric", "score", "best baseline", "skill", "verdict")


@dataclass(frozen=True)
class Row:
    """Scores of one setting, over `runs` repetitions; `deviation` is None for a single one.

    metric:  what `mean` is of, such as test/rmse;  baseline: the best one of each run, and the mean of their scores
    skill:   mean over the repetitions of 1 - model / best baseline
    other_settings: of the same experiment, model and backend, which earlier runs have had
    """

    experiment: str
    model: str
    backend: str
    runs: int
    metric: str
    mean: float
    deviation: float | None
    baseline: str
    baseline_score: float | None
    skill: float | None
    seconds: float
    other_settings: int = 0

    @property
    def verdict(self) -> str:
        if self.metric.startswith("train/"):
            return "scored on its training part"
        if self.skill is None:
            return "no skill can be stated"
        return "beats it" if self.skill > 0 else "loses to it"

    def cells(self) -> tuple[str, ...]:
        """Return what a person reads, in the order of `HEAD`."""
        spread = f" ± {self.deviation:.3g}" if self.deviation is not None else ""
        score = "" if self.baseline_score is None else f" {self.baseline_score:.4g}"
        return (
            self.experiment,
            self.model,
            self.backend,
            str(self.runs),
            self.metric,
            f"{self.mean:.4g}{spread}",
            f"{self.baseline}{score}",
            skill_text(self.skill),
            self.verdict,
        )


def rows(runs: Iterable[TrackedRun], metric: str | None = None) -> list[Row]:
    """Group runs (the latest first), whole ones, into rows; of several settings of one model the latest is shown.

    metric: of which the rows are; None for the score that heads each
    Jobs of a sweep that searched for settings are left out: `rnnexp compare` is for them.
    """
    groups: dict[tuple[str, str, str], dict[Hashable, list[TrackedRun]]] = {}
    for run in filter(_is_answer, runs):
        key = (run.tags.get("rnnexp.group", run.name), run.params.get("model.name", "?"), run.tags["rnnexp.backend"])
        settings = groups.setdefault(key, {})
        settings.setdefault(differ.frozen(differ.setting(run)), []).append(run)
    latest = {key: (next(iter(settings.values())), len(settings) - 1) for key, settings in groups.items()}
    shown = {key: metric or score_of(same[0].metrics) for key, (same, _) in latest.items()}
    return [
        _row(key, same, others, name)
        for key, (same, others) in sorted(latest.items())
        if (name := shown[key]) and any(name in run.metrics for run in same)
    ]


def _is_answer(run: TrackedRun) -> bool:
    scored_in_turn = {"data.fold"} if run.params.get("data.held_out") == "test" else set()
    return set(filter(None, run.tags.get("rnnexp.varied", "").split(","))) <= _ASKED | scored_in_turn


def _row(key: tuple[str, str, str], found: Sequence[TrackedRun], others: int, metric: str) -> Row:
    # a seed, or a fold, that was run again counts once
    latest = {differ.repetition(run): run for run in reversed(found)}
    runs = list(latest.values())
    short = metric.partition("/")[2]
    values = [run.metrics[metric] for run in runs if metric in run.metrics]
    skills = [run.metrics[f"skill/{short}"] for run in runs if f"skill/{short}" in run.metrics]
    best = {run.run_id: run.tags.get("rnnexp.best_baseline", "") for run in runs}
    own = {run.run_id: run.metrics.get(f"baseline/{best[run.run_id]}/{short}") for run in runs}
    baselines = [score for score in own.values() if score is not None]
    return Row(
        *key,
        runs=len(values),
        metric=metric,
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        baseline=" or ".join(sorted({*best.values()} - {""})),
        baseline_score=statistics.fmean(baselines) if baselines else None,
        skill=statistics.fmean(skills) if skills else None,
        seconds=statistics.fmean(run.metrics.get("time/training_s", 0.0) for run in runs),
        other_settings=others,
    )


def notes(table: Iterable[Row]) -> Iterator[str]:
    """Say of which rows there are other settings."""
    for row in table:
        if row.other_settings:
            name = f"tags.`rnnexp.group` = '{row.experiment}'"
            yield (
                f"{row.experiment} with {row.model} on {row.backend}: the latest setting of {row.other_settings + 1}; "
                f'all of them: rnnexp compare "{name}"'
            )


def markdown(table: Sequence[Row]) -> str:
    """Write rows as a Markdown table."""
    return as_markdown([HEAD, *(row.cells() for row in table)])


def text(table: Sequence[Row]) -> str:
    """Write rows in aligned columns, whatever the width of the terminal: nothing is cut."""
    return aligned([HEAD, *(row.cells() for row in table)])
