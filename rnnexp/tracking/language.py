"""A language model as it is served: the surprise of texts, and how they go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.tables.places import count
from rnnexp.data.texts.stream import Language
from rnnexp.data.texts.vocabulary import PADDING, RESERVED, UNKNOWN
from rnnexp.errors import DataError
from rnnexp.models.reading import log_probabilities
from rnnexp.models.writing import Sampling, write

if TYPE_CHECKING:
    from pandas import DataFrame

# What a request may ask for, with the usual values; a length of 0 asks for no continuation.
PARAMS = {"length": 0, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}


def answer(model: Any, language: Language, texts: Sequence[str], params: Mapping[str, Any] | None = None) -> DataFrame:
    """Return the surprise of each text, and with `length` what follows it, one line each."""
    asked = {**PARAMS, **(params or {})}
    frame = surprise(model, language, texts)
    if asked["length"]:
        how = Sampling(asked["temperature"], asked["top_k"] or None, asked["top_p"], asked["seed"], (PADDING, UNKNOWN))
        read = [language.ids(text) for text in texts]
        written = [write(model, ids, int(asked["length"]), how) for ids in read]
        frame["continuation"] = [language.continuation(ids, more) for ids, more in zip(read, written)]
    return frame


def surprise(model: Any, language: Language, texts: Sequence[str]) -> DataFrame:
    """Return tokens, nats per token and perplexity of each text; the first token of a text is given, not scored."""
    import pandas

    found = [-log_probabilities(model, ids).mean() for ids in map(language.ids, _long_enough(language, texts))]
    return pandas.DataFrame(
        {
            "text": list(texts),
            "tokens": [len(language.tokens(text)) for text in texts],
            "nats": found,
            "perplexity": np.exp(found),
        }
    )


def _long_enough(language: Language, texts: Sequence[str]) -> Sequence[str]:
    for number, text in enumerate(texts, start=1):
        tokens = len(language.tokens(text))
        if tokens < 2:
            raise DataError(f"text {number} has {count(tokens, 'token')}; at least 2 are needed, the second is scored")
    return texts


def start(language: Language) -> np.ndarray:
    """Return the token after which a text begins: the end of a line, or the most frequent one where there is none."""
    known = language.vocabulary.ids
    ends = [end for end in ("\n", language.line_end) if end in known]
    return np.array([known[ends[0]] if ends else len(RESERVED)], np.int32)
