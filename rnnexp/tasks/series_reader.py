"""Forecast what follows rows of a series: python predict.py ROWS.csv

Needs NumPy and ONNX Runtime. ROWS.csv has a line of column names, commas between its fields, and points in its numbers.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

AFFINE = ("standard", "minmax", "range", "robust")


class Forecaster:
    """What is in the folder of an exported model: `columns` are those that it reads, the targets first."""

    def __init__(self, folder: str | Path) -> None:
        import onnxruntime

        told = json.loads((Path(folder) / "preprocessing.json").read_text())
        self.plan, self.chain, self.columns = told["plan"], told["chain"], told["columns"]
        self.targets = self.plan["targets"]
        self.lost = sum(step.get("lag", 0) for step in self.chain)
        self.session = onnxruntime.InferenceSession(str(Path(folder) / "model.onnx"))
        self.input = self.session.get_inputs()[0].name

    def forecast(self, rows: Any) -> Any:
        """Return the rows that follow, (ahead, targets), of raw rows (n, columns), the latest last.

        Where there is one column, its values (n,) will do.
        """
        length, k = self.plan["sequence_length"], self.targets
        scaled = np.asarray(rows, np.float64)
        scaled = (scaled[:, None] if scaled.ndim == 1 else scaled)[-(length + self.lost) :]
        if scaled.ndim != 2 or scaled.shape[1] != len(self.columns):
            raise ValueError(f"rows must be (n, {len(self.columns)}), the columns {', '.join(self.columns)}")
        if len(scaled) < length + self.lost or not np.isfinite(scaled).all():
            raise ValueError(f"one forecast needs {length + self.lost} rows of finite numbers")
        levels = []
        for step in self.chain:
            levels.append(scaled[:, :k])
            scaled = self.apply(step, scaled)
        past, answers = scaled[self.lost :], []
        for _ in range(self.plan["steps"]):
            shift, scale = self.measure(past[:, :k])
            own = np.concatenate([(past[:, :k] - shift) / scale, past[:, k:]], axis=1)
            answer = self.session.run(None, {self.input: own[None].astype(np.float32)})[0][0] * scale + shift
            answers.append(answer)
            past = np.concatenate([past, answer])[-length:] if self.plan["steps"] > 1 else past
        values = np.concatenate(answers).astype(np.float64)
        for step, before in zip(reversed(self.chain), reversed(levels)):
            values = self.undo(step, values, before)
        return values

    def apply(self, step: Any, rows: Any) -> Any:
        k = self.targets
        if step["name"] in AFFINE:
            return (rows - step["shift"][0]) / step["scale"][0]
        if step["name"] == "log":
            return np.concatenate([np.log(rows[:, :k]), rows[:, k:]], axis=1)
        before = np.concatenate([np.full((step["lag"], k), np.nan), rows[: -step["lag"], :k]])
        return np.concatenate([rows[:, :k] - before, rows[:, k:]], axis=1)

    def undo(self, step: Any, values: Any, before: Any) -> Any:
        if step["name"] in AFFINE:
            return values * step["scale"][0][: self.targets] + step["shift"][0][: self.targets]
        if step["name"] == "log":
            return np.exp(values)
        known = list(before[-step["lag"] :])
        for row in values:
            known.append(row + known[-step["lag"]])
        return np.array(known[step["lag"] :])

    def measure(self, past: Any) -> Any:
        """Return what the targets of a window are shifted and scaled by."""
        if self.plan["window"] == "none":
            return 0.0, 1.0
        if self.plan["window"] == "last":
            return past[-1], 1.0
        return past.mean(axis=0), np.sqrt(past.var(axis=0) + 1e-5)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python predict.py ROWS.csv, a file that is there")
    forecaster = Forecaster(Path(__file__).parent)
    with open(sys.argv[1], newline="") as file:
        rows = [[float(row[name]) for name in forecaster.columns] for row in csv.DictReader(file)]
    print(",".join(["step", *forecaster.columns[: forecaster.targets]]))
    for step, values in enumerate(forecaster.forecast(rows), start=1):
        print(",".join([str(step), *map(repr, values.tolist())]))
