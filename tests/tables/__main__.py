"""`python -m tests.tables --cases 5000 --seed S`: valid tables whose truth is known, read by `init`, and judged.

`--only-case K` judges the one case of that number, prints all of it, and leaves its file in the working directory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.fuzz.pool import answers
from tests.tables.cases import case
from tests.tables.judge import judge, judged
from tests.tables.report import Judged, report


def main(argv: list[str] | None = None) -> int:
    """Judge the cases that are asked for, and return 1 if any is read as what it does not say."""
    args = _parser().parse_args(argv)
    if args.only_case is not None:
        return _shown(args.seed, args.only_case)
    found = []
    for answer in answers(partial(judged, args.seed), range(args.cases), args.workers, seconds=20.0):
        outcome, said = json.loads(answer.said) if answer.fault is None else ("fault", answer.fault)
        made = case(args.seed, answer.number)
        found.append(Judged(answer.number, outcome, said, made.kinds, made.asks))
    print(report(found, args.seed))
    return int(any(one.outcome in ("wrong", "fault") for one in found))


def _shown(seed: int, number: int) -> int:
    made = case(seed, number)
    Path(made.name).write_bytes(made.bytes)
    with tempfile.TemporaryDirectory() as folder:
        verdict = judge(made, Path(folder))
    print(f"{made.name} {' '.join(made.words)}: {', '.join(made.kinds)}; may be asked: {', '.join(made.asks)}")
    print(made.bytes[:600])
    print(f"{verdict.outcome}: {verdict.said}")
    return int(verdict.outcome == "wrong")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.tables", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-case", type=int, metavar="K")
    parser.add_argument("--workers", type=int, default=2)
    return parser


if __name__ == "__main__":
    sys.exit(main())
