"""The second look at columns of numbers that are refused: all their cells, and the settings which read all of these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import INFINITE, SAME, collect_codes, has_several_units, standard, strip_units, usable
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import count

Marks = tuple[str, str | None]  # decimal and thousands
# The fewest first: of two that read the same numbers, the first is advised.
MARKS: tuple[Marks, ...] = (
    *((".", None), (",", None), (".", ","), (",", ".")),
    *((".", "'"), (",", "'"), (".", " "), (",", " ")),
)
CALLED = {".": "point", ",": "comma", " ": "blank", "'": "apostrophe"}
MARKERS = {
    *(
        "n.a.",
        "n.a",
        "n/a",
        "na",
        "nan",
        "nat",
        "null",
        "none",
        "nil",
        "missing",
        "\\n",
        "<na>",
        "k.a.",
        "k. a.",
        "s.d.",
    ),
    *("n.d.", "nd", "#n/a", "#na", "null!", "#null!", "#div/0!", "#ref!", "#value!", "#name?", "#num!", "#nv", "#nul!"),
    *("#wert!", "#bezug!", "#zahl!", "1.#qnan", "1.#ind", "-1.#ind"),
}
BOOLEANS = {"true", "false", "yes", "no"}
FLAGGED = re.compile(r"[<>≤≥~≈±]\s*(.+?)|(.+?)\s?([^\w\s]+|\(?[^\W\d]{1,3}\)?|\[\w{1,3}\])")
WHOLE = re.compile(r"\D*(\d{16,}|\d{1,3}([,.' ]\d{3}){5,})\D*")
HUGE = re.compile(r"[eE]\+?([3-9]\d|\d{3,})")
NINES = str.maketrans("12345678", "9" * 8)
MAX_SHAPES = 100_000  # of a column; with more, no settings are advised

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
    """

    like: str
    unit: str
    numbers: dict[Marks, float]
    total: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def of(cls, like: str, choices: Iterable[Marks]) -> Shape:
        written = strip_units(like)
        plain = {marks: _standard(like, marks) for marks in choices}
        numbers = {marks: float(text) for marks, text in plain.items() if text is not None and usable(text)}
        return cls(like, written.unit if written else "", numbers)

    @property
    def what(self) -> str:
        """Say what cells are that are a number under no marks."""
        folded = self.like.casefold()
        if INFINITE.fullmatch(self.like):
            return INFINITY
        if folded in BOOLEANS:
            return BOOLEAN
        if folded in MARKERS or not any(one.isalnum() or one == "%" for one in folded):
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
    plain = next(filter(None, (_standard(text, marks) for marks in MARKS)), None)
    if plain is not None:
        return BEYOND if plain.lstrip("+-").isdigit() else LARGE
    beside = FLAGGED.fullmatch(text)
    number = beside and (beside[1] or beside[2])
    return BESIDE if number and is_like_number(number) else OTHER


def is_like_number(text: str) -> bool:
    """Tell whether some marks read a cell."""
    return any(_standard(text, marks) is not None for marks in MARKS)


def _standard(text: str, marks: Marks) -> str | None:
    plain = standard(text, *marks)
    if plain is None and (written := strip_units(text)) is not None:
        return standard(written.number, *marks)
    return plain


def _shape(text: str) -> str:
    """Write 9 for every digit but a 0 in front; what is 0 or may be too large stays as it is."""
    if HUGE.search(text) or WHOLE.fullmatch(text) or not re.search("[1-9]", text):
        return text
    return re.sub(r"(?<=[\d.,])0", "9", text.translate(NINES))


