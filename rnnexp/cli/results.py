"""`rnnexp results`: what the tracked experiments have reached, seeds together, beside their best baseline."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction
from dataclasses import asdict

from rnnexp.results import Row, markdown, rows


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("results", help="print the results table of the tracked experiments")
    parser.add_argument("experiments", nargs="*", help="names of experiments; default: all that are tracked")
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="print Markdown")
    form.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    from rnnexp.tracking.query import finished_runs

    table = [row for row in rows(finished_runs(args.uri)) if not args.experiments or row.experiment in args.experiments]
    if args.json:
        print(json.dumps([{**asdict(row), "verdict": row.verdict} for row in table], indent=2))
    elif args.md:
        print(markdown(table))
    elif table:
        _print(table)
    else:
        print("no finished runs are tracked here; start with: rnnexp train")
    return 0


def _print(table: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, header_style="bold")
    for column in ("experiment", "model", "backend"):
        shown.add_column(column)
    for column in ("runs", "metric", "score", "best baseline", "", "skill"):
        shown.add_column(column, justify="right")
    shown.add_column("verdict")
    for row in table:
        spread = f" ± {row.deviation:.3g}" if row.deviation is not None else ""
        score = "" if row.baseline_score is None else f"{row.baseline_score:.4g}"
        skill = "" if row.skill is None else f"{row.skill:+.3f}"
        cells = [row.experiment, row.model, row.backend, str(row.runs), row.metric, f"{row.mean:.4g}{spread}"]
        shown.add_row(*cells, row.baseline, score, skill, row.verdict)
    Console().print(shown)
