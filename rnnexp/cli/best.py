"""`rnnexp best [SWEEP]`: the best setting of a sweep as an experiment file, ready to commit and to run."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction
from dataclasses import asdict


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "best",
        help="print the best setting of a sweep as an experiment",
        epilog="rnnexp best > experiments/winner.yaml && rnnexp train experiment=winner",
    )
    parser.add_argument("sweep", nargs="?", help="name, its beginning, or the run's id; default: the latest sweep")
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    parser.add_argument("--json", action="store_true", help="print JSON: the whole configuration and its scores")


def run(args: Namespace) -> int:
    from rnnexp.compare.find import sweep
    from rnnexp.compare.winner import winner

    found = sweep(args.uri, args.sweep)
    won = winner(args.uri, found)
    if args.json:
        scores = asdict(won.group.scores) if won.group.scores else None
        whole = {"sweep": found.name, "objective": found.goal.metric, "scores": scores, "run": won.run.run_id}
        print(json.dumps({**whole, "config": won.config, "experiment": won.text}, indent=2, default=str))
    else:
        print(won.text, end="")
    return 0
