"""The experiment that is proposed for a text that is to be continued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnexp.data.inspect.sequences import find_test
from rnnexp.data.inspect.texts import TextFile, find_label_lines, find_pairs, is_prose, is_tagged
from rnnexp.tasks.requests import Draft


def inspect(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Look at a file; None if it is no running text."""
    text = TextFile.of(path)
    if text is None or not is_prose(text) or find_label_lines(text) or find_pairs(text) or is_tagged(text):
        return None
    settings = text.settings | ({"test_path": test} if (test := find_test(path)) else {})
    question = "How well can the next character be predicted?"
    return Draft([f"{path}: running text"], question, {"data": "corpus", "model": "lstm"}, settings)