class Survey:
    """All cells of the columns of numbers of one table, by their shapes."""

    def __init__(self, names: Sequence[str], layout: Layout, unit: str = "line") -> None:
        self.names, self.layout, self.unit = names, layout, unit
        self.current: Marks = (layout.decimal, layout.thousands and layout.thousands.translate(SAME))
        self.columns: list[dict[str, Shape]] = [{} for _ in names]
        self.complete = True
        self.missing, self.codes = layout.missing, set(collect_codes(layout))

    def add(self, line: int, cells: Iterable[str]) -> None:
        """Look at the cells of a row, one of each column; those that are missing are left out."""
        for shapes, cell in zip(self.columns, cells):
            text = cell.strip()
            if text in self.missing or (self.codes and float(_standard(text, self.current) or "nan") in self.codes):
                continue
            like = _shape(text)
            if like not in shapes and len(shapes) == MAX_SHAPES:
                self.complete = False
                continue
            shape = shapes.get(like) or shapes.setdefault(like, Shape.of(like, (self.current, *MARKS)))
            shape.total += 1
            if len(shape.shown) < SHOWN:
                shape.shown.append((line, text))

    def refuse(self, file: str) -> Refused:
        """Say what is wrong in each column, by kind, and which settings read all of them."""
        readings = self.readings()
        problems = [said for name, column in zip(self.names, self.columns) if (said := self._say(name, column))]
        if not readings and (odds := self._contradiction()):
            problems.append(odds)
        text = "\n".join(f"{file}: {problem}" for problem in problems)
        return Refused(text, *self.remedies(readings))

    def readings(self, every: bool = False) -> list[Marks]:
        """Return marks that read every cell which is not to mean missing, one pair for each way to read them.

        The current marks are the only ones if they do, unless `every` way is asked for.
        """
        mixed = any(_has_several_units(column.values()) for column in self.columns)
        numbers = [shape for shape in self._shapes() if shape.numbers or shape.what not in MISSING]
        if mixed or not self.complete or not self._may_miss():
            return []
        fitting = [marks for marks in (self.current, *MARKS) if all(marks in shape.numbers for shape in numbers)]
        if self.layout.na is None:  # neither setting exists
            fitting = [marks for marks in fitting if marks[1] is None]
        if self.current in fitting and not every:
            return [self.current]
        found: dict[tuple[float, ...], Marks] = {}
        for marks in fitting:
            found.setdefault(tuple(shape.numbers[marks] for shape in numbers), marks)
        return list(found.values())

    def remedies(self, readings: list[Marks]) -> list[Remedy]:
        """Return the settings of each reading."""
        return [self._remedy(marks, readings) for marks in readings]

    def _shapes(self) -> list[Shape]:
        return [shape for column in self.columns for shape in column.values()]

    def _gone(self) -> list[Shape]:
        """Return the cells that would have to mean missing."""
        return [shape for shape in self._shapes() if not shape.numbers and shape.what in MISSING]

    def _may_miss(self) -> bool:
        """Tell whether data.na can be set, and leaves more than half of each column."""
        for column in self.columns:
            gone = sum(shape.total for shape in column.values() if not shape.numbers)
            if gone and (self.layout.na is None or 2 * gone >= sum(shape.total for shape in column.values())):
                return False
        return True

    def _remedy(self, marks: Marks, readings: list[Marks]) -> Remedy:
        keys = zip(("decimal", "thousands"), marks, self.current)
        settings: dict[str, object] = {key: new for key, new, old in keys if new != old}
        if len(readings) > 1 and not settings:
            settings = {"decimal": marks[0]}
        meaning = [self._example(marks, readings)] if settings else []
        if gone := self._gone():
            settings["na"] = [*(self.layout.na or ()), *dict.fromkeys(shape.like for shape in gone)]
            dashes = " and not 0" if any(not shape.like.strip("-\u2013\u2014\u2212$€£ ") for shape in gone) else ""
            words = ": correct the file if that is not meant" if any(shape.what == WORD for shape in gone) else ""
            meaning.append(f"{count(sum(shape.total for shape in gone), 'cell')} missing{dashes}{words}")
        return Remedy(settings, "; ".join(meaning))

    def _example(self, marks: Marks, readings: list[Marks]) -> str:
        """Say what a cell is under some marks; one that tells the readings apart."""
        shapes = [shape for shape in self._shapes() if marks in shape.numbers]
        telling = [shape for shape in shapes if len({shape.numbers[one] for one in readings}) > 1]
        others = [shape for shape in shapes if self.current not in shape.numbers]
        text = (telling or others or shapes)[0].shown[0][1]
        return f'"{text}" is {float(_standard(text, marks) or "nan"):.15g}'

    def _say(self, name: str, column: dict[str, Shape]) -> str:
        """Say which cells of a column are no usable numbers, by kind; nothing if there are none."""
        kinds: dict[str, list[Shape]] = {}
        for shape in column.values():
            if self.current not in shape.numbers:
                kinds.setdefault(shape.marks if shape.numbers else shape.what, []).append(shape)
        if not kinds:
            return self._say_units(name, column)
        total = sum(shape.total for shapes in kinds.values() for shape in shapes)
        are = "1 cell is not a usable number" if total == 1 else f"{total:,} cells are not usable numbers"
        each = [f"({self._cite(shapes)}): {kind}" for kind, shapes in kinds.items()]
        if len(each) > 1:
            each = [f"{sum(shape.total for shape in kinds[kind]):,} {said}" for kind, said in zip(kinds, each)]
        return f'column "{name}": {are}{":" if len(each) > 1 else ""} {"; ".join(each)}'

    def _say_units(self, name: str, column: dict[str, Shape]) -> str:
        if not _has_several_units(column.values()):
            return ""
        units: dict[str, list[Shape]] = {}
        for shape in column.values():
            units.setdefault(f'"{shape.unit}"' if shape.unit else "no unit", []).append(shape)
        each = [f"{unit} ({self._cite(shapes)})" for unit, shapes in units.items()]
        return f'column "{name}" has several units: {", ".join(each)}. Write all of its cells in one'

    def _contradiction(self) -> str:
        """Say which cells no marks read together."""
        found: dict[str, str] = {}
        for name, column in zip(self.names, self.columns):
            for shape in column.values():
                if len(set(shape.numbers.values())) == 1 and shape.marks:
                    found.setdefault(shape.marks, f'{shape.marks} in column "{name}" ({self._cite([shape])})')
        together = any(all(marks in one.numbers for one in self._shapes() if one.numbers) for marks in MARKS)
        return "" if together else f"no marks read all cells: {', '.join(found.values())}. Write all of them alike"

    def _cite(self, shapes: list[Shape]) -> str:
        cells = sorted(one for shape in shapes for one in shape.shown)[:SHOWN]
        total = sum(shape.total for shape in shapes)
        return cite(self.unit, [f'{line} "{text[:40]}"' for line, text in cells], total)


def _has_several_units(column: Iterable[Shape]) -> bool:
    numbers = [shape for shape in column if shape.numbers]
    units = {shape.unit for shape in numbers if shape.unit}
    return has_several_units(units, any(not shape.unit and any(shape.numbers.values()) for shape in numbers))
