"""Write `sensors.csv`, clean rows of three sensors of a pump, and `new.csv`, later rows with three faults."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

SENSORS = ("pressure", "flow", "temperature")
DAY = 48  # rows
FAULTS = {  # first row, rows, sensor, and what is added to it in deviations of its noise
    "spike": (60, 1, 0, 9.0),
    "shift": (120, 12, 1, 5.0),
    "stuck": (180, 24, 2, None),
}


def make_rows(count: int, first: int, seed: int) -> np.ndarray:
    """Return rows (count, sensors): a daily cycle that all sensors share, and noise of which each row keeps a part."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(count, len(SENSORS)))
    for row in range(1, count):
        noise[row] += 0.6 * noise[row - 1]
    cycle = np.sin(2 * np.pi * (first + np.arange(count)) / DAY)[:, None]
    return np.array([4.0, 30.0, 55.0]) + np.array([0.5, 4.0, 6.0]) * cycle + np.array([0.02, 0.2, 0.3]) * noise


def add_faults(rows: np.ndarray) -> np.ndarray:
    faulty = rows.copy()
    for first, count, sensor, size in FAULTS.values():
        if size is None:
            faulty[first : first + count, sensor] = faulty[first, sensor]
        else:
            faulty[first : first + count, sensor] += size * (0.02, 0.2, 0.3)[sensor]
    return faulty


def write(path: Path, rows: np.ndarray) -> None:
    np.savetxt(path, rows, fmt="%.4f", delimiter=",", header=",".join(SENSORS), comments="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000, help="clean rows; default: 3000")
    count = parser.parse_args().rows
    write(Path("sensors.csv"), make_rows(count, 0, seed=0))
    write(Path("new.csv"), add_faults(make_rows(240, count, seed=1)))
