"""Sequences with texts become numbers for the loss, and what has no alignment is said by its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transcription import spelled

import rnnexp as rx
from rnnexp import tasks
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks.transcription.dataset import TranscriptDataset, TranscriptPipeline, compose_text


def load(*words: str) -> TranscriptDataset:
    found = tasks.load(rx.compose(*spelled.WORDS, *words, "trainer.epochs=1").data)
    assert isinstance(found, TranscriptDataset)
    return found


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_truth_of_a_batch_is_its_steps_and_then_its_letters() -> None:
    spelled.save(["ab", "b", "ba a", *["ab"] * 17])
    dataset = load("data.split=none")
    x, y, weight = dataset.batch(dataset.parts["train"].arrays, np.arange(3))
    assert weight is None
    assert dataset.pipeline.letters == (" ", "a", "b")
    assert y[:, 0].tolist() == x["mask"].sum(axis=1).tolist() == dataset.sequences.lengths()[:3].tolist()
    assert y[:, 1:].tolist() == [[2, 3, 0, 0], [3, 0, 0, 0], [3, 2, 1, 2]]
    assert dataset.spec.output_shape == (4,)
    assert dataset.spec.loss == "ctc"


def test_letters_are_those_of_the_training_part_and_others_are_counted() -> None:
    file = spelled.save(["ab"] * 20)
    with np.load(file) as held:
        first = {name: held[name] for name in ("x", "n")}
    spelled.save(["ab"] * 20, tx=first["x"][:2], ty=np.array(["b a", "b"]), tn=first["n"][:2])
    found = load("data.test_inputs=tx", "data.test_targets=ty", "data.test_lengths=tn")
    assert found.pipeline.letters == ("a", "b")
    assert '1 letter of the test set that the training set has not, " ": each counts' in " ".join(found.summary.notes)
    assert list(found.truth("test")) == ["b a", "b"]


def test_a_text_that_is_longer_than_its_sequence_is_named_by_its_place() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3, 1))
    np.savez("spelled.npz", x=x, y=np.array([*["ab"] * 17, "aba", "abab", "aa a"]), n=[3] * 19 + [2])
    with pytest.raises(DataError, match=r"2 texts longer than the sequence(.|\n)*example 18: 3 steps for a text that "
                       r"needs 4(.|\n)*example 19: 2 steps for a text that needs 5"):  # fmt: skip
        load()
    np.savez("spelled.npz", x=x, y=np.array(["aba"] * 20), n=[3] * 20)
    assert len(load().texts) == 20


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (np.arange(20), "transcription needs a text for each sequence, and data.targets has numbers"),
        (np.array([*["a"] * 19, " "]), r"example 19: the text is empty \(1 such sequence\)"),
    ],
    ids=["numbers", "an empty text"],
)
def test_targets_that_are_no_texts_are_refused(targets: np.ndarray, said: str) -> None:
    spelled.save(["ab"] * 20, y=targets)
    with pytest.raises(DataError, match=said):
        load()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.on_long=cut", "data.max_length=9"], "data.on_long: cut would leave texts"),
        (["data.sequence_length=5"], "data.sequence_length: 5 given, but a text is that of a whole sequence"),
        (["loss=cross_entropy"], "loss: `cross_entropy` given, but the task is transcription, whose loss is ctc"),
        (["metrics=[accuracy]"], "metrics: Keras cannot compute `accuracy` of transcription while training"),
        (["model.pooling=mean"], "model.pooling: `mean` given, but the data want an output per time step"),
        (["ensemble=2"], "ensemble: networks that are trained by ctc write a letter at different steps"),
    ],
)
def test_settings_that_have_no_meaning_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(*words)


def test_the_loss_of_texts_is_refused_where_there_are_none() -> None:
    with pytest.raises(ConfigError, match="loss: `ctc` is of strings, but the task is forecasting"):
        rx.compose("loss=ctc")


def test_a_text_is_told_by_composed_letters_and_single_blanks() -> None:
    assert compose_text("  e\u0301a \t b\n") == "\u00e9a b"


def test_a_damaged_alphabet_is_refused() -> None:
    saved = TranscriptPipeline(("0",), letters=("a", "b")).to_json()
    assert TranscriptPipeline.from_json(saved).letters == ("a", "b")
    for letters in ([], ["a", "a"]):
        with pytest.raises(DataError, match="`letters` are none, or are there twice"):
            TranscriptPipeline.from_json({**saved, "letters": letters})
