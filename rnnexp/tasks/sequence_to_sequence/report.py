"""Score what an encoder-decoder writes, and dictionaries, against the same references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import Part, Predictions
from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN
from rnnexp.errors import DivergedError
from rnnexp.evaluation.kept_baselines import KeptBaselines, keep
from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Scoring, Undefined, defined, once
from rnnexp.models.beam_search import Decoded, Decoding, decode
from rnnexp.models.logits import log_softmax
from rnnexp.tasks.sequence_to_sequence import ibm_model1 as dictionaries
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset, PairPipeline
from rnnexp.tasks.sequence_to_sequence.ibm_bigram import BigramDictionary, fit_bigram_dictionary

if TYPE_CHECKING:
    from pandas import DataFrame

AT_ONCE = 64  # texts that are written side by side: changes the speed, not the result
LENGTHS = 4  # that many texts are padded to: a network is compiled anew for each
MOST_SCORES = 2**26  # of tokens that a network gives at once, 256 MB
NO_SACREBLEU = "it needs the package sacrebleu: pip install 'rnnexp[text]'"

MAX_VALIDATED = 256  # texts of the validation part on which the best of network and baselines is chosen
# The baselines that a run keeps, by name.
KINDS: dict[str, type] = {
    "most_frequent": dictionaries.MostFrequent,
    "dictionary": dictionaries.Dictionary,
    "ibm_bigram": BigramDictionary,
}

Baselines = tuple[dict[str, Any], dict[str, str]]  # each that can be fitted, and why others cannot


@dataclass(frozen=True)
class Translated:
    """What was written from each text, its log probability, and the attention it was written with."""

    texts: list[str]
    log_probability: np.ndarray
    attention: list[np.ndarray | None]


def report(model: Any, dataset: PairDataset, scoring: Scoring | None = None) -> Report:
    """Write a text for each source of the scored part, and compare it with all references that it has there."""
    sources, references = zip(*dataset.references(dataset.scored).items())
    nats = _nats(model, dataset)
    if not np.isfinite(nats):
        raise DivergedError("the model's predictions are not finite; lower optimizer.learning_rate or clip gradients")
    found = written(model, dataset.pipeline, sources)
    metrics = {f"{dataset.scored}/nats": nats, f"{dataset.scored}/perplexity": float(np.exp(nats))}
    fitted, skipped = _fit(dataset)
    made, undefined = once(dataset, partial(_predict_all, dataset.pipeline, fitted, sources))
    fitted = {name: fitted[name] for name in made}
    for prefix, texts in {
        dataset.scored: found.texts,
        **{f"baseline/{name}": own for name, own in made.items()},
    }.items():
        metrics |= prefixed(prefix, scores(texts, references, dataset.pipeline))
    judged = primary_metric(dataset)
    best = max(made, key=lambda name: metrics[f"baseline/{name}/{judged}"], default=None)
    metrics |= _skill(metrics, dataset.scored, best)
    return Report(
        metrics,
        dataset.restore(dataset.scored, np.array(found.texts, dtype=object)),
        {"predictions": table(dataset, found)},
        _one_answer(found.texts, references),
        {name: dataset.restore(dataset.scored, np.array(texts, dtype=object)) for name, texts in made.items()},
        skipped | undefined | ({"bleu": NO_SACREBLEU} if judged == "exact_match" and not _characters(dataset) else {}),
        best,
        None if best is None else metrics[f"{dataset.scored}/{judged}"] > metrics[f"baseline/{best}/{judged}"],
        attention=found.attention,
        fitted=fitted,
        validation=scoring.validate(dataset, lambda part: _validate(model, dataset)) if scoring else None,
    )


def _validate(model: Any, dataset: PairDataset) -> Predictions:
    texts = written(model, dataset.pipeline, list(_asked(dataset))).texts
    return Predictions(np.array(texts, dtype=object), np.array([]))


def _asked(dataset: PairDataset) -> dict[str, list[str]]:
    """Return some sources of the validation part with their targets: to search for the likeliest text takes time."""
    return dict(islice(dataset.references(VALIDATION).items(), MAX_VALIDATED))


def keep_baselines(dataset: PairDataset, report: Report) -> KeptBaselines:
    """Keep what the baselines need to answer other texts."""
    asked = list(_asked(dataset))
    return keep(dataset, report, judge_validation(dataset), lambda one: predict_by(one, dataset.pipeline, asked))


def judge_validation(dataset: PairDataset) -> Judge:
    """Return by what the best is chosen."""
    judged = primary_metric(dataset)

    def score(one: Predictions) -> float:
        return scores(list(one.predicted), list(_asked(dataset).values()), dataset.pipeline)[judged]

    return judged, score


def _predict_all(
    pipeline: PairPipeline, fitted: Mapping[str, Any], sources: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    reasons: dict[str, str] = {}
    makers = {name: partial(predict_by, one, pipeline, sources) for name, one in fitted.items()}
    return defined(makers, reasons), reasons


def predict_by(baseline: Any, pipeline: PairPipeline, texts: Sequence[str]) -> list[str]:
    """Return what a baseline writes from texts."""
    read = list(map(pipeline.source.tokenizer.split, texts))
    return list(map(pipeline.target.tokenizer.join, baseline.predict(read)))


def primary_metric(dataset: PairDataset) -> str:
    """Return what heads the report: strings of characters are right or wrong, sentences are more or less alike."""
    return _primary(dataset.pipeline)


def _primary(pipeline: PairPipeline) -> str:
    return "exact_match" if pipeline.target.tokenizer.kind == "character" or not find_spec("sacrebleu") else "bleu"


def written(model: Any, pipeline: PairPipeline, texts: Sequence[str]) -> Translated:
    """Write from texts, those of like length side by side; the order of the answers is that of the texts."""
    never = (PADDING, UNKNOWN, pipeline.start)
    how = Decoding(pipeline.start, pipeline.end, pipeline.most, pipeline.beam, pipeline.length_penalty, never)
    encoded = pipeline.source.encode(texts)
    arrays = padding.laid_out(encoded.ids, encoded.offsets)
    lengths = arrays["length"]
    part = Part(arrays, np.arange(len(texts)), padding.bounds(lengths, LENGTHS) if len(texts) > AT_ONCE else ())
    answers, costs, looks = [""] * len(texts), np.zeros(len(texts)), [None] * len(texts)  # type: list[str], Any, list[Any]
    for chosen in part.alike(AT_ONCE):
        made = decode(model, padding.masked_inputs(part.arrays_for(chosen), chosen), how)
        for row, index in enumerate(chosen):
            answers[index], costs[index] = pipeline.write(made.ids[row]), made.log_probability[row]
            looks[index] = _look(made, row, lengths[index], pipeline.end)
    return Translated(answers, costs, looks)


def _look(made: Decoded, row: int, length: int, end: int) -> np.ndarray | None:
    if made.attention is None:
        return None
    steps = int(np.argmax(made.ids[row] == end)) + 1 if (made.ids[row] == end).any() else len(made.ids[row])
    return made.attention[row, :steps, :length].copy()  # a part would keep those of all texts beside it


def _nats(model: Any, dataset: PairDataset) -> float:
    """Return the nats per target token, the end too, each given the true ones before it."""
    part, total, count = dataset.parts[dataset.scored], 0.0, 0.0
    widest = len(part.arrays["steps"]) * dataset.spec.output_shape[-1]
    size = int(np.clip(MOST_SCORES // widest, 1, AT_ONCE))
    for rows in part.alike(size):
        chosen = part.indices[rows]
        x, y, weight = dataset.batch(part.arrays_for(chosen), chosen)
        for row, scores in enumerate(np.asarray(model.predict_on_batch(x))):
            logs = log_softmax(scores)[np.arange(len(scores)), y[row]]
            total -= float(logs @ weight[row])
        count += float(weight.sum())
    return total / count


def scores(texts: Sequence[str], references: Sequence[Sequence[str]], pipeline: PairPipeline) -> dict[str, float]:
    """Return the share of texts that are exactly one of their references, and of sentences BLEU and chrF in percent by
    sacrebleu.

    References are written as the model writes, from its tokens: capital letters that it does not know do not count, and
    what is right has 100.
    """
    own = [[pipeline.target.tokenizer.written(reference) for reference in each] for each in references]
    found = {"exact_match": float(np.mean([text in each for text, each in zip(texts, own)]))}
    if _primary(pipeline) == "bleu":
        import sacrebleu

        streams = list(zip_longest(*own))  # fewer references of a text than of others are None, as it takes them
        # It takes blanks before full stops for a mistake; its own rule would put them there.
        found["bleu"] = float(sacrebleu.corpus_bleu(list(texts), streams, force=True).score)
        found["chrf"] = float(sacrebleu.corpus_chrf(list(texts), streams).score)
    return found


def right(tokenizer: Tokenizer, text: str, references: Sequence[str]) -> bool:
    """Say whether a text is one of its references, written with the same tokens."""
    return text in map(tokenizer.written, references)


def _fit(dataset: PairDataset) -> Baselines:
    own = dataset.trained_on
    return once(dataset, partial(_fit_to, dataset.pipeline, own), "fitted") if own else ({}, {})


def _fit_to(pipeline: PairPipeline, own: PairDataset) -> Baselines:
    (sources, targets), reads, writes = own.texts("train"), pipeline.source.tokenizer, pipeline.target.tokenizer
    read, write = list(map(reads.split, sources)), list(map(writes.split, targets))
    fitted: dict[str, Any] = {"most_frequent": dictionaries.fit_most_frequent(write, writes.join)}
    try:
        bigrams = fit_bigram_dictionary(read, write)
    except Undefined as reason:
        return fitted, dict.fromkeys(("dictionary", "ibm_bigram"), str(reason))
    alone = {word: next(iter(found)) for word, found in bigrams.translations.items()}
    return fitted | {"dictionary": dictionaries.Dictionary(alone), "ibm_bigram": bigrams}, {}


def _characters(dataset: PairDataset) -> bool:
    return dataset.pipeline.target.tokenizer.kind == "character"


def _skill(metrics: Mapping[str, float], part: str, best: str | None) -> dict[str, float]:
    found = {}
    for name, most in (("exact_match", 1.0), ("bleu", 100.0)):
        base = metrics.get(f"baseline/{best}/{name}")
        if base is not None and base < most:
            found[f"skill/{name}"] = 1 - (most - metrics[f"{part}/{name}"]) / (most - base)
    return found


def _one_answer(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[str]:
    if len(set(texts)) > 1 or len({reference for own in references for reference in own}) == 1:
        return []
    return [f'the network learned nothing: for every input it writes "{texts[0]}"']


def table(dataset: PairDataset, found: Translated) -> DataFrame:
    """Return each source, its references, and what was written."""
    import pandas

    known, tokenizer = dataset.references(dataset.scored), dataset.pipeline.target.tokenizer
    places: dict[str, str] = {}
    for index in dataset.parts[dataset.scored].indices:
        places.setdefault(dataset.pairs.sources[index], dataset.pairs.places[index])
    columns = {
        "example": list(places.values()),
        "source": list(known),
        "references": [" | ".join(references) for references in known.values()],
        "written": found.texts,
        "right": list(map(partial(right, tokenizer), found.texts, known.values())),
        "log_probability": found.log_probability,
    }
    return pandas.DataFrame(columns)
