"""What is wrong with a training that is asked for; found before any data are read, without Keras."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from rnnexp.errors import did_you_mean
from rnnexp.training.monitor import list_metrics

WITH_PATIENCE = ("early_stopping", "plateau")


def check_callback(callback: Any, whole: SimpleNamespace) -> list[str]:
    """Return the mistakes of one callback of a whole experiment."""
    key = next((f"callbacks.{name}" for name, other in whole.callbacks.items() if other is callback), callback.name)
    validation = has_validation(whole.data)
    problems = check_patience(key, callback, whole.trainer, _list_monitored(whole, validation), validation)
    if getattr(callback, "writes", False) and whole.top.ensemble > 1:
        problems.append(f"{key}: writes the files of one training, and ensemble={whole.top.ensemble}; leave it out")
    return problems


def check_monitor(whole: SimpleNamespace) -> list[str]:
    """Return the mistake of `trainer.monitor`, if there is one."""
    validation = has_validation(whole.data)
    return check_metric("trainer.monitor", whole.trainer.monitor, _list_monitored(whole, validation), validation)


def _list_monitored(whole: SimpleNamespace, validation: bool | None) -> list[str]:
    """List what each epoch will log; registered metrics are computed once, at the end."""
    settings = {key: vars(getattr(whole, key, SimpleNamespace())) for key in ("data", "model", "trainer")}
    return list_metrics(whole.top.metrics, validation is not False, settings)


def has_validation(data: Any) -> bool | None:
    """Say whether the settings of a data source ask for a validation part; None if they do not tell."""
    split: Any = getattr(data, "split", None)
    if split == "none":
        return False
    if not hasattr(split, "val"):
        return None
    return bool(split.val) or getattr(data, "folds", None) is not None


def check_patience(key: str, callback: Any, trainer: Any, names: list[str], validation: bool | None) -> list[str]:
    problems = []
    patience = getattr(callback, "patience", None)
    if callback.name in WITH_PATIENCE and patience >= trainer.epochs:
        problems.append(
            f"{key}.patience: {patience} given, but training has only {trainer.epochs} epochs, so it "
            f"can never act; must be less than trainer.epochs: {_suggest_patience(key, trainer.epochs)}"
        )
    if callback.name in WITH_PATIENCE:
        problems += check_metric(f"{key}.monitor", callback.monitor, names, validation)
    start = getattr(callback, "start_epoch", 1)
    if callback.name in WITH_PATIENCE and start >= trainer.epochs > 1:
        problems.append(f"{key}.start_epoch: {start} given; must be less than trainer.epochs, {trainer.epochs}")
    return problems


def _suggest_patience(key: str, epochs: int) -> str:
    """Say what to write where an experiment has set the patience for more epochs."""
    less = f"{key}.patience={max(1, epochs // 5)}, or " if epochs > 1 else ""
    return f"{less}leave {key} out: '~{key}'"


def check_metric(key: str, monitor: str | None, names: list[str], validation: bool | None) -> list[str]:
    if monitor is None or monitor in names:
        return []
    if validation is False and monitor.startswith("val/"):
        return [f"{key}: `{monitor}` given, but there is no validation set; use train/loss, or set data.split.val"]
    choices = ", ".join(name for name in names if not name.startswith("time/"))
    return [f"{key}: `{monitor}` is not logged; choose from {choices}{did_you_mean(monitor, names)}"]


def check_warmup(schedule: Any, epochs: int) -> list[str]:
    warmup = getattr(schedule, "warmup_epochs", 0)
    if warmup < epochs or warmup == 0:
        return []
    return [
        f"schedule.warmup_epochs: {warmup} given, but training has only {epochs} epochs, so the full "
        "learning rate is never reached; must be less than trainer.epochs"
    ]
