"""`rnnexp plot RUN`: the pictures of a finished run, drawn from its model."""

from __future__ import annotations

import json
import sys
from argparse import Namespace, _SubParsersAction
from pathlib import Path


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "plot",
        help="draw the pictures of a run that has none yet",
        description="Draw the pictures of a finished run from its model, with the data read again, and file them "
        "under figures/ with the run. For runs without: of those that a vectorised sweep trains together only the "
        "best three are drawn at once, and none with tracking.figures=false.",
        epilog="example: rnnexp plot lstm-u32-lr1e-3-a1b2 -o pictures",
    )
    parser.add_argument("run", help="id of a run, the beginning of its id, or its name (of several, the latest)")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FOLDER", help="write the pictures there, and leave the run as it is"
    )
    parser.add_argument(
        "--plugins", default="", metavar="MODULE,...", help="the run's own plugins, whose code you trust"
    )
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    parser.add_argument("--json", action="store_true", help="print JSON: the run, the pictures and where they are")


def run(args: Namespace) -> int:
    from rnnexp.compare.plot import plot

    plugins = [name.strip() for name in args.plugins.split(",") if name.strip()]
    done = plot(args.uri, args.run, plugins, args.out)
    if args.json:
        about = {"run": done.run.run_id, "name": done.run.name, "figures": list(done.names)}
        print(json.dumps({**about, "places": list(done.places), "note": done.note}, indent=2))
        return 0
    print(f"{done.run.name} ({done.run.run_id[:8]}): drew {', '.join(done.names)}")
    print("\n".join(f"  {place}" for place in done.places))
    if done.note:
        print(f"note: {done.note}", file=sys.stderr)
    return 0
