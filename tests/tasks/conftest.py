"""Tiny texts and language models, on JAX in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp import runtime


@pytest.fixture(scope="session", autouse=True)
def jax_runtime() -> runtime.Runtime:
    return runtime.configure("jax")


@pytest.fixture
def rhyme(tmp_path: Path) -> str:
    """Write a text of 40 lines, in which each word says something of the next."""
    beasts, sounds = ("cat", "dog", "cow", "hen"), ("purrs", "barks", "moos", "clucks")
    lines = [f"the {beasts[i * i % 4]} {sounds[i * i % 4]} at {beasts[i % 3]} {i % 10}" for i in range(40)]
    file = tmp_path / "rhyme.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(file)
