"""`rnnexp sync`: complete the tracking store from the folders of runs."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace, _SubParsersAction
from dataclasses import asdict
from typing import Any

from rnnexp.errors import TrackingError, count


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "sync",
        description="Store what the tracking store did not take while runs were trained: their folders have it all. "
        "What is there already stays as it is, however often this is called.",
        epilog="example: rnnexp sync runs/airline/2026-11-26T22-43-01-1a2b3c",
    )
    parser.add_argument(
        "run",
        nargs="?",
        default="all",
        metavar="RUN | SWEEP | all",
        help="folder of a run or a sweep, its name, or the beginning of its id; default: all below ./runs",
    )
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    parser.add_argument("--to", metavar="URI", help="another tracking store than the one that the runs were meant for")
    parser.add_argument("--json", action="store_true", help="print JSON: each run and what has become of it")


def run(args: Namespace) -> int:
    """Complete the store and say what is still missing; the exit code is 5 if anything is."""
    from rnnexp.tracking.sync import fill_store, find_journals

    done = []
    for one in fill_store(find_journals(args.run), args.uri, args.to):
        done.append(one)
        if not args.json and (one.added or one.note):
            print(f"{one.name}  {os.path.relpath(one.folder)}: {one.note or 'complete'}", flush=True)
    left = sum(not one.complete for one in done)
    if args.json:
        plain: list[dict[str, Any]] = [{**asdict(one), "folder": str(one.folder)} for one in done]
        print(json.dumps(plain, indent=2))
    elif done:
        print(f"{len(done) - left} of {count(len(done), 'run')} complete")
    else:
        print("there are no tracked runs below ./runs")
    return TrackingError.exit_code if left else 0
