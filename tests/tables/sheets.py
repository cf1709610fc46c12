"""What stands around the rows of a table, and how the whole is put into a file."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import random
from dataclasses import dataclass, field, replace

BIG_ENDIAN = "utf-16-be"  # with a byte-order mark


@dataclass(frozen=True)
class Sheet:
    """Lines of cells, and what is written above and below them.

    above, below: lines as they are, without an end;  after: records just below the header (units)
    kinds:        names for reports;  asks: why a question is right, if it is
    """

    header: list[str] | None
    rows: list[list[str]]
    separator: str = ","
    above: list[str] = field(default_factory=list)
    after: list[list[str]] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    quoting: int = csv.QUOTE_MINIMAL
    end: str = "\n"
    encoding: str = "utf-8"
    packed: bool = False
    kinds: tuple[str, ...] = ()

    def told(self, *kinds: str) -> Sheet:
        return replace(self, kinds=(*self.kinds, *kinds))

    @property
    def text(self) -> str:
        records = [] if self.header is None else [self.header]
        lines = [self._line(cells) for cells in (*records, *self.after, *self.rows)]
        return self.end.join([*self.above, *lines, *self.below]) + self.end

    def _line(self, cells: list[str]) -> str:
        if not cells:
            return ""
        out = io.StringIO()
        csv.writer(out, delimiter=self.separator, quoting=self.quoting, lineterminator="").writerow(cells)
        return out.getvalue()

    @property
    def content(self) -> bytes:
        if self.encoding == BIG_ENDIAN:
            written = codecs.BOM_UTF16_BE + self.text.encode(self.encoding)
        else:
            written = self.text.encode(self.encoding)
        return gzip.compress(written, mtime=0) if self.packed else written


TITLES = (
    "Hourly temperature of station 7",
    "Report 2021",
    "Sales by shop, all of them",
    "Export of 2024-03-01 12:30",
    "Zeitreihe; Quelle: Amt",
    '"Monthly figures"',
)
BLOCK = (
    *(("Station", "Bremen 7"), ("Latitude", "53.05"), ("Longitude", "8.80"), ("Elevation", "12"), ("Source", "Office")),
    *(("Created", "2024-03-01"), ("Unit", "MW"), ("Version", "1.2"), ("Contact", "office@example.org")),
)
FOOTERS = (
    "Source: Statistical Office",
    "* provisional",
    "© Office 2024, all rights reserved",
    "Note: figures are rounded",
    "End of file",
)
UNITS = ("°C", "%", "mm", "MW", "[kWh]", "EUR", "m/s", "count", "1000 t")


def title(dice: random.Random, sheet: Sheet) -> Sheet:
    lines = dice.sample(TITLES, dice.choice((1, 1, 2)))
    blank = [""] * dice.choice((0, 1, 1, 2))
    padded = dice.random() < 0.25
    if padded:  # a spreadsheet writes as many separators everywhere
        more = sheet.separator * (len(sheet.rows[0]) - 1)
        lines = [f'"{line.strip(chr(34))}"{more}' for line in lines]
        blank = [more] * len(blank)
    return replace(sheet, above=[*lines, *blank]).told("title, padded" if padded else "title")


def metadata(dice: random.Random, sheet: Sheet) -> Sheet:
    pairs = dice.sample(BLOCK, dice.randint(2, 7))
    mark = dice.choice((": ", sheet.separator, sheet.separator, "="))
    lines = [f"{key}{mark}{value}" for key, value in pairs]
    blank = dice.random() < 0.6
    name = {": ": "colon", "=": "equals"}.get(mark, "separator")
    kind = f"metadata, {name}{', blank line' if blank else ''}"
    return replace(sheet, above=[*lines, *([""] if blank else [])]).told(kind)


def commented(dice: random.Random, sheet: Sheet) -> Sheet:
    mark = dice.choice(("#", "# ", "%", "//"))
    lines = [mark + line.strip('"') for line in dice.sample(TITLES, dice.choice((1, 3)))]
    return replace(sheet, above=lines).told(f"comments {mark.strip()}")


def units(dice: random.Random, sheet: Sheet) -> Sheet:
    if sheet.header is None:
        return sheet
    width = len(sheet.header)
    first = dice.choice(("", "", "UTC", "[-]", "TS", "yyyy-mm-dd"))
    lines = [[first, *(dice.choice(UNITS) for _ in range(width - 1))]]
    if dice.random() < 0.3:
        lines.append(["", *(dice.choice(("Avg", "Smp", "Tot")) for _ in range(width - 1))])
    return replace(sheet, after=lines).told("units and aggregation" if len(lines) > 1 else "units")


def logger(dice: random.Random, sheet: Sheet) -> Sheet:
    """Write the four lines of a logger of Campbell Scientific."""
    if sheet.header is None:
        return sheet
    width = len(sheet.header)
    about = '"TOA5","St7","CR1000","123","CR1000.Std.01","CPU:prog.CR1","555","Hourly"'
    after = [["TS", *(dice.choice(UNITS) for _ in range(width - 1))], ["", *("Avg" for _ in range(width - 1))]]
    return replace(sheet, above=[about.replace(",", sheet.separator)], after=after, quoting=csv.QUOTE_ALL).told("TOA5")


def separator_line(dice: random.Random, sheet: Sheet) -> Sheet:
    return replace(sheet, above=[f"sep={sheet.separator}", *sheet.above]).told("sep=")


def totals(dice: random.Random, sheet: Sheet) -> Sheet:
    word = dice.choice(("Total", "Sum", "TOTAL", "Average", "Summe", "Mean", "Grand total"))
    last = next(cells for cells in reversed(sheet.rows) if cells)
    return replace(sheet, below=[sheet._line([word, *("" for _ in last[1:-1]), last[-1]])]).told(f"totals: {word}")


def subtotals(dice: random.Random, sheet: Sheet) -> Sheet:
    """Sum up now and then between the rows."""
    word = dice.choice(("Subtotal", "Total", "Sum"))
    rows: list[list[str]] = []
    for number, cells in enumerate(sheet.rows, 1):
        rows.append(cells)
        if number % 24 == 0 and number < len(sheet.rows):
            rows.append([word, *("" for _ in cells[1:-1]), cells[-1]])
    return replace(sheet, rows=rows).told("subtotals")


def header_again(dice: random.Random, sheet: Sheet) -> Sheet:
    """Put one export behind another, each with its header."""
    if sheet.header is None:
        return sheet
    place = len(sheet.rows) // 2
    return replace(sheet, rows=[*sheet.rows[:place], sheet.header, *sheet.rows[place:]]).told("header again")


def trailing(dice: random.Random, sheet: Sheet) -> Sheet:
    """Write a separator at the end of every line, or of all but the header."""
    everywhere = dice.random() < 0.6
    more = [""] * dice.choice((1, 1, 3))
    header = [*sheet.header, *more] if everywhere and sheet.header is not None else sheet.header
    name = "trailing separator" if len(more) == 1 else "trailing separators"
    told = sheet.told(name if everywhere else f"{name}, rows only")
    return replace(told, header=header, rows=[[*cells, *more] for cells in sheet.rows])


def narrow_header(dice: random.Random, sheet: Sheet) -> Sheet:
    """Number the rows in a first column that has no name, or is not in the header at all, as R does."""
    if sheet.header is None:
        return sheet
    rows = [[str(row), *cells] if cells else [] for row, cells in enumerate(sheet.rows, 1)]
    if dice.random() < 0.5:
        return replace(sheet.told("rows numbered, no name"), header=["", *sheet.header], rows=rows)
    return replace(sheet.told("header without row numbers"), rows=rows)


def wide_header(dice: random.Random, sheet: Sheet) -> Sheet:
    """Name more columns than the rows have."""
    if sheet.header is None:
        return sheet
    return replace(sheet.told("header too wide"), header=[*sheet.header, *("note", "flag")[: dice.choice((1, 2))]])


def empty_rows(dice: random.Random, sheet: Sheet) -> Sheet:
    """Put rows of empty cells, or blank lines, between the others or at the end."""
    cells = dice.choice(([], [""] * len(sheet.rows[0])))
    if len(sheet.rows[0]) == 1:
        cells = []
    if dice.random() < 0.2:
        return replace(sheet, above=[sheet._line(cells)] * dice.choice((1, 2))).told("empty rows above")
    where = dice.choice((len(sheet.rows), dice.randrange(2, len(sheet.rows))))
    rows = [*sheet.rows[:where], *([cells] * dice.choice((1, 3))), *sheet.rows[where:]]
    place = "at the end" if where == len(sheet.rows) else "between"
    return replace(sheet, rows=rows).told(f"{'rows of empty cells' if cells else 'blank lines'} {place}")


def footer(dice: random.Random, sheet: Sheet) -> Sheet:
    lines = dice.sample(FOOTERS, dice.choice((1, 1, 2)))
    return replace(sheet, below=[*[""] * dice.choice((0, 1)), *lines]).told("footer")


def no_header(dice: random.Random, sheet: Sheet) -> Sheet:
    return replace(sheet, header=None).told("no header")


AROUND = (
    *(title, title, metadata, commented, units, logger, separator_line, totals, trailing, narrow_header),
    *(wide_header, empty_rows, footer, no_header, subtotals, header_again),
)
