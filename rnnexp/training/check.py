"""What is wrong with a training that is asked for; found before any data are read, without Keras."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from rnnexp.errors import did_you_mean
from rnnexp.training.monitor import logged

KEPT_ALIVE = ("early_stopping", "plateau")


def check(
    trainer: Any,
    callbacks: Mapping[str, Any],
    *,
    metrics: Iterable[str] = (),
    validation: bool | None = None,
    schedule: Any = None,
    task: str | None = None,
) -> list[str]:
    """Return all mistakes, one line each beginning with the key; None for `validation` or
    `task` means not known yet.
    """
    names = logged([*metrics], validation is not False, trainer.grad_norm)
    problems = monitor_mistakes("trainer.monitor", trainer.monitor, names, validation)
    if trainer.class_weights is not None and task not in (None, "classification"):
        problems.append(f"trainer.class_weights: given, but the task is {task}, which has no classes; remove it")
    for key, callback in callbacks.items():
        problems += callback_mistakes(f"callbacks.{key}", callback, trainer, names, validation)
    return problems + schedule_mistakes(schedule, trainer.epochs)


def check_callback(callback: Any, whole: SimpleNamespace) -> list[str]:
    """Return the mistakes of one callback of a whole experiment."""
    key = next((f"callbacks.{name}" for name, other in whole.callbacks.items() if other is callback), callback.name)
    validation = has_validation(whole.data)
    names = logged(list(whole.top.metrics), validation is not False, whole.trainer.grad_norm)
    return callback_mistakes(key, callback, whole.trainer, names, validation)


def check_monitor(whole: SimpleNamespace) -> list[str]:
    """Return the mistake of `trainer.monitor`, if there is one."""
    validation = has_validation(whole.data)
    names = logged(list(whole.top.metrics), validation is not False, whole.trainer.grad_norm)
    return monitor_mistakes("trainer.monitor", whole.trainer.monitor, names, validation)


def has_validation(data: Any) -> bool | None:
    """Say whether the settings of a data source ask for a validation part; None if they do not tell."""
    split = getattr(data, "split", None)
    if split == "none":
        return False
    sizes = getattr(split, "val", None)
    folds = getattr(data, "folds", None)
    return True if sizes or folds else None


def callback_mistakes(key: str, callback: Any, trainer: Any, names: list[str], validation: bool | None) -> list[str]:
    problems = []
    patience = getattr(callback, "patience", None)
    if callback.name in KEPT_ALIVE and patience >= trainer.epochs:
        problems.append(
            f"{key}.patience: {patience} given, but training has only {trainer.epochs} epochs, so it "
            "can never act; must be less than trainer.epochs"
        )
    if callback.name in KEPT_ALIVE:
        problems += monitor_mistakes(f"{key}.monitor", callback.monitor, names, validation)
    start = getattr(callback, "start_epoch", 1)
    if callback.name in KEPT_ALIVE and start >= trainer.epochs > 1:
        problems.append(f"{key}.start_epoch: {start} given; must be less than trainer.epochs, {trainer.epochs}")
    return problems


def monitor_mistakes(key: str, monitor: str | None, names: list[str], validation: bool | None) -> list[str]:
    if monitor is None or monitor in names:
        return []
    if validation is False and monitor.startswith("val/"):
        return [f"{key}: `{monitor}` given, but there is no validation part; use train/loss, or set data.split.val"]
    choices = ", ".join(name for name in names if not name.startswith("time/"))
    return [f"{key}: `{monitor}` is not logged; choose from {choices}{did_you_mean(monitor, names)}"]


def schedule_mistakes(schedule: Any, epochs: int) -> list[str]:
    warmup = getattr(schedule, "warmup_epochs", 0)
    if warmup < epochs or warmup == 0:
        return []
    return [
        f"schedule.warmup_epochs: {warmup} given, but training has only {epochs} epochs, so the full "
        "learning rate is never reached; must be less than trainer.epochs"
    ]
