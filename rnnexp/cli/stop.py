"""`rnnexp stop`: end a live run, a live sweep, or some of its jobs, from another terminal or machine."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError, ResourceError

Found = TypeVar("Found")
POLL_S = 0.2
DEFAULT_WAIT_S = 60.0


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "stop",
        description="End a live run or sweep as Ctrl-C in its terminal does, or take jobs out of a live sweep, which "
        "continues: a waiting job is skipped, a running one is asked to stop, then killed. Jobs that were taken out "
        "stay out until the sweep's command is given with --retry-stopped.",
        epilog="examples: rnnexp stop last   rnnexp stop cell_comparison-6a84cd 3 7",
    )
    parser.add_argument("run", metavar="RUN | SWEEP", help=given_run.PLACE)
    parser.add_argument(
        "jobs",
        nargs="*",
        type=given_run.read_count,
        metavar="JOB",
        help="numbers of jobs, as in the sweep's table; default: the whole sweep",
    )
    parser.add_argument(
        "--wait", type=float, default=DEFAULT_WAIT_S, metavar="SECONDS", help="for the end; default: %(default)g"
    )
    given_run.add_uri(parser)


def run(args: Namespace) -> int:
    """Leave word in the folder, wait for what comes of it, and say that."""
    from rnnexp.sweeps.lookup import find_folder

    found = find_folder(args.run, args.uri)
    deadline = time.monotonic() + args.wait
    if found.sweep is not None and not found.is_sweep and found.job is not None:
        return _stop_jobs(found.sweep, [found.job, *args.jobs], deadline)
    if found.sweep is not None:
        return _stop_jobs(found.sweep, args.jobs, deadline) if args.jobs else _stop_sweep(found.sweep, deadline)
    if args.jobs:
        raise ConfigError(f"`{args.run}` is a single run, no sweep; leave {given_run.join_numbers(args.jobs)} out")
    return _stop_run(found.folder, deadline)


def _stop_run(folder: Path, deadline: float) -> int:
    from rnnexp.run_folder import find_owner, is_held
    from rnnexp.stopping import request_stop
    from rnnexp.sweeps.follow import find_end_of_run

    if not is_held(folder):
        raise ConfigError(f"{folder.name} does not run")
    request_stop(folder)
    if not _wait(lambda: not is_held(folder), deadline):
        owner = find_owner(folder)
        process = f": process {owner.pid} on {owner.host}" if owner else ""
        raise ResourceError(f"{folder.name} was asked to stop and has not ended yet{process}")
    print(find_end_of_run(folder))
    return 0


def _stop_sweep(folder: Path, deadline: float) -> int:
    from rnnexp.stopping import request_stop
    from rnnexp.sweeps.follow import SweepReader

    reader = SweepReader(folder)
    _check_live(reader.is_live, folder)
    request_stop(folder)
    if not _wait(lambda: not reader.is_live, deadline):
        raise ResourceError(f"{folder.name} was asked to stop and waits for its jobs to close their runs")
    list(reader.read())
    print(f"sweep {folder.name}: {reader.verdict()[1]}")
    return 0


def _stop_jobs(folder: Path, jobs: Sequence[int], deadline: float) -> int:
    from rnnexp.stopping import request_stop
    from rnnexp.sweeps.follow import JobReader, SweepReader

    given_run.check_jobs(folder, jobs)
    reader = SweepReader(folder)
    ended = [number for number in jobs if reader.state.jobs[number].status is not None]
    for number in ended:
        print(JobReader(folder, number).find_end())
    left = [number for number in dict.fromkeys(jobs) if number not in ended]
    if left:
        _check_live(reader.is_live, folder)
    for number in left:
        request_stop(folder, number)
    for number in left:
        words = _wait(JobReader(folder, number).find_end, deadline)
        print(words or f"job {number}: was asked to stop and ends after its epoch", flush=True)
    return 0


def _check_live(live: bool, folder: Path) -> None:
    if not live:
        raise ConfigError(f"the sweep {folder.name} does not run: there is nothing to stop")


def _wait(look: Callable[[], Found], deadline: float) -> Found:
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found
