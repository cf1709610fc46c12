"""What is classified: sequences of numbers, or texts. Each is read, prepared and described in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnexp.data import sequences
from rnnexp.data.apply_sequences import apply_sequences
from rnnexp.data.sequence_pipeline import KIND, SequencePipeline
from rnnexp.data.sequences import SequenceDataset
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.frames import FrameSource
from rnnexp.data.sources.labeled_texts import text_table
from rnnexp.data.spec import TaskSpec
from rnnexp.data.texts.source import LabeledTexts
from rnnexp.tasks import recording_requests
from rnnexp.tasks.classification import texts
from rnnexp.tasks.classification.texts import TextPipeline
from rnnexp.tasks.requests import RequestSchema, TrainedModel, name_rows
from rnnexp.tasks.text_requests import COLUMN

FILE = "rows.csv"


def load(source: SequenceSource | LabeledTexts) -> SequenceDataset:
    """Load a source of either; mistakes in the data raise DataError."""
    return texts.load(source) if isinstance(source, LabeledTexts) else sequences.load(source)


def apply(source: Any, pipeline: SequencePipeline | TextPipeline, spec: TaskSpec) -> SequenceDataset:
    """Load a source as one part, with the preprocessing of a trained model."""
    if isinstance(pipeline, TextPipeline):
        return texts.apply(source, pipeline, spec)
    return apply_sequences(source, pipeline, spec)


def preprocessor(saved: Mapping[str, Any]) -> SequencePipeline | TextPipeline:
    """Rebuild what was saved with a model."""
    return (SequencePipeline if saved.get("kind") == KIND else TextPipeline).from_json(saved)


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe texts; sequences of numbers need no description."""
    return RequestSchema(() if saved.get("kind") == KIND else saved.get("columns") or (COLUMN,))


@contextmanager
def write_rows(trained: TrainedModel, rows: Any) -> Iterator[dict[str, Any]]:
    """Yield the settings by which a source of tables of texts, or of recordings, reads a table in memory."""
    if not isinstance(trained.source, text_table) or not hasattr(rows, "to_csv"):
        with recording_requests.write_rows(trained, rows) as settings:
            yield settings
        return
    with TemporaryDirectory(prefix="rnnexp-rows-") as folder:
        file = Path(folder, FILE)
        rows.to_csv(file, index=False)
        with name_rows(file):
            yield {"path": str(file), "separator": ",", "header": "first", "quoting": True, "encoding": "utf-8"}


def usage(source: Any) -> str:
    """Return how a trained classifier is used."""
    if isinstance(source, LabeledTexts):
        return 'predict {run} "a text"'
    return "predict {run} FOLDER" if isinstance(source, FrameSource) else "predict {run} FILE"
