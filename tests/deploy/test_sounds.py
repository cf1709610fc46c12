"""`rnnexp predict` and `evaluate` with a run that labels recordings of sound: files, folders, tables and samples in."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.tracking.store import tracking_uri

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "audio"))
from recorded import RATE, tone, wav, write  # noqa: E402

QUICK = ("trainer.epochs=25", "model=gru", "model.units=[4]", "tracking.figures=false", "optimizer.learning_rate=0.02")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rx.RunResult]:
    """Train on twenty low and twenty high tones."""
    folder, before = tmp_path_factory.mktemp("sounds"), Path.cwd()
    os.chdir(folder)
    for i in range(20):
        write(Path("sounds"), f"low/{i}.wav", tone(300 + 5 * i, 0.1))
        write(Path("sounds"), f"high/{i}.wav", tone(900 + 10 * i, 0.12))
    uri = tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    words = ("data=audio_folder", "data.path=sounds", "data.features.mels=12", "data.speeds=[1.1]")
    try:
        yield rx.run(rx.compose(*words, f"tracking.uri={uri}", *QUICK), quiet=True)
    finally:
        os.chdir(before)


@pytest.fixture
def trained(run: rx.RunResult, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(run.run_dir.parents[2])
    return str(run.run_dir)


def predicted(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["predict", *words, "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def test_a_run_on_sounds_learns_and_stands_beside_segment_means(run: rx.RunResult) -> None:
    assert run.metrics["test/accuracy"] == 1
    assert run.metrics["baseline/segments/accuracy"] == 1
    assert run.metrics["baseline/majority/accuracy"] == 0.5


def test_a_file_a_folder_an_archive_and_a_table_are_answered_alike(
    trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = predicted(capsys, trained, "sounds")
    assert len(rows) == 40
    assert all(row["label"] == row["example"].split("/")[0] for row in rows)
    (alone,) = predicted(capsys, trained, "sounds/low/3.wav")
    named = {row["example"]: row["p(low)"] for row in rows}
    assert (alone["example"], alone["p(low)"]) == ("3.wav", pytest.approx(named["low/3.wav"], abs=1e-6))
    with zipfile.ZipFile("some.zip", "w") as archive:
        archive.write("sounds/low/3.wav", "3.wav")
    Path("asked.csv").write_text("file,note\nsounds/low/3.wav,first\n")
    for asked in ("some.zip", "asked.csv"):
        assert predicted(capsys, trained, asked)[0]["p(low)"] == pytest.approx(alone["p(low)"], abs=1e-6)


def test_recordings_at_another_rate_are_answered_at_that_of_the_model(
    trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("."), "high.wav", tone(950, 0.12, 44_100), rate=44_100)
    (row,) = predicted(capsys, trained, "high.wav")
    assert row["label"] == "high"


def test_what_cannot_be_answered_is_said(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.wav").write_bytes(wav(np.zeros(0)))
    Path("absent.csv").write_text("file\nsounds/low/3.wav\nsounds/low/99.wav\n")
    said = {
        ("empty.wav",): "empty.wav: has a header and no samples",
        ("absent.csv",): "line 3: there is no file `sounds/low/99.wav`",
        ("--values", "1,2"): "takes a recording (WAV, FLAC, OGG), a folder or zip archive of recordings",
    }
    for words, text in said.items():
        capsys.readouterr()
        assert main(["predict", trained, *words]) in (2, 3)
        assert text in capsys.readouterr().err


def test_other_recordings_are_scored_with_the_features_of_the_model(
    trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        write(Path("others"), f"low/{i}.wav", tone(330, 0.1, 16_000), rate=16_000)
        write(Path("others"), f"high/{i}.wav", tone(930, 0.12, 16_000), rate=16_000)
    assert main(["evaluate", trained, "--data", "others"]) == 0
    out = capsys.readouterr().out
    assert "accuracy on all rows of others, 6 examples" in out
    assert next(line for line in out.splitlines() if "<- this run" in line).split()[:2] == ["gru", "1"]


def test_features_and_rate_are_those_of_the_model(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", trained, "--data", "sounds", "features.step=0.02", "rate=4000"]) == 2
    said = capsys.readouterr().err
    assert "data.features.step: is fixed by the trained model" in said
    assert "data.rate: is fixed by the trained model" in said


def test_a_served_model_takes_samples(run: rx.RunResult, trained: str) -> None:
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(run.experiment.tracking.uri)
    try:
        model: Any = load_model(f"runs:/{run.run_id}/model")
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]
    samples = np.stack([tone(320, 0.1), tone(940, 0.1)])[:, :, None]
    found = model.predict(samples)
    assert found["label"].tolist() == ["low", "high"]
    answered: Any = rx.load(trained).predict(samples)
    assert answered["example"].tolist() == ["sequence 1", "sequence 2"]
    pandas.testing.assert_frame_equal(found, answered.drop(columns="example"))
    with pytest.raises(rx.DataError, match=f"samples .* at {RATE:,} Hz: divide 16 bits by 32768"):
        model.predict(samples * 32768)
