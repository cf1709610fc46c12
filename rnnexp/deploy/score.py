"""The score of a trained run: on its own data again, or on others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rnnexp import runner, tasks
from rnnexp.data.dataset import WHOLE
from rnnexp.deploy import reading
from rnnexp.deploy.trained import ChangedDataError, Trained, own_data
from rnnexp.errors import ConfigError, RnnexpError, did_you_mean
from rnnexp.runner import record

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.tasks.forecasting.dataset import SeriesDataset
    from rnnexp.tasks.forecasting.pipeline import Pipeline
    from rnnexp.tracking.query import TrackedRun

SAME = 1e-4  # relative: a score on another backend or device differs by less
ROUNDING = 1e-6  # of the actual values' deviation: a score that is next to nothing has no digits to compare
LEFT_OUT = "baselines that learn are left out"
LEARNT = ("train", "val")  # the parts that decide what the weights are


@dataclass(frozen=True)
class Scored:
    """The scores of a model on the scored part of a dataset, and what to mind."""

    dataset: Dataset
    report: Report
    notes: Sequence[str] = field(default_factory=list)


def score(trained: Trained, changes: Mapping[str, Any], part: str | None = None) -> Scored:
    """Score a run on data that differ from its own by `changes`, whole; without any on a part of its own, by default
    the one that it was scored on.

    The stored preprocessing is applied to other data, never fitted to them. Raises ConfigError for a part that is
    not there, DataError for data that the model cannot take.
    """
    if changes and part:
        raise ConfigError("--part is of the run's own data; those of --data are scored whole")
    return _on_others(trained, changes) if changes else _on_its_own(trained, part)


def _on_its_own(trained: Trained, part: str | None) -> Scored:
    experiment = trained.configuration()
    dataset = own_data(trained, "a score")
    part = part or dataset.scored
    if not dataset.parts.get(part):
        raise ConfigError(
            f"--part {part}: the data of {trained.called} have the parts {', '.join(dataset.parts)}"
            f"{did_you_mean(part, dataset.parts)}"
        )
    report = runner.evaluate(trained.load().model, replace(dataset, scored=part), experiment)
    note = other_score(trained.run, dataset, report) if trained.run and part == dataset.scored else None
    return Scored(replace(dataset, scored=part), report, [note] if note else [])


def other_score(run: TrackedRun, dataset: Dataset, report: Report) -> str | None:
    """Say that the model scores otherwise than in its run, on the same data."""
    metric, _ = record.choose_primary_metric(dataset)
    now, then = report.metrics.get(metric), run.metrics.get(metric)
    if now is None or then is None:
        return None
    actual = report.predictions.actual
    least = ROUNDING * float(actual.std()) if actual.dtype.kind in "fiu" else 0.0
    if math.isclose(now, then, rel_tol=SAME, abs_tol=least):
        return None
    return f"{metric} is {now:.6g} here and was {then:.6g} in the run, on the same data: another device or version"


def _on_others(trained: Trained, changes: Mapping[str, Any]) -> Scored:
    own = {"language": _on_another_text, "pairs": _on_other_pairs, "tags": _on_other_tags}
    if trained.kind != "rows":
        return own.get(trained.kind, _on_other_examples)(trained, changes)
    from rnnexp.deploy.overlap import overlap
    from rnnexp.tasks.forecasting import intervals
    from rnnexp.tasks.forecasting.apply import apply
    from rnnexp.tasks.forecasting.pipeline import Pipeline

    pipeline = Pipeline.from_json(trained.scaling)
    source, notes = _source(trained, pipeline, changes)
    dataset = apply(source, pipeline)
    made = intervals.read(trained.bundle, (pipeline.plan.ahead, pipeline.plan.targets))
    own, why = _own(trained, "rows")
    notes += [*_other_step(dataset, pipeline), *why]
    if own is not None:
        dataset = replace(dataset, reference=own, season=dataset.season or own.season)
        seen, rows = overlap(dataset, own, LEARNT)
        notes += [f"{seen} of the {rows} scored rows are among those that the run has learnt from"] * bool(seen)
    model = trained.load().model
    if trained.experiment:
        return Scored(dataset, runner.evaluate(model, dataset, trained.experiment, made), notes)
    from rnnexp.evaluation.scoring import Scoring

    return Scored(dataset, tasks.evaluate(model, dataset, Scoring("full", intervals=made)), notes)


def _on_other_examples(trained: Trained, changes: Mapping[str, Any]) -> Scored:
    """Score a classifier, or a regression, on other sequences or texts."""
    from rnnexp.data.apply_sequences import apply_sequences
    from rnnexp.deploy.overlap import shared
    from rnnexp.tasks.classification.texts import apply as apply_texts

    source, bundle = _changed(trained, changes), trained.load()
    load: Any = apply_texts if trained.kind == "texts" else apply_sequences
    dataset = load(source, bundle.preprocessor, bundle.spec)

    def known(own: Any) -> str:
        return _count(shared(dataset, own, LEARNT), f"{len(dataset.sequences)} scored examples")

    return _whole(trained, bundle.model, dataset, ("examples", known))


def _on_another_text(trained: Trained, changes: Mapping[str, Any]) -> Scored:
    """Score a language model on another text, from its beginning to its end."""
    from rnnexp.deploy.overlap import repeated
    from rnnexp.tasks.language_modeling.dataset import Language, apply

    dataset = apply(_changed(trained, changes), Language.from_json(trained.scaling), WHOLE)

    def known(own: Any) -> str:
        share = repeated(dataset.ids(WHOLE), own, LEARNT)
        return f"about {share:.0%} of the text stand in what the run has learnt from" if share else ""

    return _whole(trained, trained.load().model, dataset, ("text", known))


def _on_other_pairs(trained: Trained, changes: Mapping[str, Any]) -> Scored:
    """Score an encoder-decoder on other pairs."""
    from rnnexp.tasks.sequence_to_sequence.dataset import PairPipeline, apply

    dataset = apply(_changed(trained, changes), PairPipeline.from_json(trained.scaling), WHOLE)

    def known(own: Any) -> str:
        key = dataset.pipeline.source.tokeniser.key
        learnt = {key(text) for part in LEARNT if part in own.parts for text in own.texts(part)[0]}
        return _count(sum(key(text) in learnt for text in dataset.pairs.sources), f"{len(dataset.pairs)} sources")

    return _whole(trained, trained.load().model, dataset, ("pairs", known))


def _on_other_tags(trained: Trained, changes: Mapping[str, Any]) -> Scored:
    """Score a tagger on other sequences of tokens."""
    from rnnexp.tasks.tagging.dataset import TagPipeline, apply

    dataset = apply(_changed(trained, changes), TagPipeline.from_json(trained.scaling), WHOLE)

    def known(own: Any) -> str:
        learnt = {own.tagged.sequence(i) for part in LEARNT if part in own.parts for i in own.parts[part].indices}
        seen = sum(dataset.tagged.sequence(index) in learnt for index in range(len(dataset.tagged)))
        return _count(seen, f"{len(dataset.tagged)} sequences")

    return _whole(trained, trained.load().model, dataset, ("sequences", known))


def _changed(trained: Trained, changes: Mapping[str, Any]) -> Any:
    """Return the settings of the run's own source with other values."""
    return reading.changed(trained.configuration().data, changes)


