"""Mistakes found before any data are read."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.config.settings import Trainer
from rnnexp.data.sources.synthetic import adding, sine
from rnnexp.registry import lookup

UNVALIDATED = {"train": 0.8, "val": 0, "test": 0.2}


def stopping(**settings: Any) -> dict[str, Any]:
    return {"stop": lookup("callback", "early_stopping")(**settings)}


def mistakes(trainer: Trainer, metrics: tuple[str, ...] = (), **parts: Any) -> list[str]:
    """Ask the parts of a whole experiment for what contradicts the others, as the border does."""
    parts = {"data": sine(), "schedule": lookup("schedule", "constant")(), "callbacks": {}, **parts}
    whole = SimpleNamespace(trainer=trainer, top=SimpleNamespace(metrics=list(metrics)), **parts)
    asked = [whole.schedule, *whole.callbacks.values()]
    return [problem for part in asked for problem in part.check_with(whole)]


def test_a_sound_training_has_no_mistakes() -> None:
    trainer = Trainer(epochs=20, monitor="val/mae_scaled")
    assert mistakes(trainer, ("mae",), callbacks=stopping(patience=5, monitor="train/loss")) == []


@pytest.mark.fault("F4")
def test_patience_must_be_shorter_than_the_training() -> None:
    [problem] = mistakes(Trainer(epochs=10), callbacks=stopping(patience=10))
    assert problem.startswith("callbacks.stop.patience: 10 given, but training has only 10 epochs")
    assert problem.endswith("callbacks.stop.patience=2, or leave callbacks.stop out: '~callbacks.stop'")
    [problem] = mistakes(Trainer(epochs=1), callbacks=stopping(patience=10))
    assert problem.endswith("leave callbacks.stop out: '~callbacks.stop'")


def test_a_callback_must_begin_before_the_training_ends() -> None:
    [problem] = mistakes(Trainer(epochs=10), callbacks=stopping(patience=5, start_epoch=10))
    assert problem == "callbacks.stop.start_epoch: 10 given; must be less than trainer.epochs, 10"


@pytest.mark.parametrize(
    ("monitor", "hint"),
    [
        ("val/lss", "did you mean `val/loss`?"),
        ("val_loss", "did you mean `val/loss`?"),
        ("val/mae", "choose from train/loss, val/loss"),
    ],
)
def test_a_monitor_must_be_a_logged_metric(monitor: str, hint: str) -> None:
    [problem] = mistakes(Trainer(monitor=monitor))
    assert problem.startswith(f"trainer.monitor: `{monitor}` is not logged")
    assert hint in problem


def test_the_gradient_norm_can_be_watched_where_it_is_logged() -> None:
    assert mistakes(Trainer(monitor="opt/grad_norm", log_grad_norm=True)) == []
    assert "opt/grad_norm` is not logged" in mistakes(Trainer(monitor="opt/grad_norm"))[0]


def test_a_registered_metric_cannot_be_watched_because_it_is_computed_at_the_end() -> None:
    @rx.register("metric")
    def worst(actual, predicted) -> float:
        return float(abs(actual - predicted).max())

    [problem] = mistakes(Trainer(monitor="val/worst"), ("worst", "mae"))
    assert problem.startswith("trainer.monitor: `val/worst` is not logged")
    assert mistakes(Trainer(monitor="val/mae_scaled"), ("worst", "mae")) == []


def test_a_metric_of_scaled_values_says_so_in_its_name() -> None:
    [problem] = mistakes(Trainer(monitor="val/mae"), ("mae",))
    assert problem.endswith("did you mean `val/mae_scaled`?")
    for data in (sine(scaler="none"), sine(scaler=[]), adding()):
        assert mistakes(Trainer(monitor="val/mae"), ("mae",), data=data) == []
    assert mistakes(Trainer(monitor="val/mae_scaled"), ("mae",), data=sine(scaler=["none", "instance"])) == []


@pytest.mark.parametrize("data", [sine(split="none"), sine(split=UNVALIDATED), adding(split="none")])
def test_a_validation_metric_needs_validation(data: Any) -> None:
    problems = mistakes(Trainer(monitor="val/loss"), data=data, callbacks=stopping(monitor="val/loss"))
    assert [problem.partition(",")[0] for problem in problems] == [
        "trainer.monitor: `val/loss` given",
        "callbacks.stop.monitor: `val/loss` given",
    ]
    assert all("there is no validation set" in problem for problem in problems)


@pytest.mark.parametrize("data", [sine(), sine(split=UNVALIDATED, folds=3), SimpleNamespace()])
def test_a_validation_metric_is_not_refused_where_there_is_or_may_be_validation(data: Any) -> None:
    assert mistakes(Trainer(monitor="val/loss"), data=data) == []


@pytest.mark.fault("F4")
def test_a_warm_up_must_be_shorter_than_the_training() -> None:
    schedule = lookup("schedule", "warm_up")(warmup_epochs=5)
    [problem] = mistakes(Trainer(epochs=5), schedule=schedule)
    assert problem.startswith("schedule.warmup_epochs: 5 given, but training has only 5 epochs")
    assert mistakes(Trainer(epochs=6), schedule=schedule) == []


def test_all_mistakes_are_found_together() -> None:
    callbacks = stopping(patience=30, monitor="val/loss")
    problems = mistakes(Trainer(epochs=10, monitor="val/lss"), data=sine(split="none"), callbacks=callbacks)
    assert [problem.partition(":")[0] for problem in problems] == [
        "trainer.monitor",
        "callbacks.stop.patience",
        "callbacks.stop.monitor",
    ]


def test_checking_imports_nothing_heavy() -> None:
    script = (
        "import sys, rnnexp.training.check, rnnexp.training.callbacks, rnnexp.training.schedules;"
        "print([m for m in ('keras', 'jax', 'tensorflow', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
