"""Strings are joined from the recordings of their own part and speaker alone, and written down as their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded import RATE, tone, write

import rnnexp as rx
from rnnexp import tasks
from rnnexp.data.audio.features import stack_frames
from rnnexp.data.audio.settings import Features
from rnnexp.errors import ConfigError

WORDS = (
    *("data=audio_strings", "data.path=said", "data.labels=said.csv", "data.part=part", "model=gru"),
    *(
        "data.train_strings=30",
        "data.val_strings=6",
        "data.test_strings=8",
        "data.features={mels: 6, normalize: cmn, stack: 2}",
    ),
    *(
        "data.split={train: 0.8, val: 0.2, test: 0}",
        "model.units=[4]",
        "trainer.epochs=1",
        "tracking=off",
        "tracking.figures=false",
    ),
)
PITCH = {"a": 400.0, "b": 1500.0}


@pytest.fixture(autouse=True)
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write twenty recordings of each of two labels, half of them by either speaker, the last ones for the test."""
    monkeypatch.chdir(tmp_path)
    rows = ["file,label,who,part"]
    for number in range(40):
        label, who = "ab"[number % 2], ("ann", "bob")[number // 2 % 2]
        name = f"{number}.wav"
        write(
            tmp_path / "said",
            name,
            tone(PITCH[label] + number, 0.1 + 0.002 * number, loudness=0.3 if who == "ann" else 0.9),
        )
        rows.append(f"{name},{label},{who},{'test' if number >= 30 else 'train'}")
    Path("said.csv").write_text("\n".join(rows))


def load(*words: str) -> Any:
    return tasks.load(rx.compose(*WORDS, *words).data)


def test_each_part_has_its_number_of_strings_from_recordings_of_its_own() -> None:
    found = load()
    assert {name: len(part) for name, part in found.parts.items()} == {"train": 30, "val": 6, "test": 8}
    assert {*map(len, found.texts)} == {1, 2, 3, 4, 5}
    assert found.pipeline.letters == ("a", "b")
    assert found.spec.inputs["past"].shape == (None, 12)
    assert "8 strings of 10 recordings in the test set" in " ".join(found.summary.notes)
    assert not [*tasks.check_leakage(found)]


def test_a_string_lasts_as_long_as_what_it_is_made_of() -> None:
    found = load("data.gap=0", "data.shortest=3", "data.longest=3")
    seconds = found.sequences.lengths() * 0.02
    assert (seconds > 3 * 0.1 - 0.05).all()
    assert (seconds < 3 * 0.18 + 0.05).all()
    assert (load("data.gap=1", "data.shortest=3", "data.longest=3").sequences.lengths() * 0.02 > seconds).all()


def test_strings_are_drawn_from_the_seed_of_the_data() -> None:
    assert load().texts == load().texts != load("data.seed=5").texts


def test_a_string_is_of_one_speaker_and_words_may_stand_apart() -> None:
    quiet = load("data.speaker=who", "data.label_separator=' '", "data.features.normalize=none", "data.gap=0")
    assert " " in quiet.pipeline.letters
    # Those of one speaker are all loud, or all quiet: within a string the loudest band hardly changes between them.
    loudest = [quiet.sequences.one(i).max(axis=1) for i in range(len(quiet.texts)) if " " in quiet.texts[i]]
    spread = [np.ptp(one[2:-2]) for one in loudest]
    mixed = load("data.features.normalize=none", "data.gap=0")
    others = [np.ptp(mixed.sequences.one(i).max(axis=1)[2:-2]) for i in range(30) if len(mixed.texts[i]) > 1]
    assert np.median(spread) < np.median(others)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.shortest=6"], "data.shortest: 6 is more than data.longest=5"),
        (["data.speeds=[0.9]"], "data.speeds: is of single recordings"),
        (["data.labels=null", "data.part=null", "data.speaker=who"], "data.speaker: names a column of data.labels"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(*words)


def test_recordings_with_a_text_each_are_transcribed_and_asked_about_as_files() -> None:
    words = ("data=audio_folder", "data.path=said", "data.labels=said.csv", "data.task=transcription", "model=gru")
    small = (
        "data.features.mels=6",
        "model.units=[4]",
        "trainer.epochs=1",
        "tracking=off",
        "tracking.figures=false",
        "hydra.run.dir=run",
    )
    result = rx.run(rx.compose(*words, *small), quiet=True)
    assert "test/character_error_rate" in result.metrics
    model = rx.load(result.run_dir)
    frame = model.predict("said/3.wav")
    assert list(frame.columns) == ["example", "text", "log_probability"]
    assert len(model.predict(tone(400.0)[None, :, None])) == 1
    assert RATE == 8_000


def test_stacked_frames_are_wider_and_fewer_and_the_last_one_is_filled_up() -> None:
    values = np.arange(10.0).reshape(5, 2)
    assert stack_frames(values, 2).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]]
    assert stack_frames(values, 1).tolist() == values.tolist()
    features = Features(mels=2, stack=2)  # type: ignore[call-arg]
    assert features.names() == ("mel_1", "mel_2", "mel_1_2", "mel_2_2")
    assert features.size() == 4
