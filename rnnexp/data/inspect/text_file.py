"""How a text file is written: encoding, comments, header, marks of numbers."""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import Dialect, Opening, examine, looks_like_data, name_separator, sniff
from rnnexp.data.tables.files import WrongEncoding, opened
from rnnexp.data.tables.layout import Layout
from rnnexp.errors import DataError, count


def look_at_text(file: Path, finding: Finding) -> Head:
    """Settle encoding, comments, header, decimal mark and thousands."""
    encoding = _encoding(file)
    if encoding != "utf-8":
        finding.set("encoding", encoding, "a guess: check names with accents" if encoding == "cp1252" else "")
    comment, header = _first_lines(file, encoding)
    if comment:
        finding.set("comment", comment, "lines that begin with it are left out")
    if not header:
        finding.set("header", "none", "columns by position, from 0")
    layout = Layout(encoding=encoding, comment=comment, header=header)
    dialect = examine(file, layout)
    finding.layout = layout
    finding.seen.append(_spoken(file, dialect, layout))
    rows = [cells for _, cells in dialect.sample if len(cells) == len(dialect.names)]
    if not rows:
        raise DataError(_narrow_or_wide(file, dialect))
    columns = tuple(zip(*rows)) or ((),) * len(dialect.names)
    numeric = tuple(dialect.numeric(index, layout) > 0 for index in range(len(dialect.names)))
    return Head(dialect.names, columns, numeric)


def _narrow_or_wide(file: Path, dialect: Dialect) -> str:
    """Say that no row has as many cells as the first line."""
    line, cells = next((record for record in dialect.sample if record[1]), dialect.sample[0])
    return (
        f"{file}: the header (line {dialect.header}) has {count(len(dialect.names), 'cell')}, but line {line} has "
        f"{len(cells)}, and no row has as many as the header: remove titles above it, or give every column its name"
    )


def _spoken(file: Path, dialect: Dialect, layout: Layout) -> str:
    header = f"header in line {dialect.header}" if layout.header else "no header"
    marks = f'separator "{name_separator(dialect.separator)}"'
    return f"{file}: {layout.encoding}, {marks}, {header}, {count(len(dialect.names), 'column')}"


def _encoding(file: Path) -> str:
    """Return the first encoding that reads the whole file."""
    with opened(file, "latin-1") as stream:
        if stream.read(2).encode("latin-1") in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            with opened(file, encoding) as stream:
                while stream.read(1 << 20):
                    pass
        except WrongEncoding:
            continue
        return encoding
    return "latin-1"


def _first_lines(file: Path, encoding: str) -> tuple[str | None, bool]:
    """Return the mark of comment lines and whether there is a header."""
    head = Opening.of(file, Layout(encoding=encoding))
    comment = next((mark for mark in ("#", "%", "//") if head.text.lstrip().startswith(mark)), None)
    if comment and _is_header(head):
        comment = None
    head = replace(head, comment=comment)
    first = next((cells for _, cells in head.records(head.declared or sniff(head)) if cells), [])
    return comment, not looks_like_data(first)


def _is_header(head: Opening) -> bool:
    """Tell a header such as `#date,y` from a comment: it has as many cells as the lines below it."""
    widths = [len(cells) for _, cells in head.records(sniff(head)) if cells]
    return len(widths) > 1 and widths[0] > 1 and len(set(widths)) == 1
