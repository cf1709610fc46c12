"""An encoder-decoder as it is served: a text in, a text out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnexp.tasks.sequence_to_sequence.dataset import PairPipeline
from rnnexp.tasks.sequence_to_sequence.report import written

if TYPE_CHECKING:
    from pandas import DataFrame


def answer(model: Any, pipeline: PairPipeline, texts: Sequence[str]) -> DataFrame:
    """Return what is written from each text, and the log probability of it in nats, one line each."""
    import pandas

    found = written(model, pipeline, texts)
    return pandas.DataFrame({"text": list(texts), "written": found.texts, "log_probability": found.log_probability})
