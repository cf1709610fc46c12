"""The commands that tell of settings: show, explain, schema."""

from __future__ import annotations

import json
import sys
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import asdict
from shutil import get_terminal_size
from typing import Any

from rnnexp import registry
from rnnexp.config import compose, plugins
from rnnexp.config import explain as meanings
from rnnexp.config.overrides import inspect_overrides
from rnnexp.config.parse import plain_values
from rnnexp.config.provenance import origin_of
from rnnexp.config.schema import GROUPS, experiment_schema, group_schema
from rnnexp.config.text import leaves
from rnnexp.errors import ConfigError
from rnnexp.redact import redact_tree
from rnnexp.registry import PluginsNeeded

MAX_WHOLE = 20  # keys that are explained in full; of more each has one line
FEW = 3  # choices that are named beside a key


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("show")
    parser.add_argument(
        "overrides",
        nargs="*",
        help="as for `rnnexp train`: experiment=NAME model=gru seed=1 …; a run (folder, name or id) stands for what it "
        "was trained with",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: key: {value, origin}")
    parser.add_argument(
        "--network", action="store_true", help="read the data, build the network, and print its layers and their sizes"
    )
    parser.set_defaults(command=show)

    parser = subparsers.add_parser("explain")
    parser.add_argument(
        "words",
        nargs="+",
        metavar="key",
        help="a key such as model.units, a group such as trainer, data=csv or callbacks=plateau; beside it "
        "'plugins=[my_models]' for what is your own",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=explain)

    parser = subparsers.add_parser("schema")
    parser.add_argument("group", nargs="?", choices=GROUPS, help="of one folder of conf; default: of experiments")
    parser.set_defaults(command=schema)


def show(args: Namespace) -> int:
    """Print the composed configuration, and where each value comes from."""
    overrides = [_read_run(word) for word in args.overrides]
    if args.network:
        return _show_network(overrides)
    try:
        plugins.load_plugins(overrides)
        border = inspect_overrides(overrides)
        values = plain_values(compose.check(border))
    except PluginsNeeded as needed:
        print(f"rnnexp: not checked: needs plugins ({needed})", file=sys.stderr)
        border = inspect_overrides(overrides)
        if border.problems:
            raise ConfigError(*border.problems) from None
        values = compose.compose_mapping(border.overrides())
    values = redact_tree(values)
    found = compose.composed_origins(border.overrides())
    if args.json:
        rows = {key: {"value": value, "origin": origin_of(key, found)} for key, value in leaves(values)}
        print(json.dumps(rows, indent=2, default=str))
    else:
        print("\n".join(_lines(values, found)))
    return 0


def _show_network(overrides: list[str]) -> int:
    """Print the table of layers, as wide as the terminal if that is wide enough."""
    from rnnexp import runner
    from rnnexp.models.layer_table import WIDTH

    plugins.load_plugins(overrides)
    print(runner.describe_network(compose.check(inspect_overrides(overrides)), max(WIDTH, get_terminal_size().columns)))
    return 0


def _read_run(word: str) -> str:
    """Return the override that chooses what a run was trained with; any other word is left as it is."""
    if "=" in word or word.startswith("~"):
        return word
    from rnnexp.sweeps.lookup import find_folder

    found = find_folder(word)
    if found.is_sweep:
        raise ConfigError(f"{found.name} is a sweep: give one of its runs; its best setting: rnnexp best {word}")
    return f"experiment={found.folder}"


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


def explain(args: Namespace) -> int:
    """Print type, range, default and meaning of a key."""
    chosen = [word for word in args.words if word.lstrip("+").startswith("plugins=")]
    keys = [word for word in args.words if word not in chosen]
    plugins.load_plugins(chosen)
    found = [item for key in keys or ["plugins"] for item in _explain(key)]
    is_long = len(found) > MAX_WHOLE
    if args.json:
        print(json.dumps([asdict(item) for item in found], indent=2, default=str))
    else:
        print("\n".join(_list_keys(keys[0], found)) if is_long else "\n\n".join(_meaning(item) for item in found))
    return 0


def _explain(key: str) -> list[meanings.Explanation]:
    return meanings.explain(key, _sweeps() if key.startswith("hydra") else ())


def _list_keys(group: str, found: list[meanings.Explanation]) -> Iterator[str]:
    """Yield a line for each key: what it is by default, and what it means."""
    from rnnexp.compare.table import aligned

    choices = sorted({choice for item in found for choice in item.choices})
    rows = [(item.key, _default(item), _shorten(item, choices)) for item in found]
    yield aligned([("key", "default", "meaning"), *rows])
    yield f"\nin full: rnnexp explain {found[0].key}"
    if choices and group in meanings.GROUPS:
        yield f"of one choice: rnnexp explain {group}={choices[0]}   ({', '.join(choices)})"


def _shorten(item: meanings.Explanation, choices: list[str]) -> str:
    few = 0 < len(item.choices) <= FEW < len(choices)
    return f"{item.description} ({', '.join(item.choices)})" if few else item.description


def _sweeps() -> Iterator[meanings.Explanation]:
    from rnnexp.sweeps.settings import Sweep

    yield from meanings.of_settings("hydra.sweeper", Sweep)
    for name, cls in registry.components("executor").items():
        yield from meanings.of_settings("hydra.launcher", cls, name)


def _meaning(item: meanings.Explanation) -> str:
    where = f"   ({', '.join(item.choices)})" if item.choices else ""
    return f"{item.key}{where}\n  {item.description}\n  type     {item.type}\n  default  {_default(item)}"


def _default(item: meanings.Explanation) -> str:
    if item.required:
        return "none: must be given"
    as_text = isinstance(item.default, str) and item.default
    return str(item.default) if as_text else json.dumps(item.default, default=str, ensure_ascii=False)


def schema(args: Namespace) -> int:
    """Print the JSON Schema that editors use to complete and check YAML."""
    plugins.load_plugins([])
    found = group_schema(args.group) if args.group else experiment_schema()
    print(json.dumps(found, indent=1, default=str))
    return 0
