"""What stands above the rows of a table: titles, the header, and units below it; and how findings are told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rnnexp.data.tables.dialect import DATE_NAME, DATES, join_cells, looks_like_data, measure_width, name_first
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.outline import Odd, Outline, is_unit_row
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.records import is_skipped
from rnnexp.errors import count

# "Source: Office", of which no column is called, and what loggers of Campbell Scientific begin with.
REMARK = re.compile(r"[^\W\d][^:]*: +\S.*|TO(A5|B1|B3|ACI1)")


@dataclass
class Findings:
    """What is no row: in words, and as settings that leave it out.

    lines:   those of the rows that `skip_rows` leaves out
    choices: readings of which one must be meant, each with what it says
    """

    said: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    lines: set[int] = field(default_factory=set)
    choices: list[tuple[str, Findings]] = field(default_factory=list)

    def __add__(self, other: Findings) -> Findings:
        rows = [*self.settings.get("skip_rows", []), *other.settings.get("skip_rows", [])]
        settings = self.settings | other.settings | ({"skip_rows": rows} if rows else {})
        return Findings([*self.said, *other.said], settings, self.lines | other.lines)

    def tell(self, rows: Sequence[Odd], one: str, many: str) -> None:
        """Say what rows are: where they lie, and how the first of them read."""
        quoted = ", ".join(f'"{row.text[:60]}"' for row in rows[:2]) + (", ..." if len(rows) > 2 else "")
        self.said.append(f"{cite_lines(rows)} {one if len(rows) == 1 else many} ({quoted})")

    def leave_out(self, rows: Sequence[Odd], words: Sequence[str] = ()) -> None:
        """Leave out rows, by what stands in them if they are told by words, else by their lines."""
        self.lines |= {row.line for row in rows}
        self.settings.setdefault("skip_rows", []).extend(words if words else [row.line for row in rows])


def look_above(outline: Outline, layout: Layout, findings: Findings) -> None:
    """Find the header among what comes before the first row; above it are titles, below it units."""
    above = outline.above
    if not layout.header:
        if above and not all(outline.fits(odd.cells) for odd in above):  # else they may be rows, as the settings say
            _leave_out_titles(above, outline.first, findings)
        return
    if _refuse_halves(outline, findings):
        return
    headers = _headers(outline)
    if not headers:
        _without_header(outline, above, findings)
        return
    if len(headers) > 1:
        findings.said.append(f"{cite_lines(headers)} may each be the header")
        for header in headers:
            choice = Findings()
            _settle_header(header, outline, layout, choice)
            findings.choices.append((f'the header is "{header.text[:60]}"', choice))
        return
    _settle_header(headers[0], outline, layout, findings)


def _headers(outline: Outline) -> list[Odd]:
    """Return the records that may be the header: next to each other, just above the rows, with a name in each cell."""
    block: list[Odd] = []
    for odd in reversed(outline.above):
        named = sum(bool(cell.strip()) for cell in odd.cells)
        wide = _names_all(odd, outline) or (outline.width - 1 <= odd.width and named >= max(1, odd.width - 1))
        above_units = block and any(_names_date(odd, index) for index in outline.typed)
        flawed = bool(outline.numbers_in(odd)) and not is_unit_row(odd.cells) and not above_units
        if flawed and not block and outline.fits(odd.cells):
            continue
        if flawed or (block and odd.end + 1 != block[0].line):
            break
        if wide and (outline.width == 1 or named > 1):
            block.insert(0, odd)
        elif block:
            break
    if not block and len(outline.above) == 1 and outline.above[0].width == outline.width:
        return outline.above
    block = [odd for odd in block if not any(REMARK.fullmatch(cell.strip()) for cell in odd.cells)] or block
    if any(odd.width <= outline.width and not is_unit_row(odd.cells) for odd in block):
        block = [odd for odd in block if odd.width <= outline.width]
    dated = [odd for odd in block if any(_names_date(odd, index) for index in outline.typed)] or block
    exact = [odd for odd in dated if odd.width == outline.width or _names_all(odd, outline)] or dated
    block = [odd for odd in exact if len(set(odd.cells[: odd.width])) == odd.width] or exact
    units = [odd for odd in block[1:] if is_unit_row(odd.cells)]
    return block[:1] if len(units) == len(block) - 1 else block


def _names_all(odd: Odd, outline: Outline) -> bool:
    """Tell a record with a name for each column that holds anything typed, the first among them."""
    return 0 in outline.typed and all(any(map(str.strip, odd.cells[index : index + 1])) for index in outline.typed)


def _names_date(odd: Odd, index: int) -> bool:
    return index < len(odd.cells) and bool(DATE_NAME.fullmatch(odd.cells[index].strip()))


def _settle_header(header: Odd, outline: Outline, layout: Layout, findings: Findings) -> None:
    above = outline.above
    titles, units = above[: above.index(header)], above[above.index(header) + 1 :]
    skip = frozenset(layout.skip_rows)
    units = [
        odd
        for odd in units
        if (is_unit_row(odd.cells) or not outline.numbers_in(odd)) and not is_skipped(skip, odd.line, list(odd.cells))
    ]
    if titles:
        _leave_out_titles(titles, header.line, findings)
    if units:
        findings.tell(units, "below the header holds units or remarks", "below the header hold units or remarks")
        findings.leave_out(units)
    filled = measure_width(outline.first_cells) > header.width
    shifted = outline.counted and not _dates_named(header.cells, outline)
    narrow = header.width == outline.width - 1 and (filled or shifted)
    if header.width > outline.width or narrow:
        _refuse_width(header, outline, findings)


def _leave_out_titles(titles: Sequence[Odd], start: int, findings: Findings) -> None:
    findings.tell(titles, "above the table is none of its rows", "above the table are none of its rows")
    findings.settings["skip_lines"] = start - 1


def _without_header(outline: Outline, above: Sequence[Odd], findings: Findings) -> None:
    if above:
        _leave_out_titles(above, outline.first, findings)
    if looks_like_data(outline.first_cells, []):
        row = join_cells(outline.first_cells, outline.separator)[:60]
        findings.said.append(f"line {outline.first}: the header looks like data ({row})")
        findings.settings["header"] = "none"


def _refuse_width(header: Odd, outline: Outline, findings: Findings) -> None:
    """Offer the names for the columns from the left, and from the right."""
    names = [cell.strip() for cell in header.cells[: header.width]]
    findings.said.append(
        f"the header (line {header.line}) has {header.width} names, the rows have {outline.width} cells"
    )
    findings.settings["skip_lines"] = header.end
    if header.width < outline.width:
        first, last = name_first(names), next(name for name in ("last_column", "last") if name not in names)
        choices = {f'the first column has no name, it is called "{first}"': [first, *names],
                   f'the last column has no name, it is called "{last}"': [*names, last]}  # fmt: skip
        choices = {meaning: own for meaning, own in choices.items() if _dates_named(own, outline)} or choices
        if outline.counted and [first, *names] in choices.values():
            findings.settings["header"] = [first, *names]
            return
    else:
        wide = header.width - outline.width
        choices = {f"no column for {_quoted(names[-wide:])}": names[:-wide],
                   f"no column for {_quoted(names[:wide])}": names[wide:]}  # fmt: skip
    findings.choices += [(meaning, Findings(settings={"header": chosen})) for meaning, chosen in choices.items()]


def _refuse_halves(outline: Outline, findings: Findings) -> bool:
    """Refuse rows that are wider than the names by as many cells as may be halves of numbers, cut at their comma."""
    names = next((odd for odd in reversed(outline.above) if not outline.numbers_in(odd)), None)
    halves = re.findall(r"(?<![^,])[-+]?\d+,\d+(?![^,])", ",".join(outline.first_cells))
    cut = names is not None and not outline.counted and len(halves) == outline.width - names.width > 0
    if names is None or outline.separator != "," or not cut:
        return False
    own = [cell.strip() for cell in names.cells[: names.width]]
    findings.said.append(
        f"line {names.line} has {count(names.width, 'name')}, the rows have {outline.width} cells: a comma is the "
        f'separator, and may stand within numbers ("{halves[0]}"): put these in quotes, or save the table with another '
        f"separator. If all are columns, name them: data.skip_lines={names.end}, data.header"
    )
    if names.width == 1:
        columns = {"skip_lines": names.end, "header": [*own, "last_column"]}
        findings.choices.append((f'"{halves[0]}" is one number', Findings(settings={"separator": ";"})))
        findings.choices.append((f'"{halves[0]}" are two columns', Findings(settings=columns)))
    return True


def _dates_named(names: Sequence[str], outline: Outline) -> bool:
    """Tell whether a column of dates is called so."""
    dates = [index for index in outline.typed if any(form(outline.first_cells[index].strip()) for form in DATES)]
    return any(DATE_NAME.fullmatch(name.strip()) for index in dates for name in names[index : index + 1])


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)


def cite_lines(rows: Sequence[Odd]) -> str:
    """Name lines: `lines 1 to 4` where they follow each other."""
    if len(rows) > 2 and rows[-1].line - rows[0].line == len(rows) - 1:
        return f"lines {rows[0].line} to {rows[-1].line}"
    return cite("line", [str(row.line) for row in rows[:SHOWN]], len(rows))
