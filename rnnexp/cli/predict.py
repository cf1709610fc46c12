"""`rnnexp predict RUN [INPUT]`: forecasts of a trained run, with prediction intervals."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
from argparse import ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError, RnnexpError
from rnnexp.errors import count as counted

if TYPE_CHECKING:
    from rnnexp.deploy.answer import Answer
    from rnnexp.deploy.trained import Trained

STDIN = "standard input"


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "predict",
        help="forecast or classify with a trained run",
        description="Forecast what follows the rows of INPUT, or without INPUT what follows its own data; or label "
        "sequences (.ts, .npz, a table, a folder of tables) or texts (one in quotes, a file with one on each line, a "
        "table, a folder of .txt files). Columns are matched by name; the preprocessing is the run's. Intervals of "
        "forecasts come from the errors on its validation set. A run forecasts as many rows as it was trained for "
        "(data.horizon).",
        epilog="example: rnnexp predict lstm-u32-lr1e-3-a1b2 sales.csv -o forecast.csv --level 80 95",
    )
    given_run.add_arguments(parser)
    given_run.add_data(parser)
    parser.add_argument("input", nargs="?", help="file, folder or text; - for CSV or lines from standard input")
    parser.add_argument(
        "--values", type=_numbers, metavar="N,N,...", help="numbers in the place of INPUT, the latest last: 70,80,90"
    )
    parser.add_argument(
        "--model",
        default="network",
        metavar="NAME",
        help="who answers: the network, a baseline of the run by its name (linear, seasonal_naive, majority, ...), or "
        "best: whichever of them was best on the validation set; default: network",
    )
    parser._negative_number_matcher = re.compile(r"-\.?\d")  # argparse takes -1 for a value, but -1,2 for an option
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write .csv, .json or .parquet")
    parser.add_argument(
        "--level",
        nargs="+",
        type=_level,
        metavar="PERCENT",
        help="levels of prediction intervals, 50 to 99, or none; default: 90, if the run has it",
    )


def _level(text: str) -> int:
    if text == "none":
        return 0
    if not text.isdigit() or not 50 <= int(text) <= 99:
        raise ArgumentTypeError(f"`{text}` is not a level in percent; give 50 to 99, or none, and INPUT before --level")
    return int(text)


def _numbers(text: str) -> list[float]:
    found = []
    for word in re.split(r"\s*,\s*|\s+", text.strip().removeprefix("[").removesuffix("]").strip()):
        try:
            found.append(float(word))
        except ValueError:
            wrong = f"`{word}` is not a number" if word else "a number is missing"
            raise ArgumentTypeError(f"{wrong}; write them as 70,80.5,90") from None
        if not math.isfinite(found[-1]):
            raise ArgumentTypeError(f"`{word}` is not a finite number")
    return found


def run(args: Namespace) -> int:
    from rnnexp.deploy.trained import trained
    from rnnexp.deploy.write import refuse_out
    from rnnexp.tasks.requests import PredictRequest, parse_changes

    if args.out:
        refuse_out(args.out)
    changes = parse_changes(args.data)
    if args.input and "path" in changes:
        raise ConfigError(f"the rows are given twice: {args.input}, and --data path={changes['path']}")
    if args.values is not None and (args.input or changes):
        raise ConfigError(f"--values: are given beside {args.input or '--data'}; give one of them")
    if 0 in (args.level or ()) and len(args.level) > 1:
        raise ConfigError("--level: none is given together with levels; give one of the two")
    levels = None if args.level is None else [level for level in args.level if level]
    with TemporaryDirectory() as scratch:
        try:
            found = trained(given_run.asked(args, "predict"), Path(scratch))
            from rnnexp.deploy.answer import predict  # with NumPy: a run that is not there is said without

            path = _input(args.input, Path(scratch))
            answer = predict(found, PredictRequest(path, changes, levels, args.values), args.model)
        except RnnexpError as error:  # the copy of standard input is nobody's file
            error.args = (str(error).replace(f"{scratch}{os.sep}", ""),)
            raise
    notes = [note.replace(f"{scratch}{os.sep}", "") for note in answer.response.notes]
    _say(args, found, replace(answer, response=replace(answer.response, notes=notes)))
    return 0


def _input(given: str | None, scratch: Path) -> str | None:
    """Return what to read; standard input is copied into a file."""
    if given != "-":
        return given
    with (scratch / STDIN).open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return str(scratch / STDIN)


def _say(args: Namespace, found: Trained, answer: Answer) -> None:
    from rnnexp.deploy.write import MOST_LINES, csv_text, lines, records, write

    response, who = answer.response, answer.choice.name
    count = len(response.frame)
    if args.out:
        write(response.frame, args.out)
    if args.json:
        whole = answer.to_json(found, {} if args.out else {"rows": records(response.frame)})
        print(json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False))
        return
    if args.out:
        by = "" if answer.choice.baseline is None else f"the baseline {who} of "
        print(f"{args.out}: {counted(count, 'row')} predicted by {by}{found.called}")
    elif sys.stdout.isatty():
        from rnnexp.compare.table import aligned

        print(aligned(lines(response.frame)))
        print(f"and {count - MOST_LINES} more rows: -o FILE writes them all" if count > MOST_LINES else "", end="")
    else:
        print(csv_text(response.frame), end="")
    said = [*_intervals(response.intervals), *response.notes]
    print("".join(f"note: {text}\n" for text in said), end="", file=sys.stderr)


def _intervals(found: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Say what the intervals are made from, and what they were seen to hold."""
    if not found:
        return []
    examples = next(iter(found.values()))["examples"]
    held = [
        f"of {level} % held {about['coverage']:.1%}" for level, about in found.items() if about["coverage"] is not None
    ]
    seen = f"; on the part that the run was scored on those {', '.join(held)}" if held else ""
    return [f"intervals are made from the errors of {examples} validation forecasts{seen}"]
