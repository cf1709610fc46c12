"""The experiment that is proposed for tokens with a tag each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnexp.data.inspect.sequences import find_test
from rnnexp.data.inspect.texts import TextFile, is_tagged
from rnnexp.tasks.requests import Draft


def inspect(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Look at a file; None if its lines are not a token and its tag."""
    text = TextFile.of(path)
    if text is None or not is_tagged(text):
        return None
    settings, what = text.settings, "a token and its tag on each line"
    if any(line.startswith("#") for line in text.filled):
        settings["comment"] = "#"
    first = next(line.split("\t") for line in text.filled if not line.startswith("#"))
    if len(first) == 10 and first[0].partition("-")[0].isdigit():
        settings |= {"word": 1, "tag": 3, "number": 0, "separator": "tab"}
        what = "CoNLL-U, a token and its part of speech on each line"
    settings |= {"test_path": test} if (test := find_test(path)) else {}
    question = "Which tag does each token have?"
    return Draft([f"{path}: {what}"], question, {"data": "text_tags", "model": "lstm"}, settings)
