"""Specs and models small enough to check by hand, on JAX."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnexp import runtime
from rnnexp.data.spec import InputSpec, TaskSpec


@pytest.fixture(scope="session", autouse=True)
def jax_runtime() -> runtime.Runtime:
    """Run this folder's tests on JAX, with TensorFlow kept out."""
    return runtime.configure("jax")


@pytest.fixture
def spec() -> TaskSpec:
    """Windows of 6 steps and 3 features; 2 steps ahead of one target."""
    return TaskSpec("forecasting", {"past": InputSpec((6, 3))}, (2, 1), targets=("y",))


@pytest.fixture(scope="session")
def in_new_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script in a process of its own, since a process has one backend."""

    def run(script: str, *arguments: str) -> Any:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, env=environment)

    return run
