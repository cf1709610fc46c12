"""The experiment that is proposed for texts beside what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnexp.data.inspect.sequences import find_test
from rnnexp.data.inspect.texts import TextFile, find_pairs
from rnnexp.tasks.requests import Draft


def inspect(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Look at a file; None if its lines are not two texts with a tab between."""
    text = TextFile.of(path)
    if text is None or not find_pairs(text):
        return None
    settings = text.settings | ({"test_path": test} if (test := find_test(path)) else {})
    seen = f"{path}: two texts on each line, with a tab between: the first is the source"
    question = "How well can the second text be written from the first?"
    return Draft([seen], question, {"data": "text_pairs", "model": "encoder_decoder"}, settings)
