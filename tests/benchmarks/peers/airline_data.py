"""The airline windows of the yardsticks: two months in, the next one out, divided by the range of the whole series."""

import numpy as np
import pandas as pd

RATES = (1e-2, 1e-3, 2e-3, 3e-3, 5e-3, 2e-2, 3e-2, 5e-2)  # the first with all seeds is what a part of the 64 runs is


def windows(path: str) -> tuple[np.ndarray, np.ndarray, int]:
    series = pd.read_csv(path, usecols=[1]).dropna().to_numpy("float32").copy()
    series /= series.max() - series.min()
    x, y = np.stack([series[i : i + 2] for i in range(len(series) - 2)]), series[2:]
    return x, y, int(len(x) * 0.7)
