"""Values as people read them, and rows of these as an aligned table, or in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rnnexp.cells import markdown_cell

Lines = Sequence[Sequence[str]]


def shown(value: object) -> str:
    """Write a value short: `0.0001`, `[64,32]`, `true`; nothing for what is not set."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(shown, value)) + "]"
    return str(value)


def setting_text(value: object) -> str:
    """Write a value of a setting as it was typed, so that no two look alike; one that was drawn to six digits."""
    if not isinstance(value, float):
        return shown(value)
    return repr(value) if len(repr(value)) <= 10 else f"{value:.6g}"


def with_spread(mean: float | None, deviation: float | None) -> str:
    """Write `0.1125 ± 0.0008`, the mean to as many places as the deviation has where that is more."""
    if mean is None:
        return ""
    if not deviation or not math.isfinite(deviation) or not math.isfinite(mean):
        return f"{mean:.4g}" + ("" if deviation is None else f" ± {deviation:.2g}")
    places = 1 - math.floor(math.log10(deviation))
    if abs(mean) >= 1e5 or places > 6:
        return f"{mean:.4g} ± {deviation:.2g}"
    return f"{mean:.{max(places, 0)}f} ± {deviation:.{max(places, 0)}f}"


def skill_text(skill: float | None) -> str:
    """Write a skill with its sign; one of a diverged network would be long and say no more."""
    if skill is None:
        return ""
    return f"{skill:+.3f}" if abs(skill) < 1000 else f"{skill:+.1e}"


def order(value: object) -> tuple[int, float, str]:
    """Return a key that sorts numbers by size, then words and lists (by their sum), then what is not set."""
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    numbers = [item for item in value if isinstance(item, int | float)] if isinstance(value, list) else []
    return 1, float(sum(numbers)), shown(value)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Shorten dotted keys to what still tells them apart: `model.name` to `model`, `model.units` to `units`."""
    last = {key: key.removesuffix(".name").rpartition(".")[2] for key in keys}
    names = list(last.values())
    return {key: name if names.count(name) == 1 else key for key, name in last.items()}


def aligned(lines: Lines, right: Sequence[int] = ()) -> str:
    """Write rows in columns as wide as they need, whatever the width of the terminal: nothing is cut."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = (
        [cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths))]
        for line in lines
    )
    return "\n".join("  ".join(row).rstrip() for row in rows)


def markdown(lines: Lines) -> str:
    """Write rows as a Markdown table, the first of them as its head."""
    head, *rest = [[markdown_cell(cell) for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rest))
