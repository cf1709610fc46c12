"""What commands have in common: which run or sweep, which store, which plugins."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.deploy.trained import Asked


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the commands that use a trained run have in common."""
    parser.add_argument(
        "run",
        help="id of a run, the beginning of its id, its name (of several, the latest), last, or a folder of a run or "
        "model",
    )
    add_plugins(parser)
    add_uri(parser)


def add_plugins(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--plugins", default="", metavar="MODULE,...", help="the run's own plugins, whose code you trust"
    )


def add_uri(parser: ArgumentParser) -> None:
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")


def add_store(parser: ArgumentParser, as_json: str = "print JSON") -> None:
    """Add which store is read, and that what is found may be printed for programs."""
    add_uri(parser)
    parser.add_argument("--json", action="store_true", help=as_json)


def add_sweep(parser: ArgumentParser, further: str = "") -> None:
    named = "name, its beginning, or the run's id; default: the latest sweep"
    parser.add_argument("sweep", nargs="?", help=named + further)


PLACE = "folder of a run, a job or a sweep, its name, its id, the beginning of one of these, or last"


def read_count(text: str) -> int:
    """Read a number from 0 on."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"`{text}` is no number; give 0 or more")
    return int(text)


def join_numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def check_jobs(sweep: Path, numbers: Sequence[int]) -> None:
    """Raise ConfigError for numbers that no job of a sweep has, or that its sampler has not come to."""
    from rnnexp.sweeps.follow import SweepReader

    state = SweepReader(sweep).state
    wrong = [number for number in numbers if number not in state.jobs]
    if wrong:
        known = f"it has 0 to {max(state.jobs)}" if state.jobs else "it has none yet"
        raise ConfigError(f"the sweep {sweep.name} has no job {join_numbers(wrong)}: {known}")


def add_data(parser: ArgumentParser) -> None:
    """Add what the commands that read data have in common."""
    parser.add_argument(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="settings of the data that differ from the run's: separator=';' time=Date missing=ffill",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def asked(args: Namespace, command: str) -> Asked:
    from rnnexp.deploy.trained import Asked

    return Asked(args.run, command, args.uri, plugins(args))


def plugins(args: Namespace) -> list[str]:
    return [name.strip() for name in args.plugins.split(",") if name.strip()]
