"""A table of one's own sensors, from `init` to the alarms of rows that came later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.cli.main import main
from rnnexp.errors import ConfigError, DataError
from rnnexp.tracking.pyfunc import Served

SMALL = ("model.units=[4]", "trainer.epochs=2", "trainer.batch_size=64", "tracking=off")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plant(rows: int, seed: int = 0, faults: slice | None = None) -> pd.DataFrame:
    hours = np.arange(rows)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=(rows, 3))
    load = np.sin(hours / 24 * 2 * np.pi)
    values = np.round(np.column_stack([load, 2 * load + 5, np.cos(hours / 24 * 2 * np.pi)]) + noise, 4)
    broken = np.zeros(rows, int)
    if faults is not None:
        values[faults, 1], broken[faults] = 9.0, 1
    columns = {"pump": values[:, 0], "flow": values[:, 1], "heat": values[:, 2], "fault": broken}
    return pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="h"), **columns})


def test_init_proposes_all_sensors_and_the_labels_where_it_is_asked_to() -> None:
    plant(1_500, faults=slice(1_400, 1_420)).to_csv("plant.csv", index=False)
    draft = tasks.propose("plant.csv", {}, "anomaly")
    assert draft.defaults == {"data": "sensors", "model": "gru"}
    assert draft.data["target"] == ["pump", "flow", "heat"]
    assert (draft.data["labels"], draft.data["time"]) == ("fault", "at")
    assert tasks.propose("plant.csv", {}).defaults["data"] == "csv"  # a forecast, unless it is asked for
    assert tasks.propose("plant.csv", {"target": ["flow"]}, "anomaly").data["target"] == ["flow"]


@pytest.mark.end_to_end
def test_from_a_table_to_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    plant(1_500, faults=slice(1_400, 1_420)).to_csv("plant.csv", index=False)
    later = plant(300, seed=1, faults=slice(200, 210)).drop(columns="fault")
    later.to_csv("later.csv", index=False)
    assert main(["init", "plant.csv", "--task", "anomaly"]) == 0
    result = rx.run(rx.compose("experiment=plant", "callbacks=null", *SMALL), quiet=True)
    assert result.metrics["test/average_precision"] > 0.5
    assert {path.name for path in Path(result.run_dir, "figures").iterdir()} >= {"alarms.png"}
    out = Path("scores.csv")
    assert main(["predict", str(result.run_dir), "later.csv", "-o", str(out)]) == 0
    scores = pd.read_csv(out, parse_dates=["at"])
    assert "event" in capsys.readouterr().err
    window = 300 - len(scores)
    there = scores["at"].isin(later["at"][200:210])
    assert scores["alarm"][there].all()
    assert scores["sensor"][there].iloc[0] == "flow"
    assert scores["alarm"][~there].mean() < 0.2
    assert main(["evaluate", str(result.run_dir), "--data", "later.csv"]) == 0
    assert "share of rows with an alarm" in capsys.readouterr().out
    model = rx.load(result.run_dir)
    for answer in (model.predict(later), Served(model.found.load()).predict(later)):
        assert np.allclose(answer["score"], scores["score"], rtol=1e-4)
        assert list(answer["alarm"]) == list(scores["alarm"])
    with pytest.raises(DataError, match=f"has {window} rows; one window needs {window + 1}"):
        model.predict(later[:window])
    with pytest.raises(ConfigError, match="--level: an alarm has one threshold"):
        model.predict(later, level=90)


@pytest.mark.end_to_end
def test_one_machine_of_several_in_a_long_table() -> None:
    frames = [plant(900, seed=seed).assign(machine=f"m{seed}") for seed in range(3)]
    pd.concat(frames).drop(columns="fault").to_csv("machines.csv", index=False)
    words = ("data=sensors", "data.path=machines.csv", "data.time=at", "data.series=machine")
    result = rx.run(
        rx.compose(*words, "data.target=[pump,flow,heat]", "data.faults={each: 1, longest: 8, shortest: 4}", *SMALL),
        quiet=True,
    )
    faults, scores = (result.report.tables[name] for name in ("faults", "scores"))
    assert len(faults) == 18
    assert set(scores["machine"]) == {"m0", "m1", "m2"}
    assert scores["label"].sum() == faults["rows"].sum()
