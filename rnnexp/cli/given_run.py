"""What the commands that use a trained run have in common: which run, which store, which plugins."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from rnnexp.deploy.trained import Asked


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run",
        help="id of a run, the beginning of its id, its name (of several, the latest), or a folder of a run or model",
    )
    parser.add_argument(
        "--plugins", default="", metavar="MODULE,...", help="the run's own plugins, whose code you trust"
    )
    parser.add_argument("--uri", help="tracking store; default: MLFLOW_TRACKING_URI, else ./mlflow.db")


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
    plugins = [name.strip() for name in args.plugins.split(",") if name.strip()]
    return Asked(args.run, command, args.uri, plugins)
