"""`rnnexp schema [GROUP]`: the JSON Schema that editors use to complete and check YAML."""

from __future__ import annotations

import json
from argparse import Namespace, _SubParsersAction

from rnnexp.config.plugins import load_plugins
from rnnexp.config.schema import GROUPS, experiment_schema, group_schema


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("schema", help="print the JSON Schema of the configuration")
    parser.add_argument("group", nargs="?", choices=GROUPS, help="of one folder of conf; default: of experiments")


def run(args: Namespace) -> int:
    load_plugins([])
    schema = group_schema(args.group) if args.group else experiment_schema()
    print(json.dumps(schema, indent=1, default=str))
    return 0
