"""Running jobs, looked at from outside: how far they are, and whether they are hopeless."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnexp.stopping import STOP
from rnnexp.sweeps.objective import of_epoch
from rnnexp.sweeps.search import Direction, Pruning
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.view import JobProgress


class Curve:
    """Reads what a running job appends to its `metrics.jsonl`."""

    def __init__(self, folder: Path, metric: str) -> None:
        self.folder, self._metric = folder, metric
        self._offset = 0
        self.epoch = 0
        self.value: float | None = None
        self.best: float | None = None

    def new(self, *, last_only: bool = False) -> list[tuple[int, float]]:
        """Return (epoch, value) of the epochs since the last call, or but of the last one, which is read at once."""
        try:
            with (self.folder / "metrics.jsonl").open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = whole.splitlines()
        found = []
        for line in reversed(lines) if last_only else lines:
            entry = _read_row(line)
            if entry["step"]:
                self.epoch = max(self.epoch, entry["step"])
                if self._metric in entry["metrics"]:
                    self.value = float(entry["metrics"][self._metric])
                    found.append((entry["step"], self.value))
                if last_only and found:
                    break
        return found

    def progress(self) -> JobProgress:
        """Return how far the job was at the last look."""
        return JobProgress(self.epoch, self._metric, self.value)


def _read_row(line: bytes) -> dict[str, Any]:
    """Return a row of metrics; of one that was torn when its process was killed nothing."""
    with suppress(ValueError):
        return dict(json.loads(line))
    return {"step": 0}


class Watch:
    """Reads what jobs write while they run, wherever they run; with a pruner it leaves word for those to be stopped."""

    def __init__(self, settings: Sweep, objective: str, direction: Direction) -> None:
        self._metric = of_epoch(objective)
        self._best_so_far = objective != self._metric
        self._better = min if direction == "minimize" else max
        self._pruning = Pruning(settings.pruner, direction) if settings.pruner is not None else None
        self._curves: dict[int, Curve] = {}

    def start(self, number: int, folder: Path) -> None:
        self._curves[number] = Curve(folder, self._metric)

    def replay(self, number: int, folder: Path, value: float | None, pruned: bool) -> None:
        """Take in a job that ended in an earlier start."""
        if self._pruning:
            self.start(number, folder)
            self._judge(self._curves[number], number)
            self.ended(number, value, pruned)

    def look(self, number: int) -> JobProgress:
        """Return how far a job is; the word is left for it if it is hopeless."""
        curve = self._curves[number]
        if self._judge(curve, number):
            (curve.folder / STOP).touch()
        return curve.progress()

    def _judge(self, curve: Curve, number: int) -> bool:
        new = curve.new(last_only=self._pruning is None)  # nobody else asks for the others
        return bool(new and self._pruning and self._pruning.hopeless(number, self._so_far(curve, new)))

    def _so_far(self, curve: Curve, new: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Turn values of epochs into the best so far where the objective is the best one."""
        if not self._best_so_far:
            return new
        result = []
        for epoch, value in new:
            if math.isfinite(value):
                curve.best = value if curve.best is None else self._better(curve.best, value)
                result.append((epoch, curve.best))
        return result

    def ended(self, number: int, value: float | None, pruned: bool) -> None:
        self._curves.pop(number, None)
        if self._pruning:
            self._pruning.ended(number, value, pruned)
