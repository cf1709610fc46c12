"""`rnnexp diff A B`: two runs side by side, only what differs."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator, Mapping
from typing import Any

from rnnexp.compare.difference import Pair


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("diff", help="show what differs between two runs")
    parser.add_argument("a", help="id of a run, the beginning of its id, or its name (of several, the latest)")
    parser.add_argument("b", help="the other run")
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    from rnnexp.compare.complete import completed
    from rnnexp.compare.difference import difference
    from rnnexp.tracking import find

    a, b = find.run(args.uri, args.a), find.run(args.uri, args.b)
    found = difference(args.uri, a, b)
    if args.json:
        print(json.dumps(_plain({"a": a, "b": b}, found), indent=2, default=str))
    else:
        print("\n".join(_lines([f"{one.name} ({one.run_id[:8]})" for one in (a, b)], found)))
        print("".join(f"note: {note}\n" for note in completed(args.uri, (a, b)).notes()), end="")
    return 0


def _plain(runs: Mapping[str, Any], found: Mapping[str, list[Pair]]) -> dict[str, Any]:
    named = {key: {"run": one.run_id, "name": one.name} for key, one in runs.items()}
    return named | {topic: {pair.key: {"a": pair.a, "b": pair.b} for pair in them} for topic, them in found.items()}


def _lines(names: list[str], found: Mapping[str, list[Pair]]) -> Iterator[str]:
    """Yield one table for all topics, so that their columns are in line, with what is the same at the end."""
    from rnnexp.compare.difference import cells
    from rnnexp.compare.table import aligned

    rows = [["", *names, "change"]]
    for topic, them in found.items():
        rows += [["", "", "", ""], [topic, "", "", ""], *cells(them, change=topic == "metrics")] if them else []
    yield aligned(rows)
    if same := [topic for topic, them in found.items() if not them]:
        yield f"\nthe same: {', '.join(same)}"
