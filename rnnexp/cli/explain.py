"""`rnnexp explain model.units`: type, range, default, meaning."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import asdict

from rnnexp import registry
from rnnexp.config.explain import Explanation, explain, of_settings
from rnnexp.config.plugins import load_plugins


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("explain", help="print type, range, default and meaning of a key")
    parser.add_argument("key", help="a key such as model.units, or a group such as trainer")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    load_plugins([])
    found = explain(args.key, _sweeps() if args.key.startswith("hydra") else ())
    if args.json:
        print(json.dumps([asdict(item) for item in found], indent=2, default=str))
    else:
        print("\n\n".join(_text(item) for item in found))
    return 0


def _sweeps() -> Iterator[Explanation]:
    from rnnexp.sweeps.settings import Sweep

    yield from of_settings("hydra.sweeper", Sweep)
    for name, cls in registry.components("executor").items():
        yield from of_settings("hydra.launcher", cls, name)


def _text(item: Explanation) -> str:
    where = f"   ({', '.join(item.choices)})" if item.choices else ""
    default = "null" if item.default is None else item.default
    return f"{item.key}{where}\n  {item.description}\n  type     {item.type}\n  default  {default}"
