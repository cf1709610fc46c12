"""`rnnexp export` writes what a program without Keras needs, and nothing that answers otherwise."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from tiny_runs import Done, Rows, Say, sales

import rnnexp as rx
from rnnexp import runner, runtime
from rnnexp.cli.main import main
from rnnexp.config.flat import plain_values
from rnnexp.models import bundle, exporter
from rnnexp.models.build import build
from rnnexp.models.onnx_writer import onnx_recurrent
from tests.fuzz import models

FILES = ["model.onnx", "predict.py", "preprocessing.json"]
ALONE = """
import runpy, sys
sys.modules["keras"] = sys.modules["rnnexp"] = None
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
AIRLINE = ("data=airline_passengers", "data.sequence_length=14", "data.horizon=3", "model=gru")


def make_run(folder: Path, *words: str, units: int = 3) -> Path:
    """Save an untrained network in the folder of a run that no store knows."""
    runtime.configure()
    experiment = rx.compose(*words, f"model.units=[{units}]", "tracking=off", "tracking.figures=false")
    dataset = runner.load_data(experiment)
    made = bundle.Bundle(build(experiment.model, dataset.spec, 1), dataset.spec, dataset.scaling, experiment.model)
    exporter.save(folder / "model", made)
    (folder / "config").mkdir()
    (folder / models.CONFIG).write_text(yaml.safe_dump(plain_values(experiment), sort_keys=False))
    (folder / models.ABOUT).write_text("{}")
    return folder


