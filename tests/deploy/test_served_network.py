"""A served network is computed by ONNX Runtime where it can be, to the answers of Keras and without it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.deploy import served_network
from rnnexp.deploy.served_model import AUTO, KERAS, ONNX, load_served
from rnnexp.deploy.server import ServedModel
from rnnexp.deploy.trained import Asked, Trained, trained
from rnnexp.errors import ConfigError
from rnnexp.models.exporters import onnx as exporter
from rnnexp.registry import Package
from tests.fuzz import models

ALONE = """
import json, sys
from pathlib import Path
from rnnexp.deploy.served_model import load_served
from rnnexp.deploy.trained import Asked, trained
served = load_served(trained(Asked(sys.argv[1], "serve"), Path("scratch")), Path("scratch"))
served.answer(json.dumps(served.example).encode(), "application/json", [])
print(served.engine, *[name for name in ("keras", "jax", "tensorflow", "mlflow", "onnx") if name in sys.modules])
"""
SEQUENCES = [np.random.default_rng(number).normal(size=(5, 2)).tolist() for number in range(4)]
INPUTS = {
    "sequences": SEQUENCES,
    "numbers": SEQUENCES,
    "texts": ["a good film", "dull and bad"],
    "tags": ["ann hill says"],
}
SELDOM = ("rows", "numbers", "texts")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rnnexp" / served_network.FOLDER


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export in this process, which has Keras, in the place of another one."""

    def export(found: Trained, folder: Path) -> None:
        served_network.write_network(str(found.bundle), str(folder))

    monkeypatch.setattr(served_network, "_export", export)


def find(kind: str) -> Trained:
    return trained(Asked(str(models.saved(kind).folder), "serve"), Path("unused"))


def serve(kind: str, engine: str = AUTO) -> ServedModel:
    return load_served(find(kind), Path("unused"), engine)


def answer(served: ServedModel, rows: list[Any]) -> Any:
    return served.answer(json.dumps({"rows": rows}).encode(), "application/json", [])


def shift(rows: list[Any]) -> list[Any]:
    """Return other rows: each number is changed by another factor, texts are read backwards."""
    if isinstance(rows[0], dict):
        return [
            {key: one * (1 + at % 3) if isinstance(one, float) else one for key, one in row.items()}
            for at, row in enumerate(rows)
        ]
    if isinstance(rows[0], str):
        return [" ".join(reversed(text.split())) for text in rows]
    return [(np.array(row, float)[::-1] * 3).tolist() for row in rows]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "kind",
    ["recursive", "sequences", "tags", *(pytest.param(one, marks=pytest.mark.end_to_end) for one in SELDOM)],
)
def test_the_answers_are_those_of_keras(kind: str) -> None:
    quick, known = serve(kind), serve(kind, KERAS)
    assert (quick.engine, known.engine, known.why) == (ONNX, KERAS, "as asked for")
    assert quick.example == known.example
    rows = INPUTS.get(kind) or (known.example or {})["rows"]
    found, expected, other = (
        answer(one, asked).select_dtypes("number").to_numpy()
        for one, asked in ((quick, rows), (known, rows), (known, shift(rows)))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(found, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["language", "pairs"])
def test_a_network_that_is_asked_step_by_step_is_keras_s(kind: str, cache: Path) -> None:
    served = serve(kind)
    assert (served.engine, served.why.endswith("asks its network step by step")) == (KERAS, True)
    assert not cache.exists()
    with pytest.raises(ConfigError, match="--engine onnxruntime: .* asks its network step by step"):
        serve(kind, ONNX)


def test_what_the_exporter_does_not_cover_is_said_once_and_kept(
    here: None, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ConfigError("layer `lstm_1` has no counterpart")

    monkeypatch.setattr(exporter.onnx, "convert", refuse)
    assert serve("texts").why == "layer `lstm_1` has no counterpart"
    (folder,) = cache.iterdir()
    assert [file.name for file in folder.iterdir()] == [served_network.REFUSED]
    monkeypatch.setattr(served_network, "_export", refuse)
    assert serve("texts").why == "layer `lstm_1` has no counterpart"


def test_reasons_that_are_known_without_an_export(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    found = find("sequences")
    assert found.experiment is not None
    half = replace(found.experiment, trainer=replace(found.experiment.trainer, precision="mixed_bfloat16"))
    for one, why in (
        (replace(found, plugins=["mine"]), r"its plugins \(mine\) may have layers of their own"),
        (replace(found, experiment=half), "it computes in mixed_bfloat16"),
    ):
        with pytest.raises(ConfigError, match=why):
            served_network.load_for_runtime(one, cache)
    monkeypatch.setattr(served_network, "RUNTIME", Package("no_such_module", "ONNX Runtime", ""))
    with pytest.raises(ConfigError, match="ONNX Runtime is not installed; run: pip install"):
        served_network.load_for_runtime(found, cache)
    assert not cache.exists()


@pytest.mark.usefixtures("here")
def test_a_kept_network_is_of_these_weights_and_made_again_once_it_is_damaged(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(models.saved("sequences").folder, folder)
    found = trained(Asked(str(folder), "serve"), tmp_path)
    served_network.load_for_runtime(found, tmp_path)
    (kept,) = cache.iterdir()
    (kept / served_network.NETWORK).write_bytes(b"no network")
    with pytest.raises(ConfigError, match="the exported network cannot be read"):
        served_network.load_for_runtime(found, tmp_path)
    assert not kept.exists()
    served_network.load_for_runtime(found, tmp_path)
    about = folder / "model" / "preprocessing.json"
    about.write_text(about.read_text() + "\n")
    served_network.load_for_runtime(found, tmp_path)
    assert len([*cache.iterdir()]) == 2


@pytest.mark.end_to_end
def test_another_process_exports_and_the_server_never_imports_keras(tmp_path: Path, cache: Path) -> None:
    command = [sys.executable, "-c", ALONE, str(models.saved("sequences").folder)]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, cwd=tmp_path)
        assert done.stdout.split() == [ONNX]
        assert [[file.name for file in one.iterdir()] for one in cache.iterdir()] == [[served_network.NETWORK]]
