"""Values as the texts that parameters are logged as, and back: no two values have the same text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

# Words that stand in a list as they are; everything else gets quotes there.
_WORD = re.compile(r"[^\W\d][\w./-]*")
# The numbers that look the same in Python and in YAML, which takes `017` for 15: nearly all, and YAML is slow.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?")


def text(value: object) -> str:
    """Write a value as in YAML: `true`, `null`, `[64,32]`; a text that would be read as something else in quotes."""
    if isinstance(value, str):
        return value if _is_read_as(value, value) else json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, float) else _inner(value)


def _inner(value: object) -> str:
    """Write a value so that YAML reads it back where it stands in a list or mapping."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_inner(str(key))}: {_inner(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_inner, value)) + "]"
    if isinstance(value, float):
        digits = repr(value)
        return digits if "." in digits or "e" not in digits else digits.replace("e", ".0e")  # 1e-05 is a text in YAML
    plain = isinstance(value, int) or (_WORD.fullmatch(str(value)) and _is_read_as(str(value), value))
    return str(value) if plain else json.dumps(str(value), ensure_ascii=False)


def _is_read_as(written: str, value: object) -> bool:
    return type(found := typed(written)) is type(value) and found == value


@lru_cache(maxsize=100_000)  # a sweep's runs repeat the same few values, and YAML is slow
def typed(text: str) -> Any:
    """Read what `text` has written: `[64,32]` is a list, `true` a truth value, `1e-05` a number, else it is text."""
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    import yaml

    try:
        return float(text) if "e" in text.lower() and text[:1] in "+-.0123456789" else _loaded(yaml, text)
    except ValueError:
        return _loaded(yaml, text)


def _loaded(yaml: Any, text: str) -> Any:
    if text in ("null", "{}"):
        return {"null": None, "{}": {}}[text]
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # of a date such as 2020-13-45
        return text
    quoted = isinstance(value, str) and text.startswith('"')
    return value if quoted or isinstance(value, bool | int | float | list) else text


def leaves(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what nested values hold, under dotted keys; an empty mapping is a value."""
    if isinstance(values, Mapping) and (values or not prefix):
        for key, inner in values.items():
            yield from leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, values


def is_unset(value: object) -> bool:
    """Tell `null` and what is empty: `[]`, `{}`, and no text at all."""
    return value is None or (isinstance(value, str | list | tuple | Mapping) and not value)
