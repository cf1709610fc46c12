"""What repairs a value that a setting does not take, beside what it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rnnexp.config.text import typed
from rnnexp.synonyms import suggest_value


def suggest_repair(name: str, item: Any, cls: Any, values: Mapping[str, Any]) -> str:
    """Return how a value is repaired, as ``"; in quotes it is one"``, or an empty string.

    item: pydantic's error;  cls, values: the settings class and what it was to be built of
    """
    return (
        _hint_at_quotes(item)
        or _hint_at_choice(name, item)
        or _hint_at_one(name, item)
        or _hint_at_list(name, item, cls, values)
    )


def suggest_nested(key: object) -> str:
    """Say of a key with dots, as a command has it, how a file has it."""
    above, _, last = str(key).rpartition(".")
    return f"unknown key; in a file it is `{last}:` below `{above}:`" if above and last.isidentifier() else ""


def _hint_at_quotes(item: Any) -> str:
    """Say of a word or a number that YAML has not taken for a text how it becomes one."""
    if item["type"] != "string_type" or not isinstance(item["input"], bool | int | float):
        return ""
    if isinstance(item["input"], bool):
        return "; YAML takes yes, no, on, off, true and false for truths: write the word in quotes"
    return "; in quotes it is one"


def _hint_at_choice(name: str, item: Any) -> str:
    """Say which of the accepted words a word may mean."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    key = ".".join(part for part in name.split(".") if not part.isdigit())
    return suggest_value(key, item["input"], re.findall(r"'(.+?)'", item["ctx"]["expected"]))


def _hint_at_one(name: str, item: Any) -> str:
    """Say of several columns of labels what is supported."""
    if name != "data.label" or not isinstance(item["input"], list):
        return ""
    return "; an example has one label or one number: train on one column at a time"


def _hint_at_list(name: str, item: Any, cls: Any, values: Mapping[str, Any]) -> str:
    """Write a single word as the list that is needed, if it would be accepted there."""
    word, field = item["input"], str(item["loc"][0])
    if item["type"] != "list_type" or not (isinstance(word, str) and word) or values.get(field) != word:
        return ""
    if isinstance(typed(word), list):
        return "; without the quotes it is a list"
    try:
        cls(**{**values, field: [word]})
    except ValidationError as error:
        if any(other["loc"][0] == field for other in error.errors()):
            return ""
    return f"; write '{name}=[{word}]'"
