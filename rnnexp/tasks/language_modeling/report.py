"""Score a language model, and n-grams, on the same tokens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.errors import DivergedError
from rnnexp.evaluation.kept_baselines import KeptBaselines, keep
from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Scoring, once
from rnnexp.models.token_scoring import score_tokens
from rnnexp.tasks.language_modeling import ngrams
from rnnexp.tasks.language_modeling.dataset import TextStream
from rnnexp.tasks.language_modeling.ngrams import NGram

if TYPE_CHECKING:
    from pandas import DataFrame

LONGEST = {"character": 6, "subword": 4}  # tokens of an n-gram; more only overfit on texts of these sizes
WORDS = 3
UNCHOSEN = {"character": 5}  # without a validation part
MOST_ROWS = 1000


KINDS: dict[str, type] = {"unigram": NGram, "ngram": NGram}  # the baselines that a run keeps, by name


def report(model: Any, dataset: TextStream, scoring: Scoring) -> Report:
    """Read the scored part once, and compare the network's surprise with that of n-grams."""
    found = score_tokens(model, dataset.ids(dataset.scored))
    if not np.isfinite(found).all():
        raise DivergedError("the model's predictions are not finite; lower optimizer.learning_rate or clip gradients")
    predictions = dataset.restore(dataset.scored, found)
    metrics = prefixed(dataset.scored, scores(found))
    if dataset.trained_on is None:
        return Report(metrics, predictions, {"tokens": table(dataset, predictions)})
    fitted = once(dataset, partial(_fit, dataset, dataset.trained_on), "fitted")
    made = once(dataset, lambda: {name: one.predict(dataset.ids(dataset.scored)) for name, one in fitted.items()})
    for name, values in made.items():
        metrics |= prefixed(f"baseline/{name}", scores(values))
    best = min(made, key=lambda name: metrics[f"baseline/{name}/nats"])
    for name in ("perplexity", "nats"):
        metrics[f"skill/{name}"] = 1 - metrics[f"{dataset.scored}/{name}"] / metrics[f"baseline/{best}/{name}"]
    return Report(
        metrics,
        predictions,
        {"tokens": table(dataset, predictions, made["ngram"])},
        [f"the n-gram is of {fitted['ngram'].order} tokens, with Witten-Bell smoothing"],
        {name: dataset.restore(dataset.scored, values) for name, values in made.items()},
        best_baseline=best,
        beats_baseline=metrics[f"{dataset.scored}/nats"] < metrics[f"baseline/{best}/nats"],
        fitted=fitted,
        validation=scoring.validate(
            dataset, lambda part: dataset.restore(part, score_tokens(model, dataset.ids(part)))
        ),
    )


def keep_baselines(dataset: TextStream, report: Report) -> KeptBaselines:
    """Keep the n-grams, with what a token of the validation part costs."""
    return keep(dataset, report, judge_validation(dataset), lambda one: one.predict(dataset.ids(VALIDATION)))


def judge_validation(dataset: TextStream) -> Judge:
    """Return what a token costs, by which the best is chosen."""
    return "nats", lambda one: scores(one.predicted)["nats"]


def rows(dataset: TextStream, report: Report) -> DataFrame:
    """Return every token with what it costs, in the order of the text."""
    import pandas

    found = report.predictions
    tokens = np.array(dataset.language.vocabulary.tokens, dtype=object)[found.actual]
    return pandas.DataFrame({"position": np.arange(1, len(tokens) + 1), "token": tokens, "nats": -found.predicted})


def scores(found: np.ndarray) -> dict[str, float]:
    """Return nats per token, and the perplexity that they make."""
    nats = -float(found.mean())
    return {"nats": nats, "perplexity": float(np.exp(nats))}


def _fit(dataset: TextStream, own: TextStream) -> dict[str, NGram]:
    """Learn n-grams; how long they are is chosen on the validation part."""
    kind, train, size = dataset.language.tokenizer.kind, own.ids("train"), len(dataset.language.vocabulary)
    longest, order = LONGEST.get(kind, WORDS), UNCHOSEN.get(kind, WORDS)
    if VALIDATION in own.borders:
        tried = ngrams.log_probabilities(train, own.ids(VALIDATION), size, longest)
        order = 1 + int(np.argmax([values.mean() for values in tried]))
    return {"unigram": NGram(train, size, 1), "ngram": NGram(train, size, order)}


def table(dataset: TextStream, predictions: Predictions, ngram: np.ndarray | None = None) -> DataFrame:
    """Return where the nats go: one row per token, those that cost most in all first."""
    import pandas

    tokens = np.array(dataset.language.vocabulary.tokens, dtype=object)[predictions.actual]
    costs = pandas.DataFrame({"token": tokens, "nats": -predictions.predicted})
    if ngram is not None:
        costs["ngram_nats"] = -ngram
    grouped = costs.groupby("token", sort=True)
    found = grouped.mean()
    found.insert(0, "count", grouped.size())
    found["share"] = found["count"] * found["nats"] / costs["nats"].sum()
    return found.sort_values("share", ascending=False, kind="stable").head(MOST_ROWS).reset_index()
