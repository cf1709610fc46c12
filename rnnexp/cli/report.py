"""`rnnexp report [SWEEP]`: a sweep on one self-contained HTML page."""

from __future__ import annotations

import json
import re
from argparse import Namespace, _SubParsersAction
from pathlib import Path

from rnnexp.errors import ConfigError
from rnnexp.paths import short_name


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("report", help="write a sweep's report, one HTML file that needs nothing else")
    parser.add_argument("sweep", nargs="?", help="name, its beginning, or the run's id; default: the latest sweep")
    parser.add_argument("-o", "--output", type=Path, help="file to write; default: <sweep>.html")
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")
    parser.add_argument("--json", action="store_true", help="print JSON: the sweep, the file and its size")


def run(args: Namespace) -> int:
    from rnnexp.compare.find import sweep
    from rnnexp.compare.report import html

    found = sweep(args.uri, args.sweep)
    file = args.output or Path(short_name(re.sub(r"[^\w.-]", "_", found.name)) + ".html")
    text = html(args.uri, found.parent.run_id)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}; choose another with -o FILE") from None
    if args.json:
        print(json.dumps({"sweep": found.name, "file": str(file), "bytes": file.stat().st_size}))
    else:
        print(f"wrote {file} ({file.stat().st_size / 1000:.0f} kB)")
    return 0
