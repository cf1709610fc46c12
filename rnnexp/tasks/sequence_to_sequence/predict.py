"""What a trained encoder-decoder writes from a text, from the lines of a file, or from the files of a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rnnexp.tasks.requests import PredictRequest, PredictResponse, TrainedModel, rebuilt
from rnnexp.tasks.sequence_to_sequence.dataset import PairPipeline
from rnnexp.tasks.sequence_to_sequence.report import predict_by, written
from rnnexp.tasks.text_requests import read_texts, served_texts, unknown_tokens

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

WRITING = ("beam", "length_penalty")


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Write a text for each; one without tokens is said before Keras is imported."""
    pipeline = _as_asked(trained.preprocessor, trained.source, request.changes)
    found = read_texts(trained, request, WRITING)
    encoded = pipeline.source.encode(found.texts, lambda index: found.places[index])
    frame = write(trained.load(), pipeline, found.texts)
    frame.insert(0, "example", found.places)
    return PredictResponse(frame, [*found.notes, *unknown_tokens(encoded)])


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Write a text for each."""
    return write(bundle, bundle.preprocessor, served_texts(rows))


def write(bundle: Bundle, pipeline: PairPipeline, texts: Sequence[str]) -> DataFrame:
    """Return what is written from each text, one line each, and of a network the log probability of it in nats."""
    import pandas

    if bundle.baseline is not None:
        return pandas.DataFrame({"text": list(texts), "written": predict_by(bundle.baseline, pipeline, texts)})
    found = written(bundle.model, pipeline, texts)
    return pandas.DataFrame({"text": list(texts), "written": found.texts, "log_probability": found.log_probability})


def _as_asked(pipeline: PairPipeline, own: Any, changes: Mapping[str, Any]) -> PairPipeline:
    """Write in the way of the run where nothing else is asked for; ConfigError for values that are not possible."""
    values = asdict(own) if own else {"name": "text_pairs", "path": "."}
    settings = rebuilt(values, {key: changes.get(key, getattr(pipeline, key)) for key in WRITING})
    return replace(pipeline, **{key: getattr(settings, key) for key in WRITING})
