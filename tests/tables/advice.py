"""What an answer tells to add to a command: words that can be pasted, one group for each reading."""

from __future__ import annotations

import re
import shlex
from typing import Any

import yaml

STARTS = re.compile(r"(?<![\w.`-])(?='?data\.[a-z_]+=|--[a-z-]+[ =][^\s])")
NOT_ADVICE = {"--name", "--force", "--help", "--only-case"}


def options(text: str) -> list[tuple[str, ...]]:
    """Return the words of each reading, in the order in which they are printed; words side by side are one reading."""
    found: list[tuple[str, ...]] = []
    end = -1
    for match in STARTS.finditer(text):
        if match.start() < end:
            continue
        words, after = _words(text, match.start())
        if words and words[0] not in NOT_ADVICE:
            if end >= 0 and not text[end : match.start()].strip() and "\n" not in text[end : match.start()] and found:
                found[-1] = (*found[-1], *words)
            else:
                found.append(words)
        end = after
    return list(dict.fromkeys(found))


def _words(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """Read one word as a shell does, or a flag and its value; return also where it ends."""
    word, end = _word(text, start)
    if word.startswith("--") and "=" not in word and text[end : end + 1] == " ":
        value, end = _word(text, end + 1)
        return (word, value), end
    return (word,), end


def _word(text: str, start: int) -> tuple[str, int]:
    end, quote = start, ""
    while end < len(text) and (quote or not text[end].isspace()):
        if quote == text[end]:
            quote = ""
        elif not quote and text[end] in "'\"":
            quote = text[end]
        end += 1
    raw = text[start:end]
    line = text[text.rfind("\n", 0, start) + 1 : start]
    stripped = raw
    if not raw.endswith(("'", '"')) and not line.startswith("  "):  # in a sentence
        stripped = raw.rstrip(".,;:)")
        if stripped.endswith("="):  # the value is such a mark
            stripped = raw[: len(stripped) + 1]
    try:
        return "".join(shlex.split(stripped)), start + len(stripped)
    except ValueError:
        return stripped, start + len(stripped)


def as_setting(word: str) -> tuple[str, Any]:
    """Turn `data.key=value` into a key and its value, as Hydra reads it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    key, _, written = word.partition("=")
    try:
        value = OverridesParser.create().parse_override(word).value()
    except Exception:  # a word that cannot be pasted
        value = yaml.safe_load(written)
    return key.removeprefix("data."), _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return getattr(value, "text", value) if not isinstance(value, str) else str(value)
