"""Rows of text as an aligned table, Markdown or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rnnexp.cells import harmless, markdown_cell

Lines = Sequence[Sequence[str]]


def aligned(lines: Lines, right: Sequence[int] = ()) -> str:
    """Write rows in columns as wide as they need, whatever the width of the terminal: nothing is cut."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = (
        [cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths))]
        for line in lines
    )
    return "\n".join("  ".join(row).rstrip() for row in rows)


def markdown(lines: Lines) -> str:
    """Write rows as a Markdown table, the first of them as its head."""
    head, *rest = [[markdown_cell(cell) for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rest))


def comma_separated(lines: Lines) -> str:
    """Write rows as CSV (RFC 4180, lines end with a line feed); what a spreadsheet would run is quoted."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([harmless(cell) for cell in line] for line in lines)
    return text.getvalue().rstrip("\n")
