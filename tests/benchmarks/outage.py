"""What a tracking server in trouble costs a training: python -m tests.benchmarks.outage --pairs 9 --epochs 20000

A pair is the same training with a server that answers and with one that does not, one right after the other and in turn
first; each server is a process of its own. What counts is the median of the ratios, and of the seconds between the two.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import pairs as paired
from .pairs import Pair, environment, make_parser, measure, median_ratio, timed_training

HEALTHY = "healthy"
FAULTS = ("dead", "hang", "slow", "500")
SLOW_S = 5.0  # what a slow server takes for an answer
MAX_RATIO, MAX_SECONDS = 1.02, 10.0  # a training may be slowed by either
TRAIN = ("data.points=2000", "model.units=[8]", "tracking.figures=false")
SERVER = """
import sys, time
from pathlib import Path
import pytest
from tests.tracking.faulty_server import running

with running(Path(sys.argv[1]), pytest.MonkeyPatch()) as server:
    server.delay = float(sys.argv[3])
    if sys.argv[2] != "healthy":
        server.fail(sys.argv[2])
    print(server.uri, flush=True)
    sys.stdin.read()
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each fault; the exit code is 1 if one slows a training by more than it may."""
    parser = make_parser("tests.benchmarks.outage", __doc__)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    args = parser.parse_args(argv)
    too_slow = False
    print("| server | healthy | with it | ratio | of the pairs | difference |\n|---|---|---|---|---|---|")
    for fault in args.faults:
        pairs = measure(HEALTHY, fault, args.pairs, lambda kind: timed(kind, args.epochs))
        print(row(fault, pairs), flush=True)
        too_slow |= is_too_slow(pairs)
    return int(too_slow)


def timed(kind: str, epochs: int) -> float:
    with tempfile.TemporaryDirectory(prefix="rnnexp-outage-") as folder, serving(Path(folder), kind) as uri:
        return timed_training((*TRAIN, f"trainer.epochs={epochs}", f"tracking.uri={uri}"), folder, kind)


@contextmanager
def serving(folder: Path, kind: str) -> Iterator[str]:
    """Start a server in a process of its own and give its address."""
    (folder / "server").mkdir()
    command = [sys.executable, "-c", SERVER, str(folder / "server"), kind, str(SLOW_S)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env=environment(), **pipes) as process:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        try:
            yield next(line.strip() for line in said if re.match("http://", line))
        finally:
            process.kill()


def row(fault: str, pairs: Sequence[Pair]) -> str:
    return paired.row(fault, pairs, f"{difference(pairs):+.2f} s")


def difference(pairs: Sequence[Pair]) -> float:
    return statistics.median(b - a for a, b in pairs)


def is_too_slow(pairs: Sequence[Pair]) -> bool:
    return median_ratio(pairs) > MAX_RATIO and difference(pairs) > MAX_SECONDS


if __name__ == "__main__":
    sys.exit(main())
