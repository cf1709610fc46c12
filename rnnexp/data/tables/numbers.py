"""Cells to float64, exactly; what is not a plain number is reported with the option that would read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import cite

EXACT = 2.0**53
LARGEST = float(np.finfo(np.float32).max)
BETWEEN = "\x1f"
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
GROUPED = re.compile(r"[+-]?\d{1,3}(G\d{3})+(D\d*)?", re.ASCII)
SIGNED = re.compile(r"[+-]?[$€£¥₹%]\s?[+-]?[\d.,]+|[+-]?[\d.,]+\s?[$€£¥₹%]|[A-Z]{3}\s?[\d.,]+|[\d.,]+\s?[A-Z]{3}")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


@dataclass
class Flaws:
    """The cells of one column that are no usable numbers: how many, and the first few with their lines."""

    total: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, text: str) -> None:
        self.total += 1
        if len(self.shown) < 5:
            self.shown.append((line, text))

    def message(self, column: str, unit: str, layout: Layout) -> str:
        """Say how many cells of `column` are wrong, where, what they look like, and what to set."""
        cells = [f'{number} "{text[:40]}"' for number, text in self.shown]
        count = "1 cell is not a usable number" if self.total == 1 else f"{self.total:,} cells are not usable numbers"
        return f'column "{column}": {count} ({cite(unit, cells, self.total)}). {explain(self.shown, layout)}'


def problems(names: Sequence[str], flaws: Sequence[Flaws], unit: str, layout: Layout) -> list[str]:
    """Say what is wrong with each column that has flaws."""
    return [one.message(name, unit, layout) for name, one in zip(names, flaws) if one.total]


def parse(cells: Sequence[str], lines: Sequence[int], layout: Layout, flaws: Flaws) -> np.ndarray:
    """Turn the cells of a column into float64, NaN where they are missing; unusable cells go to `flaws`."""
    text = BETWEEN.join(cells)
    if text.isascii() and "_" not in text and layout.decimal == "." and not layout.thousands and not layout.na:
        try:
            values = np.asarray(cells, dtype=object).astype(np.float64)
        except ValueError:
            return _each(cells, lines, layout, flaws)
        if (np.abs(values) < EXACT).all():  # false for NaN, too
            return values
    return _each(cells, lines, layout, flaws)


def _each(cells: Sequence[str], lines: Sequence[int], layout: Layout, flaws: Flaws) -> np.ndarray:
    values = np.full(len(cells), np.nan)
    missing = layout.missing
    for index, cell in enumerate(cells):
        text = cell.strip()
        if text in missing:
            continue
        plain = standard(text, layout.decimal, layout.thousands)
        if plain is None or not usable(plain):
            flaws.add(lines[index], text)
        else:
            values[index] = float(plain)
    return values


def standard(text: str, decimal: str, thousands: str | None) -> str | None:
    """Rewrite a number as Python writes it; None if it is none under these marks."""
    if thousands and thousands in text:
        grouped = GROUPED.pattern.replace("G", re.escape(thousands)).replace("D", re.escape(decimal))
        if not re.fullmatch(grouped, text, re.ASCII):
            return None
        text = text.replace(thousands, "")
    if decimal != ".":
        if "." in text:
            return None
        text = text.replace(decimal, ".")
    return text if PLAIN.fullmatch(text) else None


def usable(plain: str) -> bool:
    """Tell whether float64 holds a whole number exactly, and float32 anything at all."""
    value = float(plain)
    if abs(value) > LARGEST:
        return False
    return abs(value) < EXACT or not plain.lstrip("+-").isdigit() or int(plain) == int(value)


def explain(shown: list[tuple[int, str]], layout: Layout) -> str:
    """Guess what the first unusable cell is, and name the option that allows it."""
    text = shown[0][1]
    if INFINITE.fullmatch(text):
        other = "" if layout.na is None else f', or count them as missing with data.na: ["{text}"]'
        return f"Infinite: correct the file{other}"
    if SIGNED.fullmatch(text):
        return "A currency or percent sign: remove it from the column"
    if standard(text, layout.decimal, layout.thousands):
        return _magnitude(text)
    for decimal, thousands in ((",", None), (".", None), (".", ","), (",", "."), (".", "'"), (".", " "), (",", " ")):
        plain = standard(text, decimal, thousands)
        if plain is not None and (decimal, thousands) != (layout.decimal, layout.thousands):
            return _marks(text, decimal, thousands)
    return "Correct the file" + ("" if layout.na is None else f', or, if it marks a missing value: data.na: ["{text}"]')


def _marks(text: str, decimal: str, thousands: str | None) -> str:
    if thousands:
        extra = f' with data.decimal: "{decimal}"' if decimal != "." else ""
        return f'A thousands separator: data.thousands: "{thousands}"{extra}'
    if decimal == "," and standard(text, ".", ","):
        return 'A decimal comma (data.decimal: ",") or a thousands separator (data.thousands: ","): say which'
    name = {",": "comma", ".": "point"}[decimal]
    return f'A decimal {name}: data.decimal: "{decimal}"'


def _magnitude(text: str) -> str:
    if not text.lstrip("+-").isdigit():
        return "Too large for float32 (over 3.4e38): use a larger unit"
    return "A whole number beyond 2^53, which float64 cannot hold exactly: is it an identifier?"
