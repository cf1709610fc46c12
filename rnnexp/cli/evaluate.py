"""`rnnexp evaluate RUN --data ...`: the score of a trained run on other data, beside baselines that need no fitting."""

from __future__ import annotations

import json
import sys
from argparse import Namespace, _SubParsersAction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.deploy.score import Scored
    from rnnexp.deploy.trained import Trained

PARTS = ("train", "val", "test")


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="score a trained run on other data",
        description="Score a run on other data, all rows of them, with the preprocessing of the run; or a set of its "
        "own data again. --data takes the file to read, or settings of the run's data: --data new.csv, --data seed=7.",
        epilog="example: rnnexp evaluate lstm-u32-lr1e-3-a1b2 sales_2025.csv",
    )
    given_run.add_arguments(parser)
    parser.add_argument("input", nargs="?", help="file or folder to read, as with --data")
    given_run.add_data(parser)
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write every prediction beside the actual value")
    parser.add_argument("--part", choices=PARTS, help="a set of the run's own data; default: the one that it scored")


def run(args: Namespace) -> int:
    from rnnexp.deploy.trained import trained
    from rnnexp.deploy.write import refuse_out, write
    from rnnexp.tasks.requests import parse_changes

    if args.out:
        refuse_out(args.out)
    is_named = bool(args.input) and Path(args.input).exists()  # whatever its name: a=b.csv
    changes = parse_changes([*args.data, *([args.input] if args.input and not is_named else [])])
    if is_named and changes.setdefault("path", args.input) != args.input:
        raise ConfigError(f"the data are given twice: {args.input}, and --data path={changes['path']}")
    with TemporaryDirectory() as scratch:
        found = trained(given_run.asked(args, "evaluate"), Path(scratch))
        from rnnexp.deploy.score import score  # with NumPy: a run that is not there is said without

        scored = score(found, changes, args.part)
    if args.out:
        write(found.task.rows(scored.dataset, scored.report), args.out)
    _say(args, found, scored)
    return 0


def _say(args: Namespace, found: Trained, scored: Scored) -> None:
    from rnnexp.cli.summary import headline, verdict
    from rnnexp.evaluation.report import Scores

    dataset, report = scored.dataset, scored.report
    part, count = dataset.scored, len(report.predictions.actual)
    if args.json:
        about = {"run": found.run.run_id if found.run else None, "model": found.called}
        data = {"data": dataset.summary.source, "part": part, "examples": count}
        worth = {"best_baseline": report.best_baseline, "beats_baseline": report.beats_baseline}
        said = {"skipped": dict(report.skipped), "notes": [*report.notes, *scored.notes]}
        print(json.dumps({**about, **data, "metrics": dict(report.metrics), **worth, **said}, indent=2))
        return
    scores = Scores(found.name, found.spec.task, report.metrics, report, part, dataset.summary.unit, found.source)
    of = f"all rows of {dataset.summary.source}" if part == "all" else f"the {part} set of {dataset.summary.source}"
    print(f"{found.called}: {headline(scores, of)}")
    print("\n".join(verdict(scores)))
    print("".join(f"note: {note}\n" for note in scored.notes), end="", file=sys.stderr)
