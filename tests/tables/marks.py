"""All the ways in which people write numbers, and cells without one."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from tests.tables.content import Numbers

BLANKS = {" ": "blank", "\u00a0": "U+00A0", "\u202f": "U+202F", "'": "apostrophe", "\u2019": "U+2019"}
MISSING = ("", "", "NA", "NaN", "n/a", "-", "?", ".", "--", "NULL", "n.a.", "#N/A", "..", "*", "missing")
SENTINELS = ("-200", "-999", "9999", "-9999", "-99")
CURRENCIES = ("$", "€", "£", "¥")


@dataclass(frozen=True)
class Marks:
    """How the numbers of a column are written."""

    decimal: str = "."
    thousands: str = ""
    minus: str = "-"
    before: str = ""
    behind: str = ""
    missing: str = ""
    plus: bool = False
    scientific: bool = False
    width: int = 0

    def write(self, unit: int | None, decimals: int) -> str:
        """Write a number of `unit` times ten to the power of minus `decimals`."""
        if unit is None:
            return self.missing
        if self.scientific:
            return f"{unit}.0E-{decimals:02d}".replace(".", self.decimal)
        digits = str(abs(unit)).rjust(decimals + 1, "0")
        whole, rest = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
        if self.thousands:
            whole = re.sub(r"(?<=\d)(?=(\d{3})+$)", self.thousands, whole)
        text = self.before + whole + (self.decimal + rest if rest else "") + self.behind
        if unit < 0:
            return f"({text})" if self.minus == "()" else self.minus + text
        return f"+{text}" if self.plus and unit > 0 else text.rjust(self.width)

    def column(self, numbers: Numbers) -> list[str]:
        return [self.write(unit, numbers.decimals) for unit in numbers.units]

    @property
    def kinds(self) -> tuple[str, ...]:
        found = []
        if self.decimal == ",":
            found.append("decimal comma")
        if self.thousands:
            found.append(f"thousands {BLANKS.get(self.thousands, self.thousands)}")
        if self.minus != "-":
            found.append({"()": "brackets", "\u2212": "U+2212"}[self.minus])
        if self.before or self.behind:
            found.append("percent" if "%" in self.behind else "currency before" if self.before else "currency behind")
        if self.plus:
            found.append("plus signs")
        if self.scientific:
            found.append("scientific")
        if self.width:
            found.append("aligned numbers")
        return tuple(found)


def choose(dice: random.Random) -> Marks:
    """Choose marks that go together."""
    decimal = dice.choice((".", ","))
    if dice.random() < 0.08:
        return Marks(decimal, scientific=True)
    if dice.random() < 0.05:
        return Marks(decimal, width=12)
    others = ("", ",", ",") if decimal == "." else ("", ".", ".")
    thousands = dice.choice((*others, *BLANKS))
    minus = dice.choice(("-", "-", "\u2212", "()"))
    style = dice.choice(("", "", "", "currency", "percent"))
    before = behind = ""
    if style == "currency":
        sign = dice.choice(CURRENCIES)
        code = dice.choice(("EUR", "USD", "CHF", "kr"))
        ways = ((sign, ""), (sign, ""), ("", f" {sign}"), ("", f"\u00a0{sign}"), ("", f" {code}"), (f"{code} ", ""))
        before, behind = dice.choice(ways)
    elif style == "percent":
        behind = dice.choice(("%", "%", " %"))
    return Marks(decimal, thousands, minus, before, behind, plus=dice.random() < 0.1)


def two_readings(cells: list[str]) -> bool:
    """Tell whether a mark may be that of thousands or that of decimals: one at most in a cell, three digits behind."""
    bare = [re.sub(r"[^\d.,]", "", cell) for cell in cells]
    marked = [cell for cell in bare if re.search(r"[.,]", cell)]
    return bool(marked) and all(re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", cell) for cell in marked)
