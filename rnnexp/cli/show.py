"""`rnnexp show [overrides]`: the composed configuration, and where each value comes from."""

from __future__ import annotations

import json
import sys
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from typing import Any

from rnnexp.config import compose, plugins
from rnnexp.config.overrides import inspect_overrides
from rnnexp.config.parse import plain_values
from rnnexp.config.provenance import origin_of
from rnnexp.errors import ConfigError
from rnnexp.redact import redact_tree
from rnnexp.registry import PluginsNeeded


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("show", help="print the composed configuration with the origin of each value")
    parser.add_argument("overrides", nargs="*", help="as for `rnnexp train`: experiment=NAME model=gru seed=1 …")
    parser.add_argument("--json", action="store_true", help="print JSON: key: {value, origin}")


def run(args: Namespace) -> int:
    try:
        plugins.load_plugins(args.overrides)
        border = inspect_overrides(args.overrides)
        values = plain_values(compose.check(border))
    except PluginsNeeded as needed:
        print(f"rnnexp: not checked: needs plugins ({needed})", file=sys.stderr)
        border = inspect_overrides(args.overrides)
        if border.problems:
            raise ConfigError(*border.problems) from None
        values = compose.compose_mapping(border.overrides())
    values = redact_tree(values)
    found = compose.composed_origins(border.overrides())
    if args.json:
        rows = {key: {"value": value, "origin": origin_of(key, found)} for key, value in _leaves("", values)}
        print(json.dumps(rows, indent=2, default=str))
    else:
        print("\n".join(_lines(values, found)))
    return 0


def _lines(values: dict[str, Any], found: dict[str, str]) -> Iterator[str]:
    """Write YAML with the origins in a column of comments."""
    rows = list(_rows("", values, 0))
    width = min(max(len(text) for text, _ in rows), 60)
    for text, key in rows:
        yield f"{text:<{width}}  # {origin_of(key, found)}" if key else text


def _rows(prefix: str, values: dict[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        indent = "  " * depth
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:", ""
            yield from _rows(key, value, depth + 1)
        else:
            yield f"{indent}{name}: {json.dumps(value, default=str, ensure_ascii=False)}", key


def _leaves(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, dict) and value:
            yield from _leaves(key, value)
        else:
            yield key, value
