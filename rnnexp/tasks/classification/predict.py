"""Labels of sequences or texts, with the probability of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.inputs.input_pipeline import InputPipeline
from rnnexp.evaluation.classes import answer as answer_classes
from rnnexp.tasks.classification.report import fill_cut
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
    """Label each sequence or text; whatever is wrong with one is said before Keras is imported."""
    if isinstance(trained.preprocessor, TextPipeline):
        return _label_texts(trained, request, trained.preprocessor)
    if isinstance(trained.preprocessor, InputPipeline):
        examples, notes = read_examples(trained, request)
        return PredictResponse(label_inputs(trained.load(), examples), notes)
    found = read_sequences(trained, request)
    return PredictResponse(found.insert_columns(label_examples(trained.load(), found.sequences)), found.notes)


def _label_texts(trained: TrainedModel, request: PredictRequest, pipeline: TextPipeline) -> PredictResponse:
    found = read_texts(trained, request)
    texts, classes = found.texts, trained.spec.classes
    encoded = pipeline.encoder.encode(texts, lambda index: found.places[index])
    frame = label_examples(trained.load(), texts)
    frame.insert(0, "text", texts)
    frame.insert(0, "example", found.places)
    cut = say_cut(encoded, pipeline.encoder)
    return PredictResponse(frame, [*found.notes, *_labeled(texts, classes), *cut, *unknown_tokens(encoded)])


def _labeled(texts: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Say so if every text begins with a label, as the lines do that such a network is trained on."""
    if len(texts) < 2 or not all(text.split()[0] in classes for text in texts):
        return []
    return ["each text begins with a label, which is read as a word of it; `rnnexp evaluate` scores such files"]


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Label sequences, or texts."""
    pipeline = bundle.preprocessor
    if isinstance(pipeline, TextPipeline):
        return label_examples(bundle, served_texts(rows, pipeline.columns))
    if isinstance(pipeline, InputPipeline):
        return label_inputs(bundle, serve_examples(rows, pipeline))
    found = serve_sequences(rows, pipeline)
    return found.insert_columns(label_examples(bundle, found.sequences))


def label_inputs(bundle: Bundle, examples: Examples) -> DataFrame:
    """Label examples of several inputs."""
    pipeline, baseline, classes = bundle.preprocessor, bundle.baseline, bundle.spec.classes
    if baseline is None:
        found = np.asarray(bundle.predict(pipeline.inputs(examples)))
    else:
        asked = pipeline.clean(examples, range(len(examples)))
        found = answer_classes(fill_cut(baseline, pipeline), asked, len(classes))
    return add_ids(labels(found, classes), examples, pipeline)


def label_examples(bundle: Bundle, asked: Sequence[Any]) -> DataFrame:
    """Label raw texts or sequences."""
    pipeline, baseline = bundle.preprocessor, bundle.baseline
    prepared = pipeline.inputs(asked)  # says what is wrong with one, whoever answers
    classes, windows = bundle.spec.classes, None if isinstance(pipeline, TextPipeline) else pipeline.cut(asked)
    if baseline is None:
        found = np.asarray(bundle.predict(prepared))
    else:
        seen = asked if windows is None else pipeline.list_windows(asked)
        found = answer_classes(fill_cut(baseline, pipeline), seen, len(classes))
    if windows is None or windows.size is None:
        return labels(found, classes)
    frame = labels(windows.vote_all(found), classes)
    frame.insert(0, "windows", windows.count_all())
    return frame


def labels(probabilities: np.ndarray, classes: tuple[str, ...]) -> DataFrame:
    """Lay out probabilities (n, classes) beside the most probable label, one line each."""
    import pandas

    columns: dict[str, Any] = {"label": np.array(classes, dtype=object)[probabilities.argmax(axis=1)]}
    columns |= {f"p({name})": probabilities[:, i].astype(np.float64) for i, name in enumerate(classes)}
    return pandas.DataFrame(columns)
