"""The texts that a network writes down for sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import Part
from rnnexp.errors import DivergedError
from rnnexp.models import inference
from rnnexp.models.ctc_decoding import decode_greedily, search_strings
from rnnexp.models.logits import log_softmax
from rnnexp.tasks.transcription.dataset import TranscriptPipeline

BEAM = 10  # prefixes that the search keeps
AT_ONCE = 128  # sequences that are transcribed side by side: changes the speed, not the result
LENGTHS = 4  # that these are padded to: a network is compiled anew for each


@dataclass(frozen=True)
class Transcripts:
    """What is written down for sequences: the likeliest text of each (n,), and those of the likeliest path.

    log_probability: of the first, in nats
    """

    texts: np.ndarray
    log_probability: np.ndarray
    greedy: np.ndarray


def transcribe_part(model: Any, pipeline: TranscriptPipeline, part: Part, beam: int = BEAM) -> Transcripts:
    """Transcribe all sequences of a part, in order; those of like length go side by side.

    Raises DivergedError where the outputs of the network are not finite.
    """
    texts, greedy = np.empty(len(part), dtype=object), np.empty(len(part), dtype=object)
    log_probability, lengths = np.zeros(len(part)), part.arrays["length"][part.indices]
    for rows in part.alike(AT_ONCE):
        logs = compute_logs(model, part, part.indices[rows])
        found, log_probability[rows] = search_strings(logs, lengths[rows], beam)
        texts[rows] = list(map(pipeline.write, found))
        greedy[rows] = list(map(pipeline.write, decode_greedily(logs, lengths[rows])))
    return Transcripts(texts, log_probability, greedy)


def compute_logs(model: Any, part: Part, indices: np.ndarray) -> np.ndarray:
    """Return the logs of the shares (n, time, 1 + letters) that a network gives to the letters at each step."""
    outputs = np.asarray(inference.predict(model, padding.masked_inputs(part.arrays_for(indices), indices)))
    if not np.isfinite(outputs).all():
        raise DivergedError("the model's predictions are not finite; lower optimizer.learning_rate or clip gradients")
    return log_softmax(outputs)


def transcribe(model: Any, pipeline: TranscriptPipeline, sequences: list[np.ndarray], beam: int) -> Transcripts:
    """Transcribe raw sequences (time, channels)."""
    pipeline.inputs(sequences)  # says what is wrong with one
    values = pipeline.scaled(np.concatenate([np.asarray(one, np.float64) for one in sequences]))
    arrays = padding.laid_out(values, np.cumsum([0, *map(len, sequences)]))
    cuts = padding.bounds(arrays["length"], LENGTHS) if len(sequences) > AT_ONCE else ()
    return transcribe_part(model, pipeline, Part(arrays, np.arange(len(sequences)), cuts), beam)
