"""One flag for each setting of a component: what `data.skip_lines=2` says is `--skip-lines 2`."""

from __future__ import annotations

import csv
import io
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from rnnexp.config.overrides import changes
from rnnexp.errors import ConfigError

NONE = ("none", "null")
COLUMNS = frozenset(  # settings that name columns
    {"time", "series", "target", "features", "known", "text", "label", "recording", "channels", "groups"}
)


def add_flags(parser: ArgumentParser, settings: Mapping[str, Any]) -> None:
    """Add a flag for each setting, a field of a component."""
    group = parser.add_argument_group("settings of the data, which are then not guessed")
    for key, field in settings.items():
        told = str(field.description).replace("%", "%%")
        group.add_argument(_flag(key), dest=key, action="append", metavar="VALUE", help=told)


def read_flags(args: Namespace, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that flags give; ConfigError has every mistake."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for key, field in settings.items():
        if (texts := getattr(args, key)) is not None:
            try:  # argparse takes "--" away, behind "=" too
                found[key] = _value(key, ["--" if text == [] else text for text in texts], field.annotation)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return found


def write_flags(settings: Mapping[str, Any]) -> str:
    """Write settings as flags that can be pasted into a shell."""
    return " ".join(_written(key, value) for key, value in settings.items())


def name_flag(problem: str, given: Mapping[str, Any]) -> str:
    """Say of a mistake in a setting which flag it is in."""
    key = problem.partition(":")[0].removeprefix("data.")
    return f"{_flag(key)}{problem.removeprefix(f'data.{key}')}" if key in given else problem


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _written(key: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(value)
        text = line.getvalue()
    else:
        text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"{_flag(key)}{'=' if text.startswith('-') else ' '}{shlex.quote(text)}"


def _value(key: str, texts: list[str], annotation: Any) -> Any:
    """Read what was given for a setting of a type."""
    from rnnexp.data.inspect.finding import Asked

    kinds = _kinds(annotation)
    if type(None) in kinds and texts[-1].lower() in NONE and len(texts) == 1:
        return None
    items = next((kind for kind in kinds if get_origin(kind) is list), None)
    scalars = kinds - {items, type(None)}
    if key in COLUMNS:
        return Asked(tuple(texts), several=not scalars)
    if items and (not scalars or len(texts) > 1 or "," in texts[0]):
        kinds = _kinds(get_args(items)[0])
        return [_scalar(key, part, kinds) for text in texts for part in next(csv.reader([text]), [""])]
    if len(texts) > 1:
        raise ConfigError(f"{_flag(key)}: {' and '.join(texts)} given; give one value")
    return _scalar(key, texts[0], scalars)


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that a value may have, the choices of a `Literal` as the type that they are of."""
    if get_origin(annotation) is Literal:
        return {type(choice) for choice in get_args(annotation)}
    if get_origin(annotation) in (list, None):
        return {annotation}
    return set().union(*(_kinds(one) for one in get_args(annotation)))


def _scalar(key: str, text: str, kinds: set[Any]) -> Any:
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                continue
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kinds <= {str, int, float, bool}:
        return text
    return next(iter(changes([f"{key}={text}"], "data").values()))  # a mapping, as of fractions of a split
