"""What a trained language model says of texts: how surprising they are, and how they go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.texts.vocabulary import PADDING, RESERVED, UNKNOWN
from rnnexp.errors import ConfigError, DataError, count, did_you_mean
from rnnexp.evaluation.kept_baselines import NETWORK
from rnnexp.models.sampling import Sampling, find_mistakes, sample_tokens
from rnnexp.models.token_scoring import score_tokens
from rnnexp.tasks.language_modeling.dataset import Language
from rnnexp.tasks.requests import GenerateRequest, PredictRequest, PredictResponse, RequestSchema, TrainedModel
from rnnexp.tasks.text_requests import COLUMN, read_texts, served_texts

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

MOST_SHOWN = 5
LENGTH, TEMPERATURE = 400, 0.8  # of a text that shows what has been learned

# What a request may ask for, with the usual values; a length of 0 asks for no continuation.
PARAMS = {"length": 0, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Say of each text how many nats a token of it costs; a text without tokens is said before Keras is imported."""
    found, language = read_texts(trained, request), trained.preprocessor
    ids = [language.ids(text) for text in found.texts]
    for place, own in zip(found.places, ids):
        if len(own) < 2:
            raise DataError(f"{place}: {count(len(own), 'token')}; at least 2 are needed, the second is scored")
    unknown = sum(int((own == UNKNOWN).sum()) for own in ids) / sum(map(len, ids))
    frame = surprise(trained.load(), found.texts)
    frame.insert(0, "example", found.places)
    notes = [f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else []
    return PredictResponse(frame, [*found.notes, *notes])


def generate(trained: TrainedModel, request: GenerateRequest) -> str:
    """Return the prompt and what the model writes after it; unknown symbols are said before Keras is imported."""
    language = trained.preprocessor
    refuse_unknown(language, request.prompt or "", "--prompt")
    prompt = language.ids(request.prompt) if request.prompt else start(language)
    if not len(prompt):
        raise ConfigError("--prompt: has no token; give some text to continue")
    written = sample_tokens(trained.load().model, prompt, request.length, request.sampling or Sampling())
    return str(language.text([*prompt, *written] if request.prompt else written))


def sampler(dataset: Any) -> Callable[[Any], str]:
    """Return what lets a model of these data write a text."""
    return partial(sample, language=dataset.language)


def sample(model: Any, language: Language) -> str:
    """Return a text; it is drawn with the same seed, so that two differ by what has been learned."""
    written = sample_tokens(model, start(language), LENGTH, Sampling(TEMPERATURE, never=(PADDING, UNKNOWN)))
    return language.text(written)


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Return the surprise of each text, and with `length` what follows it, one line each.

    Raises ConfigError for wishes that are not possible, DataError for a text that cannot be read.
    """
    model, language, texts = bundle.model, bundle.preprocessor, served_texts(rows)
    asked = _asked(params)
    if not asked["length"]:
        return surprise(bundle, texts)
    if bundle.baseline is not None:
        raise ConfigError(f"length: an n-gram scores texts here, and writes none; use the {NETWORK} to continue them")
    how = Sampling(asked["temperature"], asked["top_k"] or None, asked["top_p"], asked["seed"], (PADDING, UNKNOWN))
    for number, text in enumerate(texts, start=1):
        refuse_unknown(language, text, f"text {number}")
    frame = surprise(bundle, texts, least=1)
    read = [language.ids(text) for text in texts]
    written = [sample_tokens(model, ids, int(asked["length"]), how) for ids in read]
    frame["continuation"] = [language.continuation(ids, more) for ids, more in zip(read, written)]
    return frame


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe texts, and what may be asked for in a continuation of them."""
    return RequestSchema((COLUMN,), PARAMS)


def _asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """Lay wishes over the usual ones."""
    problems = [f"{key}: is no parameter{did_you_mean(key, PARAMS)}" for key in params if key not in PARAMS]
    asked = {**PARAMS, **params}
    if asked["length"]:
        problems += find_mistakes({"length": asked["length"]})
    if problems:
        raise ConfigError(*problems)
    return asked


def surprise(bundle: Bundle, texts: Sequence[str], least: int = 2) -> DataFrame:
    """Return tokens, nats per token and perplexity of each text; the first token of a text is given, not scored.

    least: tokens of a text; of a single one nothing is scored, NaN
    """
    import pandas

    read = [bundle.preprocessor.ids(text) for text in texts]
    for number, ids in enumerate(read, start=1):
        if len(ids) < least:
            needed = "at least 2 are needed, the second is scored" if least > 1 else "give some text to continue"
            raise DataError(f"text {number}: {count(len(ids), 'token')}; {needed}")
    score = partial(score_tokens, bundle.model) if bundle.baseline is None else bundle.baseline.predict
    found = [-score(ids).mean() if len(ids) > 1 else np.nan for ids in read]
    return pandas.DataFrame(
        {
            "text": list(texts),
            "tokens": [len(ids) for ids in read],
            "nats": found,
            "perplexity": np.exp(found),
        }
    )


def refuse_unknown(language: Language, prompt: str, place: str) -> None:
    """Raise DataError if a text to go on from has tokens that the model does not know."""
    known = language.vocabulary.ids
    strange = list(dict.fromkeys(token for token in language.tokens(prompt) if token not in known))
    if strange:
        shown = ", ".join(f'"{token}"' for token in strange[:MOST_SHOWN])
        more = f" and {len(strange) - MOST_SHOWN} more" if len(strange) > MOST_SHOWN else ""
        what = "character" if language.tokenizer.kind == "character" else "token"
        raise DataError(
            f"{place}: the model does not know the {what}{'s' if len(strange) > 1 else ''} {shown}{more}: "
            f"its {len(known):,} are those of its training set"
        )


def start(language: Language) -> np.ndarray:
    """Return the token after which a text begins: the end of a line, or the most frequent one where there is none."""
    known = language.vocabulary.ids
    ends = [end for end in ("\n", language.line_end) if end in known]
    return np.array([known[ends[0]] if ends else len(RESERVED)], np.int32)
