"""What the contestants that are measured in steps per second train on, and with what net."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Task:
    cell: str
    units: int
    window: int
    horizon: int
    series: np.ndarray
    batch: int = 32

    @property
    def steps(self) -> int:
        """Steps of one epoch; the last one may be smaller."""
        return -(-(len(self.series) - self.window - self.horizon + 1) // self.batch)


def task(name: str, ett: str, rows: int) -> Task:
    if name == "sine":
        noise = np.random.default_rng(0).standard_normal(rows)
        return Task("LSTM", 50, 10, 1, (np.sin(np.linspace(0, 50, rows)) + 0.1 * noise).astype("float32"))
    oil = pd.read_csv(ett, usecols=["OT"])["OT"].to_numpy("float32")[:rows]
    scaled = (oil - oil.mean()) / oil.std()
    return Task("LSTM", 16, 720, 96, scaled, 256) if name == "ettm1" else Task("GRU", 128, 96, 24, scaled)
