"""The experiment that is proposed for sequences with numbers to predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnexp.data.inspect.sequences import find_sequences
from rnnexp.tasks.requests import Draft


def inspect(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Look at a file or folder; None if it holds no sequences with numbers."""
    found = find_sequences(path)
    if found is None or not found.numbers:
        return None
    question = "How well can the number of each sequence be predicted?"
    return Draft([found.seen], question, {"data": found.source, "model": "lstm"}, found.settings)
