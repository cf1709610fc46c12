"""The commands that look at what runs: logs and watch."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import TYPE_CHECKING

from rnnexp.cli import given_run, streams
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnnexp.sweeps.lookup import FoundFolder


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    _add_logs(subparsers)
    _add_watch(subparsers)


def _add_logs(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "logs",
        description="Print the log of a run, or of a job of a sweep.",
        epilog="examples: rnnexp logs last -n 20   rnnexp logs cell_comparison-6a84cd 3 --follow",
    )
    parser.add_argument("run", metavar="RUN | SWEEP", help=given_run.PLACE)
    parser.add_argument(
        "job", nargs="?", type=given_run.read_count, metavar="JOB", help="its number, as in the sweep's table"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="follow the log until the run ends, and print how it ended"
    )
    parser.add_argument("-n", "--lines", type=given_run.read_count, metavar="LINES", help="only so many of the last")
    given_run.add_uri(parser)
    parser.set_defaults(command=print_log)


def _add_watch(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "watch",
        description="Show a sweep as its own terminal does, from its folder alone. It ends when the sweep does, with "
        "the sweep's exit code, or when its process is gone.",
        epilog="example: rnnexp watch --once",
    )
    parser.add_argument("sweep", nargs="?", default="last", help=f"{given_run.PLACE}; default: the latest sweep")
    parser.add_argument("--once", action="store_true", help="print how it stands, and end")
    given_run.add_uri(parser)
    parser.set_defaults(command=watch)


def print_log(args: Namespace) -> int:
    """Print the log; with --follow until the run has ended, or nobody reads it any more."""
    from rnnexp.sweeps.follow import Tail, find_log, follow_log
    from rnnexp.sweeps.lookup import find_folder

    found = find_folder(args.run, args.uri, args.job)
    ended = _find_end(found)
    if args.follow:
        for line in follow_log(find_log(found.folder), args.lines, ended, streams.is_read):
            sys.stdout.write(line)
            sys.stdout.flush()
        return 0
    path = find_log(found.folder)
    if not path.exists():
        raise ConfigError(f"{found.name} has no log: {ended() or 'it has not been started yet; --follow waits for it'}")
    tail = Tail(path)
    if args.lines is not None:
        tail.skip_to_last(args.lines)
    while lines := tail.read():
        sys.stdout.write(b"".join(lines).decode("utf-8", errors="replace"))
    sys.stdout.write(b"".join(tail.close()).decode("utf-8", errors="replace"))
    return 0


def watch(args: Namespace) -> int:
    """Show a sweep until it ends, and return its exit code."""
    from rnnexp.sweeps.follow import watch_sweep
    from rnnexp.sweeps.lookup import find_sweep

    return watch_sweep(find_sweep(args.sweep, args.uri), once=args.once, is_read=streams.is_read)


def _find_end(found: FoundFolder) -> Callable[[], str | None]:
    """Return what tells how a run or job has ended. Raises ConfigError for a sweep, and for a job that is none."""
    from rnnexp.sweeps.follow import JobReader, SweepReader, find_end_of_run
    from rnnexp.sweeps.task import job_folder

    if found.sweep is None:
        return lambda: find_end_of_run(found.folder)
    if found.is_sweep or found.job is None:
        jobs = SweepReader(found.sweep).state.jobs.values()
        listed = ", ".join(str(job.number) for job in jobs if job.attempts)
        raise ConfigError(f"{found.name} is a sweep; name one of its jobs that have begun ({listed or 'none yet'})")
    if found.folder != job_folder(found.sweep, found.job):
        return lambda: f"job {found.job}: this is an earlier attempt"
    if not found.folder.exists():
        given_run.check_jobs(found.sweep, [found.job])
    return JobReader(found.sweep, found.job).find_end
