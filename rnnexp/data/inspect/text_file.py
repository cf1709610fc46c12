"""How a text file is encoded."""

from __future__ import annotations

import codecs
from pathlib import Path

from rnnexp.data.tables.files import WrongEncoding, opened


def guess_encoding(file: Path) -> str:
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
