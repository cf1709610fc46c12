"""Score what a network writes down, and what needs none, against the same texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.evaluation import breakdown
from rnnexp.evaluation.baseline_files import Kept
from rnnexp.evaluation.kept_baselines import KeptBaselines, keep
from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Scores, Scoring, defined, once
from rnnexp.tasks.transcription import baselines
from rnnexp.tasks.transcription.dataset import TranscriptDataset
from rnnexp.tasks.transcription.edit_distance import Texts, count_confusions, count_edits
from rnnexp.tasks.transcription.transcribe import BEAM, Transcripts, compute_logs, transcribe_part

if TYPE_CHECKING:
    from pandas import DataFrame

JUDGED = "character_error_rate"
POSTERIOR, CONFUSIONS = "posterior", "confusions"  # names of tables
MOST_STEPS = 400  # of the sequence that is drawn
SHOWN = 3  # confusions and texts that the summary shows

Fitted = tuple[dict[str, Any], dict[str, np.ndarray], dict[str, str]]


def report(model: Any, dataset: TranscriptDataset, scoring: Scoring) -> Report:
    """Transcribe the scored part, and compare with the true texts and what needs no network."""
    part = dataset.scored
    found = _transcribe(model, dataset, part)
    predictions = dataset.restore(part, found.texts)
    compute = partial(_fit_all, dataset)
    fitted, made, reasons = once(dataset, compute, kept=Kept([*baselines.KINDS.values()]))
    actual, weight, skipped = predictions.actual, predictions.weight, dict(reasons)
    metrics: dict[str, float] = {}
    for prefix, texts in {part: found.texts, **{f"baseline/{name}": own for name, own in made.items()}}.items():
        metrics |= prefixed(prefix, scores(actual, texts, weight) | scoring.extra(actual, texts))
    metrics[f"{part}/greedy/{JUDGED}"] = scores(actual, found.greedy, weight)[JUDGED]
    if f"{part}/word_error_rate" not in metrics:
        skipped["word_error_rate"] = "each text is one word"
    best = min(made, key=lambda name: metrics[f"baseline/{name}/{JUDGED}"])
    own, base = metrics[f"{part}/{JUDGED}"], metrics[f"baseline/{best}/{JUDGED}"]
    if base > 0:
        metrics[f"skill/{JUDGED}"] = 1 - own / base
    return Report(
        metrics,
        predictions,
        tables(dataset, found) | {POSTERIOR: _lay_posterior(model, dataset, found)},
        _one_answer(predictions),
        {name: dataset.restore(part, texts) for name, texts in made.items()},
        skipped,
        best,
        own < base,
        fitted=fitted,
        validation=scoring.validate(dataset, lambda name: _predict(model, dataset, name)),
    )


def _transcribe(model: Any, dataset: TranscriptDataset, part: str) -> Transcripts:
    return transcribe_part(model, dataset.pipeline, dataset.parts[part])


def _predict(model: Any, dataset: TranscriptDataset, part: str) -> Predictions:
    return dataset.restore(part, _transcribe(model, dataset, part).texts)


def scores(actual: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> dict[str, float]:
    """Return edits for each true letter, for each true word where texts have several, and the share of texts that are
    right; `weight` (n,) is how often each text counts.
    """
    often = np.ones(len(actual)) if weight is None else weight
    found = {JUDGED: _rate_edits(actual, predicted, often)}
    if any(" " in text for text in actual):
        found["word_error_rate"] = _rate_edits(_split_all(actual), _split_all(predicted), often)
    found["sequence_accuracy"] = float(np.average(actual == predicted, weights=often))
    return found


def _rate_edits(actual: Texts, predicted: Texts, often: np.ndarray) -> float:
    return float(often @ count_edits(actual, predicted) / (often @ np.array([*map(len, actual)])))


def _split_all(texts: np.ndarray) -> list[list[str]]:
    return [text.split() for text in texts]


def _list_fits(dataset: TranscriptDataset) -> dict[str, Callable[[], Any]]:
    """Return what fits each baseline to the training part."""
    own = dataset.trained_on
    if own is None:  # the best constant answer, which has seen the truth
        return {"most_frequent": partial(baselines.fit_most_frequent, list(dataset.truth(dataset.scored)))}
    texts, sequences = list(own.truth("train")), list_inputs(own, "train")
    letters = dataset.pipeline.letters
    numbered = list(map(dataset.pipeline.number, texts))
    return {
        "most_frequent": partial(baselines.fit_most_frequent, texts),
        "one_letter": partial(baselines.fit_one_letter, texts, sequences),
        "each_step": partial(baselines.fit_each_step, numbered, sequences, letters),
    }


def _fit_all(dataset: TranscriptDataset) -> Fitted:
    """Return the baselines that are defined, their texts for the scored part, and why others are not."""
    reasons: dict[str, str] = {}
    fitted = defined(_list_fits(dataset), reasons)
    asked = list_inputs(dataset, dataset.scored)
    made = {name: np.array(one.predict(asked), dtype=object) for name, one in fitted.items()}
    return fitted, made, reasons


def list_inputs(dataset: TranscriptDataset, part: str) -> list[np.ndarray]:
    """Return the sequences of a part as a network sees them."""
    found = dataset.windows.split(dataset.sequences.values, dataset.parts[part].indices)
    return [dataset.pipeline.scaled(one) for one in found]


def keep_baselines(dataset: TranscriptDataset, report: Report) -> KeptBaselines:
    """Keep what the baselines need to write texts for other sequences."""
    inputs = list_inputs(dataset, VALIDATION) if report.validation else []
    return keep(dataset, report, judge_validation(dataset), lambda one: one.predict(inputs))


def judge_validation(dataset: TranscriptDataset) -> Judge:
    """Return the share of letters that must be edited, by which the best is chosen."""
    return JUDGED, lambda one: scores(one.actual, np.array(one.predicted, dtype=object))[JUDGED]


def _one_answer(predictions: Predictions) -> list[str]:
    if len(set(predictions.predicted)) > 1 or len(set(predictions.actual)) == 1:
        return []
    return [f'the network learned nothing: for every input it writes "{predictions.predicted[0]}"']


def tables(dataset: TranscriptDataset, found: Transcripts) -> dict[str, DataFrame]:
    """Return every text beside the true one, the worst, and which letter was taken for which."""
    import pandas

    actual, indices = dataset.truth(dataset.scored), dataset.parts[dataset.scored].indices
    columns: dict[str, Any] = {
        "example": [dataset.sequences.place(int(index)) for index in indices],
        "actual": actual,
        "predicted": found.texts,
        "errors": count_edits(actual, found.texts),
        "log_probability": found.log_probability,
    }
    frame = pandas.DataFrame(columns)
    worst = frame[frame["errors"] > 0].sort_values(["errors", "log_probability"], ascending=[False, False])
    taken = count_confusions(actual, found.texts).most_common()
    rows = [[one or "(none)", other or "(none)", times] for (one, other), times in taken]
    return {
        "predictions": frame,
        breakdown.WORST: worst.head(breakdown.MOST_WORST).reset_index(drop=True),
        CONFUSIONS: pandas.DataFrame(rows, columns=["actual", "predicted", "times"]),
    }


def _lay_posterior(model: Any, dataset: TranscriptDataset, found: Transcripts) -> DataFrame:
    """Return the share of each letter of one text at each step: of the longest sequence that a picture can show."""
    import pandas

    part = dataset.parts[dataset.scored]
    lengths = part.arrays["length"][part.indices]
    legible = np.flatnonzero(lengths <= max(MOST_STEPS, lengths.min()))
    row = int(legible[np.argmax(lengths[legible])])
    shares = np.exp(compute_logs(model, part, part.indices[row : row + 1])[0, : lengths[row]])
    pipeline = dataset.pipeline
    shown = sorted(set(pipeline.number(dataset.truth(dataset.scored)[row] + found.texts[row])))
    columns = {"example": row, "step": np.arange(1, len(shares) + 1), "blank": shares[:, 0]}
    return pandas.DataFrame(columns | {f"p({pipeline.letters[at - 1]})": shares[:, at] for at in shown})


def summary(scores: Scores) -> Iterator[str]:
    """Yield how the likeliest path alone does, the most frequent confusions, and the worst texts."""
    tables, metrics = scores.report.tables, scores.metrics
    greedy = metrics.get(f"{scores.part}/greedy/{JUDGED}")
    if greedy is not None:
        yield f"  decoded by beam search of width {BEAM}; by greedy decoding {greedy:.5g}"
    yield from _say_confusions(tables)
    for _, row in tables[breakdown.WORST].head(SHOWN).iterrows():
        yield f'    {row["example"]}: "{row["predicted"]}" instead of "{row["actual"]}"'


def _say_confusions(tables: Mapping[str, DataFrame]) -> Iterator[str]:
    found = tables[CONFUSIONS]
    if len(found):
        shown = [f"{row.predicted} for {row.actual} ({row.times})" for row in found.head(SHOWN).itertuples()]
        yield f"  most frequent mistakes: {', '.join(shown)}; the worst texts:"
