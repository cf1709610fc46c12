"""The outline of a whole text file: which of its lines are rows of a table, and which are something else.

Like the detectors of DuckDB and CleverCSV it asks of each separator how many records it cuts alike, and what the cells
then look like; unlike them it looks at every line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnexp.data.tables.dialect import (
    DATED,
    SEPARATORS,
    Opening,
    is_date_in_words,
    measure_width,
    resolve_separator,
    sniff,
)
from rnnexp.data.tables.files import opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.records import WHITESPACE, Lines, Record, is_skipped, records
from rnnexp.data.tables.spelling import is_like_number, is_marker
from rnnexp.errors import DataError

EMPTY, MISSING, NUMBER, TEXT = "emnt"
OF_UNITS = frozenset("°€$£¥‰[(<{")
DIGITS = re.compile(r"[+-]?[0-9][0-9.,:/ -]*")
TOTAL = re.compile(
    r"(grand|sub|sous|report|overall|year|annual)?[-\s]*(total|totals|totale|totaal|totalt|sum|sums|summe|gesamt|gesamtsumme|"
    r"insgesamt|somme|soma|suma|averages?|mittelwert|durchschnitt|moyenne|promedio|gemiddelde|合计|总计|合計|小計|小计|総計|"
    r"平均|итого|всего|среднее|합계|총계|평균)(\W.*)?",
    re.IGNORECASE,
)
SUMMARY = re.compile(
    r"(avg|mean|median|media|medel|min|max|minimum|maximum|std|stdev|count|anzahl)\.?:?", re.IGNORECASE
)
UNIT = re.compile(
    r"[\[(<{].*[\])>}]|(?!\W*\d).*[%°²³/$€£µ].*|-+|(deg|degrees?)\W?\w*|:?-+:?|[kmcdMGhn]?(m|g|Pa|W|Wh|V|A|Hz|l|L|s|bar|J|N|t)|mbar|in|ft|"
    r"mph|kts|psi|[CFK]|TS|RN|avg|smp|mean|min|max|tot|std|sum|count|sample|average|units?|none|n/?a|unitless|"
    r"\d+ ?[a-zA-Z]{1,3}|string|text|float\d*|double|int(eger)?\d*|number|numeric|date(time)?\d*|timestamp|bool(ean)?|"
    r"[YMDHhmsAPyd\W]{4,}|USD|EUR|GBP|CNY|JPY|count|pcs|persons?|hours?|days?|index",
    re.IGNORECASE,
)
PLAIN = re.compile(r"[-+]?\d[\d\s.,:/+TZ-]*")  # most numbers and dates, told quickly
MARKS = (" ", *(one for one in SEPARATORS if one != WHITESPACE))
SAMPLE_STEP = 37
MAX_ABOVE = 8  # lines above the first row, of which some may be units
MAX_ODD = 20_000


def is_summary(text: str) -> bool:
    """Tell whether what stands where a date should be names a summary of other rows."""
    return bool(TOTAL.fullmatch(text) or SUMMARY.fullmatch(text))


def is_unit_row(cells: Sequence[str]) -> bool:
    """Tell whether most cells of a row above the others are units, or names of aggregations."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return 2 * sum(bool(UNIT.fullmatch(cell)) for cell in filled) >= len(filled)


def tell_kind(cell: str, missing: frozenset[str]) -> str:
    """Tell whether a cell is empty, marks a missing value, is a number or a date in a wide sense, or words."""
    text = cell.strip()
    if not text:
        return EMPTY
    if text in missing or (is_marker(text) and OF_UNITS.isdisjoint(text)):
        return MISSING
    if DIGITS.fullmatch(text):  # as most cells are
        return NUMBER
    if {";", "|", "\t", '"'} & set(text):  # several cells of another separator, or half of one in quotes
        return TEXT
    first = next((letter for letter in text if letter.isalnum()), "x")
    digits = sum(letter.isdigit() for letter in text)
    letters = sum(letter.isalpha() for letter in text)
    if first.isdigit() and letters <= max(digits, 3):
        return NUMBER
    return NUMBER if is_date_in_words(text) or is_like_number(text) else TEXT


