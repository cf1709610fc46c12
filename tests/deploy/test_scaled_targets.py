"""A network of standardized targets answers in the units of the data, wherever it is asked."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import rnnexp as rx
from rnnexp import runner, runtime, tasks
from rnnexp.cli.main import main
from rnnexp.config.flat import plain_values
from rnnexp.deploy.served_model import KERAS, load_served
from rnnexp.deploy.trained import Asked, trained
from rnnexp.models import bundle, exporter
from rnnexp.models.build import build
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.tracking.pyfunc import Served
from tests.fuzz import models

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(120, 6, 1)).astype(np.float32)
NEAR = X[:, :, 0].sum(axis=1) / 6**0.5
WORDS = ("calm", "storm", "rain", "wind", "sun")
DATA = {
    "sequences": ("data=npz", "data.path=far.npz", "model=gru"),
    "quantiles": ("data=npz", "data.path=far.npz", "model=gru", "loss=quantile", "loss.quantiles=[0.1,0.5,0.9]"),
    "windows": ("data=npz", "data.path=far.npz", "data.sequence_length=4", "model=gru"),
    "texts": ("data=text_table", "data.path=far.csv", "data.text=told", "data.label=y", "model=gru"),
    "inputs": (
        *("data=multi_input_table", "data.path=far.csv", "data.label=y", "data.id=id", "model=multi_input"),
        "data.inputs={told: {kind: text}, row: {kind: table, columns: [a, b]}}",
    ),
}
SCALED = ("data.task=regression", "data.target_scaler=standard", "tracking=off", "tracking.figures=false")
LIGHT = (*SCALED, "model=gru", "model.units=[8]", "trainer.epochs=12", "optimizer.learning_rate=0.01")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, y in {"near": NEAR, "far": 625 + 236 * NEAR, "further": 1000 * (625 + 236 * NEAR) + 5000}.items():
        np.savez(f"{name}.npz", x=X, y=y)
    drawn = np.random.default_rng(1)
    told = [" ".join(drawn.choice(WORDS, 6)) + f" {number % 7}" for number in range(len(X))]
    table = pd.DataFrame({"id": range(len(X)), "told": told, "a": X[:, 0, 0], "b": X[:, 1, 0], "y": 625 + 236 * NEAR})
    table.to_csv("far.csv", index=False)


def save(*words: str) -> tuple[Path, Any, rx.Experiment]:
    """Save a network that has learned nothing in the folder of a run that no store knows."""
    runtime.configure()
    experiment = rx.compose(*words, *SCALED)
    dataset = runner.load_data(experiment)
    model = build(experiment.model, dataset.spec, 1)
    folder = Path("run")
    exporter.save(folder / "model", bundle.Bundle(model, dataset.spec, dataset.scaling, experiment.model))
    (folder / "config").mkdir()
    (folder / models.CONFIG).write_text(yaml.safe_dump(plain_values(experiment), sort_keys=False))
    (folder / models.ABOUT).write_text("{}")
    return folder, dataset, experiment


def list_raw(dataset: Any) -> Any:
    """Return the raw test examples."""
    part = dataset.list_examples("test")
    if hasattr(dataset, "texts"):
        return [dataset.texts[int(i)] for i in part]
    return [dataset.sequences.one(int(i)) for i in part]


@pytest.mark.parametrize(
    "kind", [one if one in ("sequences", "texts") else pytest.param(one, marks=pytest.mark.end_to_end) for one in DATA]
)
def test_report_model_program_and_server_answer_alike(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder, dataset, experiment = save(*DATA[kind])
    loaded = bundle.load(folder / "model")
    predictions = runner.evaluate(loaded.model, dataset, experiment).predictions
    expected = predictions.predicted[:, 0]
    assert np.abs(expected).min() > 100  # the network itself gives numbers near 0
    part = dataset.list_examples("test")
    np.testing.assert_allclose(predictions.actual[:, 0, 0], (625 + 236 * NEAR)[part], rtol=1e-5)
    table = pd.read_csv("far.csv").iloc[part]
    rows = list_raw(dataset) if kind != "inputs" else table
    asked = pd.DataFrame({"told": rows}) if kind == "texts" else rows
    served = Served(loaded).predict(asked if kind in ("texts", "inputs") else np.stack(asked))
    columns = served[["target_0"]] if isinstance(served, pd.DataFrame) else served
    np.testing.assert_allclose(columns, expected, rtol=1e-5)
    if kind == "quantiles":
        quantiles = [served[f"target_0{name}"] for name in ("_q10", "", "_q90")]
        np.testing.assert_allclose(np.stack(quantiles, axis=1), predictions.quantiles[:, 0, 0], rtol=1e-5)
    if kind != "inputs":
        model = load_served(trained(Asked(str(folder), "serve"), Path("scratch")), Path("scratch"), KERAS)
        request = rows if kind == "texts" else [one.tolist() for one in rows]
        answer = model.answer(json.dumps({"rows": request}).encode(), "application/json", [])
        found = answer["target_0"] if isinstance(answer, pd.DataFrame) else answer
        np.testing.assert_allclose(np.reshape(found, -1), expected[:, 0], rtol=1e-5)
    if kind in ("sequences", "quantiles", "texts"):
        assert main(["export", str(folder), "-o", "out", "--check", "8"]) == 0
        code = runpy.run_path("out/predict.py")
        program = code["TextPredictor" if kind == "texts" else "SequencePredictor"]("out").predict(rows)
        middle = program[:, program.shape[1] // 2]
        np.testing.assert_allclose(middle, expected[:, 0], rtol=1e-5)
    capsys.readouterr()
    assert main(["evaluate", str(folder), "-o", "rows.csv"]) == 0
    np.testing.assert_allclose(pd.read_csv("rows.csv")["predicted"], expected[:, 0], rtol=1e-5)


def train(name: str, *words: str) -> rx.RunResult:
    return rx.run(rx.compose("data=npz", f"data.path={name}.npz", *LIGHT, *words), quiet=True)


@pytest.mark.end_to_end
def test_the_unit_of_the_targets_changes_nothing_of_what_is_learned() -> None:
    far, further = train("far"), train("further")
    assert far.metrics["test/r2"] == pytest.approx(further.metrics["test/r2"], abs=1e-3)
    assert far.metrics["test/rmse"] == pytest.approx(further.metrics["test/rmse"] / 1000, rel=1e-3)
    assert far.metrics["test/rmse"] < far.metrics["baseline/mean/rmse"]
    none = train("far", "data.target_scaler=none")
    assert none.metrics["test/rmse"] > 2 * none.metrics["baseline/mean/rmse"]
    assert any("try data.target_scaler=standard" in note for note in none.report.notes)
    assert not any("target_scaler" in note for note in far.report.notes)


@pytest.mark.end_to_end
def test_runs_that_are_trained_together_have_the_scaling_of_their_own_training_part() -> None:
    lines = [(f"data.seed={seed}", f"seed={seed}") for seed in (0, 1)]
    experiments = [rx.compose("data=npz", "data.path=far.npz", *LIGHT, *line) for line in lines]
    contexts = [RunContext(Path("together", str(number)), member=Membership("t", None, number)) for number in (0, 1)]
    for one in contexts:
        one.run_dir.mkdir(parents=True)
    ended: dict[int, Any] = {}
    run_vectorized(experiments, contexts, ended.__setitem__, lambda _: None)
    alone = [train("far", *line) for line in lines]
    assert alone[0].metrics["test/rmse"] != pytest.approx(alone[1].metrics["test/rmse"], rel=1e-3)
    for number, one in enumerate(alone):
        assert ended[number].metrics["test/rmse"] == pytest.approx(one.metrics["test/rmse"], rel=1e-3)


def test_init_proposes_a_scaler_for_targets_that_lie_far_from_where_a_network_begins() -> None:
    def propose(y: np.ndarray) -> dict[str, Any]:
        np.savez("asked.npz", x=X, y=y)
        source = rx.compose("data=npz", "data.path=asked.npz", "data.task=regression").data
        chosen = tasks.of("regression").suggest(tasks.load(source))
        return {one.key: (one.value, one.why) for one in chosen}

    value, why = propose(625 + 236 * NEAR)["data.target_scaler"]
    assert value == "standard"
    assert why.startswith("the targets are ")
    assert "data.target_scaler" in propose(0.01 * NEAR)
    assert "data.target_scaler" not in propose(NEAR)
