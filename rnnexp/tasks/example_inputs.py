"""What independent examples are: sequences, texts, or several inputs, each read and prepared in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnexp.data import leaks as example_leaks
from rnnexp.data import sequences
from rnnexp.data.apply_sequences import apply_sequences
from rnnexp.data.inputs import dataset as several
from rnnexp.data.inputs.input_pipeline import KIND as SEVERAL
from rnnexp.data.inputs.input_pipeline import InputPipeline
from rnnexp.data.inputs.source import MultiInputSource
from rnnexp.data.sequence_pipeline import KIND, SequencePipeline
from rnnexp.data.sequences import SequenceDataset
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.frames import FrameSource
from rnnexp.data.sources.labeled_texts import text_table
from rnnexp.data.spec import TaskSpec
from rnnexp.data.texts.source import LabeledTexts
from rnnexp.tasks import recording_requests, texts
from rnnexp.tasks.requests import RequestSchema, TrainedModel, name_rows
from rnnexp.tasks.text_requests import COLUMN
from rnnexp.tasks.texts import TextPipeline

FILE = "rows.csv"

Pipeline = SequencePipeline | TextPipeline | InputPipeline


def load(source: SequenceSource | LabeledTexts | MultiInputSource) -> SequenceDataset:
    """Load a source of any of them; mistakes in the data raise DataError."""
    if isinstance(source, MultiInputSource):
        return several.load(source)
    return texts.load(source) if isinstance(source, LabeledTexts) else sequences.load(source)


def apply(source: Any, pipeline: Pipeline, spec: TaskSpec) -> SequenceDataset:
    """Load a source as one part, with the preprocessing of a trained model."""
    if isinstance(pipeline, InputPipeline):
        return several.apply(source, pipeline, spec)
    if isinstance(pipeline, TextPipeline):
        return texts.apply(source, pipeline, spec)
    return apply_sequences(source, pipeline, spec)


def leaks(dataset: SequenceDataset) -> Iterator[str]:
    """Yield each way in which validation or test data reach the training."""
    own = several.leaks if isinstance(dataset, several.MultiInputDataset) else example_leaks.leaks
    yield from own(dataset)


def preprocessor(saved: Mapping[str, Any]) -> Pipeline:
    """Rebuild what was saved with a model."""
    kinds: dict[Any, Any] = {KIND: SequencePipeline, SEVERAL: InputPipeline}
    found: Pipeline = kinds.get(saved.get("kind"), TextPipeline).from_json(saved)
    return found


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe texts; sequences of numbers and examples of several inputs need no description."""
    return RequestSchema(() if saved.get("kind") in (KIND, SEVERAL) else saved.get("columns") or (COLUMN,))


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
    """Return how a trained model is used."""
    if isinstance(source, LabeledTexts):
        return 'predict {run} "a text"'
    return "predict {run} FOLDER" if isinstance(source, FrameSource) else "predict {run} FILE"
