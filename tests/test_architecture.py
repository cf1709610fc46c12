"""The shape of the code: arrows run downwards, giants stay with their owners, files stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rnnexp"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    "cells": 0,
    "component": 0,
    "disk": 0,
    "errors": 0,
    "output": 0,
    "paths": 0,
    "run_folder": 0,
    "stopping": 0,
    "task": 2,
    "strict": 0,
    "redact": 0,
    "removal": 0,
    "failures": 0,
    "synonyms": 0,
    "registry": 1,
    "runtime": 1,
    "config": 2,
    "data": 3,
    "tasks": 5,
    "models": 3,
    "optimizers": 3,
    "training": 4,
    "evaluation": 4,
    "tracking": 6,
    "runner": 7,
    "sweeps": 8,
    "compare": 8,
    "deploy": 8,
    "api": 9,
    "cli": 9,
    "__init__": 10,
    "__main__": 10,
}

KERAS_ROOMS = {"runtime", "models", "optimizers", "training", "evaluation"}
OWNERS = {
    "hydra": {"config", "cli", "sweeps"},
    "omegaconf": {"config", "cli", "sweeps"},
    "mlflow": {"tracking"},
    "keras": KERAS_ROOMS,
    "jax": KERAS_ROOMS,
    "tensorflow": KERAS_ROOMS,
    "torch": KERAS_ROOMS,
    "tokenizers": {"data"},
}


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "rnnexp")


def arrows_up(name: str, modules: list[str]) -> list[str]:
    rooms = {module.split(".")[1] for module in modules if module.startswith("rnnexp.")}
    return sorted(target for target in rooms if target in FLOORS and FLOORS[target] > FLOORS[name])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_run_downwards_only(file: Path) -> None:
    assert arrows_up(room(file), list(imported(file))) == []


def test_an_arrow_that_runs_up_would_be_found() -> None:
    assert arrows_up("config", ["rnnexp.data.series"]) == ["data"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_each_giant_library_is_used_by_its_owner_only(file: Path) -> None:
    used = {module.split(".")[0] for module in imported(file)}
    trespassing = {name for name in used & set(OWNERS) if room(file) not in OWNERS[name]}
    assert trespassing == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_file_is_longer_than_300_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 300


def test_every_room_has_a_floor() -> None:
    assert {room(file) for file in FILES} <= set(FLOORS)
