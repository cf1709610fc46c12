"""What a trained encoder-decoder writes from a text, from the lines of a file, or from the files of a folder."""

from __future__ import annotations

import numpy as np

from rnnexp.data.texts.pairs import PairPipeline
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.texts import given
from rnnexp.deploy.trained import Trained
from rnnexp.tracking import pairs


def answer(trained: Trained, question: Question) -> Answer:
    """Write a text for each; one without tokens is said before Keras is imported."""
    pipeline = PairPipeline.from_json(trained.scaling)
    found = given(trained, question)
    encoded = pipeline.source.encode(found.texts, lambda index: found.places[index])
    frame = pairs.answer(trained.load().model, pipeline, found.texts)
    frame.insert(0, "example", found.places)
    unknown = encoded.unknown(np.arange(len(found.texts)))
    notes = [f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else []
    return Answer(frame, [*found.notes, *notes])
