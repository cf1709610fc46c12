"""A language model as it is served: the surprise of texts, and how they go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.texts.vocabulary import PADDING, RESERVED, UNKNOWN
from rnnexp.errors import ConfigError, DataError, count, did_you_mean
from rnnexp.models.sampling import Sampling, find_mistakes, sample_tokens
from rnnexp.models.token_scoring import score_tokens
from rnnexp.tasks.language_modeling.dataset import Language

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_SHOWN = 5

# What a request may ask for, with the usual values; a length of 0 asks for no continuation.
PARAMS = {"length": 0, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}


def answer(model: Any, language: Language, texts: Sequence[str], params: Mapping[str, Any] | None = None) -> DataFrame:
    """Return the surprise of each text, and with `length` what follows it, one line each.

    Raises ConfigError for wishes that are not possible, DataError for a text that cannot be read.
    """
    asked = _asked(params or {})
    if not asked["length"]:
        return surprise(model, language, texts)
    how = Sampling(asked["temperature"], asked["top_k"] or None, asked["top_p"], asked["seed"], (PADDING, UNKNOWN))
    for number, text in enumerate(texts, start=1):
        refuse_unknown(language, text, f"text {number}")
    frame = surprise(model, language, texts, least=1)
    read = [language.ids(text) for text in texts]
    written = [sample_tokens(model, ids, int(asked["length"]), how) for ids in read]
    frame["continuation"] = [language.continuation(ids, more) for ids, more in zip(read, written)]
    return frame


def _asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """Lay wishes over the usual ones."""
    problems = [f"{key}: is no parameter{did_you_mean(key, PARAMS)}" for key in params if key not in PARAMS]
    asked = {**PARAMS, **params}
    if asked["length"]:
        problems += find_mistakes({"length": asked["length"]})
    if problems:
        raise ConfigError(*problems)
    return asked


def surprise(model: Any, language: Language, texts: Sequence[str], least: int = 2) -> DataFrame:
    """Return tokens, nats per token and perplexity of each text; the first token of a text is given, not scored.

    least: tokens of a text; of a single one nothing is scored, NaN
    """
    import pandas

    read = [language.ids(text) for text in texts]
    for number, ids in enumerate(read, start=1):
        if len(ids) < least:
            needed = "at least 2 are needed, the second is scored" if least > 1 else "give some text to go on from"
            raise DataError(f"text {number}: {count(len(ids), 'token')}; {needed}")
    found = [-score_tokens(model, ids).mean() if len(ids) > 1 else np.nan for ids in read]
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
        what = "character" if language.tokeniser.kind == "character" else "token"
        raise DataError(
            f"{place}: the model does not know the {what}{'s' if len(strange) > 1 else ''} {shown}{more}: "
            f"its {len(known):,} are those of its training part"
        )


def start(language: Language) -> np.ndarray:
    """Return the token after which a text begins: the end of a line, or the most frequent one where there is none."""
    known = language.vocabulary.ids
    ends = [end for end in ("\n", language.line_end) if end in known]
    return np.array([known[ends[0]] if ends else len(RESERVED)], np.int32)
