"""`rnnexp reap`: tell the tracking store of runs that were killed."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.tracking.reap import ReapedRun

HEAD = ("run", "name", "what was done", "why", "folder")
TOLD = {
    "killed": "marked KILLED",
    "stored": "its end is stored",
    "alive": "not changed",
    "unknown": "not changed",
    "busy": "not changed",
}


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "reap",
        description="Mark runs as KILLED that the tracking store shows as running, but whose process is gone (kill -9, "
        "loss of power), and store what their folders hold. A run is dead if no process of this machine has its folder "
        "open. Other runs are not changed: those that still run, those of other machines, those whose folder is gone.",
        epilog="example: rnnexp reap sine_lstm-3fa2c1",
    )
    parser.add_argument(
        "run",
        nargs="?",
        default="all",
        metavar="RUN | SWEEP | all",
        help="folder of a run or a sweep, its name, or the beginning of its id; default: all of this store",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="you know that the named run or sweep is dead, though its folder is gone or of another machine",
    )
    given_run.add_store(parser, "print JSON: each run, what was done and why")


def run(args: Namespace) -> int:
    """Say of each run that has not ended what was done about it."""
    from rnnexp.tracking.reap import reap

    if args.force and args.run == "all":
        raise ConfigError("--force: name the run or the sweep that you know to be dead; `rnnexp reap` lists them")
    found = list(reap(args.uri, args.run, force=args.force))
    if args.json:
        plain = [{**asdict(one), "folder": str(one.folder) if one.folder else None} for one in found]
        print(json.dumps(plain, indent=2))
    else:
        print(write_table(found) if found else "nothing to do: the store takes none of them for running")
    return 0


def write_table(found: Sequence[ReapedRun]) -> str:
    """Write what was found, one run a line."""
    from rnnexp.compare.table import aligned

    rows = [
        (
            (one.run_id or "")[:8],
            one.name,
            TOLD[one.verdict],
            one.why,
            os.path.relpath(one.folder) if one.folder else "",
        )
        for one in found
    ]
    return aligned([HEAD, *rows])
