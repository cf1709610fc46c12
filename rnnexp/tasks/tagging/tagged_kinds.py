"""What is tagged: the tokens of texts, or the frames of clips. Each is read, scored and answered in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Part
from rnnexp.data.padding import laid_out
from rnnexp.data.sequence_pipeline import KIND, SequencePipeline
from rnnexp.data.sources.frames import FrameSource
from rnnexp.data.spec import TaskSpec
from rnnexp.evaluation import class_figures, classes, frame_figures
from rnnexp.evaluation.kept_baselines import KeptBaselines
from rnnexp.evaluation.report import Report, Scores, Scoring
from rnnexp.models.logits import softmax
from rnnexp.tasks import text_proposals, text_requests
from rnnexp.tasks.frame_proposals import propose_frames
from rnnexp.tasks.requests import Draft, PredictRequest, PredictResponse, RequestSchema, TrainedModel
from rnnexp.tasks.sequence_requests import read_sequences, serve_sequences
from rnnexp.tasks.tagging import dataset as texts
from rnnexp.tasks.tagging import frame_report, frame_tags
from rnnexp.tasks.tagging import predict as predict_texts
from rnnexp.tasks.tagging import report as text_report
from rnnexp.tasks.tagging.dataset import TagPipeline
from rnnexp.tasks.tagging.frame_tags import FrameTagDataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

FRAME = "frame"  # the column of a table of frames


def load(source: Any) -> Dataset:
    """Load a source of either; mistakes in the data raise DataError."""
    return frame_tags.load(source) if isinstance(source, FrameSource) else texts.load(source)


def apply(source: Any, pipeline: SequencePipeline | TagPipeline, spec: TaskSpec) -> Dataset:
    """Load a source as one part, with the preprocessing of a trained model."""
    if isinstance(pipeline, TagPipeline):
        return texts.apply(source, pipeline, spec)
    return frame_tags.apply(source, pipeline, spec)


def preprocessor(saved: Mapping[str, Any]) -> SequencePipeline | TagPipeline:
    """Rebuild what was saved with a model."""
    return (SequencePipeline if saved.get("kind") == KIND else TagPipeline).from_json(saved)


def report(model: Any, dataset: Any, scoring: Scoring) -> Report:
    """Score a tagger beside its baselines."""
    return (frame_report if isinstance(dataset, FrameTagDataset) else text_report).report(model, dataset, scoring)


def keep_baselines(dataset: Any, report: Report) -> KeptBaselines:
    """Keep what the baselines need to tag others."""
    own = frame_report if isinstance(dataset, FrameTagDataset) else text_report
    return own.keep_baselines(dataset, report)


def list_kinds() -> dict[str, type]:
    """Return the baselines that a run keeps, by name."""
    return {**text_report.KINDS, **frame_report.KINDS}


def summary(scores: Scores) -> Iterator[str]:
    """Yield what each label is worth, and of texts the chunks."""
    yield from (classes.say_classes if _has_frames(scores) else text_report.summary)(scores)


def find_counted(scores: Scores) -> str:
    """Return what is scored."""
    return "frames" if _has_frames(scores) else "tokens"


def _has_frames(scores: Scores) -> bool:
    return FRAME in scores.report.tables["predictions"]


def figures(dataset: Any, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield from class_figures.figures(dataset, report)
    if isinstance(dataset, FrameTagDataset):
        yield frame_figures.STRIPS, frame_figures.draw_worst_clips(dataset, report.predictions)


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe texts; clips need no description."""
    return RequestSchema() if saved.get("kind") == KIND else text_requests.request_schema(saved, folder)


def usage(source: Any) -> str:
    """Return how a trained tagger is used."""
    return "predict {run} FOLDER" if isinstance(source, FrameSource) else 'predict {run} "a text"'


def inspect(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for clips with a label for each frame, or for tagged texts; None for others."""
    return propose_frames(path, stepwise=True) or text_proposals.propose_tags(path, given)


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Tag each token or frame; whatever is wrong with one is said before Keras is imported."""
    if isinstance(trained.preprocessor, TagPipeline):
        return predict_texts.predict(trained, request)
    found = read_sequences(trained, request)
    places = found.columns["example"]
    return PredictResponse(_tag_frames(trained.load(), found.sequences, places), found.notes)


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Tag the tokens of texts, or the frames of clips."""
    if isinstance(bundle.preprocessor, TagPipeline):
        return predict_texts.answer(bundle, rows, params)
    found = serve_sequences(rows, bundle.preprocessor).sequences
    bundle.preprocessor.inputs(found)  # says what is wrong with one
    return _tag_frames(bundle, found, [f"clip {number}" for number in range(1, len(found) + 1)])


def _tag_frames(bundle: Bundle, clips: list[np.ndarray], places: Any) -> DataFrame:
    """Return the label of each frame and the probability of it, one line each."""
    import pandas

    seen = [bundle.preprocessor.scaled(one) for one in clips]
    if bundle.baseline is None:
        arrays = laid_out(np.concatenate(seen), np.cumsum([0, *map(len, seen)]))
        part = Part(arrays, np.arange(len(seen)))
        shares = softmax(text_report.scores(bundle.model, part, text_report.AT_ONCE))
    else:
        shares = classes.answer(bundle.baseline, seen, len(bundle.spec.classes))
    lengths = [len(one) for one in clips]
    columns = {
        "example": np.repeat(np.array(places, dtype=object), lengths),
        FRAME: np.concatenate([np.arange(1, length + 1) for length in lengths]),
        "tag": np.array(bundle.spec.classes, dtype=object)[shares.argmax(axis=1)],
        "probability": shares.max(axis=1).astype(np.float64),
    }
    return pandas.DataFrame(columns)
