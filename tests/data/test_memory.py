"""Long windows over a long series cost the memory of the series."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import sys
import numpy as np, pandas as pd
from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.registry import lookup, register
from rnnexp.tasks import load

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

@register("data")
def transformer(path: str = "") -> Series:
    table = pd.read_csv(path, parse_dates=["date"])
    values = table.drop(columns="date").to_numpy(float)
    names, offsets = tuple(table.columns[1:]), np.array([0, len(values)])
    return Series(values, names, offsets, time=table["date"].to_numpy(), frequency="15min")

source = lookup("data", "transformer")(
    path=sys.argv[1], target=list(range(7)), sequence_length=720, horizon=96, scaler=["standard", "last"],
    split={"train": 34560, "val": 11520, "test": 11520},
)
# Reading a gzip once brings in what pandas imports late: that is not the cost of the data set.
pd.read_csv(sys.argv[1], nrows=1, parse_dates=["date"])
before = peak()
dataset = load(source)
part = dataset.parts["train"]
x, y, _ = dataset.batch(part.arrays, part.order(0, 1, 32)[:32])
loaded = peak()
part = dataset.parts["test"]
pieces = [part.indices[i : i + 256] for i in range(0, len(part), 256)]
y = np.concatenate([dataset.batch(part.arrays, piece)[1] for piece in pieces])
assert np.allclose(dataset.restore("test", y).predicted, dataset.restore("test", y).actual, atol=1e-4)
print(x.shape, len(dataset.parts["train"]), len(part), loaded - before, peak() - before)
"""


@pytest.mark.end_to_end
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_ettm1_with_a_window_of_720_loads_below_300_mb(shared_data, tmp_path):
    file = shared_data / "ett" / "ETTm1.csv.gz"
    root = str(Path(__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(file)], capture_output=True, text=True, cwd=root, check=False
    )
    assert run.returncode == 0, run.stderr
    loaded = float(run.stdout.split()[-2])
    print(f"ETTm1, window 720, horizon 96: {loaded:.0f} MB above the imports; {run.stdout}")
    assert loaded < 300
