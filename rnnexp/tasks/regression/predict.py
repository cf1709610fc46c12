"""Numbers that are predicted for sequences, texts, or examples of several inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.inputs.input_pipeline import InputPipeline
from rnnexp.data.quantiles import list_quantiles, name_others, take_median
from rnnexp.data.target_scaling import restore_targets
from rnnexp.evaluation.tfidf import make_cut
from rnnexp.tasks.input_requests import add_ids, read_examples, serve_examples
from rnnexp.tasks.requests import PredictRequest, PredictResponse, TrainedModel
from rnnexp.tasks.sequence_requests import read_sequences, serve_sequences
from rnnexp.tasks.text_requests import read_texts, say_cut, served_texts, unknown_tokens
from rnnexp.tasks.texts import TextPipeline

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.data.inputs.examples import Examples
    from rnnexp.models.bundle import Bundle


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Predict the numbers of each example; whatever is wrong with one is said before Keras is imported."""
    pipeline = trained.preprocessor
    if isinstance(pipeline, InputPipeline):
        examples, notes = read_examples(trained, request)
        return PredictResponse(_predict_inputs(trained.load(), examples), notes)
    if isinstance(pipeline, TextPipeline):
        return _predict_texts(trained, request, pipeline)
    found = read_sequences(trained, request)
    bundle = trained.load()
    outputs = np.asarray(_predict(bundle, found.sequences), np.float64)
    frame = _table(bundle, outputs.reshape(len(found.sequences), -1), found.sequences)
    return PredictResponse(found.insert_columns(frame), found.notes)


def _predict_texts(trained: TrainedModel, request: PredictRequest, pipeline: TextPipeline) -> PredictResponse:
    found = read_texts(trained, request)
    encoded = pipeline.encoder.encode(found.texts, lambda index: found.places[index])
    frame = _number_texts(trained.load(), found.texts)
    frame.insert(0, "text", found.texts)
    frame.insert(0, "example", found.places)
    return PredictResponse(frame, [*found.notes, *say_cut(encoded, pipeline.encoder), *unknown_tokens(encoded)])


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> np.ndarray | DataFrame:
    """Return numbers (n, outputs) for sequences; of a model of quantiles or of windows, of texts or of several inputs,
    or for a long table, a table, whose columns say which is which.
    """
    pipeline = bundle.preprocessor
    if isinstance(pipeline, InputPipeline):
        return _predict_inputs(bundle, serve_examples(rows, pipeline))
    if isinstance(pipeline, TextPipeline):
        return _number_texts(bundle, served_texts(rows, pipeline.columns))
    asked = serve_sequences(rows, pipeline)
    found = _predict(bundle, asked.sequences)
    if not asked.columns and not bundle.spec.quantiles and not pipeline.window:
        return found
    return asked.insert_columns(_table(bundle, found, asked.sequences))


def _number_texts(bundle: Bundle, texts: Sequence[str]) -> DataFrame:
    pipeline = bundle.preprocessor
    if bundle.baseline is None:
        return _lay_out(bundle, _ask(bundle, pipeline.inputs(texts)))
    one, cut = bundle.baseline, make_cut(pipeline.encoder.tokenizer)
    return _lay_out(bundle, (one.with_cut(cut) if hasattr(one, "with_cut") else one).predict(texts))


def _predict_inputs(bundle: Bundle, examples: Examples) -> DataFrame:
    pipeline, one = bundle.preprocessor, bundle.baseline
    if one is None:
        found = _ask(bundle, pipeline.inputs(examples))
    else:
        one = one.with_pipeline(pipeline) if hasattr(one, "with_pipeline") else one
        found = one.predict(pipeline.clean(examples, range(len(examples))))
    return add_ids(_lay_out(bundle, found), examples, pipeline)


def _predict(bundle: Bundle, sequences: list[np.ndarray]) -> np.ndarray:
    pipeline, baseline = bundle.preprocessor, bundle.baseline
    prepared, windows = pipeline.inputs(sequences), pipeline.cut(sequences)
    if baseline is not None:
        return np.asarray(windows.vote_all(np.asarray(baseline.predict(windows.split_all(sequences)))))
    return np.asarray(windows.vote_all(_ask(bundle, prepared)))


def _ask(bundle: Bundle, prepared: Any) -> np.ndarray:
    """Return what the network says of prepared inputs, in the units of the data."""
    return np.asarray(restore_targets(bundle.preprocessor.targets, bundle.predict(prepared)))


def _table(bundle: Bundle, outputs: np.ndarray, sequences: list[np.ndarray]) -> DataFrame:
    """Lay out outputs (n, outputs), behind the number of windows where sequences are cut into some."""
    windows, frame = bundle.preprocessor.cut(sequences), _lay_out(bundle, outputs)
    if windows.size is not None:
        frame.insert(0, "windows", windows.count_all())
    return frame


def _lay_out(bundle: Bundle, outputs: Any) -> DataFrame:
    """Lay out outputs (n, outputs): each target, and its other quantiles after it, which a baseline does not give."""
    import pandas

    outputs = np.asarray(outputs, np.float64)
    levels = bundle.spec.quantiles if bundle.baseline is None else ()
    each = list_quantiles(outputs, levels)
    columns: dict[str, np.ndarray] = {}
    for i, median in enumerate(take_median(outputs, levels).T):
        columns[f"target_{i}"] = median
        columns |= {f"target_{i}_{name}": each[at][:, i] for name, at in name_others(levels).items()}
    return pandas.DataFrame(columns)
