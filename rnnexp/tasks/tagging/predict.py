"""The tag of each token of a text, of the lines of a file, of a column of a table, or of CoNLL's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.texts.tag_files import sequences
from rnnexp.errors import count
from rnnexp.tasks.requests import PredictRequest, PredictResponse, TrainedModel, rebuilt
from rnnexp.tasks.tagging.report import tagged
from rnnexp.tasks.text_requests import read_texts, refuse_settings, served_texts, unknown_tokens

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

CUT = {".conll", ".conllu", ".iob", ".bio"}  # files whose tokens are cut already
LINES = ("encoding", "word", "number", "separator", "comment")


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Tag each token; a text without tokens is said before Keras is imported."""
    pipeline, path = trained.preprocessor, Path(str(request.path))
    if request.path and set(path.suffixes) & CUT and path.is_file():
        tokens, places, notes = _conll(path, trained.source, request)
    else:
        raw = read_texts(trained, request)
        tokens, places, notes = pipeline.cut(raw.texts), raw.places, raw.notes
    encoded = pipeline.encoder.number(map(pipeline.seen, tokens), lambda index: places[index])
    frame = tags(trained.load(), tokens, places)
    return PredictResponse(frame, [*notes, *unknown_tokens(encoded)])


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Tag the tokens of texts."""
    tokens = bundle.preprocessor.cut(served_texts(rows))
    places = [f"text {number}" for number in range(1, len(tokens) + 1)]
    return tags(bundle, tokens, places)


def tags(bundle: Bundle, tokens: Sequence[Sequence[str]], places: Sequence[str]) -> DataFrame:
    """Return the tag of each token and the probability of it, one line each; `places` says where sequences are from."""
    import pandas

    found, shares = tagged(bundle, tokens)
    lengths = [len(one) for one in tokens]
    columns = {
        "example": np.repeat(np.array(places, dtype=object), lengths),
        "position": np.concatenate([np.arange(1, length + 1) for length in lengths]),
        "token": [token for one in tokens for token in one],
        "tag": np.array(bundle.preprocessor.tags, dtype=object)[found],
        "probability": shares,
    }
    return pandas.DataFrame(columns)


def _conll(path: Path, own: Any, request: PredictRequest) -> tuple[list[list[str]], list[str], list[str]]:
    """Return the tokens of each sequence of a file, its places, and what to mind."""
    refuse_settings(request, LINES)
    values = asdict(own) if getattr(own, "name", "") == "text_tags" else {"name": "text_tags", "path": str(path)}
    source = rebuilt(values, request.changes, between=False)  # the column of tags, which is not read, may be any
    columns, encoding = replace(source.columns(), tag=None), source.encoding
    done: Counter[str] = Counter()
    found = sequences(path, encoding, columns, done)
    notes = [f"{what}: {count(times, 'line')} left out" for what, times in done.items()]
    return [[token.word for token in one] for one in found], [f"line {one[0].line}" for one in found], notes
