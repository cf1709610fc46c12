"""What a tracking server in trouble costs a training: python -m tests.benchmarks.outage --pairs 9 --epochs 20000

A pair is the same training with a server that answers and with one that does not, one right after the other and in turn
first; each server is a process of its own. What counts is the median of the ratios, and of the seconds between the two.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

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
    args = _parser().parse_args(argv)
    too_slow = False
    print("| server | healthy | with it | ratio | of the pairs | difference |\n|---|---|---|---|---|---|")
    for fault in args.faults:
        pairs = [pair(fault, args.epochs, turned=bool(number % 2)) for number in range(args.pairs)]
        print(row(fault, pairs), flush=True)
        too_slow |= is_too_slow(pairs)
    return int(too_slow)


def pair(fault: str, epochs: int, *, turned: bool) -> tuple[float, float]:
    """Return the seconds of a training with a healthy server, and of the same with another one."""
    order = (fault, HEALTHY) if turned else (HEALTHY, fault)
    seconds = {kind: timed(kind, epochs) for kind in order}
    return seconds[HEALTHY], seconds[fault]


def timed(kind: str, epochs: int) -> float:
    """Return the seconds that a training takes from the start of its process to its end."""
    with tempfile.TemporaryDirectory(prefix="rnnexp-outage-") as folder, serving(Path(folder), kind) as uri:
        command = [sys.executable, "-m", "rnnexp", "train", *TRAIN, f"trainer.epochs={epochs}", f"tracking.uri={uri}"]
        began = monotonic()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())
        seconds = monotonic() - began
    if done.returncode:
        raise SystemExit(f"{kind}: the training ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds


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


def environment() -> dict[str, str]:
    """Return this process's, with the package in it and without what changes how a client waits."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}


def row(fault: str, pairs: Sequence[tuple[float, float]]) -> str:
    healthy, other = (statistics.median(side) for side in zip(*pairs))
    ratios = sorted(b / a for a, b in pairs)
    cells = [f"{healthy:.2f} s", f"{other:.2f} s", f"{statistics.median(ratios):.3f}"]
    cells += [f"{ratios[0]:.3f} to {ratios[-1]:.3f}", f"{difference(pairs):+.2f} s"]
    return f"| {fault} | {' | '.join(cells)} |"


def difference(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(b - a for a, b in pairs)


def is_too_slow(pairs: Sequence[tuple[float, float]]) -> bool:
    ratio = statistics.median(b / a for a, b in pairs)
    return ratio > MAX_RATIO and difference(pairs) > MAX_SECONDS


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.benchmarks.outage", description=__doc__)
    parser.add_argument("--pairs", type=int, default=9, metavar="N")
    parser.add_argument("--epochs", type=int, default=20_000, metavar="N", help="of a training; default: 20000")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
