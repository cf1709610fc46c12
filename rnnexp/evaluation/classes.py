"""Score a classifier and its baselines on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation import breakdown, classification, kept_baselines
from rnnexp.evaluation.baseline_files import Kept
from rnnexp.evaluation.kept_baselines import KeptBaselines
from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Scores, Undefined, defined, once

if TYPE_CHECKING:
    from pandas import DataFrame

Fit = Callable[[], Any]  # returns what predicts probabilities (n, classes), or raises Undefined
Extra = Callable[[np.ndarray, np.ndarray], dict[str, float]]
Answers = tuple[dict[str, Any], dict[str, np.ndarray], dict[str, str]]


@dataclass(frozen=True)
class Rivals:
    """What a classifier is held against: what fits each baseline, and the input of a part as all of them take it.

    vote: makes the answers for the examples of a part of those for its input
    kinds, complete: the classes of the baselines, and what adds to one all that a file of it leaves out
    texts: that they read, if any
    """

    fits: Callable[[], Mapping[str, Fit]]
    inputs: Callable[[str], Any]
    vote: Callable[[str, np.ndarray], np.ndarray] = lambda part, shares: shares
    kinds: Sequence[Any] = ()
    complete: Callable[[Any], Any] = lambda one: one
    texts: Sequence[str] = ()

    def answer(self, one: Any, part: str) -> np.ndarray:
        """Return the probabilities (n, classes) that one baseline gives for a part."""
        return self.vote(part, one.predict(self.inputs(part)))

    def predict(self, part: str) -> Answers:
        """Return the baselines that are defined, their probabilities for a part, and why others are not."""
        reasons: dict[str, str] = {}
        fitted = defined(self.fits(), reasons)
        made = defined({name: partial(self.answer, one, part) for name, one in fitted.items()}, reasons)
        return {name: fitted[name] for name in made}, made, reasons

    def complete_all(self, read: Answers) -> Answers:
        """Complete the baselines of what `predict` returns."""
        return {name: self.complete(one) for name, one in read[0].items()}, *read[1:]


FEW_NAMES = 5
UNBALANCED = 1.5  # times as many examples has the most frequent class as the rarest
MOST_LETTERS = 60  # of a text that is shown


def compared(
    dataset: Dataset, predictions: Predictions, extra: Extra, rivals: Rivals, tables: Mapping[str, DataFrame]
) -> Report:
    """Compare predicted classes with the truth, and with every baseline that is defined; `extra` adds metrics."""
    labels, names = predictions.actual, dataset.spec.classes
    compute = partial(rivals.predict, dataset.scored)
    fitted, made, reasons = once(dataset, compute, kept=Kept(rivals.kinds, rivals.complete_all, rivals.texts))
    skipped = dict(reasons)
    metrics: dict[str, float] = {}
    models = {dataset.scored: predictions.predicted, **{f"baseline/{name}": shares for name, shares in made.items()}}
    for prefix, shares in models.items():
        chosen = shares.argmax(axis=1)
        values = classification.scores(labels, chosen, len(names), predictions.weight) | extra(labels, chosen)
        metrics |= prefixed(prefix, values)
    metrics[f"{dataset.scored}/log_loss"] = classification.log_loss(labels, predictions.predicted, predictions.weight)
    best = _judge(metrics, skipped, made, dataset.scored)
    return Report(
        metrics,
        predictions,
        tables,
        _one_answer(dataset, predictions) + _absent(labels, names),
        {name: replace(predictions, predicted=shares) for name, shares in made.items()},
        skipped,
        best,
        metrics[f"{dataset.scored}/accuracy"] > metrics[f"baseline/{best}/accuracy"],
        fitted=fitted,
    )


def add_rivals(report: Report, dataset: Dataset, extra: Extra, made: Mapping[str, np.ndarray]) -> Report:
    """Add baselines, by their probabilities (n, classes) for the scored part, and judge the network by all of them."""
    predictions, count = report.predictions, len(dataset.spec.classes)
    metrics, skipped = dict(report.metrics), dict(report.skipped)
    for name, shares in made.items():
        chosen = shares.argmax(axis=1)
        values = classification.scores(predictions.actual, chosen, count, predictions.weight)
        metrics |= prefixed(f"baseline/{name}", values | extra(predictions.actual, chosen))
    baselines = {**report.baselines, **{name: replace(predictions, predicted=shares) for name, shares in made.items()}}
    best = _judge(metrics, skipped, baselines, dataset.scored)
    beats = metrics[f"{dataset.scored}/accuracy"] > metrics[f"baseline/{best}/accuracy"]
    return replace(
        report, metrics=metrics, skipped=skipped, baselines=baselines, best_baseline=best, beats_baseline=beats
    )


def _judge(metrics: dict[str, float], skipped: dict[str, str], made: Mapping[str, Any], part: str) -> str:
    """Return the best baseline, and put the skill beside it into the metrics, or the reason why there is none."""
    best = max(made, key=lambda name: metrics[f"baseline/{name}/accuracy"])
    base = metrics[f"baseline/{best}/accuracy"]
    metrics.pop("skill/accuracy", None)
    if base < 1:
        metrics["skill/accuracy"] = 1 - (1 - metrics[f"{part}/accuracy"]) / (1 - base)
    else:
        skipped["skill/accuracy"] = f"the baseline {best} is exact"
    return best


def keep(dataset: Dataset, report: Report, rivals: Rivals) -> KeptBaselines:
    """Keep the baselines of a report, each with its accuracy on the validation part."""
    return kept_baselines.keep(dataset, report, judge_validation(dataset), lambda one: rivals.answer(one, VALIDATION))


def judge_validation(dataset: Dataset) -> Judge:
    """Return the accuracy, by which the best is chosen."""
    return "accuracy", lambda one: float((one.predicted.argmax(axis=1) == one.actual).mean())


def answer(baseline: Any, asked: Any, classes: int) -> np.ndarray:
    """Return what a kept baseline says of input, as probabilities (n, classes)."""
    shares: np.ndarray = baseline.predict(asked)
    if shares.shape[1:] != (classes,):
        raise Undefined(f"{kept_baselines.FILE} is of {shares.shape[-1]} classes, and the network of {classes}")
    return shares


def _absent(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Say over which classes the averages are, where not over all."""
    there = np.unique(labels)
    if len(there) == len(names):
        return []
    others = [name for number, name in enumerate(names) if number not in there]
    listed = ", ".join(f"`{name}`" for name in others[:FEW_NAMES]) + (", ..." if len(others) > FEW_NAMES else "")
    return [
        f"precision, recall, F1 and balanced accuracy are means over the {len(there)} of {len(names)} classes that are "
        f"scored here; there is none of {listed}"
    ]


