"""The same training on every backend, held to Keras's own `fit`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=["jax", "tensorflow", "torch"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script `one_backend.py` saw on a backend."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}"}
    environment.pop("KERAS_BACKEND", None)
    environment |= {  # JAX compiles a program once, though several trainings run it
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, str(HERE / "one_backend.py"), request.param]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, env=environment)
    found = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert found, done.stderr[-2000:]
    return {"backend": request.param, **json.loads(found[0].removeprefix("FOUND "))}


def test_each_epoch_sees_each_example_once(seen: dict[str, Any]) -> None:
    assert [sorted(order) for order in seen["orders"]] == [list(range(21))] * 3


def test_each_epoch_has_its_own_permutation(seen: dict[str, Any]) -> None:
    assert len({tuple(order) for order in seen["orders"]}) == 3


def test_training_equals_keras_fit_on_the_same_order(seen: dict[str, Any]) -> None:
    np.testing.assert_allclose(seen["ours"], seen["by_hand"], rtol=1e-5)
    assert seen["apart"] < 1e-5


def test_another_order_gives_another_training(seen: dict[str, Any]) -> None:
    assert not np.allclose(seen["ours"], seen["other_order"], rtol=1e-5)


def test_validation_loss_is_that_of_keras_evaluate(seen: dict[str, Any]) -> None:
    assert seen["val"] == pytest.approx(seen["evaluated"], rel=1e-5)


def test_gradient_norm_is_that_of_finite_differences(seen: dict[str, Any]) -> None:
    assert seen["gradient"]["logged"] == pytest.approx(seen["gradient"]["differences"], rel=1e-3)


def test_dropout_follows_from_the_seed(seen: dict[str, Any]) -> None:
    first, again, other = seen["dropout"]
    assert first == again
    assert first != other


def test_tensorflow_is_imported_only_on_tensorflow(seen: dict[str, Any]) -> None:
    assert seen["tensorflow"] == (seen["backend"] == "tensorflow")
