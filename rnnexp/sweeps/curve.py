"""What a running job tells of itself, epoch by epoch."""

from __future__ import annotations

import json
from pathlib import Path


class Curve:
    """Reads what a running job appends to its `metrics.jsonl`."""

    def __init__(self, folder: Path, metric: str) -> None:
        self.folder, self._metric = folder, metric
        self._offset = 0
        self.epoch = 0
        self.best: float | None = None

    def new(self) -> list[tuple[int, float]]:
        """Return (epoch, value) of the epochs since the last call."""
        try:
            with (self.folder / "metrics.jsonl").open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["step"]:
                self.epoch = max(self.epoch, entry["step"])
                if self._metric in entry["metrics"]:
                    found.append((entry["step"], float(entry["metrics"][self._metric])))
        return found
