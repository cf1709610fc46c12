"""Raise alarms in a stream of rows: python alarms.py FOLDER ROWS.csv

FOLDER is what `rnnexp export RUN --stateful` has written. Needs NumPy and ONNX Runtime, no Keras and no rnnexp.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

STATISTICS, WEIGHT, WINDOW, LEAST_CHANGE = ("residual", "ewma", "stuck"), 0.2, 12, 0.03  # as in docs/anomaly.md


class Alarms:
    """Scores row after row, each by the forecast made before it came.

    A forecast is made from the last `length` rows. So that each row is read once, as many networks go side by side,
    one batch, of which each has begun one row after the one before it: after each row one of them has read `length`.
    """

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "preprocessing.json").read_text())
        self.columns, self.length, (step,) = told["columns"], told["plan"]["sequence_length"], told["chain"]
        self.shift, self.scale = (np.array(step[name][0]) for name in ("shift", "scale"))
        detector = json.loads((folder / "detector.json").read_text())
        self.threshold = detector["threshold"]
        self.whitening, self.usual, self.limits = (
            np.array(detector[name]) for name in ("whitening", "changes", "limits")
        )
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
        self.states = {
            one.name: np.zeros((self.length, one.shape[-1]), np.float32) for one in self.session.get_inputs()[1:]
        }
        self.rows, self.average, self.forecast, self.changes = 0, 0.0, None, []
        self.last = None

    def read(self, row: list[float]) -> tuple[float, str, str] | None:
        """Return the score of a row, the sensor and the statistic it is owed to; None where nothing foretold it."""
        scaled = ((np.array(row) - self.shift) / self.scale).astype(np.float32)
        if self.last is not None:
            self.changes = [*self.changes, np.abs(scaled.astype(float) - self.last)][-WINDOW:]
        scored = None if self.rows < self.length else self.score(scaled)
        place = self.rows % self.length
        for state in self.states.values():
            state[place] = 0  # this network begins with this row
        given = {"past": np.repeat(scaled[None, None], self.length, axis=0), **self.states}
        answers, *after = self.session.run(["output", *(f"{name}_next" for name in self.states)], given)
        self.states = dict(zip(self.states, after))
        self.rows, self.last = self.rows + 1, scaled.astype(float)
        self.forecast = answers[self.rows % self.length, 0]  # of the network that has read `length` rows
        return scored

    def score(self, scaled: np.ndarray) -> tuple[float, str, str]:
        error = (scaled - self.forecast).astype(float) @ self.whitening
        self.average = self.average + WEIGHT * (error - self.average)
        moved = np.mean(self.changes, axis=0) / np.where(self.usual > 0, self.usual, np.inf)
        stuck = np.where(self.usual > 0, 1 / (moved + LEAST_CHANGE), 0.0)
        each = np.stack([np.abs(error), np.abs(self.average), stuck]) / np.maximum(self.limits, 1e-12)
        statistic, sensor = np.unravel_index(each.argmax(), each.shape)
        return float(each.max()), self.columns[sensor], STATISTICS[statistic]


if __name__ == "__main__":
    alarms = Alarms(Path(sys.argv[1]))
    print("row,score,sensor,statistic")
    with open(sys.argv[2], newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            found = alarms.read([float(row[name]) for name in alarms.columns])
            if found is not None and found[0] > alarms.threshold:
                print(number, *found, sep=",", flush=True)
