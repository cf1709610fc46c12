"""No line of a file and no row of a table is lost in silence: what was read, left out, merged and filled adds up."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rnnexp.data.tables.files import kind, opened
from rnnexp.data.tables.table import read_table


class Lost(AssertionError):
    """Lines or rows that nobody has counted."""


def check_sums(source: Any) -> None:
    """Read a source of tables anew, and add up the lines of its files; Lost if some are missing."""
    wanted, layout = source.named()._wanted(), source._layout()
    for file in source._files():
        counts = getattr(read_table(file, layout, wanted), "counts", None)
        if counts is None or kind(file) == "parquet":
            continue
        lines = physical_lines(file, layout.encoding)
        left_out = counts.header + counts.skipped + counts.blank + counts.comments
        if not lines == counts.lines == left_out + counts.record_lines:
            raise Lost(f"{lines} lines, and what is said of them: {counts}")
        if counts.record_lines < counts.records:
            raise Lost(f"more records than lines: {counts}")


def physical_lines(file: Path, encoding: str) -> int:
    """Count the lines of a text file, plain or packed, whatever ends them."""
    with opened(file, encoding) as stream:
        text = stream.read()
    return sum(1 for _ in io.StringIO(text, newline=None))
