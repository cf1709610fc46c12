"""What checkpoints cost a training: python -m tests.benchmarks.checkpoints --pairs 9 --epochs 20000

A pair is the same training with checkpoints every few seconds and without any, one right after the other and in turn
first: a single one, and a group of four in one program. What counts is the median of the ratios.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

from .pairs import Pair, make_parser, measure, median_ratio, row, timed_training

MAX_RATIO = 1.02
EVERY_S = 5.0  # much more often than by default, so that short trainings have some
TRAIN = ("data.points=2000", "model.units=[8]", "tracking=off", "tracking.figures=false")
KINDS = {"single": (), "group": ("-m", "hydra/launcher=vectorized", "seed=0,1,2,3")}


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each kind; the exit code is 1 if checkpoints slow one by more than they may."""
    parser = make_parser("tests.benchmarks.checkpoints", __doc__)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args(argv)
    too_slow = False
    print("| training | without | with checkpoints | ratio | of the pairs |\n|---|---|---|---|---|")
    for kind in args.kinds:
        pairs = measure("null", str(EVERY_S), args.pairs, lambda every, kind=kind: timed(kind, args.epochs, every))
        print(row(kind, pairs), flush=True)
        too_slow |= is_too_slow(pairs)
    return int(too_slow)


def timed(kind: str, epochs: int, every: str) -> float:
    settings = (*TRAIN, f"trainer.epochs={epochs}", f"trainer.checkpoint_every_s={every}")
    with tempfile.TemporaryDirectory(prefix="rnnexp-checkpoints-") as folder:
        return timed_training((*KINDS[kind], *settings), folder, kind)


def is_too_slow(pairs: Sequence[Pair]) -> bool:
    return median_ratio(pairs) > MAX_RATIO


if __name__ == "__main__":
    sys.exit(main())
