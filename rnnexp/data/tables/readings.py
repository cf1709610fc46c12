"""The second look at columns of numbers that are refused: all their cells, and the settings which read all of these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import SAME, collect_codes, has_several_units, standard
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.data.tables.spelling import (
    BESIDE,
    CODES,
    INFINITY,
    MARKER,
    MARKS,
    MAX_TEXTS,
    MISSING,
    WORD,
    Marks,
    Shape,
    reduce_digits,
    standardize,
)
from rnnexp.errors import count

THIRDS = "every point stands before three digits, where thousands have theirs"
MAX_SHAPES = 100_000  # of a column; with more, no settings are advised


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
            if text in self.missing or (self.codes and float(standardize(text, self.current) or "nan") in self.codes):
                continue
            like = reduce_digits(text)
            if like not in shapes and len(shapes) == MAX_SHAPES:
                self.complete = False
                continue
            shape = shapes.get(like) or shapes.setdefault(like, Shape.of(like, (self.current, *MARKS)))
            shape.add(line, text)

    def refuse(self, file: str) -> Refused | None:
        """Say what is wrong in each column, by kind, and which settings read all of them; None if nothing is."""
        readings = self.readings()
        problems = [said for name, column in zip(self.names, self.columns) if (said := self._say(name, column))]
        if not readings and (odds := self._contradiction()):
            problems.append(odds)
        if not problems and len(readings) > 1:
            problems.append(THIRDS)
        if not problems:
            return None
        text = "\n".join(f"{file}: {problem}" for problem in problems)
        return Refused(text, *(self._unit_remedies() or self.remedies(readings)))

    def readings(self, every: bool = False) -> list[Marks]:
        """Return marks that read every cell which is not to mean missing, one pair for each way to read them.

        The current marks are the only ones if they do, unless `every` way is asked for, or cells are not plain.
        """
        mixed = any(_has_several_units(column.values()) for column in self.columns)
        if mixed or not self.complete or not self._may_miss():
            return []
        fitting, numbers = self.fitting(), self._numbers()
        if self.current in fitting and not every and not self._is_open():
            return [self.current]
        found: dict[tuple[float, ...], Marks] = {}
        for marks in fitting:
            found.setdefault(tuple(shape.numbers[marks] for shape in numbers), marks)
        return list(found.values())

    def fitting(self) -> list[Marks]:
        """Return the marks under which every cell that is not to mean missing is a number."""
        numbers = self._numbers()
        fitting = [marks for marks in (self.current, *MARKS) if all(marks in shape.numbers for shape in numbers)]
        if self.layout.na is None:  # neither setting exists
            fitting = [marks for marks in fitting if marks[1] is None]
        return fitting

    def _numbers(self) -> list[Shape]:
        return [shape for shape in self._shapes() if shape.numbers or not self._is_settable(shape)]

    def remedies(self, readings: list[Marks]) -> list[Remedy]:
        """Return the settings of each reading: rows of what is another number or none may be left out, too."""
        choices = (True, False) if any(shape.what == BESIDE for shape in self._gone()) else (False,)
        return [self._remedy(marks, readings, leave_out) for marks in readings for leave_out in choices]

    def _unit_remedies(self) -> list[Remedy]:
        """Take numbers without the unit of all others for missing where programs write these for it: -999."""
        mixed = [column.values() for column in self.columns if _has_several_units(column.values())]
        plain = [shape for column in mixed for shape in column if not shape.unit and any(shape.numbers.values())]
        texts = _list_texts(plain)
        numbers = [float(standardize(text, self.current) or 0) for text in texts]
        if not numbers or self.layout.na is None or not set(numbers) <= set(CODES):
            return []
        cells = sum(shape.total for shape in plain)
        meaning = f"{count(cells, 'cell')} missing, which alone {'has' if cells == 1 else 'have'} no unit"
        return [Remedy({"na": [*self.layout.na, *texts]}, meaning)]

    def _shapes(self) -> list[Shape]:
        return [shape for column in self.columns for shape in column.values()]

    def _gone(self) -> list[Shape]:
        """Return the cells that would have to mean missing, or their rows to be left out."""
        return [shape for shape in self._shapes() if not shape.numbers and self._is_settable(shape)]

    def _is_settable(self, shape: Shape) -> bool:
        return shape.what in MISSING or (shape.what == BESIDE and self.unit == "line")

    def _is_open(self) -> bool:
        """Tell whether cells are not plain, and nobody has said what their marks are."""
        dressed = any(standard(shape.like) is None and self.current in shape.numbers for shape in self._shapes())
        return dressed and self.current == (".", None)

    def _may_miss(self) -> bool:
        """Tell whether data.na can be set, to few texts, and no column is mostly words."""
        for column in self.columns:
            gone = [shape for shape in column.values() if not shape.numbers]
            if gone and (self.layout.na is None or len(gone) == len(column)):
                return False
            words = sum(shape.total for shape in gone if shape.what not in (MARKER, INFINITY))
            if words and 2 * words >= sum(shape.total for shape in column.values()):
                return False
        return sum(len(shape.texts) for shape in self._gone()) <= MAX_TEXTS

    def _remedy(self, marks: Marks, readings: list[Marks], leave_out: bool) -> Remedy:
        keys = zip(("decimal", "thousands"), marks, self.current)
        settings: dict[str, object] = {key: new for key, new, old in keys if new != old}
        if len(readings) > 1 and not settings:
            settings = {"thousands": ","} if self._is_open() else {"decimal": "."}
        meaning = [self._example(marks, readings)] if settings else []
        rows = [shape for shape in self._gone() if leave_out and shape.what == BESIDE]
        if rows:
            settings["skip_rows"] = [*self.layout.skip_rows, *_list_texts(rows)]
            meaning.append(f"{count(sum(shape.total for shape in rows), 'row')} left out")
        if gone := [shape for shape in self._gone() if shape not in rows]:
            settings["na"] = [*(self.layout.na or ()), *_list_texts(gone)]
            meaning.append(_say_missing(gone))
        return Remedy(settings, "; ".join(meaning))

    def _example(self, marks: Marks, readings: list[Marks]) -> str:
        """Say what a cell is under some marks; one that tells the readings apart."""
        shapes = [shape for shape in self._shapes() if marks in shape.numbers]
        telling = [shape for shape in shapes if len({shape.numbers[one] for one in readings}) > 1]
        others = [shape for shape in shapes if self.current not in shape.numbers]
        text = (telling or others or shapes)[0].shown[0][1]
        return f'"{text}" is {float(standardize(text, marks) or "nan"):.15g}'

    def _say(self, name: str, column: dict[str, Shape]) -> str:
        """Say which cells of a column are no usable numbers, by kind; nothing if there are none."""
        kinds: dict[str, list[Shape]] = {}
        for shape in column.values():
            if self.current not in shape.numbers:
                kinds.setdefault(shape.marks if shape.numbers else shape.what, []).append(shape)
        mixed = self._say_units(name, column)
        if not kinds:
            return mixed
        total = sum(shape.total for shapes in kinds.values() for shape in shapes)
        are = "1 cell is not a usable number" if total == 1 else f"{total:,} cells are not usable numbers"
        each = [f"({self._cite(shapes)}): {kind}" for kind, shapes in kinds.items()]
        if len(each) > 1:
            each = [f"{sum(shape.total for shape in kinds[kind]):,} {said}" for kind, said in zip(kinds, each)]
        return f'column "{name}": {are}{":" if len(each) > 1 else ""} {"; ".join(each)}{mixed and ". The " + mixed}'

    def _say_units(self, name: str, column: dict[str, Shape]) -> str:
        if not _has_several_units(column.values()):
            return ""
        units: dict[str, list[Shape]] = {}
        for shape in column.values():
            if shape.numbers:
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


def _list_texts(shapes: list[Shape]) -> list[str]:
    return list(dict.fromkeys(text for shape in shapes for text in shape.texts))


def _say_missing(gone: list[Shape]) -> str:
    """Say what it means that cells are missing."""
    dashes = " and not 0" if any(not shape.like.strip("-\u2013\u2014\u2212$€£ ") for shape in gone) else ""
    words = ": correct the file if that is not meant" if any(shape.what == WORD for shape in gone) else ""
    return f"{count(sum(shape.total for shape in gone), 'cell')} missing{dashes}{words}"
