"""What of a process a job might leave changed for the next one: all of it is compared, and what differs has a name."""

from __future__ import annotations

import locale
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from rnnexp import registry
from rnnexp.component import is_ours
from rnnexp.registry import registered
from rnnexp.runtime import interrupts

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OWN = "rnnexp>"  # layers of ours, which Keras knows as soon as they are imported, and each job gets in the same way
KERAS = ("backend", "floatx", "epsilon", "image_data_format", "is_traceback_filtering_enabled")


def forget_models() -> None:
    """Have Keras count the names of layers from the first again, as in a process that has built nothing."""
    import keras

    keras.utils.clear_session(free_memory=True)


def take_state() -> dict[str, Any]:
    """Return what a job reads beside its configuration, by names for people."""
    return {name: look() for name, look in _LOOKS.items()}


def find_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs."""
    return [name for name in before if before[name] != after.get(name)]


def _look_at_numpy() -> Any:
    import numpy as np

    return np.geterr(), np.get_printoptions()


def _look_at_keras() -> Any:
    import keras

    config = [getattr(keras.config, name)() for name in KERAS]
    objects = [name for name in keras.saving.get_custom_objects() if not name.startswith(OWN)]
    return config, keras.config.dtype_policy().get_config(), sorted(objects)


def _look_at_jax() -> Any:
    return dict(sys.modules["jax"].config.values) if "jax" in sys.modules else None


def _look_at_mlflow() -> Any:
    if "mlflow" not in sys.modules:
        return None
    active = sys.modules["mlflow"].active_run()
    return active and active.info.run_id


def _look_at_pictures() -> Any:
    if "matplotlib" not in sys.modules:
        return None
    shown = sys.modules.get("matplotlib.pyplot")
    settings: Any = dict.items(sys.modules["matplotlib"].rcParams)  # by themselves they would look for a display
    return dict(settings), shown.get_fignums() if shown else []


def _look_at_mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_LOOKS: dict[str, Callable[[], Any]] = {
    "environment variables": lambda: dict(os.environ),
    "working directory": os.getcwd,
    "mask of new files": _look_at_mask,
    "locale": lambda: locale.setlocale(locale.LC_ALL),
    "search path of modules": lambda: list(sys.path),
    "signal handlers": lambda: [signal.getsignal(number) for number in HANDLED],
    "warnings that are shown": lambda: list(warnings.filters),
    "recursion limit": sys.getrecursionlimit,
    "logging": lambda: (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
    "registered components": lambda: [cls for kind in registry.KINDS for cls in registered(kind) if not is_ours(cls)],
    "plugins": registry.list_plugins,
    "asked to end": lambda: interrupts.ending.reason,
    "settings of NumPy": _look_at_numpy,
    "settings of Keras": _look_at_keras,
    "settings of JAX": _look_at_jax,
    "active run of MLflow": _look_at_mlflow,
    "settings of Matplotlib": _look_at_pictures,
}
