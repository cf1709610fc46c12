"""How a text file is written: encoding, comments, header, marks of numbers."""

from __future__ import annotations

from pathlib import Path

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import Dialect, examine, find_marks, name_separator
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.remedy import Refused
from rnnexp.data.tables.table import read_cells
from rnnexp.errors import count


def look_at_text(file: Path, finding: Finding) -> Head:
    """Settle encoding, and what is no part of the table, as the reader advises; then decimal mark and thousands."""
    layout = _as_advised(file, Layout(), finding)
    dialect = examine(file, layout)
    finding.layout = layout = find_marks(dialect, layout)
    if layout.decimal != ".":
        finding.set("decimal", layout.decimal)
    if layout.thousands:
        finding.set("thousands", layout.thousands)
    finding.seen.append(_spoken(file, dialect, layout))
    rows = [cells for _, cells in dialect.sample if len(cells) == len(dialect.names)]
    columns = tuple(zip(*rows)) or ((),) * len(dialect.names)
    numeric = tuple(dialect.numeric(index, layout) for index in range(len(dialect.names)))
    return Head(dialect.names, columns, numeric)


def _as_advised(file: Path, layout: Layout, finding: Finding) -> Layout:
    """Read with what each refusal advises, as long as there is one advice only."""
    while True:
        try:
            read_cells(file, layout)
        except Refused as refused:
            if len(refused.remedies) != 1 or set(refused.remedies[0].settings) <= set(finding.settings):
                raise
            remedy = refused.remedies[0]
            why = "; ".join(filter(None, (refused.message.removeprefix(f"{file}: "), remedy.meaning)))
            for key, value in remedy.settings.items():
                finding.set(key, value, why)
            layout = layout.change(remedy.settings)
        else:
            return layout


def _spoken(file: Path, dialect: Dialect, layout: Layout) -> str:
    header = f"header in line {dialect.header}" if layout.header else "no header"
    marks = f'separator "{name_separator(dialect.separator)}", decimal mark "{layout.decimal}"'
    return f"{file}: {layout.encoding}, {marks}, {header}, {count(len(dialect.names), 'column')}"
