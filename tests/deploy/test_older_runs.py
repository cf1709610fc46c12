"""A run from before its keys were renamed answers as it did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.cli.main import main

SETTINGS = ("data=sine", "data.points=60", "data.unit=cm", "model=gru", "model.units=[2]", "model.patch_size=5",
            "trainer.epochs=1", "tracking=off", "tracking.figures=false")  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("renamed") / "run"
    rx.run(rx.compose(*SETTINGS), folder)
    return folder


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def answers(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_of_old_keys_answers_as_it_did(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = shutil.copytree(trained, tmp_path / "run")
    commands = (("predict", trained), ("evaluate", trained))
    before = [answers(capsys, *words) for words in commands]
    config, about = trained / "config" / "config.yaml", trained / "model" / "model.json"
    replaced(config, "  unit: cm", "  units: cm")
    replaced(config, "  patch_size: 5", "  segment: 5")
    replaced(about, '"patch_size": 5', '"segment": 5')
    for written in ('"format": 2', '"format": 1'):
        assert [answers(capsys, *words) for words in commands] == before
        replaced(about, written, '"format": 1')
    assert '"units": "cm"' in (trained / "model" / "preprocessing.json").read_text()
    replaced(config, "  segment: 5", "  segments: 5")
    assert main(["evaluate", str(trained)]) == 2
    assert "model.segments: unknown key" in capsys.readouterr().err


def test_an_old_key_of_the_data_is_answered_with_the_new_one(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained), "--data", "units=kg"]) == 2
    assert "data.units: is called data.unit now" in capsys.readouterr().err
