"""`rnnexp ui [SWEEP]`: MLflow's pages for the store in use, opened at the comparison of a sweep."""

from __future__ import annotations

import json
import signal
import sys
import webbrowser
from argparse import Namespace, _SubParsersAction
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from rnnexp.cli import given_run
from rnnexp.errors import TrackingError
from rnnexp.redact import redact, without_user

if TYPE_CHECKING:
    from rnnexp.compare.find import Sweep


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("ui")
    parser.add_argument("sweep", nargs="?", help="name, its beginning, or the run's id; default: the latest, if any")
    parser.add_argument("--port", type=int, help="port on 127.0.0.1; default: the first free one from 5000 on")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    given_run.add_store(parser, "print the address as JSON")


def run(args: Namespace) -> int:
    from rnnexp.compare import browse
    from rnnexp.tracking.store import open_store, tracking_uri

    uri = tracking_uri(args.uri)
    sweep = _sweep(args)
    if browse.is_server(uri):
        _reap(args)
        _announce(args, without_user(uri).rstrip("/"), sweep, uri)  # a browser asks for the password itself
        return 0
    port = browse.free_port(args.port)
    open_store(uri)  # a missing or broken database is explained here, not in a server's traceback
    _reap(args)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with browse.server(uri, port) as process:
            _announce(args, f"http://{browse.HOST}:{port}", sweep, uri)
            print("Ctrl-C ends it", file=sys.stderr)
            return _exit_code(process.wait())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 0


def _reap(args: Namespace) -> None:
    """Tell the store of runs that were killed, for MLflow's pages show what it says, and say so."""
    from rnnexp.cli.reap import write_table
    from rnnexp.tracking.reap import reap

    try:
        done = [one for one in reap(args.uri, beside=False) if one.verdict in ("killed", "stored")]
    except TrackingError as error:  # one that may only be read can be looked at all the same
        print(f"runs that were killed may be shown as running: {error}", file=sys.stderr)
        return
    if done:
        print(
            f"runs that have ended without reporting it (see rnnexp reap --help):\n{write_table(done)}", file=sys.stderr
        )


def _sweep(args: Namespace) -> Sweep | None:
    from rnnexp.compare import find

    return find.sweep(args.uri, args.sweep) if args.sweep or find.sweeps(args.uri) else None


def _announce(args: Namespace, base: str, sweep: Sweep | None, uri: str) -> None:
    from rnnexp.compare.browse import list_pages

    pages = list_pages(base, sweep, uri)
    first = next(iter(pages.values()))
    if args.json:
        about = {"sweep": sweep.name if sweep else None, "address": first, "pages": pages}
        print(json.dumps({**about, "server": base, "store": redact(uri)}), flush=True)
    else:
        print("\n".join(f"{what}: {page}" for what, page in {**pages, "all runs": base}.items()), flush=True)
    if not args.no_browser:
        webbrowser.open(first)


def _exit_code(code: int) -> int:
    if code:
        print(f"rnnexp: MLflow's server has ended by itself, with code {code}", file=sys.stderr)
    return 5 if code else 0


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)
