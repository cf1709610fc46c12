"""What the components of plugins have returned: whether it is what a training can use, said before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from math import inf
from numbers import Real
from typing import Any

from rnnexp.component import is_ours
from rnnexp.errors import ConfigError

PLAIN_RATE = "leave the learning rate a number, and choose a schedule for it: schedule=cosine"


def require_loss(settings: Any, built: Any) -> Any:
    """Return a loss that has been built; ConfigError for what Keras could not call."""
    if isclass(built) or isinstance(built, str) or not callable(built):
        raise _wrong("loss", settings.name, built, "a keras.losses.Loss, or a function of (y_true, y_pred)")
    return built


def require_optimizer(settings: Any, built: Any) -> Any:
    """Return an optimizer that has been built; its learning rate must be a number, for schedules to multiply."""
    import keras

    if not isinstance(built, keras.optimizers.Optimizer):
        raise _wrong("optimizer", settings.name, built, "a keras.optimizers.Optimizer")
    if not isinstance(built._learning_rate, keras.Variable):
        raise ConfigError(f"optimizer: `{settings.name}` has a schedule of its own; {PLAIN_RATE}")
    return built


def require_callback(key: str, built: Any) -> Any:
    """Return a callback that has been built."""
    import keras

    if not isinstance(built, keras.callbacks.Callback):
        raise _wrong("callbacks", key, built, "a keras.callbacks.Callback")
    return built


def require_schedule(schedule: Any, epochs: int) -> None:
    """Raise ConfigError if a schedule gives anything but a factor from 0 on for some epoch."""
    if schedule is None or is_ours(type(schedule)):
        return
    for epoch, factor in _list_factors(schedule, epochs):
        if not (isinstance(factor, Real) and 0 <= float(factor) < inf):
            raise ConfigError(
                f"schedule: `{schedule.name}` returned {factor!r} for epoch {epoch} of {epochs}; it must return a "
                "number from 0 on, by which the learning rate is multiplied"
            )


def _list_factors(schedule: Any, epochs: int) -> Iterator[tuple[int, Any]]:
    yield from ((epoch, schedule.factor(epoch, epochs)) for epoch in range(1, epochs + 1))


def _wrong(group: str, name: str, built: Any, wanted: str) -> ConfigError:
    if isclass(built):
        return ConfigError(f"{group}: `{name}` returned the class {built.__name__} itself; call it, to return {wanted}")
    shown = repr(built) if built is None or isinstance(built, str) else type(built).__name__
    return ConfigError(f"{group}: `{name}` returned {shown}; it must return {wanted}")
