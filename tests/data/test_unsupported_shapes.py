"""What is asked of data that they do not have, or that nothing here does: one sentence says what there is instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.errors import ConfigError, DataError

WORDS = ("superb", "dull", "fine", "poor", "bright", "slow")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_texts(*labels: str) -> None:
    """Write a text for each label, none like another."""
    lines = [f'a {WORDS[i % 6]} film of {WORDS[i // 6 % 6]} scenes {i},"{label}"' for i, label in enumerate(labels)]
    Path("texts.csv").write_text("\n".join(["text,label", *lines]) + "\n")


def write_sequences(*labels: str) -> None:
    rows = [f'{i},{i * 0.37 + step:.2f},"{label}"' for i, label in enumerate(labels) for step in range(3)]
    Path("long.csv").write_text("\n".join(["recording,x,label", *rows]) + "\n")


TEXTS, LONG = ("data=text_table", "data.path=texts.csv"), ("data=sequence_table", "data.path=long.csv")
SETS = ["sport;politics", "sport", "politics;money", "money;sport", "politics", "money"] * 4
SENTENCES = [f"the pulse of person {i} went up slowly" for i in range(24)]
NUMBERS = "data.task=regression"

SHAPES: dict[str, tuple[Any, list[str], tuple[str, ...], str]] = {
    "several labels in a cell of a text": (
        write_texts,
        SETS,
        TEXTS,
        "labels such as `money;sport` are several of one example, which is not supported: give each one label, or make "
        "a column of 0 and 1 for `money` and train on one column at a time",
    ),
    "several labels of a recording": (
        write_sequences,
        SETS,
        LONG,
        "are several of one example, which is not supported",
    ),
    "a sequence of numbers from a text": (
        write_texts,
        ["1 2 3", "2 3 4"] * 6,
        (*TEXTS, NUMBERS),
        "the target `1 2 3` is not a number .12 such texts.; one number for each text is supported, and no sequence",
    ),
    "a label in the place of a number": (
        write_texts,
        ["3", "good"] * 6,
        (*TEXTS, NUMBERS),
        "line 3: the target `good` is not a number .6 such texts.; data.task=classification takes labels",
    ),
    "a number in the place of a label": (
        write_texts,
        [f"{i / 7:.3f}" for i in range(24)],
        TEXTS,
        "24 labels for 24 texts.*numbers to predict take data.task=regression",
    ),
    "texts from numbers": (
        write_sequences,
        SENTENCES,
        LONG,
        r"texts to write down data.task=transcription \(data=npz, sequence_folder or audio_folder\)",
    ),
}


@pytest.mark.parametrize(("write", "labels", "lines", "message"), SHAPES.values(), ids=SHAPES)
def test_data_of_a_shape_that_is_not_supported_are_told_what_is(
    write: Any, labels: list[str], lines: tuple[str, ...], message: str
) -> None:
    write(*labels)
    with pytest.raises(DataError, match=message):
        tasks.load(rx.compose(*lines).data)


@pytest.mark.parametrize("lines", [TEXTS, LONG], ids=["texts", "sequences"])
@pytest.mark.parametrize("seed", range(5))
def test_labels_with_a_mark_in_them_are_labels_unless_their_parts_are_too(lines: tuple[str, ...], seed: int) -> None:
    """Members are drawn: names of one to three words with a comma, each by itself."""
    generator = np.random.default_rng(seed)
    names = [f"{WORDS[i]}, {WORDS[i + 3]}" if generator.random() < 0.5 else WORDS[i] for i in range(3)]
    labels = [names[i % 3] for i in range(30)]
    (write_texts if lines is TEXTS else write_sequences)(*labels)
    assert set(tasks.load(rx.compose(*lines).data).spec.classes) == set(names)


SETTINGS = {
    "several columns of labels": (
        (*TEXTS, "data.label=[a,b]"),
        "an example has one label or one number: train on",
    ),
    "numbers by the names of files": (
        ("data=text_files", "data.path={pos: a.txt, neg: b.txt}", NUMBERS),
        "files and folders name labels; take data=text_table or data=text_lines",
    ),
    "names of labels for numbers": ((*TEXTS, NUMBERS, "data.labels=[a,b]"), "data.labels: names of labels are given"),
    "a text written from a label": ((*TEXTS, "model=encoder_decoder"), "encoder_decoder writes texts and forecasts"),
    "tags of a table of texts": ((*TEXTS, "data.task=tagging"), "must be 'classification' or 'regression'"),
}


@pytest.mark.parametrize(("lines", "message"), SETTINGS.values(), ids=SETTINGS)
def test_settings_of_a_shape_that_is_not_supported_are_told_what_is(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        rx.compose(*lines)


def test_columns_of_0_and_1_of_an_archive_are_trained_on_one_at_a_time() -> None:
    flags = np.random.default_rng(0).integers(0, 2, (20, 3))
    np.savez("x.npz", x=np.random.default_rng(0).normal(size=(20, 4, 2)), y=flags)
    with pytest.raises(DataError, match=r"labels must be \(n,\), one each, not \(20, 3\); of several columns of 0 and"):
        tasks.load(rx.compose("data=npz", "data.path=x.npz", "data.task=classification").data)


@pytest.mark.parametrize("place", ["faces", "faces/one.png"])
def test_images_are_said_to_be_no_input(place: str) -> None:
    Path("faces").mkdir()
    Path("faces/one.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match="images are no input; what is read are series, sequences of numbers, texts"):
        tasks.propose(place, {})
