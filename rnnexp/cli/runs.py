"""`rnnexp runs`: the latest runs, one line each, sweeps folded."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError, Namespace, _SubParsersAction
from dataclasses import asdict


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("runs", help="list the latest runs and sweeps")
    parser.add_argument("--filter", help='an expression such as "metrics.test/rmse < 0.2" or "params.seed = \'0\'"')
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="lines to show; default: 20")
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"`{text}` is not a number of lines; give 1 or more")
    return int(text)


def run(args: Namespace) -> int:
    from rnnexp.compare.complete import unseen
    from rnnexp.compare.listing import HEAD, entries
    from rnnexp.compare.table import aligned

    found = entries(args.uri, args.filter, args.limit)
    notes = unseen(args.uri, args.filter) if args.filter else ()
    if args.json:
        print(json.dumps([{**asdict(entry), "started": entry.started.isoformat()} for entry in found], indent=2))
    elif found:
        print(aligned([HEAD, *(entry.cells() for entry in found)]))
    else:
        print("no run fits the filter" if args.filter else "no runs are tracked here; start with: rnnexp train")
    if not args.json:
        print("".join(f"note: {note}\n" for note in notes), end="")
    return 0
