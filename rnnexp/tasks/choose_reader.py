"""Which program prepares raw data for an exported network, as the preprocessing of its run did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.tasks.texts import TextPipeline

if TYPE_CHECKING:
    from rnnexp.data.spec import TaskSpec

Choice = tuple[str | None, str]


def choose_series_reader(preprocessor: Any, spec: TaskSpec) -> Choice:
    """Return the program for forecasts, or None and why there is none."""
    pipeline = preprocessor.pipeline
    plan = pipeline.plan
    obstacles = {
        "quantiles": spec.quantiles,
        "the calendar": pipeline.calendar,
        "columns that are known ahead": pipeline.known,
        "scalers of each series by itself": pipeline.per_series and len(pipeline.ids) > 1,
        "data.layout=sequence": plan.layout != "windows",
    }
    return _choose("series_reader.py", obstacles)


def choose_example_reader(pipeline: Any, spec: TaskSpec) -> Choice:
    """Return the program for sequences or texts, or None and why there is none."""
    if isinstance(pipeline, TextPipeline):
        obstacles: dict[str, Any] = {"subwords": pipeline.encoder.tokenizer.subwords}
        return _choose("text_reader.py", obstacles)
    if isinstance(pipeline, SequencePipeline):
        obstacles = {"windows of recordings": pipeline.window, "features of sound": pipeline.extractor}
        return _choose("sequence_reader.py", obstacles)
    return _choose("", {"several inputs": True})


def _choose(name: str, obstacles: dict[str, Any]) -> Choice:
    if found := [text for text, there in obstacles.items() if there]:
        return None, f"it does not know {', '.join(found)}"
    return (Path(__file__).with_name(name)).read_text(encoding="utf-8"), ""
