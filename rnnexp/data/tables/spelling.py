"""What cells of a column of numbers are that are not plainly written: alike but for their digits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnnexp.data.tables.numbers import INFINITE, standard, strip_units, usable
from rnnexp.data.tables.places import SHOWN

Marks = tuple[str, str | None]  # decimal and thousands
# The fewest first: of two that read the same numbers, the first is advised.
MARKS: tuple[Marks, ...] = (
    *((".", None), (",", None), (".", ","), (",", ".")),
    *((".", "'"), (",", "'"), (".", " "), (",", " ")),
)
CALLED = {".": "point", ",": "comma", " ": "blank", "'": "apostrophe"}
MARKERS = {
    *("n.a.", "n. a.", "n.a", "n/a", "na", "nan", "nat", "null", "none", "nil", "missing", "\\n", "<na>", "k.a."),
    *("k. a.", "s.d.", "n.d.", "nd", "#n/a", "#na", "null!", "#null!", "#div/0!", "#ref!", "#value!", "#name?"),
    *("#num!", "#nv", "#nul!", "#wert!", "#bezug!", "#zahl!", "1.#qnan", "1.#ind", "-1.#ind"),
}
# Numbers that programs write where there is none: nines, the fill values of data formats, the ends of types.
NINES = (
    *("9.99", "99", "99.9", "99.99", "999", "999.9", "999.99", "999.999"),
    *("9999", "9999.9", "9999.99", "99999", "999999", "9999999", "888.8", "8888", "8888.8", "6999", "7999"),
)
FILLS = ("1e20", "1e30", "1e31", "1e35", "1e36", "1e37", "1e38", "3.4e38", "9.96921e36", "2147483647", "32767", "65535")
CODES = (*(sign * float(text) for text in (*NINES, *FILLS) for sign in (1, -1)), -200.0, -32768.0, -2147483648.0)
BOOLEANS = {*"true false yes no ja nein nee oui non si sí sì wahr falsch vrai faux да нет".split()}  # noqa: SIM905
FLAGGED = re.compile(r"[<>≤≥~≈±]\s*(.+?)|(.+?)\s?([^\w\s]+|\(?[^\W\d]{1,3}\)?|\[\w{1,3}\])")
WHOLE = re.compile(r"\D*(\d{16,}|\d{1,3}([,.' ]\d{3}){5,})\D*")
HUGE = re.compile(r"[eE]\+?([3-9]\d|\d{3,})")
NINE = str.maketrans("12345678", "9" * 8)

MAX_TEXTS = 8  # cells that are no numbers, to be named in a setting

MARKER, WORD, INFINITY = "a mark for a missing value", "a word", "infinite"
MISSING = (MARKER, WORD, INFINITY)  # what data.na can make of a cell that is no number
BOOLEAN = "true or false: write 1 and 0"
BEYOND = "a whole number beyond 2^53, which float64 cannot hold exactly: is it an identifier?"
LARGE = "too large for float32 (over 3.4e38): use a larger unit"
BESIDE = "a number with a sign or letters beside it (a bound, a footnote, a unit), which is another number or none"
OTHER = "no number"


@dataclass
class Shape:
    """Cells that the same marks read, alike but for their digits.

    numbers: what the cells are like under the marks that read them;  shown: the first few cells with their lines
    texts:   the different cells, if they are no numbers, or have no unit, and are not too many
    """

    like: str
    unit: str
    numbers: dict[Marks, float]
    total: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)
    texts: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, like: str, choices: Iterable[Marks]) -> Shape:
        written = strip_units(like)
        plain = {marks: standardize(like, marks) for marks in choices}
        numbers = {marks: float(text) for marks, text in plain.items() if text is not None and usable(text)}
        return cls(like, written.unit if written else "", numbers)

    def add(self, line: int, text: str) -> None:
        self.total += 1
        if len(self.shown) < SHOWN:
            self.shown.append((line, text))
        if not (self.numbers and self.unit) and len(self.texts) <= MAX_TEXTS:
            self.texts[text] = None

    @property
    def what(self) -> str:
        """Say what cells are that are a number under no marks."""
        folded = self.like.casefold()
        if INFINITE.fullmatch(self.like):
            return INFINITY
        if folded in BOOLEANS:
            return BOOLEAN
        if is_marker(folded):
            return MARKER
        return _describe_digits(self.like) if any(map(str.isdigit, folded)) else WORD

    @property
    def marks(self) -> str:
        """Name the marks that a number is written with."""
        decimal, thousands = next(iter(self.numbers))
        if len(set(self.numbers.values())) > 1:
            return f"a decimal {CALLED[decimal]}, or one between thousands"
        between = f"{CALLED.get(thousands, thousands)}s between thousands" if thousands else ""
        fraction = f"a decimal {CALLED[decimal]}" if decimal in self.like.replace(thousands or decimal * 2, "") else ""
        return " and ".join(filter(None, (between, fraction)))


def _describe_digits(text: str) -> str:
    plain = next(filter(None, (standardize(text, marks) for marks in MARKS)), None)
    if plain is not None:
        return BEYOND if plain.lstrip("+-").isdigit() else LARGE
    beside = FLAGGED.fullmatch(text)
    number = beside and (beside[1] or beside[2])
    return BESIDE if number and is_like_number(number) else OTHER


def is_marker(text: str) -> bool:
    """Tell a cell that people and programs write where there is no value: a word for it, or signs without a letter."""
    return text.casefold() in MARKERS or not any(one.isalnum() or one == "%" for one in text)


def is_like_number(text: str) -> bool:
    """Tell whether some marks read a cell."""
    written = strip_units(text)
    number = written.number if written else text
    return any(standard(number, *marks) is not None for marks in MARKS)


def standardize(text: str, marks: Marks) -> str | None:
    plain = standard(text, *marks)
    if plain is None and (written := strip_units(text)) is not None:
        return standard(written.number, *marks)
    return plain


def reduce_digits(text: str) -> str:
    """Write 9 for every digit but a 0 in front; what is 0, may be too large or means missing stays as it is."""
    if text.casefold() in MARKERS or HUGE.search(text) or WHOLE.fullmatch(text) or not re.search("[1-9]", text):
        return text
    return re.sub(r"(?<=[\d.,])0", "9", text.translate(NINE))
