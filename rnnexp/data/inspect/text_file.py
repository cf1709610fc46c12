"""How a text file is written: encoding, comments, header, marks of numbers."""

from __future__ import annotations

import codecs
from pathlib import Path

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import Dialect, examine, name_separator
from rnnexp.data.tables.files import WrongEncoding, opened
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.remedy import Refused
from rnnexp.data.tables.table import read_cells
from rnnexp.errors import count


def look_at_text(file: Path, finding: Finding) -> Head:
    """Settle encoding, and what is no part of the table, as the reader advises; then decimal mark and thousands."""
    encoding = _encoding(file)
    if encoding != "utf-8":
        finding.set("encoding", encoding, "a guess: check names with accents" if encoding == "cp1252" else "")
    layout = _as_advised(file, Layout(encoding=encoding), finding)
    dialect = examine(file, layout)
    finding.layout = layout
    finding.seen.append(_spoken(file, dialect, layout))
    rows = [cells for _, cells in dialect.sample if len(cells) == len(dialect.names)]
    columns = tuple(zip(*rows)) or ((),) * len(dialect.names)
    numeric = tuple(dialect.numeric(index, layout) > 0 for index in range(len(dialect.names)))
    return Head(dialect.names, columns, numeric)


def _as_advised(file: Path, layout: Layout, finding: Finding) -> Layout:
    """Read with what each refusal advises, as long as there is one advice only."""
    while True:
        try:
            read_cells(file, layout)
        except Refused as refused:
            if len(refused.remedies) != 1 or set(refused.remedies[0].settings) <= set(finding.settings):
                raise
            for key, value in refused.remedies[0].settings.items():
                finding.set(key, value, refused.message.removeprefix(f"{file}: "))
            layout = layout.change(refused.remedies[0].settings)
        else:
            return layout


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
