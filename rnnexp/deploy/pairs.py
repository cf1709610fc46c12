"""What a trained encoder-decoder writes from a text, from the lines of a file, or from the files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from rnnexp.deploy import reading
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.texts import given
from rnnexp.deploy.trained import Trained
from rnnexp.tasks.sequence_to_sequence import answer as pairs
from rnnexp.tasks.sequence_to_sequence.dataset import PairPipeline

WRITING = ("beam", "length_penalty")


def answer(trained: Trained, question: Question) -> Answer:
    """Write a text for each; one without tokens is said before Keras is imported."""
    pipeline = _as_asked(PairPipeline.from_json(trained.scaling), trained, question.changes)
    found = given(trained, question, WRITING)
    encoded = pipeline.source.encode(found.texts, lambda index: found.places[index])
    frame = pairs.answer(trained.load().model, pipeline, found.texts)
    frame.insert(0, "example", found.places)
    unknown = encoded.unknown(np.arange(len(found.texts)))
    notes = [f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else []
    return Answer(frame, [*found.notes, *notes])


def _as_asked(pipeline: PairPipeline, trained: Trained, changes: Mapping[str, Any]) -> PairPipeline:
    """Write in the way of the run where nothing else is asked for; ConfigError for values that are not possible."""
    own = asdict(trained.experiment.data) if trained.experiment else {"name": "text_pairs", "path": "."}
    known = {key: changes.get(key, getattr(pipeline, key)) for key in WRITING}
    settings = reading.rebuilt(own, known)
    return replace(pipeline, **{key: getattr(settings, key) for key in WRITING})