def test_the_written_program_forecasts_the_same_without_keras_or_this_package(
    shop: Done, said: Say, predicted: Rows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = said(shop, "export", shop.run_id, "-o", str(out), "--latency")
    assert sorted(file.name for file in out.iterdir()) == FILES
    onnx.checker.check_model(onnx.load(out / "model.onnx"), full_check=True)
    assert [line.split()[0] for line in told.splitlines()[3:6]] == ["1", "16", "17"]
    assert "one answer: p50" in told
    sales()[["price", "sales"]].to_csv(tmp_path / "rows.csv", index=False)
    command = [sys.executable, "-c", ALONE, str(out / "predict.py"), str(tmp_path / "rows.csv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    header, *rows = [line.split(",") for line in done.stdout.splitlines()]
    assert header == ["step", "sales"]
    ours = [row["sales"] for row in predicted(shop, shop.run_id, str(shop.file))]
    assert [float(row[1]) for row in rows] == pytest.approx(ours, rel=1e-6)
    before = sales()[:-1].rename(columns={"month": "when"})
    forecaster = runpy.run_path(str(out / "predict.py"))["Forecaster"](out)
    other = forecaster.forecast(before[forecaster.columns].to_numpy())[:, 0]
    assert other != pytest.approx(ours, rel=1e-4)


OFTEN = ("data.scaler=[log,difference,standard]", "data.scaler=[instance] data.strategy=recursive")
CHAINS = [
    *OFTEN,
    "data.scaler=[standard]",
    "data.scaler=[minmax]",
    "data.scaler=[robust,last]",
    "data.scaler=[seasonal_difference,difference,standard]",
    "data.scaler=[log,instance]",
    "data.scaler=[none] data.horizon=1",
]


@pytest.mark.parametrize(
    "words", [pytest.param(one, marks=() if one in OFTEN else pytest.mark.end_to_end) for one in CHAINS]
)
def test_each_scaler_is_applied_and_undone_as_in_the_run(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = make_run(tmp_path / "run", *AIRLINE, *words.split()), tmp_path / "out"
    assert main(["export", str(run), "-o", str(out), "--check", "16"]) == 0
    capsys.readouterr()
    values = (1 + np.random.default_rng(0).random(30)).round(2)
    assert main(["predict", str(run), "--values", ",".join(map(str, values)), "--json"]) == 0
    ours = [row["passengers"] for row in json.loads(capsys.readouterr().out)["rows"]]
    forecaster = runpy.run_path(str(out / "predict.py"))["Forecaster"](out)
    found = forecaster.forecast(values[:, None])
    assert found[:, 0] == pytest.approx(ours, rel=2e-6)
    assert (forecaster.forecast(values) == found).all()
    assert forecaster.forecast(values[::-1, None])[:, 0] != pytest.approx(ours, rel=1e-5)
    with pytest.raises(ValueError, match="one forecast needs .* rows of finite numbers"):
        forecaster.forecast(values[:3, None])
    with pytest.raises(ValueError, match=r"rows must be \(n, 1\), the columns passengers"):
        forecaster.forecast(np.ones((30, 2)))


SEQUENCES = [np.random.default_rng(i).normal(size=(5, 2)) for i in range(4)]
TEXTS = ["A good film", "bad,  and dull!", "nothing that is known"]


@pytest.mark.parametrize(
    ("kind", "raw"), [("sequences", SEQUENCES), ("numbers", SEQUENCES), ("texts", TEXTS)], ids=lambda one: str(one)[:9]
)
def test_sequences_and_texts_are_prepared_as_in_the_run(kind: str, raw: Any, tmp_path: Path) -> None:
    saved = models.saved(kind)
    assert main(["export", str(saved.folder), "-o", str(tmp_path / "out"), "--check", "8", "--latency"]) == 0
    code, trained = runpy.run_path(str(tmp_path / "out" / "predict.py")), bundle.load(saved.folder / "model")
    predictor = code["TextPredictor" if kind == "texts" else "SequencePredictor"](tmp_path / "out")
    assert predictor.classes == list(trained.spec.classes)
    expected = trained.predict(trained.preprocessor.inputs(raw))
    np.testing.assert_allclose(predictor.predict(raw), expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(predictor.predict(raw), expected[::-1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("rows", "without predict.py: it does not know the calendar, columns that are known ahead, scalers of each"),
        ("tags", "without predict.py: it does not know what this task makes of outputs"),
        pytest.param("language", "without predict.py: it does not know", marks=pytest.mark.end_to_end),
    ],
)
def test_other_preprocessing_is_left_to_the_reader_with_the_reason(
    kind: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(models.saved(kind).folder), "-o", str(tmp_path / "out"), "--check", "8"]) == 0
    assert why in capsys.readouterr().err
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["model.onnx", "preprocessing.json"]


def test_what_cannot_be_exported_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(models.saved("pairs").folder), "-o", str(tmp_path / "out")]) == 2
    assert "encoder_decoder writes its answer token by token" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_answers_that_differ_are_refused_and_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_recurrent.OPERATORS, "GRU", ("GRU", (1, 0, 2)))
    assert main(["export", str(models.saved("sequences").folder), "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "the exported model answers otherwise than Keras: at batch 1 by up to" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [(), ("--stateful",)])
def test_fewer_bits_are_compared_with_float32(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = make_run(tmp_path / "run", *AIRLINE, units=16), tmp_path / "out"
    assert main(["export", str(run), "-o", str(out), "--quantize", "dynamic", "--check", "16", "--json", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    whole, fewer = told["quantized"]["stored"]
    assert (whole["weights"], fewer["weights"]) == ("float32", "dynamic")
    assert fewer["size"] == told["files"]["model.onnx"] < 0.7 * whole["size"]
    assert whole["difference"] < 1e-6 < fewer["difference"] < 1e-1
    assert told["quantized"]["fewer"] == 16 * 48  # of the recurrent kernel alone
    assert main(["export", str(run), "-o", str(tmp_path / "other"), "--quantize", "float16", *words]) == 0
    told = capsys.readouterr().out
    assert "768 of 963 weights (79.8%) are stored in fewer bits; in float32: 4 arrays, of 96 numbers at most" in told
    assert [line.split()[0] for line in told.splitlines() if "kB  " in line] == ["float32", "float16"]


def test_a_quantization_that_changes_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", *AIRLINE)
    for kind in ("dynamic", "float16"):
        assert main(["export", str(run), "-o", str(tmp_path / "out"), "--quantize", kind]) == 2
        told = f"--quantize {kind}: the file would be no smaller, its largest array of weights has 27 numbers"
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    assert main(["export", "no such run", "-o", str(tmp_path / "out")]) == 2
    assert "out: is there already; give another folder with -o" in capsys.readouterr().err
    assert main(["export", "no such run", "-o", str(tmp_path / "new"), "--check", "0"]) == 2
    assert "--check: 0 given" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_a_network_that_reads_step_by_step_raises_alarms_in_a_loop(tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run", *AIRLINE, "data.scaler=[standard]"), tmp_path / "out"
    assert main(["export", str(run), "-o", str(out), "--stateful", "--json"]) == 0
    assert sorted(file.name for file in out.iterdir()) == ["model.onnx", "preprocessing.json"]
    loop = """
import sys, json, numpy as np, onnxruntime
sys.modules["keras"] = sys.modules["rnnexp"] = None
session = onnxruntime.InferenceSession("model.onnx")
state = {"gru_1_h": np.zeros((1, 3), np.float32)}
for value in json.load(open("values.json")):
    given = {"past": np.array([[[value]]], np.float32), **state}
    answer, state["gru_1_h"] = session.run(["output", "gru_1_h_next"], given)
print(json.dumps(answer.tolist()))
"""
    window = np.random.default_rng(0).normal(size=14).tolist()
    (out / "values.json").write_text(json.dumps(window))
    done = subprocess.run([sys.executable, "-c", loop], capture_output=True, text=True, timeout=60, cwd=out, check=True)
    expected = bundle.load(run / "model").predict(np.array(window, np.float32)[None, :, None])
    np.testing.assert_allclose(json.loads(done.stdout), expected, rtol=1e-6, atol=1e-6)
