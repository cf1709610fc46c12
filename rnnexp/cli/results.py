"""`rnnexp results`: what the tracked experiments have reached, seeds together, beside their best baseline."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction
from dataclasses import asdict

from rnnexp.results import markdown, notes, rows, text


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("results", help="print the results table of the tracked experiments")
    parser.add_argument("experiments", nargs="*", help="names of experiments; default: all that are tracked")
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="print Markdown")
    form.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    from rnnexp.compare.complete import completed
    from rnnexp.tracking.query import finished_runs

    found = completed(args.uri, finished_runs(args.uri))
    table = [row for row in rows(found.runs) if not args.experiments or row.experiment in args.experiments]
    if args.json:
        print(json.dumps([{**asdict(row), "verdict": row.verdict} for row in table], indent=2))
    elif args.md:
        print(markdown(table))
    elif table:
        print("\n".join([text(table), *(f"note: {note}" for note in (*notes(table), *found.notes()))]))
    else:
        print("no results are tracked here (jobs of a search: rnnexp compare); start with: rnnexp train")
    return 0
