"""The cases of the plan, and which of them a user names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One fault; `not_here` says why the tests cannot exercise it, and is empty if they can."""

    name: str
    fault: str
    expected: str
    not_here: str = ""


def read_plan(path: Path) -> dict[str, Case]:
    """Return the cases by their names, in the order of the plan."""
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    reasons = plan["not_here"]
    if strangers := sorted(reasons.keys() - plan["cases"].keys()):
        raise ValueError(f"{path}: {', '.join(strangers)} is left out and no case")
    return {name: Case(name, *words, reasons.get(name, "")) for name, words in plan["cases"].items()}


def read_promises(path: Path) -> dict[str, list[str]]:
    """Return the cases that hold the project to each of its promises."""
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    if strangers := sorted({case for cases in plan["promises"].values() for case in cases} - plan["cases"].keys()):
        raise ValueError(f"{path}: {', '.join(strangers)} holds to a promise and is no case")
    return dict(plan["promises"])


FILE = Path(__file__).with_name("plan.toml")
PLAN = read_plan(FILE)
PROMISES = read_promises(FILE)


def pick(words: Iterable[str], plan: Iterable[str] = PLAN) -> list[str]:
    """Return the cases that words name, a section (C) or a case (C4) each, separated by commas too; all if none does.

    Raises ValueError with what is not in the plan.
    """
    every = list(plan)
    asked = [word.upper() for text in words for word in text.split(",") if word]
    unknown = [word for word in asked if word not in every and word not in {_section(name) for name in every}]
    if unknown:
        raise ValueError(f"no case or section of the plan: {', '.join(unknown)}; there are A1 to I14, and A to I")
    return [name for name in every if not asked or name in asked or _section(name) in asked]


def unknown(cases: Sequence[object]) -> str:
    """Say what is wrong with the cases that a test names; nothing if all are in the plan."""
    if not cases:
        return "names no case: @pytest.mark.fault('C4')"
    wrong = [str(case) for case in cases if case not in PLAN]
    return f"exercises {', '.join(wrong)}: no case of the plan, tests/faults/plan.toml" if wrong else ""


def _section(name: str) -> str:
    return re.sub(r"\d+$", "", name)
