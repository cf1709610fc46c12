"""What takes part: who is started how, how much work that is, and where the loss it reached is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Losses = Callable[[Path, str], list[float]]  # (folder that it ran in, what it printed) -> one loss per seed


@dataclass(frozen=True)
class Contestant:
    """One way to do a piece of work.

    argv:      after the interpreter of its environment; "{process}" is the number of the process, from 0, and "{turn}"
               that of the repetition
    needs:     file without which it is left out
    variables: of its environment; "{folder}" is the fresh folder that it works in
    warm_up:   the unmeasured run before the first measured one; None: argv itself
    processes: side by side;  lanes: runs at the same time, in all processes together
    runs:      measured, in all processes together;  of: runs of the whole work
    beside:    losses of ours that this one's are compared with; None: those of ours in this work
    best_of_all: it tells the best of its losses only; `beside` gives our best for each seed
    target:    ratio of ours to this one, at most for seconds, at least for steps per second
    """

    name: str
    environment: Literal["ours", "peers"]
    argv: tuple[str, ...]
    needs: Path | None = None
    warm_up: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1
    lanes: int = 1
    runs: int = 1
    of: int = 1
    losses: Losses | None = None
    beside: Losses | None = None
    best_of_all: bool = False
    rate: Callable[[Path, str], float] | None = None
    target: float | None = None


@dataclass(frozen=True)
class Work:
    """The same amount of work for all; the first contestant is ours."""

    name: str
    title: str
    contestants: tuple[Contestant, ...]
    unit: Literal["s", "steps/s"] = "s"


def printed(pattern: str, convert: Callable[[float], float] = float) -> Losses:
    """Read losses from what a contestant prints, one per match of the pattern's group."""
    return lambda folder, output: [convert(float(found)) for found in re.findall(pattern, output)]


def printed_rate(folder: Path, output: str) -> float:
    return float(re.findall(r"steps_per_s=([\d.]+)", output)[-1])


def scored(metric: str, where: Mapping[str, float] | None = None) -> Losses:
    """Read a final metric of each of our runs below the folder, of those whose configuration agrees with `where`."""

    def read(folder: Path, output: str) -> list[float]:
        runs = [file.parent for file in sorted(folder.glob("runs/**/metrics.jsonl"))]
        finals = [_lines(run)[-1] for run in runs if (run / "model").exists() and _agrees(run, where or {})]
        return [final["metrics"][metric] for final in finals]

    return read


def best_per_seed(metric: str, seeds: int) -> Losses:
    """Read, for each seed, the best of our runs: what the best of all is the smallest of."""

    def read(folder: Path, output: str) -> list[float]:
        by_seed = [scored(metric, {"seed": seed})(folder, output) for seed in range(seeds)]
        return [min(values) for values in by_seed if values]

    return read


def our_rate(steps: int, examples: int) -> Callable[[Path, str], float]:
    """Steps per second over all epochs after the first, which holds the compilation."""

    def read(folder: Path, output: str) -> float:
        (file,) = folder.glob("runs/**/metrics.jsonl")
        epochs = [line["metrics"] for line in _lines(file.parent) if "time/samples_per_s" in line["metrics"]]
        seconds = sum(examples / epoch["time/samples_per_s"] for epoch in epochs[1:])
        return steps * len(epochs[1:]) / seconds

    return read


def _lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def _agrees(run: Path, where: Mapping[str, float]) -> bool:
    import yaml

    config = yaml.safe_load((run / "config" / "config.yaml").read_text())
    for key, value in where.items():
        found = config
        for part in key.split("."):
            found = found[part]
        if found != value:
            return False
    return True
