"""What is proposed for sequences and texts with a label each."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.tasks import load
from rnnexp.tasks.labeled_recipe import choose_scaler, suggest


def write_sequences(scale: float, examples: int = 60) -> None:
    dice = np.random.default_rng(0)
    np.savez("a.npz", x=scale * dice.normal(size=(examples, 12, 2)), y=np.arange(examples) % 3)


def proposed(*lines: str) -> dict[str, Any]:
    return {one.key: one.value for one in suggest(load(rx.compose(*lines).data))}


SEQUENCES = ("data=npz", "data.path=a.npz", "data.task=classification")


def test_sequences_get_convolutions_and_two_thousand_gradient_steps() -> None:
    write_sequences(1.0, 120)
    found = proposed(*SEQUENCES)
    assert (found["model"], found["trainer.batch_size"], found["trainer.epochs"]) == ("lstm_fcn", 16, 334)
    assert "data.scaler" not in found


@pytest.mark.parametrize(("examples", "learned"), [(60, 51), (95, 80), (120, None)])
def test_a_validation_set_too_small_to_tell_epochs_apart_is_learned_from(examples: int, learned: int | None) -> None:
    write_sequences(1.0, examples)
    found = proposed(*SEQUENCES)
    assert found.get("data.split") == ({"train": 0.85, "val": 0, "test": 0.15} if learned else None)
    assert ("callbacks.early_stopping.patience" in found) == (learned is None)
    assert main(["init", "a.npz"]) == 0
    parts = load(rx.compose("experiment=a").data).parts
    assert len(parts["train"]) == (learned or 84)
    assert ("val" in parts) == (learned is None)


def test_of_few_examples_with_a_test_set_of_their_own_all_are_learned_from() -> None:
    write_sequences(1.0, 40)
    arrays = dict(np.load("a.npz"))
    np.savez("a.npz", **arrays, test_x=arrays["x"][:20], test_y=arrays["y"][:20])
    own = ("data.test_inputs=test_x", "data.test_targets=test_y")
    assert proposed(*SEQUENCES, *own)["data.split"] == "none"


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_channels_of_other_sizes_are_standardized(scale: float) -> None:
    write_sequences(scale)
    assert proposed(*SEQUENCES)["data.scaler"] == "standard"


def test_one_channel_that_is_off_is_enough_and_is_named() -> None:
    dice = np.random.default_rng(1)
    rows = dice.normal(size=(400, 3))
    assert choose_scaler([rows]) == []
    (choice,) = choose_scaler([rows + [0, 0, 4]])
    assert choice.why.startswith("channel 2 has mean ")


def test_a_constant_channel_is_no_reason_to_fail() -> None:
    (choice,) = choose_scaler([np.ones((9, 1))])
    assert choice.value == "standard"


def test_texts_get_a_small_network_that_forgets_words_and_few_epochs() -> None:
    dice = random.Random(0)
    words = ["good", "bad", "fine", "poor", "warm", "cold"]
    Path("t.txt").write_text("".join(f"{n % 2} {' '.join(dice.choices(words, k=6))} {n}\n" for n in range(300)))
    found = proposed("data=text_lines", "data.path=t.txt")
    assert (found["model.bidirectional"], found["model.pooling"], found["model.word_dropout"]) == (True, "max", 0.4)
    assert (found["trainer.batch_size"], found["trainer.epochs"]) == (16, 143)  # of 14 steps
    assert found["callbacks.early_stopping.patience"] == 14
    assert "model" not in found
    assert found["data.buckets"] == 4
    assert found["model.skip_connection"] == "nb_svm"


@pytest.mark.parametrize(
    "words", [("data.tokens=character",), ("data.split={train: 0.9, val: 0, test: 0.1}",), ("data.task=regression",)]
)
def test_words_stand_beside_the_network_only_where_they_are_words_of_labels_that_can_be_weighed(
    words: tuple[str, ...],
) -> None:
    Path("t.txt").write_text("".join(f"{n % 2} {'good' if n % 2 else 'bad'} film {n}\n" for n in range(300)))
    assert "model.skip_connection" not in proposed("data=text_lines", "data.path=t.txt", *words)


def test_init_writes_the_network_and_its_settings_where_they_belong() -> None:
    write_sequences(100.0, 120)
    assert main(["init", "a.npz"]) == 0
    text = Path("experiments/a.yaml").read_text()
    assert (
        "  - override /model: lstm_fcn\n  - override /schedule: cosine\n  - override /callbacks: early_stopping\n"
        in text
    )
    assert "\nmodel:\n  filters: [64, 128, 64]  # half of those of the paper" in text
    experiment: Any = rx.compose("experiment=a")
    assert (experiment.model.name, experiment.schedule.name, experiment.data.scaler) == (
        "lstm_fcn",
        "cosine",
        "standard",
    )
    assert experiment.callbacks["early_stopping"].patience == 66
