"""A text that a language model writes by itself, to see what it has learnt."""

from __future__ import annotations

from typing import Any

from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN
from rnnexp.tasks.language_modeling.dataset import Language

LENGTH, TEMPERATURE = 400, 0.8


def sample(model: Any, language: Language) -> str:
    """Return a text; it is drawn with the same seed, so that two differ by what has been learnt."""
    from rnnexp.models.sampling import Sampling, sample_tokens
    from rnnexp.tasks.language_modeling.answer import start

    written = sample_tokens(model, start(language), LENGTH, Sampling(TEMPERATURE, never=(PADDING, UNKNOWN)))
    return language.text(written)
