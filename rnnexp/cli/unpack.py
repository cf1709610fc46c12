"""`rnnexp unpack FILE`: the runs of an archive, in this project and its tracking store."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError, TrackingError


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "unpack",
        description="Put the runs of an archive that `rnnexp pack` has written below ./runs and into the tracking "
        "store: parameters, metrics, tags, files and models, and jobs below their sweep. Everything is checked before "
        "anything is there; what is there already stays as it is. A local database keeps the ids of runs; a server "
        "gives new ones, and the tag rnnexp.key has the old one.",
        epilog="example: rnnexp unpack sine.zip --uri http://127.0.0.1:5000",
    )
    parser.add_argument("file", type=Path, help="what `rnnexp pack` has written")
    parser.add_argument(
        "--into", type=Path, default=Path(), metavar="FOLDER", help="project to unpack into; default: ."
    )
    given_run.add_store(parser, "print JSON: each folder, each run, and what has become of it")


def run(args: Namespace) -> int:
    """Unpack, then complete the store; the exit code is 5 if it does not take all of it."""
    from rnnexp.tracking.archive import unpack
    from rnnexp.tracking.store import tracking_uri
    from rnnexp.tracking.sync import fill_store, find_journals

    if not args.file.is_file():
        raise ConfigError(f"{args.file}: there is no such file")
    if not args.into.is_dir():
        raise ConfigError(f"--into {args.into}: there is no such folder; make it first")
    where = tracking_uri(args.uri)
    placed = unpack(args.file, args.into.absolute())
    done = [one for each in placed for one in fill_store(find_journals(str(each.folder)), args.uri, where)]
    if args.json:
        folders = [{"folder": str(one.folder), "added": one.added} for one in placed]
        runs = [{"name": one.name, "run_id": one.run_id, "complete": one.complete, "added": one.added} for one in done]
        print(json.dumps({"folders": folders, "runs": runs}, indent=2))
    else:
        for folder in placed:
            print(f"{os.path.relpath(folder.folder)}: {'unpacked' if folder.added else 'is there already'}")
        for one in done:
            print(f"  {one.name} ({one.run_id or 'no id yet'}): {one.note or ('stored' if one.added else 'complete')}")
    return 0 if all(one.complete for one in done) else TrackingError.exit_code
