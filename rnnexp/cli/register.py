"""`rnnexp register RUN NAME [--alias champion]`: give the model of a run a name that others find it by."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from dataclasses import asdict

from rnnexp.cli import given_run


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "register",
        description="Make the model of a run a version of a registered model of MLflow. An alias leads to one version: "
        "given again for another run it moves, and tags of the registered model keep what it led to and since when. "
        "`rnnexp predict models:/NAME@ALIAS FILE` uses it.",
        epilog="example: rnnexp register sine_lstm-3fa2c1 demand --alias champion",
    )
    parser.add_argument("run", metavar="RUN", help="id of a run, the beginning of its id, or its name")
    parser.add_argument("name", metavar="NAME", help="of the registered model; is made if it is not there")
    parser.add_argument("--alias", help="what else leads to this version, such as champion")
    given_run.add_store(parser, "print JSON: name, version, alias and its history")


def run(args: Namespace) -> int:
    from rnnexp.tracking import find
    from rnnexp.tracking.model_registry import SCHEME, refuse_wrong_names, register_run

    refuse_wrong_names(args.name, args.alias)
    found = find.run(args.uri, args.run)
    done = register_run(args.uri, found, args.name, args.alias)
    if args.json:
        print(json.dumps({**asdict(done), "run": found.run_id}, indent=2))
        return 0
    how = "registered" if done.is_new else "was registered before"
    print(f"{found.name} ({found.run_id[:8]}): {how} as version {done.version} of {done.name}")
    if done.alias:
        before = f", before to version {done.before}" if done.before else ""
        print(f"  {done.alias} leads to version {done.version}{before}")
    print(f"  use  rnnexp predict {SCHEME}{done.name}{f'@{done.alias}' if done.alias else f'/{done.version}'}")
    return 0
