"""Settings as a program has them, written as overrides: what Python says is checked as what is typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from rnnexp.config.grammar import GROUPS
from rnnexp.errors import ConfigError

# Texts that Hydra reads as they stand; it would take others for numbers, truths or grammar.
_WORD = re.compile(r"(?!(?:true|false|null|nan|inf)$)[a-z_][\w./-]*", re.IGNORECASE | re.ASCII)
_LISTS = (list, tuple, range, set, frozenset)


def write_overrides(*settings: str | Mapping[str, Any]) -> list[str]:
    """Return the overrides that texts and mappings stand for: `model.units=64`, `{"model.units": 64}`, or
    `{"model": {"units": 64}}`; ConfigError for anything else.
    """
    lines: list[str] = []
    for given in settings:
        if isinstance(given, str):
            lines.append(given)
        elif isinstance(given, Mapping):
            lines += (f"{key}={_write(key, value)}" for key, value in _flat(given))
        else:
            raise ConfigError(f"{given!r} given; settings are texts (\"model.units=64\") or mappings ({{'seed': 1}})")
    return lines


def write_space(params: Mapping[str, Any]) -> list[str]:
    """Return the overrides of a sweep: the values of each key, or a text as it stands after the `=`."""
    lines: list[str] = []
    for key, values in _flat(params):
        if isinstance(values, str):
            lines.append(f"{key}={values}")
            continue
        options = _plain(key, values)
        if not isinstance(options, list) or not options:
            told = "give its values as a list, or a text such as interval(0,0.5)"
            raise ConfigError(f"params: {key}: {values!r} given; {told}")
        lines.append(f"{key}={','.join(_write(key, option) for option in options)}")
    return lines


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Take the mappings of groups apart, `{"model": {"units": 64}}`; others, such as of a split, are values."""
    for key, value in settings.items():
        if not isinstance(key, str):
            raise ConfigError(f"{key!r}: is no key of a setting; write it as a text, as in 'model.units'")
        if key in GROUPS and isinstance(value, Mapping):
            yield from ((key if name == "name" else f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _write(key: str, value: Any) -> str:
    """Write a value as Hydra reads it."""
    plain = _plain(key, value)
    if isinstance(plain, list):
        return f"[{','.join(_write(key, item) for item in plain)}]"
    if isinstance(plain, Mapping):
        return "{" + ",".join(f"{_write(key, name)}:{_write(key, inner)}" for name, inner in plain.items()) + "}"
    if isinstance(plain, str):
        return plain if _WORD.fullmatch(plain) else QuotedString(plain, Quote.single).with_quotes()
    return "null" if plain is None else str(plain).lower() if isinstance(plain, bool) else repr(plain)


def _plain(key: str, value: Any) -> Any:
    """Return a value of NumPy, pandas or the standard library as YAML would hold it; ConfigError for any other."""
    if hasattr(value, "tolist"):  # a number or an array of NumPy, a column of pandas
        value = value.tolist()
    if hasattr(value, "isoformat"):
        return str(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, _LISTS):
        return [*value]
    if value is None or isinstance(value, bool | int | float | str | Mapping):
        return value
    raise ConfigError(f"{key}: {value!r} given, a {type(value).__name__}; give a number, a text, a list or a mapping")
