"""What labels are called: a mapping, or names in order, in the configuration or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import DataError


def named(names: Sequence[str] | Mapping[str | int, str], found: Iterable[str]) -> dict[str, str]:
    """Return label -> name; names in order belong to labels counted from 0 or 1, whichever the data do."""
    if isinstance(names, Mapping):
        return {str(label): name for label, name in names.items()}
    numbers = set(found)
    fitting = [start for start in (0, 1) if numbers <= {str(number) for number in range(start, start + len(names))}]
    if len(fitting) != 1:
        shown = ", ".join(f'"{label}"' for label in sorted(numbers)[:6])
        problem = "may count from 0 or from 1" if fitting else "do not count from 0 or 1"
        raise DataError(
            f"data.labels has {len(names)} names in order, but the labels of the data {problem}: {shown}. "
            "Give a mapping such as {1: World, 2: Sports}"
        )
    return {str(number): name for number, name in enumerate(names, start=fitting[0])}


def names_in(file: Path, encoding: str) -> list[str]:
    """Read a file with a name on each line, in the order of the labels."""
    found = [line.strip() for line in lines(read_text(file, encoding))]
    for number, name in enumerate(found, start=1):
        if not name or name in found[: number - 1]:
            problem = f'"{name}" stands there twice' if name else "has no name"
            raise DataError(f"{file}, line {number}: {problem}; data.labels needs a name of its own for each label")
    return found
