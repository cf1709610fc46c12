"""Mistakes found before any data are read."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from rnnexp.config.settings import Trainer
from rnnexp.registry import lookup
from rnnexp.training.check import check


def stopping(**settings: Any) -> dict[str, Any]:
    return {"stop": lookup("callback", "early_stopping")(**settings)}


def test_a_sound_training_has_no_mistakes() -> None:
    trainer = Trainer(epochs=20, monitor="val/mae")
    assert check(trainer, stopping(patience=5, monitor="train/loss"), metrics=["mae"], validation=True) == []


def test_patience_must_be_shorter_than_the_training() -> None:
    [problem] = check(Trainer(epochs=10), stopping(patience=10))
    assert problem.startswith("callbacks.stop.patience: 10 given, but training has only 10 epochs")


@pytest.mark.parametrize(
    ("monitor", "hint"),
    [
        ("val/lss", "did you mean `val/loss`?"),
        ("val_loss", "did you mean `val/loss`?"),
        ("val/mae", "choose from train/loss, val/loss"),
    ],
)
def test_a_monitor_must_be_a_logged_metric(monitor: str, hint: str) -> None:
    [problem] = check(Trainer(monitor=monitor), {})
    assert problem.startswith(f"trainer.monitor: `{monitor}` is not logged")
    assert hint in problem


def test_a_validation_metric_needs_validation() -> None:
    [problem] = check(Trainer(), stopping(monitor="val/loss"), validation=False)
    assert "callbacks.stop.monitor: `val/loss` given, but there is no validation part" in problem


def test_class_weights_need_classes() -> None:
    [problem] = check(Trainer(class_weights="balanced"), {}, task="forecasting")
    assert "trainer.class_weights: given, but the task is forecasting" in problem


def test_a_warm_up_must_be_shorter_than_the_training() -> None:
    [problem] = check(Trainer(epochs=5), {}, schedule=lookup("schedule", "warm_up")(warmup_epochs=5))
    assert "schedule.warmup_epochs: 5 given" in problem


def test_a_callback_checks_itself_against_the_whole_experiment() -> None:
    callbacks = stopping(patience=30, monitor="val/loss")
    whole = SimpleNamespace(
        callbacks=callbacks,
        trainer=Trainer(epochs=10),
        data=SimpleNamespace(split="none"),
        top=SimpleNamespace(metrics=[]),
    )
    problems = callbacks["stop"].check_with(whole)
    assert [problem.partition(":")[0] for problem in problems] == ["callbacks.stop.patience", "callbacks.stop.monitor"]


def test_checking_imports_nothing_heavy() -> None:
    script = (
        "import sys, rnnexp.training.check, rnnexp.training.callbacks.plateau, rnnexp.training.schedules.cosine;"
        "print([m for m in ('keras', 'jax', 'tensorflow', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
