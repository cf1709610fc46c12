"""What a refused file holds besides its table, and the settings that leave it out: tried before they are advised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Any

from rnnexp.data.tables.body import Body
from rnnexp.data.tables.dialect import examine, looks_like_data
from rnnexp.data.tables.files import opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.outline import NUMBER, TEXT, Odd, Outline, draw_outline, is_summary
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.records import is_skipped
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import DataError

MAX_WORDS = 8
COMMENTS = ("#", "%", "//")
DATE_NAME = re.compile(
    r".*(date|time|datum|zeit|day|month|year|week|period|fecha|data|jahr|monat|tag|woche|hora|heure|jour|mois|an[nñ][eéo]|"
    r"日期|时间|日時|月|年).*|ds|ts",
    re.IGNORECASE,
)
REMARK = re.compile(
    r"(source|note|remark|quelle|anmerkung|hinweis|stand|fuente|nota|remarque|copyright|©|\(c\)|\*|†|data|see|last|generated|"
    r"exported?|created|updated|provisional|license|\d+ (row|record|line|zeile|fila|ligne))|[^,;]*:\s",
    re.IGNORECASE,
)
UNIT = re.compile(
    r"[\[(<{].*[\])>}]|.*[%°²³/$€£µ].*|-+|(deg|degrees?)\W?\w*|[kmcdMGhn]?(m|g|Pa|W|Wh|V|A|Hz|l|L|s|bar|J|N|t)|mbar|in|ft|"
    r"mph|kts|psi|[CFK]|TS|RN|avg|smp|mean|min|max|tot|std|sum|count|sample|average|units?|none|n/?a|unitless|"
    r"string|text|float\d*|double|int(eger)?\d*|number|numeric|date(time)?\d*|timestamp|bool(ean)?|"
    r"[YMDHhmsAPyd\W]{4,}|USD|EUR|GBP|CNY|JPY|count|pcs|persons?|hours?|days?|index",
    re.IGNORECASE,
)


@contextmanager
def explain_refusals(file: Path, layout: Layout) -> Iterator[None]:
    """Turn the refusal of a file that holds more than a table into one that says what, and which settings read it."""
    try:
        yield
    except DataError as flaw:
        raise (find_structure(file, layout) or flaw) from None


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

    def leave_out(self, rows: Sequence[Odd], words: Sequence[str] = ()) -> None:
        """Leave out rows, by what stands in them if they are told by words, else by their lines."""
        self.lines |= {row.line for row in rows}
        self.settings.setdefault("skip_rows", []).extend(words if words else [row.line for row in rows])


def find_structure(file: Path, layout: Layout) -> Refused | None:
    """Return the refusal of a file that holds more than a table, or not what its header says; None if it does not."""
    outline = draw_outline(file, layout)
    if outline is None:
        return None
    for mark in COMMENTS if layout.comment is None else ():
        if found := _comments(file, layout, outline, mark):
            return found
    if tables := _several(outline):
        return _choose_table(file, tables, layout, outline)
    findings = Findings()
    _look_above(outline, layout, findings)
    _look_below(outline, findings)
    _look_within(outline, findings)
    return _tried(file, layout, findings) if findings.said else None


def _comments(file: Path, layout: Layout, outline: Outline, mark: str) -> Refused | None:
    """Tell comments by their mark, but not a header that begins with it."""
    marked = [odd for odd in outline.odd if odd.cells[0].lstrip().startswith(mark)]
    header = next((odd for odd in reversed(outline.above) if odd.width == outline.width), None)
    if not marked or (header in marked and outline.above[-1] is header):
        return None
    where = cite("line", [str(odd.line) for odd in marked[:SHOWN]], len(marked))
    said = f'{file}: {where} begin{"s" if len(marked) == 1 else ""} with "{mark}": comments, not rows'
    return Refused(said, Remedy({"comment": mark}))


def _look_above(outline: Outline, layout: Layout, findings: Findings) -> None:
    """Find the header among what comes before the first row; above it are titles, below it units."""
    above = outline.above
    if not layout.header:
        if above:
            _leave_out_titles(above, outline.first, findings)
        return
    headers = _headers(outline)
    if not headers:
        _without_header(outline, above, findings)
        return
    if len(headers) > 1:
        findings.said.append(f"{_cite(headers)} may each be the header")
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
        wide = outline.width - 1 <= odd.width <= outline.width + 1 and named >= max(1, odd.width - 1)
        if outline.numbers_in(odd) and not block and outline.fits(odd.cells):
            continue  # a flawed row
        if outline.numbers_in(odd) or (block and odd.end + 1 != block[0].line):
            break
        if wide and (outline.width == 1 or named > 1):
            block.insert(0, odd)
        elif block:
            break
    if not block and len(outline.above) == 1 and outline.above[0].width == outline.width:
        return outline.above
    exact = [odd for odd in block if odd.width == outline.width] or block
    block = [odd for odd in exact if len(set(odd.cells)) == len(odd.cells)] or exact
    dated = [odd for odd in block if any(_names_date(odd, index) for index in outline.typed)]
    block = dated if len(dated) == 1 else block
    units = [odd for odd in block[1:] if _holds_units(odd)]
    return block[:1] if len(units) == len(block) - 1 else block


def _names_date(odd: Odd, index: int) -> bool:
    return index < len(odd.cells) and bool(DATE_NAME.fullmatch(odd.cells[index].strip()))


def _holds_units(odd: Odd) -> bool:
    cells = [cell.strip() for cell in odd.cells if cell.strip()]
    return 2 * sum(bool(UNIT.fullmatch(cell)) for cell in cells) >= len(cells)


def _settle_header(header: Odd, outline: Outline, layout: Layout, findings: Findings) -> None:
    above = outline.above
    titles, units = above[: above.index(header)], above[above.index(header) + 1 :]
    skip = frozenset(layout.skip_rows)
    units = [odd for odd in units if not (outline.numbers_in(odd) or is_skipped(skip, odd.line, list(odd.cells)))]
    if titles:
        _leave_out_titles(titles, header.line, findings)
    if units:
        findings.said.append(f"{_cite(units)} below the header hold{_s(units)} units or remarks ({_quote(units)})")
        findings.leave_out(units)
    if header.width > outline.width or header.width == outline.width - 1:
        _refuse_width(header, outline, findings)


def _leave_out_titles(titles: Sequence[Odd], start: int, findings: Findings) -> None:
    are = "is" if len(titles) == 1 else "are"
    findings.said.append(f"{_cite(titles)} above the table {are} none of its rows ({_quote(titles)})")
    findings.settings["skip_lines"] = start - 1


def _without_header(outline: Outline, above: Sequence[Odd], findings: Findings) -> None:
    if above:
        _leave_out_titles(above, outline.first, findings)
    if looks_like_data(outline.first_cells, [outline.first_cells]):
        row = outline.separator.join(outline.first_cells)[:60]
        findings.said.append(f"line {outline.first}: the header looks like data ({row})")
        findings.settings["header"] = "none"


def _refuse_width(header: Odd, outline: Outline, findings: Findings) -> None:
    """Offer the names for the columns from the left, and from the right."""
    names = [cell.strip() for cell in header.cells[: header.width]]
    findings.said.append(
        f"the header (line {header.line}) has {header.width} names, the rows have {outline.width} cells"
    )
    findings.settings["skip_lines"] = header.line
    if header.width < outline.width:
        free = next(name for name in ("row", "row_names", "first_column") if name not in names)
        last = next(name for name in ("last_column", "last") if name not in names)
        choices = {f'the first column has no name, it is called "{free}"': [free, *names],
                   f'the last column has no name, it is called "{last}"': [*names, last]}  # fmt: skip
    else:
        choices = {f'"{names[-1]}" has no column': names[: outline.width],
                   f'"{names[0]}" has no column': names[-outline.width :]}  # fmt: skip
    if outline.counted and header.width < outline.width:
        findings.settings["header"] = [free, *names]
        return
    findings.choices += [(meaning, Findings(settings={"header": chosen})) for meaning, chosen in choices.items()]


def _look_below(outline: Outline, findings: Findings) -> None:
    below = list(dropwhile(_is_total, outline.below))
    remark = [odd for odd in below if odd.is_words and (REMARK.match(odd.text) or not outline.numbers_in(odd))]
    if not remark or any(odd.width > 1 and odd not in remark for odd in below):
        return
    are = "is" if len(below) == 1 else "are"
    findings.said.append(f"{_cite(below)} below the last row {are} words ({_quote(below)})")
    totals = outline.below[: len(outline.below) - len(below)]
    findings.settings["skip_footer"] = outline.lines - (totals[-1].end if totals else outline.last)


def _look_within(outline: Outline, findings: Findings) -> None:
    totals = [odd for odd in outline.odd if odd.before and outline.fits(odd.cells) and _is_total(odd)]
    if totals:
        words = list(dict.fromkeys(_label(odd) for odd in totals))
        findings.said.append(f"{_cite(totals)} hold{_s(totals)} no value of a date but a total ({_quote(totals)})")
        findings.leave_out(totals, words if len(words) <= MAX_WORDS else ())
    header = next((odd.cells for odd in reversed(outline.above)), None)
    again = [odd for odd in outline.odd if odd.before and odd.cells == header]
    if again:
        findings.said.append(f"{_cite(again)} repeat{_s(again)} the header")
        findings.leave_out(again, [next(cell.strip() for cell in again[0].cells if cell.strip())])
    alone = [odd for odd in outline.within if odd.width == 1 < outline.width and odd.is_words and odd not in totals]
    if alone:
        findings.said.append(f"{_cite(alone)} among the rows hold{_s(alone)} a single cell of words ({_quote(alone)})")
        findings.leave_out(alone)


def _is_total(odd: Odd) -> bool:
    return NUMBER in odd.kinds and bool(_label(odd))


def _label(odd: Odd) -> str:
    """Return the cell that says that a row is a total, or ""."""
    cells = (cell.strip() for cell, kind in zip(odd.cells, odd.kinds) if kind == TEXT)
    return next((cell for cell in cells if is_summary(cell)), "")


def _several(outline: Outline) -> list[tuple[int, int]]:
    """Return the first and last lines of each table, if there are several: each begins with names of its own."""
    names = outline.above[-1].cells if outline.above else ()
    start, tables = outline.above[-1].line if outline.above else outline.first, []
    for before, group in groupby(outline.odd, key=lambda odd: odd.before):
        run = list(group)
        other = [odd for odd in run if odd.width not in (1, outline.width) and set(odd.kinds) <= set("emn")]
        named = [odd for odd in run if odd.is_words and odd.width > 1 and not outline.numbers_in(odd)]
        own = [odd for odd in named if not other or odd.line < other[0].line]
        if len(other) > 1 and own:
            tables += [(start, run[0].since)] if before else []
            tables.append((own[-1].line, other[-1].end))
            start = next((odd.line for odd in named if odd.line > other[-1].line), run[-1].end + 1)
        elif 0 < before < outline.rows and (
            new := [odd for odd in own if odd.cells != names and outline.fits(odd.cells)]
        ):
            tables.append((start, run[0].since))
            start = new[-1].line
    if tables and start < outline.last:
        tables.append((start, outline.last))
    return tables if len(tables) > 1 else []


def _choose_table(file: Path, tables: list[tuple[int, int]], layout: Layout, outline: Outline) -> Refused:
    remedies = []
    for first, last in tables:
        settings = {"skip_lines": first - 1, "skip_footer": layout.skip_footer + outline.lines - last}
        kept = {key: value for key, value in settings.items() if value}
        remedies.append(Remedy(kept, f"lines {first} to {last}"))
    return Refused(f"{file}: holds {len(tables)} tables, each with names of its own", *remedies)


def _tried(file: Path, layout: Layout, findings: Findings) -> Refused:
    """Return a refusal with those readings under which no row is flawed in its structure."""
    readings, flaws = [], []
    for meaning, choice in findings.choices or [("", Findings())]:
        reading = findings + choice
        settings = _merged(layout, reading.settings)
        flaw, skipped = _read(file, layout.change(settings))
        if not flaw and skipped - set(layout.skip_rows) != reading.lines:  # other rows have such cells, too
            settings = _merged(layout, {**reading.settings, "skip_rows": sorted(reading.lines)})
            flaw, _ = _read(file, layout.change(settings))
        flaws += [flaw] if flaw else []
        readings += [] if flaw else [Remedy(settings, meaning)]
    text = "; ".join(findings.said) + (f"; and then: {flaws[0]}" if flaws and not readings else "")
    return Refused(f"{file}: {text}", *readings)


def _merged(layout: Layout, settings: dict[str, Any]) -> dict[str, Any]:
    """Add what is left out already, of which the findings say nothing."""
    rows = list(dict.fromkeys([*layout.skip_rows, *settings.get("skip_rows", [])]))
    footer = layout.skip_footer + settings.get("skip_footer", 0)
    return settings | ({"skip_rows": rows} if rows else {}) | ({"skip_footer": footer} if footer else {})


def _read(file: Path, layout: Layout) -> tuple[str, set[int]]:
    """Return what is wrong with the rows, and the lines of those that are left out."""
    try:
        dialect = examine(file, layout)
        with opened(file, layout.encoding) as stream:
            body = Body(stream, file, dialect, layout)
            for _ in body:
                pass
    except DataError as flaw:
        return str(flaw), set()
    return "; ".join(body.problems()), set(body.skipped)


def _cite(rows: Sequence[Odd]) -> str:
    """Name lines: `lines 1 to 4` where they follow each other."""
    if len(rows) > 2 and rows[-1].line - rows[0].line == len(rows) - 1:
        return f"lines {rows[0].line} to {rows[-1].line}"
    return cite("line", [str(row.line) for row in rows[:SHOWN]], len(rows))


def _s(rows: Sequence[Odd]) -> str:
    return "s" if len(rows) == 1 else ""


def _quote(rows: Sequence[Odd]) -> str:
    more = ", ..." if len(rows) > 2 else ""
    return ", ".join(f'"{row.text[:60]}"' for row in rows[:2]) + more
