"""What checkpoints cost a training: python -m tests.benchmarks.checkpoints --pairs 9 --epochs 20000

A pair is the same training with checkpoints every few seconds and without any, one right after the other and in turn
first: a single one, and a group of four in one program. What counts is the median of the ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from time import monotonic

from .outage import environment

MAX_RATIO = 1.02
EVERY_S = 5.0  # much more often than by default, so that short trainings have some
TRAIN = ("data.points=2000", "model.units=[8]", "tracking=off", "tracking.figures=false")
KINDS = {"single": (), "group": ("-m", "hydra/launcher=vectorized", "seed=0,1,2,3")}


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each kind; the exit code is 1 if checkpoints slow one by more than they may."""
    args = _parser().parse_args(argv)
    too_slow = False
    print("| training | without | with checkpoints | ratio | of the pairs |\n|---|---|---|---|---|")
    for kind in args.kinds:
        pairs = []
        for number in range(args.pairs):
            pairs.append(pair(kind, args.epochs, turned=bool(number % 2)))
            without, kept = pairs[-1]
            told = f"{kind}, pair {number + 1} of {args.pairs}: {without:.2f} s without, {kept:.2f} s with checkpoints"
            print(told, file=sys.stderr, flush=True)
        print(row(kind, pairs), flush=True)
        too_slow |= is_too_slow(pairs)
    return int(too_slow)


def pair(kind: str, epochs: int, *, turned: bool) -> tuple[float, float]:
    """Return the seconds of a training without checkpoints, and of the same with them."""
    order = (str(EVERY_S), "null") if turned else ("null", str(EVERY_S))
    seconds = {every: timed(kind, epochs, every) for every in order}
    return seconds["null"], seconds[str(EVERY_S)]


def timed(kind: str, epochs: int, every: str) -> float:
    """Return the seconds that a command takes from the start of its process to its end."""
    settings = (*TRAIN, f"trainer.epochs={epochs}", f"trainer.checkpoint_every_s={every}")
    with tempfile.TemporaryDirectory(prefix="rnnexp-checkpoints-") as folder:
        command = [sys.executable, "-m", "rnnexp", "train", *KINDS[kind], *settings]
        began = monotonic()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())
        seconds = monotonic() - began
    if done.returncode:
        raise SystemExit(f"{kind}: the training ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds


def row(kind: str, pairs: Sequence[tuple[float, float]]) -> str:
    without, kept = (statistics.median(side) for side in zip(*pairs))
    ratios = sorted(b / a for a, b in pairs)
    cells = [f"{without:.2f} s", f"{kept:.2f} s", f"{statistics.median(ratios):.3f}"]
    return f"| {kind} | {' | '.join(cells)} | {ratios[0]:.3f} to {ratios[-1]:.3f} |"


def is_too_slow(pairs: Sequence[tuple[float, float]]) -> bool:
    return statistics.median(b / a for a, b in pairs) > MAX_RATIO


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.benchmarks.checkpoints", description=__doc__)
    parser.add_argument("--pairs", type=int, default=9, metavar="N")
    parser.add_argument("--epochs", type=int, default=20_000, metavar="N", help="of a training; default: 20000")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
