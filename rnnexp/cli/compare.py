"""`rnnexp compare [SWEEP | FILTER]`: what differs between runs, seeds and folds together, and which is best."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction

from rnnexp.compare.groups import Comparison


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("compare", help="compare the settings of a sweep, or of runs that a filter chooses")
    parser.add_argument(
        "what",
        nargs="?",
        metavar="SWEEP | FILTER",
        help="name of a sweep, its beginning or its run's id; or a filter such as \"params.model.name = 'lstm'\"; "
        "default: the latest sweep",
    )
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="print Markdown")
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    from rnnexp.compare.find import chosen
    from rnnexp.compare.shown import cells, numbers, plain
    from rnnexp.compare.table import comma_separated, markdown

    comparison, sweep = chosen(args.uri, args.what)
    if args.json:
        print(json.dumps({"sweep": sweep.name if sweep else None, **plain(comparison)}, indent=2))
    elif args.csv:
        print(comma_separated(numbers(comparison)))
    elif args.md:
        print(markdown(cells(comparison)))
    else:
        print(text(comparison, sweep.name if sweep else None))
    return 0


def text(comparison: Comparison, sweep: str | None) -> str:
    """Write the table, what it says, and what to mind."""
    from rnnexp.compare.shown import cells, verdict
    from rnnexp.compare.table import aligned

    lines = [f"sweep {sweep}", ""] if sweep else []
    lines += [aligned(cells(comparison)), "", verdict(comparison)]
    lines += [f"note: {note}" for note in comparison.notes]
    return "\n".join(lines)
