"""How a case of each part is made and judged; a module of its own, because the workers import it by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import judge, overrides, tables

PROCESS = 100  # every so many overrides one is a process of its own


def of_overrides(seed: int, number: int, folder: Path) -> str:
    """Judge a case of overrides."""
    case = overrides.case(seed, number)
    whole = number % PROCESS == PROCESS - 1
    return judge.judge_process(case, folder) if whole else judge.judge(case, folder)


def of_tables(seed: int, number: int, folder: Path) -> str:
    """Judge a case of tables."""
    return judge.judge(tables.case(seed, number), folder)


def of_models(seed: int, number: int, folder: Path) -> str:
    """Judge a model that somebody has broken."""
    from . import models

    case = next(models.broken_models(hash((seed, number))))
    case.write(folder / "run")
    return str(models.outcome(case, folder / "run"))


def _described_model(seed: int, number: int) -> str:
    from . import models

    return str(next(models.broken_models(hash((seed, number)))).description)


PARTS: dict[str, Callable[[int, int, Path], str]] = {
    "overrides": of_overrides,
    "tables": of_tables,
    "models": of_models,
}
SECONDS = {"overrides": 150.0, "tables": 60.0, "models": 120.0}
DESCRIBED = {
    "overrides": lambda seed, number: overrides.case(seed, number).description,
    "tables": lambda seed, number: tables.case(seed, number).description,
    "models": _described_model,
}
