"""rnnexp: a few lines of YAML into a trained, tracked, reproducible recurrent network.

    import rnnexp as rx

    config = rx.compose("experiment=airline_lstm", "model.units=[8]")
    result = rx.run(config)
    result.metrics["test/rmse"]

Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.config.compose import compose as compose
    from rnnexp.config.settings import Experiment as Experiment
    from rnnexp.registry import register as register
    from rnnexp.runner import Result as Result
    from rnnexp.runner import run as run

_PUBLIC = {
    "Experiment": "rnnexp.config.settings",
    "Result": "rnnexp.runner",
    "compose": "rnnexp.config.compose",
    "register": "rnnexp.registry",
    "run": "rnnexp.runner",
}

__all__ = ["Experiment", "Result", "compose", "register", "run"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