def _one_answer(dataset: Dataset, predictions: Predictions) -> list[str]:
    chosen = np.unique(predictions.predicted.argmax(axis=1))
    if len(chosen) > 1 or len(np.unique(predictions.actual)) == 1:
        return []
    counts = np.bincount(predictions.actual)
    few = counts.max() >= UNBALANCED * counts[counts > 0].min()
    advice = "; rare classes count as much as others with trainer.class_weights=balanced" if few else ""
    return [f"the network learned nothing: for every input it predicts `{dataset.spec.classes[chosen[0]]}`{advice}"]


def explain_score(scores: Scores) -> str:
    """Give the macro-F1 beside the accuracy where classes are unbalanced: the most frequent one hides the others."""
    counts = scores.report.tables["classes"]["examples"]
    there = counts[counts > 0]
    if there.max() < UNBALANCED * there.min():
        return ""
    found = {name: scores.metrics.get(f"baseline/{name}/f1", 0.0) for name in scores.report.baselines}
    best = max(found, key=lambda name: found[name], default=None)
    beside = f" (best baseline {best} {found[best]:.4f})" if best else ""
    return f"; the classes are unbalanced: macro-F1 {scores.metrics[f'{scores.part}/f1']:.4f}{beside}"


def say_classes(scores: Scores) -> Iterator[str]:
    """Yield precision, recall and F1 of each class, the worst first, and the surest mistakes."""
    table = scores.report.tables["classes"]
    table = table[table["examples"] > 0]
    shown, left = breakdown.choose_extremes(table, np.asarray(np.argsort(table["f1"], kind="stable")))
    width = max(18, *(len(str(name)) for name in shown["class"]))
    yield f"  {f'classes{left}':<{width + 2}} precision  recall      F1  examples"
    for name, precision, recall, f1, count in zip(*(shown[column] for column in table)):
        yield f"    {name:<{width}} {precision:>9.4f} {recall:>7.4f} {f1:>7.4f} {count:>9}"
    wrong = scores.report.tables[breakdown.WORST].head(breakdown.SHOWN_MISTAKES)
    if len(wrong):
        yield "  most confident mistakes:"
    for _, row in wrong.iterrows():
        text = str(row.get("text", row.get("token", "")))
        text = f' "{text[:MOST_LETTERS]}{"..." * (len(text) > MOST_LETTERS)}"' if text else ""
        said = f"`{row['predicted']}` ({row['probability']:.1%}) instead of `{row['actual']}`"
        yield f"    {row['example']}{text}: {said}"