def _count(seen: int, total: str) -> str:
    return f"{seen} of the {total} are among those that the run has learnt from" if seen else ""


def _whole(trained: Trained, model: Any, dataset: Dataset, learnt: tuple[str, Callable[[Any], str]]) -> Scored:
    """Score all of other data beside the baselines of the run, and say how much of them it has learnt from.

    learnt: what the data are, and what tells it
    """
    what, known = learnt
    own, why = _own(trained, what)
    told = [] if own is None else filter(None, [known(own)])
    report = runner.evaluate(model, replace(dataset, reference=own), trained.configuration())
    return Scored(dataset, report, [*dataset.summary.notes, *told, *why])


def _own(trained: Trained, what: str) -> tuple[Any, list[str]]:
    """Return the data of the run, to which its baselines are fitted again; None and why if they are not there."""
    if trained.experiment is None:
        reason = f"the model does not say what it was trained on: {what} that it has seen cannot be told from others"
        return None, [f"{reason}, {LEFT_OUT}"]
    try:
        own = own_data(trained, "a score")
    except RnnexpError as error:
        changed = isinstance(error, ChangedDataError)
        reason = "its own data have changed since" if changed else str(error)
        return None, [f"{what} that the run has learnt from cannot be told: {reason}; {LEFT_OUT}"]
    return own, []


def _source(trained: Trained, pipeline: Pipeline, changes: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Return the settings of the other data: of a table, or of the run's own source with other values."""
    own = trained.experiment.data if trained.experiment else None
    if own is not None and own.name == "csv":
        return reading.table(own, pipeline, {"path": own.path, **changes})
    if own is None or ("path" in changes and not hasattr(own, "path")):
        if "path" not in changes:
            raise ConfigError(f"{trained.called} is not known to read any data: give a file, --data FILE")
        return reading.table(own, pipeline, changes)
    return reading.changed(own, changes), []


def _other_step(dataset: SeriesDataset, pipeline: Pipeline) -> list[str]:
    found, known = dataset.history.frequency, pipeline.frequency
    if found is None or known is None or found == known:
        return []
    return [f'the rows are in steps of "{found}"; the model was trained on steps of "{known}"']
