"""Cells to float64, exactly: what has one reading is read, and what was taken off is told; all else is a flaw."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.data.tables.layout import Layout
from rnnexp.errors import count

EXACT = 2.0**53
LARGEST = float(np.finfo(np.float32).max)
BETWEEN = "\x1f"
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# No group begins with 0: "0,123" has a decimal comma. In India the groups before the last one have two digits.
GROUPED = r"[+-]?[1-9]\d{0,2}(G\d{3})+(D\d*)?"
THIRDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
INDIAN = r"[+-]?[1-9]\d?(,\d{2})+,\d{3}(\.\d*)?"

MINUS = "\u2010\u2011\u2012\u2212\ufe63\uff0d"
WIDE = "".join(map(chr, range(0xFF10, 0xFF1A))) + "\uff0e\uff0c\uff0b\uff05\uff08\uff09\uff04\uffe1\uffe5\uffe6"
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\xad"
BLANKS = "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
QUOTES = "\u2018\u2019\u02bc\u02b9\xb4`\uff07"
# Arabic, Persian, Devanagari, Bengali and Thai.
SCRIPTS = {chr(zero + digit): str(digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50) for digit in range(10)}
SCRIPTS |= {"\u066b": ".", "\u066c": ","}
SAME = str.maketrans(
    {
        **SCRIPTS,
        **dict.fromkeys(MINUS, "-"),
        **dict(zip(WIDE, "0123456789.,+%()$£¥₩")),
        **dict.fromkeys(INVISIBLE, ""),
        **dict.fromkeys(BLANKS, " "),
        **dict.fromkeys(QUOTES, "'"),
    }
)
# ISO 4217; other three letters beside a number may be a unit of anything.
CODES = """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CLP CNH CNY COP CRC CUP CVE CZK DEM DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP FRF GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
HRK HTG HUF IDR ILS INR IQD IRR ISK ITL JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD
RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"""
# The yen sign of Japanese encodings is the byte of the backslash.
SYMBOLS = (
    r"(?:US|AU?|CA?|NZ|HK|NT|S|R|MX)?\$ [¢-¥฿\u20a0-\u20c0元円원\\] S?Fr\.? kr\.?|:- zł Kč Ft Rs\.? руб\.? [Ee]uro"
)
UNIT = "|".join(["[%‰]", *SYMBOLS.split(), *CODES.split()])
DRESSED = re.compile(
    rf"(?P<quote>')?(?P<front>{UNIT})?\s*(?P<open>\()?\s*(?P<first>[+\-–]?)\s*(?P<before>{UNIT})?\s*(?P<second>[+\-–]?)\s*"
    r"(?P<number>[.,]?\d(?:[\d.,' ]*\d)?[.,]?(?:[eE][+-]?\d+)?)"
    rf"\s*(?P<third>[-–—]?)\s*(?P<after>{UNIT})?(?P<fourth>-?)\s*(?P<close>\))?",
    re.ASCII,
)
ALIKE = {"\\": "¥", "€": "EUR", "£": "GBP", "₹": "INR", "US$": "USD", "Euro": "EUR", "euro": "EUR", "zł": "PLN"}
SHARES = ("%", "‰")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Written:
    """A cell apart from how it is dressed: its digits and marks with a sign, its unit, and what was done to see them.

    did: "brackets read as a minus in", to be followed by a number of cells
    """

    number: str
    unit: str = ""
    did: tuple[str, ...] = ()


@dataclass
class Flaws:
    """What is not plain in one column: cells that are no usable numbers, units, and what was taken off.

    plain: whether there is a number without a unit, other than 0
    thirds: of cells that are dressed, whether every point stands before three digits; None without points
    bare, dressed: numbers that mean missing, found without and with a unit: with what was taken off the latter
    """

    total: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    did: Counter[str] = field(default_factory=Counter)
    plain: bool = False
    thirds: bool | None = None
    bare: set[float] = field(default_factory=set)
    dressed: dict[float, Counter[str]] = field(default_factory=dict)

    def add(self, line: int, text: str) -> None:
        self.total += 1
        if len(self.shown) < 5:
            self.shown.append((line, text))

    @property
    def found(self) -> bool:
        """Tell whether the column cannot be taken as it is, or not before all others have been looked at."""
        return self.total > 0 or has_several_units(self.units, self.plain) or self.thirds is True

    def notes(self, column: str) -> list[str]:
        """Say in one sentence what was taken off."""
        done = "; ".join(f"{how} {count(cells, 'cell')}" for how, cells in self.did.items())
        percent = ": 12 % is 12, not 0.12" if "%" in self.units else ""
        return [f'column "{column}": {done}{percent}'] if done else []


def has_several_units(units: set[str], plain: bool) -> bool:
    """Tell whether one column has several units: two currencies, or percent beside anything else."""
    return len(units) > 1 or (plain and not units.isdisjoint(SHARES))


def parse(cells: Sequence[str], lines: Sequence[int], layout: Layout, flaws: Flaws) -> np.ndarray:
    """Turn the cells of a column into float64, NaN where they are missing; all else that is found goes to `flaws`.

    Whether a number with a unit means missing is known after the last cell of the column: `remove_dressed`.
    """
    text = BETWEEN.join(cells)
    if text.isascii() and "_" not in text and layout.decimal == "." and not layout.thousands:
        try:
            values = np.asarray(cells, dtype=object).astype(np.float64)
        except ValueError:
            return _each(cells, lines, layout, flaws)
        if (np.abs(values) < EXACT).all():  # false for NaN, too
            kept = remove_codes(values, layout)
            flaws.bare.update(values[np.isnan(kept)] if kept is not values else ())
            values = kept
            flaws.plain = flaws.plain or bool(np.nan_to_num(values).any())
            return values
    return _each(cells, lines, layout, flaws)


def remove_codes(values: np.ndarray, layout: Layout, kind: Any = np.float64) -> np.ndarray:
    """Make NaN of the numbers that mean missing, however they are written; `kind` is how exactly they were kept."""
    codes = np.asarray(collect_codes(layout))
    if kind == np.float32:
        codes = codes[np.isinf(codes) | (np.abs(codes) <= LARGEST)].astype(np.float32)
    return np.where(np.isin(values, codes), np.nan, values) if len(codes) else values


def remove_dressed(values: np.ndarray, flaws: Flaws) -> np.ndarray:
    """Make NaN of the numbers with a unit that mean missing: -99 % is a value where only the missing have no unit."""
    codes = flaws.dressed.keys() if flaws.plain else flaws.dressed.keys() - flaws.bare
    for kept in flaws.dressed.keys() - codes:
        flaws.did.update(flaws.dressed[kept])
    return np.where(np.isin(values, list(codes)), np.nan, values) if codes else values


def collect_codes(layout: Layout) -> list[float]:
    """Return the cells of `data.na` that are numbers: "-200" means -200.0, too."""
    return list(_read_codes(layout).values())


def _read_codes(layout: Layout) -> dict[str, float]:
    found = {}
    for text in layout.na or ():
        comma = standard(text, ",") if standard(text, ".", ",") is None else None
        plain = standard(text, layout.decimal, layout.thousands) or standard(text) or comma
        if plain or INFINITE.fullmatch(text):
            found[text] = float(plain or text)
    return found


def _each(cells: Sequence[str], lines: Sequence[int], layout: Layout, flaws: Flaws) -> np.ndarray:
    values = np.full(len(cells), np.nan)
    missing, written_codes = layout.missing, _read_codes(layout)
    codes = set(written_codes.values())
    for index, cell in enumerate(cells):
        text = cell.strip()
        if text in missing:
            if text in written_codes:
                flaws.bare.add(written_codes[text])
            continue
        plain, written = standard(text, layout.decimal, layout.thousands), None
        if plain is None and (written := strip_units(text)) is not None:
            plain = standard(written.number, layout.decimal, layout.thousands)
        if plain is None or not usable(plain):
            flaws.add(lines[index], text)
        elif (number := float(plain)) in codes:
            if written and written.unit:
                flaws.dressed.setdefault(number, Counter()).update(written.did)
                values[index] = number
            else:
                flaws.bare.add(number)
        else:
            values[index] = number
            _tell(written or Written(text), values[index], flaws)
            if written is not None and (layout.decimal, layout.thousands) == (".", None) and "." in plain:
                flaws.thirds = flaws.thirds is not False and THIRDS.fullmatch(plain) is not None
    return values


def _tell(written: Written, value: float, flaws: Flaws) -> None:
    """Keep what was taken off a cell."""
    flaws.did.update(written.did)
    if written.unit:
        flaws.units.add(written.unit)
    else:
        flaws.plain = flaws.plain or value != 0


def strip_units(text: str) -> Written | None:
    """Take off currency, percent and brackets, and write signs, digits and blanks of other alphabets as ASCII has them.

    None if there is more than one number with one sign, or anything else.
    """
    found = DRESSED.fullmatch(text.translate(SAME).strip())
    units = [found[key] for key in ("front", "before", "after") if found[key]] if found else []
    if found is None or (found["open"] is None) != (found["close"] is None) or len(units) > 1:
        return None
    unit = units[0] if units else ""
    third = found["third"]
    if third and found["number"][-1] in ".,":  # "5.-" is 5 francs, not -5, and without a unit nobody knows
        if unit in ("", *SHARES):
            return None
        third = ""
    signs = [sign for sign in (*found.group("first", "second", "fourth"), third) if sign]
    behind = bool(third or found["fourth"])
    if len(signs) + bool(found["open"]) > 1 or third in ("–", "—"):
        return None
    did = [
        *(f"U+{ord(one):04X} read as minus in" for one in sorted({*text} & {*MINUS, "–"})),
        *(["full-width characters read as ASCII in"] if {*text} & {*WIDE} else []),
        *(["digits of another script read as ASCII in"] if {*text} & SCRIPTS.keys() else []),
        *(["invisible characters taken off"] if {*text} & {*INVISIBLE} else []),
        *(["the apostrophe of a cell of text taken off"] if found["quote"] else []),
        *(["brackets read as a minus in"] if found["open"] else []),
        *(["a minus behind the number put in front in"] if behind else []),
        *([f'"{unit}" taken off'] if unit else []),
    ]
    sign = "" if "+" in signs or not (signs or found["open"]) else "-"
    return Written(sign + found["number"], ALIKE.get(unit, unit.rstrip(".")), tuple(did))


def standard(text: str, decimal: str = ".", thousands: str | None = None) -> str | None:
    """Rewrite a number as Python writes it; None if it is none under these marks."""
    if thousands and thousands not in text:
        thousands = thousands.translate(SAME)
    if thousands and thousands in text:
        grouped = GROUPED.replace("G", re.escape(thousands)).replace("D", re.escape(decimal))
        whole = f"{grouped}|{INDIAN}" if (thousands, decimal) == (",", ".") else grouped
        if not re.fullmatch(whole, text, re.ASCII):
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
