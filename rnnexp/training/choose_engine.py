"""Which engine trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from rnnexp.training.pure_callback import PureCallback

if TYPE_CHECKING:
    from rnnexp.config.settings import Trainer

Engine = Literal["keras", "compiled"]


def choose_engine(trainer: Trainer, callbacks: Mapping[str, Any], backend: str) -> tuple[Engine, str | None]:
    """Return the engine, and why it is not the one that was wished for (`auto` wishes for speed on JAX)."""
    if trainer.engine == "keras" or (trainer.engine == "auto" and backend != "jax"):
        return "keras", None
    obstacle = f"it needs backend=jax, not {backend}" if backend != "jax" else _find_obstacle(trainer, callbacks)
    return ("compiled", None) if obstacle is None else ("keras", f"not the compiled engine: {obstacle}")


def _find_obstacle(trainer: Trainer, callbacks: Mapping[str, Any]) -> str | None:
    watched = {"trainer.monitor": trainer.monitor}
    for key, callback in callbacks.items():
        if isinstance(callback, PureCallback):
            watched[f"callbacks.{key}.monitor"] = callback.monitor
        elif not getattr(callback, "late", False):
            return f"callbacks.{key} may do anything after each epoch"
    timed = [key for key, monitor in watched.items() if monitor and monitor.startswith("time/")]
    return f"{timed[0]} watches the clock" if timed else None
