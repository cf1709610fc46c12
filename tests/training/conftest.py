"""Trainings small enough for a test; JAX in this process, each other backend in one of its own."""

from __future__ import annotations

import os

import pytest

from rnnexp import runtime


@pytest.fixture(scope="session", autouse=True)
def jax_runtime() -> runtime.Runtime:
    """Run this folder's tests on JAX, with TensorFlow kept out; those that a test starts may be for another backend."""
    return runtime.configure(os.environ.get("RNNEXP_TESTED_BACKEND", "jax"))
