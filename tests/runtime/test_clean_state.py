"""What a job might leave behind in its process: each kind is found, and a job that leaves nothing is not suspected."""

from __future__ import annotations

import locale
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnnexp import registry
from rnnexp.runtime.clean_state import find_changes, forget_models, take_state


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Put back what the tests change."""
    import jax
    import keras
    import matplotlib as mpl
    import numpy as np

    place, mask, handler, level = os.getcwd(), os.umask(0o022), signal.getsignal(signal.SIGHUP), logging.root.level
    os.umask(mask)
    policy, x64, limit, language = keras.config.dtype_policy(), jax.config.jax_enable_x64, sys.getrecursionlimit(), "C"
    filters, precision = warnings.filters[:], np.get_printoptions()
    monkeypatch.setattr(registry, "_registered", {kind: dict(found) for kind, found in registry._registered.items()})
    monkeypatch.setattr(sys, "path", sys.path[:])
    language = locale.setlocale(locale.LC_ALL)
    with mpl.rc_context():
        yield
    os.chdir(place)
    os.umask(mask)
    signal.signal(signal.SIGHUP, handler)
    logging.root.setLevel(level)
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy(policy)
    keras.saving.get_custom_objects().pop("mine", None)
    jax.config.update("jax_enable_x64", x64)
    np.set_printoptions(**precision)
    np.seterr(all="warn", under="ignore")
    sys.setrecursionlimit(limit)
    locale.setlocale(locale.LC_ALL, language)
    warnings.filters[:] = filters
    os.environ.pop("LEFT_BEHIND", None)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def change_keras(name: str, value: object) -> None:
    import keras

    getattr(keras.config, name)(value)


def change_jax() -> None:
    import jax

    jax.config.update("jax_enable_x64", not jax.config.jax_enable_x64)


def change_numpy() -> None:
    import numpy as np

    np.seterr(over="raise")


def print_differently() -> None:
    import numpy as np

    np.set_printoptions(precision=3)


def change_pictures() -> None:
    import matplotlib as mpl

    mpl.rcParams["figure.dpi"] = 33


def leave_figure() -> None:
    import matplotlib.pyplot as plt

    plt.figure()


def name_object() -> None:
    import keras

    keras.saving.get_custom_objects()["mine"] = object


def register_model() -> None:
    @registry.register("model")
    def left_behind(spec: object, units: int = 1) -> None: ...


CHANGES: dict[str, tuple[str, Callable[[], object]]] = {
    "environment": ("environment variables", lambda: os.environ.update(LEFT_BEHIND="1")),
    "directory": ("working directory", lambda: os.chdir("/")),
    "umask": ("mask of new files", lambda: os.umask(0o011)),
    "locale": ("locale", lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8" if _is_plain() else "C")),
    "path": ("search path of modules", lambda: sys.path.insert(0, "/somewhere")),
    "signals": ("signal handlers", lambda: signal.signal(signal.SIGHUP, lambda *_: None)),
    "warnings": ("warnings that are shown", lambda: warnings.filters.insert(0, ("ignore", None, Warning, None, 7))),
    "recursion": ("recursion limit", lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1)),
    "logging": ("logging", lambda: logging.root.setLevel(logging.DEBUG)),
    "components": ("registered components", register_model),
    "numpy-errors": ("settings of NumPy", change_numpy),
    "numpy-print": ("settings of NumPy", print_differently),
    "floatx": ("settings of Keras", lambda: change_keras("set_floatx", "float64")),
    "epsilon": ("settings of Keras", lambda: change_keras("set_epsilon", 1e-3)),
    "policy": ("settings of Keras", lambda: change_keras("set_dtype_policy", "mixed_bfloat16")),
    "objects": ("settings of Keras", name_object),
    "x64": ("settings of JAX", change_jax),
    "dpi": ("settings of Matplotlib", change_pictures),
    "figure": ("settings of Matplotlib", leave_figure),
}


def _is_plain() -> bool:
    return locale.setlocale(locale.LC_ALL) == "C"


@pytest.mark.parametrize("kind", CHANGES)
def test_what_is_left_behind_is_found_and_named(kind: str) -> None:
    name, change = CHANGES[kind]
    before = take_state()
    assert find_changes(before, take_state()) == []
    change()
    assert find_changes(before, take_state()) == [name]


def test_layers_of_ours_that_a_job_is_the_first_to_import_are_no_trace_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    before = take_state()
    monkeypatch.setitem(keras.saving.get_custom_objects(), "rnnexp>Newest", object)
    assert find_changes(before, take_state()) == []


@pytest.mark.end_to_end
def test_a_network_that_was_built_and_forgotten_leaves_nothing_and_the_next_has_its_names() -> None:
    import keras

    forget_models()
    before, names = take_state(), []
    for _ in range(2):
        names.append(keras.layers.Dense(2).name)
        forget_models()
    assert names == ["dense", "dense"]
    assert find_changes(before, take_state()) == []
    assert [keras.layers.Dense(2).name for _ in range(2)] == ["dense", "dense_1"]
