"""Mask secrets in whatever leaves the process: logs, messages, parameters, artifacts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, quote_plus

MASK = "***"

# `pass` counts only as a word of its own: `passengers` and `bypass` stay readable; `tokens` are a count.
_SECRET = (
    r"(?:pass(?:word|wd|phrase|code)|(?<![a-z])pass(?![a-z])|secret|token(?![a-z])"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|credential)"
)
# What stands in place of a value, a reference to one, or the type of one tells nothing.
_HARMLESS = r"(?:null|none|true|false|str|int|bool|\*+|\$\{[^}\s]*\})(?![\w-])"

_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
# Every repetition is bounded: a text of a megabyte takes a fraction of a second, whatever it holds.
_KEY = rf"{_SECRET}[\w.-]{{0,60}}['\"]?"
# pathlib makes one slash of two: `https:/ada:pw@host`; a single letter before the colon is a drive.
_AFTER_SCHEME = r"(?:(?<=://)|(?<=[\w+.-]{2}:/))"
_USERINFO = re.compile(
    rf"{_AFTER_SCHEME}(?:[^\s/:@'\"]{{0,200}}:(?!\d{{1,5}}(?:[/?#\s]|$))[^\s'\"]{{1,400}}|[^\s/?#'\"]{{1,400}})@"
)
_WHOLE_LINE = re.compile(
    rf"^([ \t+-]{{0,60}}['\"]?[\w.-]{{0,60}}?{_KEY}[ \t]{{0,9}}[:=][ \t]{{1,60}})(?!{_HARMLESS})(\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    rf"({_KEY}[ \t]{{0,9}}(?:[:=]|(?<=['\"]),)[ \t]{{0,60}}|(?<![-\w])--[\w-]{{0,60}}?{_KEY}[ \t]{{1,60}})"
    rf"(?!{_HARMLESS})('[^'\n]*'|\"[^\"\n]*\"|[^\s,;&'\"{{}}()\[\]]+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(bearer|basic)[ \t]+[\w.~+/=-]{8,}", re.IGNORECASE)
# Shorter values ("1", "true") are no secrets, and masking them would tear up every text.
_SHORTEST = 6
_SHORTEST_TO_MASK = len("://a@")  # no pattern fits into less; most parameters are shorter


def redact(text: str) -> str:
    """Return `text` with `***` for users in URLs, values of secret keys, and secrets of the environment."""
    if len(text) < _SHORTEST_TO_MASK:
        return text
    for value in _environment():
        text = text.replace(value, MASK)
    text = _USERINFO.sub(f"{MASK}@", text)
    text = _AUTHORIZATION.sub(rf"\1 {MASK}", text)
    text = _WHOLE_LINE.sub(rf"\1{MASK}", text)
    return _INLINE.sub(rf"\1{MASK}", text)


def redact_value(name: str, value: str) -> str:
    """Return the value of a parameter or tag called `name` as it may be shown."""
    return MASK if is_secret(name) and value else redact(value)


@lru_cache(maxsize=1000)
def is_secret(name: str) -> bool:
    """Tell whether a key or environment variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def _environment() -> Iterator[str]:
    """Yield the secrets of the environment, as they are and as they look in a URL, longest first."""
    values = {value for name in os.environ if is_secret(name) and _worth_masking(value := os.environ[name])}
    forms = {form for value in values for form in (value, quote(value, safe=""), quote_plus(value))}
    yield from sorted(forms, key=len, reverse=True)


def _worth_masking(value: str) -> bool:
    """Short values are no secrets, and the path of a file with credentials is none either."""
    return len(value) >= _SHORTEST and not (value.startswith("/") and len(value) < 4096 and Path(value).exists())
