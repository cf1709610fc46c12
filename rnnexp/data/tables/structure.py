"""What a refused file holds besides its table, and the settings that leave it out: tried before they are advised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import dropwhile, groupby, takewhile
from pathlib import Path
from typing import Any

from rnnexp.data.tables.above import Findings, look_above
from rnnexp.data.tables.body import Body
from rnnexp.data.tables.dialect import examine
from rnnexp.data.tables.files import opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.outline import NUMBER, TEXT, TOTAL, Odd, Outline, draw_outline, is_summary
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.tables.records import WHITESPACE
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import DataError

MAX_WORDS = 8
COMMENTS = ("#", "%", "//")
REMARK = re.compile(
    r"(source|note|remark|quelle|anmerkung|hinweis|stand|fuente|nota|remarque|copyright|©|\(c\)|\*|†|data|see|last|generated|"
    r"exported?|created|updated|provisional|license|\(?\d+,? (row|record|line|zeile|fila|ligne))|[^,;]*:\s",
    re.IGNORECASE,
)


@contextmanager
def explain_refusals(file: Path, layout: Layout) -> Iterator[None]:
    """Turn the refusal of a file that holds more than a table into one that says what, and which settings read it."""
    try:
        yield
    except DataError as flaw:
        raise (find_structure(file, layout) or flaw) from None


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
    look_above(outline, layout, findings)
    _look_below(outline, findings)
    _look_within(outline, findings)
    return _tried(file, layout, findings, outline.separator) if findings.said else None


def _comments(file: Path, layout: Layout, outline: Outline, mark: str) -> Refused | None:
    """Tell comments by their mark, but not a header that begins with it."""
    marked = [odd for odd in outline.odd if odd.cells[0].lstrip().startswith(mark)]
    header = next((odd for odd in reversed(outline.above) if odd.width == outline.width), None)
    if not marked or (header in marked and outline.above[-1] is header):
        return None
    where = cite("line", [str(odd.line) for odd in marked[:SHOWN]], len(marked))
    said = f'{file}: {where} begin{"s" if len(marked) == 1 else ""} with "{mark}": comments, not rows'
    return Refused(said, Remedy({"comment": mark}))


def _look_below(outline: Outline, findings: Findings) -> None:
    below = list(dropwhile(_is_total, outline.below))
    remark = [odd for odd in below if odd.is_words and (REMARK.match(odd.text) or _is_short(odd, outline))]
    if not remark or any(odd.width > 1 and odd not in remark and not odd.is_words for odd in below):
        return
    findings.tell(below, "below the last row is words", "below the last row are words")
    totals = outline.below[: len(outline.below) - len(below)]
    findings.settings["skip_footer"] = outline.lines - (totals[-1].end if totals else outline.last)


def _is_short(odd: Odd, outline: Outline) -> bool:
    """Tell words that leave most of the row empty, none of them where numbers are."""
    filled = sum(bool(cell.strip()) for cell in odd.cells)
    return (filled == 1 or 2 * filled <= outline.width) and not outline.numbers_in(odd)


def _look_within(outline: Outline, findings: Findings) -> None:
    totals = [odd for odd in outline.odd if odd.before and outline.fits(odd.cells) and _is_total(odd)]
    if totals:
        words = list(dict.fromkeys(_label(odd) for odd in totals))
        findings.tell(totals, "holds no value of a date but a total", "hold no values of dates but totals")
        findings.leave_out(totals, words if len(words) <= MAX_WORDS else ())
    again = [odd for odd in outline.odd if odd.before and any(map(odd.repeats, outline.above))]
    if again:
        findings.tell(again, "repeats the header", "repeat the header")
        findings.leave_out(again, list(dict.fromkeys(next(filter(None, map(str.strip, odd.cells))) for odd in again)))
    alone = [odd for odd in outline.within if odd.width == 1 < outline.width and odd.is_words and odd not in totals]
    if alone:
        findings.tell(
            alone, "among the rows holds a single cell of words", "among the rows hold a single cell of words"
        )
        findings.leave_out(alone)


def _is_total(odd: Odd) -> bool:
    return bool(TOTAL.fullmatch(odd.cells[0].strip()) if NUMBER not in odd.kinds else _label(odd))


def _label(odd: Odd) -> str:
    """Return the cell that says that a row is a total, or ""."""
    cells = (cell.strip() for cell, kind in zip(odd.cells, odd.kinds) if kind == TEXT)
    return next((cell for cell in cells if is_summary(cell)), "")


def _several(outline: Outline) -> list[tuple[int, int]]:
    """Return the first and last lines of each table, if there are several: each begins with names of its own."""
    start, tables = outline.above[-1].line if outline.above else outline.first, []
    for before, group in groupby(outline.odd, key=lambda odd: odd.before):
        run = list(group)
        other = [odd for odd in run if odd.width not in (1, outline.width) and set(odd.kinds) <= set("emn")]
        named = [odd for odd in run if odd.is_words and odd.width > 1 and not outline.numbers_in(odd)]
        own = [odd for odd in named if not (_is_total(odd) or (other and odd.line >= other[0].line))]
        if len(other) > 1 and own:
            tables += [(start, run[0].since)] if before else []
            tables.append((own[-1].line, other[-1].end))
            start = next((odd.line for odd in named if odd.line > other[-1].line), run[-1].end + 1)
        elif 0 < before < outline.rows and (
            new := [odd for odd in own if outline.fits(odd.cells) and not any(map(odd.repeats, outline.above))]
        ):
            tables.append((start, run[0].since))
            start = new[-1].line
    if tables and start < outline.last:
        tables.append((start, outline.last))
    return tables if len(tables) > 1 else []


def _choose_table(file: Path, tables: list[tuple[int, int]], layout: Layout, outline: Outline) -> Refused:
    remedies = []
    for first, last in tables:
        settings = {"skip_lines": first - 1, "skip_footer": outline.lines - last}
        kept = {key: value for key, value in _merged(file, layout, settings).items() if value}
        remedies.append(Remedy(kept, f"lines {first} to {last}"))
    return Refused(f"{file}: holds {len(tables)} tables, each with names of its own", *remedies)


def _tried(file: Path, layout: Layout, findings: Findings, separator: str) -> Refused:
    """Return a refusal with those readings under which no row is flawed in its structure.

    The separator of the rows is named where the lines that are left, such as units, would tell another one.
    """
    readings, flaws = [], []
    for meaning, choice in findings.choices or [("", Findings())]:
        reading = findings + choice
        if reading.settings and _misses(separator, file, layout.change(_merged(file, layout, reading.settings))):
            reading.settings["separator"] = {WHITESPACE: "space", "\t": "tab"}.get(separator, separator)
        settings = _merged(file, layout, reading.settings)
        flaw, skipped = _read(file, layout.change(settings))
        if not flaw and skipped - set(layout.skip_rows) != reading.lines:  # other rows have such cells, too
            settings = _merged(file, layout, {**reading.settings, "skip_rows": sorted(reading.lines)})
            flaw, _ = _read(file, layout.change(settings))
        flaws += [flaw] if flaw and reading.settings else []
        readings += [] if flaw else [Remedy(settings, meaning)]
    text = "; ".join(findings.said) + (f"; and then: {flaws[0]}" if flaws and not readings else "")
    return Refused(f"{file}: {text}", *readings)


def _misses(separator: str, file: Path, layout: Layout) -> bool:
    """Tell whether another separator than that of its rows, which cuts nothing, would be found in a file."""
    try:
        dialect = None if layout.separator else examine(file, layout)
    except DataError:
        return False
    return dialect is not None and len(dialect.names) == 1 and dialect.separator != separator


def _merged(file: Path, layout: Layout, settings: dict[str, Any]) -> dict[str, Any]:
    """Add what is left out already, of which the findings say nothing; comments at the beginning are no lines."""
    if layout.comment and settings.get("skip_lines"):
        with opened(file, layout.encoding) as stream:
            comments = sum(1 for _ in takewhile(lambda line: line.lstrip().startswith(layout.comment or ""), stream))
        settings = settings | {"skip_lines": settings["skip_lines"] - comments, "comment": layout.comment}
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