@dataclass(frozen=True)
class Odd:
    """A record that is no row.

    kinds: a letter for each cell;  before, since: how many rows come before it, and the line on which the last one ends
    """

    line: int
    end: int
    cells: tuple[str, ...]
    kinds: str
    before: int
    since: int

    @property
    def text(self) -> str:
        return ", ".join(cell.strip() for cell in self.cells if cell.strip())

    @property
    def names(self) -> list[str]:
        return [cell.strip("\ufeff \t\xa0").lower() for cell in self.cells]

    @property
    def width(self) -> int:
        return measure_width(self.cells)

    @property
    def is_words(self) -> bool:
        return TEXT in self.kinds

    def repeats(self, header: Odd) -> bool:
        """Tell whether it holds the names of a header again, all or several of them."""
        names = [name for name in self.names if name]
        return self.names == header.names or (len(names) > 1 and set(names) <= set(header.names))


@dataclass(frozen=True)
class Outline:
    """A table within its file.

    typed: columns of numbers and dates;  first, last: lines of the rows;  counted: the first column numbers the rows
    """

    separator: str
    width: int
    typed: tuple[int, ...]
    odd: tuple[Odd, ...]
    rows: int
    first: int
    last: int
    lines: int
    first_cells: tuple[str, ...]
    counted: bool

    @property
    def above(self) -> list[Odd]:
        return [odd for odd in self.odd if odd.before == 0]

    @property
    def below(self) -> list[Odd]:
        return [odd for odd in self.odd if odd.before == self.rows]

    @property
    def within(self) -> list[Odd]:
        return [odd for odd in self.odd if 0 < odd.before < self.rows]

    def fits(self, cells: Sequence[str]) -> bool:
        return measure_width(cells) <= self.width <= len(cells)

    def numbers_in(self, odd: Odd) -> int:
        return sum(odd.kinds[index] == NUMBER for index in self.typed if index < len(odd.kinds))


def draw_outline(file: Path, layout: Layout) -> Outline | None:
    """Find the table in a file; None if it holds none, or cannot be cut into records."""
    try:
        opening = Opening.of(file, layout)
        given, usual = resolve_separator(layout) or opening.declared, sniff(opening)
        tried = [given] if given else _find_frequent(file, layout)
        found = [cut for one in tried if (cut := _measure(file, layout, one))]
        best = max(found, key=lambda cut: cut.score * (1.02 if cut.separator == usual else 1.0), default=None)
        outline = None if best is None else _sort_out(file, layout, best)
        return outline if outline and outline.rows else None
    except DataError:
        return None


@dataclass(frozen=True)
class _Cut:
    """What a separator makes of a file."""

    separator: str
    width: int
    typed: tuple[int, ...]
    score: float


def _find_frequent(file: Path, layout: Layout) -> list[str]:
    """Return the separators that stand in a third of the lines; all, if none does."""
    times: Counter[str] = Counter()
    with opened(file, layout.encoding) as stream:
        lines = 0
        for line in Lines(stream, file, layout.comment, layout.skip_lines, layout.skip_footer):
            lines += not line.isspace()
            times.update(mark for mark in MARKS if mark in line)
    found = {mark for mark, number in times.items() if 3 * number >= lines}
    return [one for one in SEPARATORS if one in found or (one == WHITESPACE and found & {" ", "\t"})] or list(
        SEPARATORS
    )


