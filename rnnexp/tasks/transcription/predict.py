"""The texts of sequences that a trained model is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.tasks.requests import PredictRequest, PredictResponse, RequestSchema, TrainedModel
from rnnexp.tasks.sequence_requests import read_sequences, serve_sequences
from rnnexp.tasks.transcription.transcribe import BEAM, transcribe

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

PARAMS: Mapping[str, Any] = {"beam": BEAM}
MOST_BEAM = 1000


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Transcribe each sequence; whatever is wrong with one is said before Keras is imported."""
    beam = check_beam(request.changes.get("beam", BEAM))
    others = {key: value for key, value in request.changes.items() if key != "beam"}
    found = read_sequences(trained, replace(request, changes=others))
    return PredictResponse(found.insert_columns(lay_texts(trained.load(), found.sequences, beam)), found.notes)


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Transcribe sequences; `beam` among the params is how many prefixes the search keeps."""
    problems = [f"{key}: is no parameter{did_you_mean(key, PARAMS)}" for key in params if key not in PARAMS]
    if problems:
        raise ConfigError(*problems)
    found = serve_sequences(rows, bundle.preprocessor)
    beam = check_beam(params.get("beam", BEAM))
    return found.insert_columns(lay_texts(bundle, found.sequences, beam))


def lay_texts(bundle: Bundle, sequences: list[Any], beam: int) -> DataFrame:
    """Return the text of each raw sequence, one line each, and of a network the log of its probability in nats."""
    import pandas

    if bundle.baseline is not None:
        scaled = [bundle.preprocessor.scaled(one) for one in sequences]
        return pandas.DataFrame({"text": bundle.baseline.predict(scaled)})
    found = transcribe(bundle.model, bundle.preprocessor, sequences, beam)
    return pandas.DataFrame({"text": found.texts, "log_probability": found.log_probability})


def check_beam(given: Any) -> int:
    """Return the size of a beam; ConfigError for what is none."""
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_BEAM:
        raise ConfigError(f"beam: {given!r} given; must be a whole number from 1 to {MOST_BEAM:,}")
    return given


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe what may be asked for besides."""
    return RequestSchema(params=PARAMS)
