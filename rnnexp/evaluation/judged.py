"""Which score of written texts is looked at first."""

from __future__ import annotations

from importlib.util import find_spec

from rnnexp.data.texts.pairs import PairPipeline


def judge(pipeline: PairPipeline) -> str:
    """Return a metric: strings of characters are right or wrong, sentences are more or less alike."""
    return "exact_match" if pipeline.target.tokeniser.kind == "character" or not find_spec("sacrebleu") else "bleu"