def _measure(file: Path, layout: Layout, separator: str) -> _Cut | None:
    """Count the records that have the commonest width, and look at the cells of a fair sample of them."""
    widths: Counter[int] = Counter()
    sample: list[list[str]] = []
    number = 0
    try:
        for number, (_, cells) in enumerate(_filled(file, layout, separator), 1):
            filled = measure_width(cells)
            widths.update(range(filled, len(cells) + 1))
            if number <= 500 or number % SAMPLE_STEP == 0:
                sample.append(cells)
    except DataError:
        return None
    width = max(widths, key=lambda one: (widths[one], -one), default=0)
    kinds = [
        [tell_kind(cell, layout.missing) for cell in cells[:width]]
        for cells in sample
        if measure_width(cells) <= width <= len(cells)
    ]
    rows = [row for row in kinds if NUMBER in row]
    typed = tuple(index for index in range(width) if _is_typed([row[index] for row in rows]))
    if not typed:
        return None
    clean = sum(all(row[index] != TEXT for index in typed) for row in rows) / len(rows)
    fit = widths[width] / number
    single = width == 1 or fit < 0.5
    weight = 0.001 if single else 0.95 if separator == WHITESPACE else 1.0  # blanks stand within names and dates, too
    return _Cut(separator, width, typed, weight * fit * clean * (0.9 + 0.1 * len(typed) / width))


def _is_typed(kinds: list[str]) -> bool:
    present = [kind for kind in kinds if kind not in (EMPTY, MISSING)]
    few = 1 if len(kinds) > 5 else 0  # one number may be a title's
    return present.count(NUMBER) > few and present.count(NUMBER) >= 0.7 * len(present)


def _filled(file: Path, layout: Layout, separator: str) -> Iterator[Record]:
    """Yield the records that are not blank, and that the settings do not leave out."""
    with opened(file, layout.encoding) as stream:
        lines = Lines(stream, file, layout.comment, layout.skip_lines, layout.skip_footer)
        yield from (record for record, _ in _with_ends(lines, layout, separator))


def _with_ends(lines: Lines, layout: Layout, separator: str) -> Iterator[tuple[Record, int]]:
    for record in records(lines, separator):
        if (record[1] and PLAIN.match(record[1][0])) or any(map(str.strip, record[1])):
            if record[0] in layout.skip_rows:
                continue
            yield record, lines.number


def _sort_out(file: Path, layout: Layout, cut: _Cut) -> Outline | None:
    """Go through the file again, and keep what is not a row."""
    odd: list[Odd] = []
    rows = first = last = 0
    counted, skip = True, frozenset(layout.skip_rows)
    first_cells: tuple[str, ...] = ()
    with opened(file, layout.encoding) as stream:
        lines = Lines(stream, file, layout.comment, layout.skip_lines, layout.skip_footer)
        for (line, cells), end in _with_ends(lines, layout, cut.separator):
            if rows and skip and is_skipped(skip, line, cells):
                continue
            plain = 0 in cut.typed and len(cells) == cut.width and all(PLAIN.fullmatch(cells[i]) for i in cut.typed)
            kinds = "" if plain else "".join(tell_kind(cell, layout.missing) for cell in cells)
            if plain or _is_row(cells, kinds, cut, above=not rows and len(odd) < MAX_ABOVE):
                rows, first, last, first_cells = rows + 1, first or line, end, first_cells or tuple(cells)
                counted = counted and cells[0].strip() in (str(rows), str(rows - 1))
                continue
            if line == 1 and layout.skip_lines == 0 and cells[0].lower().lstrip('"').startswith("sep="):
                continue
            odd.append(Odd(line, end, tuple(cells), kinds, rows, last))
            if len(odd) > MAX_ODD:
                return None
        total = lines.number
    return Outline(cut.separator, cut.width, cut.typed, tuple(odd), rows, first, last, total, first_cells, counted)


def _is_row(cells: list[str], kinds: str, cut: _Cut, above: bool) -> bool:
    """Tell a row from what is something else, more strictly above the first one."""
    if not measure_width(cells) <= cut.width <= len(cells):
        return False
    if above and all(UNIT.fullmatch(cell.strip()) for cell in cells if cell.strip()):
        return False
    own = [kinds[index] for index in cut.typed]
    total = kinds[0] == TEXT and TOTAL.fullmatch(cells[0].strip()) and not any(map(DATED.match, cells))
    if not above and _is_empty_row(kinds, cut):
        return not total
    return TEXT not in own and set(own) != {EMPTY} and not total


def _is_empty_row(kinds: str, cut: _Cut) -> bool:
    """Tell a row without numbers and dates, which has words only where others have them."""
    return len(kinds) >= cut.width and all(kinds[index] == EMPTY for index in cut.typed)
