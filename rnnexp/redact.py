"""Mask secrets in whatever leaves the process: logs, messages, parameters, artifacts.

A secret is known by its value (of the environment, or of a setting with a telling name) wherever that appears, by
its place (the user of a URL, `Bearer ...`), by its shape (`ghp_...`), and by the name before it: `password=...`.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

# `passengers`, `bypass`, `tokens` and `secretary` are no secrets, nor is what is counted or said of one.
_ABOUT = (
    r"(?![_-]?(?:resets?|counts?|len(?:gths?)?|size|limit|min|max|num(?:ber)?|names?|file|path|dir|folder|urls?|uri"
    r"|age|expir\w{0,9}|type|policy|col(?:umn)?s?|index|rate|ratio|fields?|required|backend|provider|errors?)"
    r"(?![a-z]))"
)
_SECRET = (
    r"(?:pass(?:word|wd|phrase|code)s?|(?<![a-z])pass(?![a-z])|(?-i:(?<=[a-z])Pass(?![a-z]))|(?<=_)pwd(?![a-z])"
    r"|secret(?!ar|e|i|ly)s?|token(?!s(?![a-z])|i[sz])(?-i:(?![a-z]))|credentials?"
    rf"|(?:api|access|private|account|signing|encryption)[_-]?keys?){_ABOUT}"
)
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)

# Every repetition is bounded: a text of a megabyte takes a fraction of a second, whatever it holds.
_KEY = rf"{_SECRET}[\w-]{{0,60}}['\"]?"
# pathlib makes one slash of two: `https:/ada:pw@host`; a single letter before the colon is a drive, and what follows
# `models:/` is a model of MLflow with its alias.
_AFTER_SCHEME = r"(?:(?<=://)|(?<=[\w+.-]{2}:/)(?<!\bmodels:/))"
_USERINFO = re.compile(
    rf"{_AFTER_SCHEME}(?:[^\s/:@'\"\[]{{0,200}}:(?!\d{{1,5}}(?:[/?#\s]|$))[^\s'\"]{{1,400}}|[^\s/?#'\"]{{1,400}})@"
)
_SHAPES = re.compile(
    r"\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}|xox[abprs]-[\w-]{10,200}|hf_\w{20,64}"
    r"|A[KS]IA[0-9A-Z]{16}|sk-(?=[\w-]{0,60}\d)[\w-]{20,200}|AIza[\w-]{30,64}"
    r"|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{8,2000})"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{1,20000}-----END [A-Z ]{0,30}PRIVATE KEY-----"
)
_AUTHORIZATION = re.compile(
    r"(\bauthorization['\"]?[ \t]{0,9}[:=][ \t]{0,9}['\"]?(?:bearer|basic|token)"
    r"|\bbearer(?=[ \t]{1,9}[A-Za-z_.~+/=-]{0,200}\d)"
    r"|\bbasic(?=[ \t]{1,9}[a-z+/]{0,200}\d)"
    r"(?=[ \t]{1,9}(?-i:[a-z0-9+/]{0,200}[A-Z])[a-z0-9+/]{6,2000}={0,2}(?![\w-])))"
    r"[ \t]{1,9}[\w.~+/=-]{8,2000}",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"([?&](?:sig|signature|x-amz-signature|x-goog-signature|key|auth)=)[^\s&'\"]{6,2000}", re.I)

_WHOLE_LINE = re.compile(
    rf"^(?P<head>[ \t+-]{{0,60}}['\"]?[\w.-]{{0,60}}?{_KEY}[ \t]{{0,9}}[:=][ \t]{{1,60}})(?P<value>[^\s'\"`].*)$",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    rf"(?P<head>{_KEY}[ \t]{{0,9}}(?:=[ \t]{{0,60}}|:[ \t]{{1,60}}|(?<=['\"][ \t]):|(?<=['\"]):"
    rf"|:(?=[\w~+/=-]{{0,99}}\d)(?=[\w~+/=-]{{0,99}}[A-Za-z])(?=[\w~+/=-]{{8}}))"
    rf"|(?<![-\w])--[\w-]{{0,60}}?{_KEY}[ \t]{{1,60}})"
    r"(?P<value>\$\{[^}\n]{0,400}\}|\[[^\]\n]{1,400}\]|'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`|[^\s,;&'\"`{}()\[\]]+)",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"(\(['\"]{_KEY},[ \t]{{0,9}})(?:'[^'\n]*\d[^'\n]*'|\"[^\"\n]*\d[^\"\n]*\")(?=\))", re.IGNORECASE)
# What stands in place of a value, a reference to one (without a default), or the type of one tells nothing.
_HARMLESS = re.compile(
    r"(?:null|none|nil|true|false|yes|no|str|int|bool|missing|required|unknown|invalid|empty|unset|expired|denied"
    r"|\?+|\$\{[^},\s]*\}|['\"`]?\*+['\"`]?)[.,;:!]?(?=[\s,;&)}\]'\"`]|$)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+]?\d*\.\d+(?:e[-+]?\d+)?(?=[\s,;)}\]]|$)")
_COUNT = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,5})(?=[\s,;)}\]]|$)")
# With such a word a sentence begins that tells something of the name before the colon.
_SENTENCE = re.compile(
    r"(?:unknown|unexpected|expected|missing|invalid|wrong|must|may|can|cannot|could|should|will|is|are|was|were|has"
    r"|have|had|does|did|needs?|required|not|no|nothing|neither|there|this|these|that|it|its|the|an?|in|of|at|from"
    r"|given|found|failed|use|set|give|choose|see|line|row|column|file|too|only|already|one|two|holds?|stands?"
    r"|permission|access|\d[\d,]{0,12})[ \t]+[a-z]",
    re.IGNORECASE,
)
_BARE_PASS = re.compile(r"(?<![\w.-])pass['\"]?[ \t]*[:=][ \t]*$", re.IGNORECASE)  # beside `fail`, a label
# Shorter values ("1", "true") are no secrets, and masking them would tear up every text.
_SHORTEST = 6
_SHORTEST_TO_MASK = len("://a@")  # no pattern fits into less; most parameters are shorter
_PLAIN_WORD = re.compile(r"[a-z]{1,11}|\d{1,11}")  # is looked for as a word: "airline" not within "airlines"

_PIECE = 1 << 20  # letters of a file that are redacted at a time
_LONGEST_KEY = 20_200  # letters of a private key of the shape above

_remembered: set[str] = set()


def redact(text: str) -> str:
    """Return `text` with `***` for all secrets, those that a name before them tells too: `password: ...`.

    A sentence about a name (`token: unknown key`, `/etc/passwd: is not a file`, `token: 12 examples`) stays.
    """
    if len(text) < _SHORTEST_TO_MASK:
        return text
    text = mask(text)
    if not _SECRET_NAME.search(text):
        return text
    text = _PAIR.sub(rf"\1{MASK}", text)
    return _INLINE.sub(_assigned, _WHOLE_LINE.sub(_assigned, text))


def redact_file(path: Path, copy: Path) -> Path:
    """Write a redacted copy of a text file, however large it is, and return its path."""
    held = ""
    with path.open(encoding="utf-8", errors="replace") as file, copy.open("w", encoding="utf-8") as new:
        while read := file.read(_PIECE):
            held += read
            end = _cut(held)
            new.write(redact(held[:end]))
            held = held[end:]
        new.write(redact(held))
    return copy


def _cut(text: str) -> int:
    """Return how far a text may be redacted by itself: to the end of a line, and before a secret that may go on."""
    several = [(f"{value.splitlines()[0]}\n", len(value)) for value in _values() if "\n" in value]
    end = text.rfind("\n") + 1
    for beginning, longest in [("-----BEGIN ", _LONGEST_KEY), *several]:
        begun = text.find(beginning, max(0, end - longest), end)
        if begun >= 0:
            end = text.rfind("\n", 0, begun) + 1
    return end


def mask(text: str) -> str:
    """Return `text` with `***` for what is a secret by itself, whatever stands before it; rows of data stay whole."""
    if len(text) < _SHORTEST_TO_MASK:
        return text
    for value in _values():
        if value in text:
            text = _word(value).sub(MASK, text) if _PLAIN_WORD.fullmatch(value) else text.replace(value, MASK)
    if "/" in text:
        text = _IN_URL.sub(rf"\1{MASK}", _USERINFO.sub(f"{MASK}@", text))
    return _AUTHORIZATION.sub(rf"\1 {MASK}", _SHAPES.sub(MASK, text))


def redact_value(name: str, value: str) -> str:
    """Return the value of a parameter or tag called `name` as it may be shown."""
    return MASK if is_secret(name) and value else redact(value)


def redact_words(words: Iterable[str]) -> list[str]:
    """Return the words of a command line as they may be shown: `key=value` is taken apart before it is quoted."""
    pairs = [word.partition("=") for word in words]
    return [f"{key}={redact_value(key, value)}" if equals else redact(key) for key, equals, value in pairs]


def redact_tree(values: Any, name: str = "") -> Any:
    """Return nested values as they may be shown; references (`${oc.env:TOKEN}`) stay."""
    if isinstance(values, Mapping):
        return {key: redact_tree(inner, f"{name}.{key}") for key, inner in values.items()}
    if isinstance(values, list | tuple):
        return [redact_tree(inner, name) for inner in values]
    if is_secret(name) and values not in (None, "") and not _HARMLESS.fullmatch(str(values)):
        return MASK
    return redact(values) if isinstance(values, str) else values


def remember(values: Any, name: str = "") -> None:
    """Mask the secrets among nested values from now on, wherever in this process they appear by themselves."""
    if isinstance(values, Mapping):
        for key, inner in values.items():
            remember(inner, f"{name}.{key}")
    elif isinstance(values, list | tuple):
        for inner in values:
            remember(inner, name)
    elif isinstance(values, str | int):
        text = str(values)
        _remembered.update(_parts(text) if is_secret(name) and _worth_masking(text) else _of_url(text))


def without_user(url: str) -> str:
    """Return an address without the user and password in it, so that it can still be opened."""
    return _USERINFO.sub("", url)


@lru_cache(maxsize=1000)
def is_secret(name: str) -> bool:
    """Tell whether a key or environment variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def _assigned(match: re.Match[str]) -> str:
    """Mask what a name is given, unless it is no value or the name is a file's."""
    value, start = match["value"], match.start("value")
    if _HARMLESS.match(match.string, start) or _SENTENCE.match(match.string, start) or _NUMBER.match(value):
        return match[0]
    if _COUNT.match(value) and not re.search("pass(?:w|ph|c)|key", match["head"], re.IGNORECASE):
        return match[0]
    if _BARE_PASS.search(match["head"]) and value.strip("'\"`").isalpha():
        return match[0]
    before = re.search(r"(.?)[\w.-]*$", match.string[max(0, match.start() - 60) : match.start()])
    if before and before[1] in ("/", "\\") and "=" not in match["head"]:
        return match[0]
    return f"{match['head']}{MASK}"


