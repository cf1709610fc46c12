"""`python -m tests.fuzz --overrides N --tables N --models N --seed S`: broken inputs, each answered in a sentence.

In the checkout's folder. One override in a hundred is run as a process of its own, to the end of a tiny training.
`--only-case K` judges the one case of that number of the one part that is asked for, and prints all of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from functools import partial

from .parts import DESCRIBED, PARTS, SECONDS
from .pool import Answer, answers


def main(argv: list[str] | None = None) -> int:
    """Judge the cases that are asked for and return 1 if any has failed."""
    args = _parser().parse_args(argv)
    asked = {part: getattr(args, part) for part in PARTS if getattr(args, part)}
    counts: Counter[bool] = Counter()
    for part, number in asked.items():
        numbers = [args.only_case] if args.only_case is not None else list(range(number))
        started, before = time.monotonic(), counts.copy()
        for answer in answers(partial(PARTS[part], args.seed), numbers, args.workers, SECONDS[part]):
            counts[answer.fault is None] += 1
            if answer.fault or args.only_case is not None:
                print(_told(part, args.seed, answer), flush=True)
        rate = sum((counts - before).values()) / (time.monotonic() - started)
        print(f"{part}: {len(numbers):,} cases, {rate:.0f} a second", flush=True)
    print(f"{counts[True]:,} passed, {counts[False]:,} failed")
    return int(counts[False] > 0)


def _told(part: str, seed: int, answer: Answer) -> str:
    replay = f"python -m tests.fuzz --{part} 1 --seed {seed} --only-case {answer.number}"
    described = DESCRIBED[part](seed, answer.number)
    return f"{'FAILED' if answer.fault else 'passed'} {replay}\n  {described}\n  {answer.fault or answer.said}\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    for part in PARTS:
        parser.add_argument(f"--{part}", type=int, default=0, metavar="N", help=f"cases of {part}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-case", type=int, metavar="K")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
