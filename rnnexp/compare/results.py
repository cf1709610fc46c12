"""The results table: one row per experiment, model and backend, seeds together."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rnnexp.compare import differ
from rnnexp.compare.table import aligned, skill_text
from rnnexp.compare.table import markdown as as_markdown
from rnnexp.strict import shorten
from rnnexp.task import score_of
from rnnexp.tracking.query import TrackedRun

# What a sweep may vary and still ask the experiments' own questions; jobs of a search or of folds are no results.
_ASKED = {"experiment", "data", "model", "backend", "seed", "data.seed", "threads", "device"}

# What makes another question of an experiment, whose scores do not compare: other files, or other columns of them.
_QUESTION = tuple(
    f"data.{key}" for key in ("name", "path", "test_path", "values", "target", "label", "text", "horizon")
)

_Question = tuple[tuple[str, str], ...]
_Key = tuple[str, _Question, str, str]  # experiment, question, model, backend

HEAD = ("experiment", "model", "backend", "runs", "metric", "score", "best baseline", "skill", "verdict")


@dataclass(frozen=True)
class Row:
    """Scores of one setting, over `runs` repetitions; `deviation` is None for a single one.

    metric:  what `mean` is of, such as test/rmse;  baseline: the best one of each run, and the mean of their scores
    skill:   mean over the repetitions of 1 - model / best baseline
    other_settings: of the same experiment, model and backend, which earlier runs have had
    question: the settings of the data in which it differs from other rows of its experiment
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
    question: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """Name the experiment, with the data where it was run on several."""
        differing = " ".join(f"{key.partition('.')[2]}={shorten(value)}" for key, value in self.question.items())
        return f"{self.experiment} ({differing})" if differing else self.experiment

    @property
    def verdict(self) -> str:
        if self.metric.startswith("train/"):
            return "scored on its training set"
        if self.skill is None:
            return "no skill can be stated"
        return "beats it" if self.skill > 0 else "as good as it" if self.skill == 0 else "loses to it"

    def cells(self) -> tuple[str, ...]:
        """Return what a person reads, in the order of `HEAD`."""
        spread = f" ± {self.deviation:.3g}" if self.deviation is not None else ""
        score = "" if self.baseline_score is None else f" {self.baseline_score:.4g}"
        return (
            self.asked,
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
    groups: dict[_Key, dict[Hashable, list[TrackedRun]]] = {}
    answers = [run for run in runs if _is_answer(run)]
    for run in answers:
        key = (_name(run), _question(run), run.params.get("model.name", "?"), run.tags["rnnexp.backend"])
        settings = groups.setdefault(key, {})
        settings.setdefault(differ.frozen(differ.setting(run)), []).append(run)
    latest = {key: (next(iter(settings.values())), len(settings) - 1) for key, settings in groups.items()}
    shown = {key: metric or score_of(same[0].metrics) for key, (same, _) in latest.items()}
    varied = _varied(groups)
    return [
        replace(_row(key, same, name), other_settings=others, question=_select(key, varied))
        for key, (same, others) in sorted(latest.items())
        if (name := shown[key]) and any(name in run.metrics for run in same)
    ]


def _name(run: TrackedRun) -> str:
    return run.tags.get("rnnexp.group", run.name)


def _question(run: TrackedRun) -> _Question:
    return tuple((key, run.params[key]) for key in _QUESTION if key in run.params)


def _varied(keys: Iterable[_Key]) -> dict[str, set[str]]:
    """Return the settings of the data in which the questions of each experiment differ."""
    asked: dict[str, set[_Question]] = {}
    for name, question, *_ in keys:
        asked.setdefault(name, set()).add(question)
    return {
        name: {key for key in _QUESTION if len({dict(question).get(key) for question in questions}) > 1}
        for name, questions in asked.items()
    }


def _select(key: _Key, varied: Mapping[str, set[str]]) -> dict[str, str]:
    return {name: value for name, value in key[1] if name in varied[key[0]]}


def _is_answer(run: TrackedRun) -> bool:
    scored_in_turn = {"data.fold"} if run.params.get("data.held_out") == "test" else set()
    return set(filter(None, run.tags.get("rnnexp.varied", "").split(","))) <= _ASKED | scored_in_turn


def _row(key: _Key, found: Sequence[TrackedRun], metric: str) -> Row:
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
        experiment=key[0],
        model=key[2],
        backend=key[3],
        runs=len(values),
        metric=metric,
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        baseline=" or ".join(sorted({*best.values()} - {""})),
        baseline_score=statistics.fmean(baselines) if baselines else None,
        skill=statistics.fmean(skills) if skills else None,
        seconds=statistics.fmean(run.metrics.get("time/training_s", 0.0) for run in runs),
    )


def notes(table: Iterable[Row]) -> Iterator[str]:
    """Say of which rows there are other settings."""
    for row in table:
        if row.other_settings:
            also = (f"params.`{key}` = '{value}'" for key, value in row.question.items())
            name = " and ".join([f"tags.`rnnexp.group` = '{row.experiment}'", *also])
            yield (
                f"{row.asked} with {row.model} on {row.backend}: the latest setting of {row.other_settings + 1}; "
                f'all of them: rnnexp compare "{name}"'
            )


def markdown(table: Sequence[Row]) -> str:
    """Write rows as a Markdown table."""
    return as_markdown([HEAD, *(row.cells() for row in table)])


def text(table: Sequence[Row]) -> str:
    """Write rows in aligned columns, whatever the width of the terminal: nothing is cut."""
    return aligned([HEAD, *(row.cells() for row in table)])