@lru_cache(maxsize=100)
def _word(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){value}(?![A-Za-z0-9])")


def _values() -> list[str]:
    """Return every secret that is known by its value, longest first: what is left of one would be a hint."""
    return _sorted(tuple(_environment()), frozenset(_remembered))


@lru_cache(maxsize=4)
def _sorted(environment: tuple[tuple[str, str], ...], remembered: frozenset[str]) -> list[str]:
    found = set(remembered)
    for name, value in environment:
        found.update(_parts(value) if is_secret(name) and _worth_masking(value) else _of_url(value))
    return sorted(found, key=len, reverse=True)


def _environment() -> Iterator[tuple[str, str]]:
    """Yield the variables that hold a secret: by their name, or as the user of a URL."""
    return ((name, value) for name, value in os.environ.items() if is_secret(name) or "@" in value)


def _parts(value: str) -> Iterator[str]:
    """Yield a secret as it is, as it looks in URL, JSON and Python, and its long lines."""
    yield from (value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1])
    yield from (line.strip() for line in value.splitlines() if len(line.strip()) > 15)


def _of_url(value: str) -> Iterator[str]:
    """Yield the password in a URL, alone and as it goes over the wire."""
    found = re.search(r"://([^\s/@:]{0,200}):([^\s'\"/]{1,400})@", value)
    if not found or not _worth_masking(found[2]):
        return
    user, password = unquote(found[1]), unquote(found[2])
    yield from (found[2], password, b64encode(f"{user}:{password}".encode()).decode())


def _worth_masking(value: str) -> bool:
    """Short values are no secrets; references, words such as `required`, and paths of files with secrets are none."""
    if len(value) < _SHORTEST or _HARMLESS.fullmatch(value):
        return False
    try:
        return not (value.startswith("/") and len(value) < 4096 and Path(value).exists())
    except (OSError, ValueError):  # too long for a path, or with a NUL
        return True
