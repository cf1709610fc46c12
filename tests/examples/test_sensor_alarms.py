"""An exported detector raises the alarms of `rnnexp predict`, row by row and without Keras or this package."""

from __future__ import annotations

import io
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp.cli.main import main

EXAMPLE, PLUGIN = "sensor_alarms", "sensor_alarms"
LACKING = ("keras", "jax", "tensorflow", "torch", "rnnexp", "pandas", "scipy", "sklearn", "onnx")
ALONE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({LACKING}))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
QUICK = ("experiment=pump", "data.sequence_length=6", "model.units=[4]", "trainer.epochs=2", "tracking=off")


def list_alarms(rows: str) -> pd.DataFrame:
    command = [sys.executable, "-c", ALONE, "alarms.py", "exported", rows]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return pd.read_csv(io.StringIO(done.stdout))


@pytest.mark.end_to_end
def test_the_alarms_are_those_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["generate.py", "--rows", "900"])
    runpy.run_path("generate.py", run_name="__main__")
    folder = str(rx.run(*QUICK, quiet=True).run_dir)
    assert main(["export", folder, "-o", "exported", "--stateful"]) == 0
    assert {path.name for path in Path("exported").iterdir()} == {"model.onnx", "preprocessing.json", "detector.json"}
    assert main(["predict", folder, "new.csv", "-o", "scores.csv"]) == 0
    scores = pd.read_csv("scores.csv")
    expected = scores[scores["alarm"] == 1].reset_index(drop=True)
    assert 10 < len(expected) < 200
    found = list_alarms("new.csv")
    assert found[["row", "sensor", "statistic"]].equals(expected[["row", "sensor", "statistic"]])
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-5)
    (pd.read_csv("new.csv") * 1.001).to_csv("other.csv", index=False)
    assert list_alarms("other.csv")["score"][:10].tolist() != pytest.approx(expected["score"][:10].tolist(), rel=1e-3)
