"""Two trainings, one right after the other and in turn first: what the second costs beside the first."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic

Pair = tuple[float, float]  # seconds of the usual training, and of the one that it is compared with


def measure(usual: str, other: str, pairs: int, timed: Callable[[str], float]) -> list[Pair]:
    """Time two kinds of a training, so many times each; every second time the other one comes first."""
    found = []
    for number in range(pairs):
        order = (other, usual) if number % 2 else (usual, other)
        seconds = {kind: timed(kind) for kind in order}
        found.append((seconds[usual], seconds[other]))
        told = ", ".join(f"{kind} {seconds[kind]:.2f} s" for kind in (usual, other))
        print(f"pair {number + 1} of {pairs}: {told}", file=sys.stderr, flush=True)
    return found


def timed_training(words: Iterable[str], folder: str, kind: str) -> float:
    """Return the seconds that `rnnexp train` takes from the start of its process to its end."""
    command = [sys.executable, "-m", "rnnexp", "train", *words]
    began = monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())
    seconds = monotonic() - began
    if done.returncode:
        raise SystemExit(f"{kind}: the training ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds


def environment() -> dict[str, str]:
    """Return this process's, with the package in it and without what changes how a client waits."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}


def median_ratio(pairs: Sequence[Pair]) -> float:
    return statistics.median(b / a for a, b in pairs)


def row(kind: str, pairs: Sequence[Pair], *more: str) -> str:
    """Write a row of the table: medians, and the spread of the ratios."""
    usual, other = (statistics.median(side) for side in zip(*pairs))
    ratios = sorted(b / a for a, b in pairs)
    cells = [f"{usual:.2f} s", f"{other:.2f} s", f"{median_ratio(pairs):.3f}", f"{ratios[0]:.3f} to {ratios[-1]:.3f}"]
    return f"| {' | '.join([kind, *cells, *more])} |"


def make_parser(module: str, description: str | None) -> ArgumentParser:
    parser = ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--pairs", type=int, default=9, metavar="N")
    parser.add_argument("--epochs", type=int, default=20_000, metavar="N", help="of a training; default: 20000")
    return parser
