"""`rnnexp pack RUN FILE`: the folder of a run or a sweep as one file, for another machine or store."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from rnnexp.errors import count


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "pack",
        description="Write the folder of a run, or of a sweep with all its jobs, into one ZIP file with checksums. "
        "It holds what we have written there, with secrets masked; other files are named and left out. `rnnexp "
        "unpack` makes the same runs of it elsewhere.",
        epilog="example: rnnexp pack sine_lstm-0ab424 sine.zip",
    )
    parser.add_argument("run", metavar="RUN | SWEEP", help="its folder, its name, or the beginning of its id")
    parser.add_argument("file", type=Path, help="file to write; one that is there is never overwritten")
    parser.add_argument(
        "--json", action="store_true", help="print JSON: the file, its size, folders, what was left out"
    )


def run(args: Namespace) -> int:
    from rnnexp.disk import describe_size
    from rnnexp.tracking.archive import pack

    folders, left = pack(args.run, args.file)
    size = args.file.stat().st_size
    if args.json:
        about = {"folders": [str(one) for one in folders], "left_out": [str(one) for one in left]}
        print(json.dumps({"file": str(args.file), "bytes": size, **about}, indent=2))
        return 0
    for path in left:
        print(f"left out: {os.path.relpath(path)}, which we have not written", file=sys.stderr)
    print(f"{args.file}: {count(len(folders), 'folder')}, {describe_size(size)}; elsewhere: rnnexp unpack {args.file}")
    return 0
