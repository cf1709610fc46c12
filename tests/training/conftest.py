"""Trainings small enough for a test; JAX in this process, each other backend in one of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rnnexp import runtime


@pytest.fixture(scope="session", autouse=True)
def jax_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[runtime.Runtime]:
    """Run this folder's tests on JAX, with TensorFlow kept out; what one test compiles the next one reuses."""
    configured = runtime.configure("jax")
    import jax

    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield configured
    for name, value in before.items():
        jax.config.update(name, value)
