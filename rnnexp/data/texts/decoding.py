"""From bytes to text: the encoding is stated, never guessed, and a byte that does not fit is named with its line."""

from __future__ import annotations

import io
from pathlib import Path

from rnnexp.data.tables.encodings import find_mark
from rnnexp.data.tables.files import as_bytes, codec, unchanged, undamaged
from rnnexp.errors import DataError

COMMON = ("utf-8", "cp1252", "cp1251", "shift_jis", "gb18030", "euc_kr", "big5", "latin-1")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read a whole file, packed with gzip or not, without its byte-order mark; line ends stay as they are."""
    name = codec(encoding)
    with unchanged(path), undamaged(path), as_bytes(path) as stream:
        data = stream.read()
    promised = find_mark(data) or name
    if not name.startswith(promised):
        message = f"begins with the byte-order mark of {promised.upper()}: data.encoding={promised}"
        raise DataError(f"{path}: {message}")
    try:
        text = data.decode(name)
        text.encode("utf-8")
    except UnicodeError as error:
        raise DataError(f"{path}: {_misencoded(data, name, error)}") from None
    if "\0" in text:
        hint = "a binary file, or UTF-16 without a byte-order mark (data.encoding=utf-16-le)"
        raise DataError(f"{path}, line {_line(text, text.index(chr(0)))}: contains NUL characters; it is {hint}")
    return text.removeprefix("\ufeff")


def lines(text: str) -> list[str]:
    """Cut at line ends of Unix, Windows and old Macs only: a U+0085 or U+2028 belongs to the text."""
    return [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]


def _misencoded(data: bytes, name: str, error: UnicodeError) -> str:
    what = str(error)
    if isinstance(error, UnicodeDecodeError):
        line = _line(data[: error.start].decode(name, "replace"), None)
        what = f"byte 0x{data[error.start]:02x} at offset {error.start} (line {line})"
    readers = [other for other in COMMON if other != name and _reads(other, data)]
    listed = ", ".join(readers[:-1]) + (" or " if readers[1:] else "") + readers[-1]
    return f"not valid {name}: {what}. Name the encoding it was saved in: data.encoding={listed} can read it"


def _reads(encoding: str, data: bytes) -> bool:
    try:
        data.decode(encoding)
    except UnicodeError:
        return False
    return True


def _line(text: str, end: int | None) -> int:
    """Return the number of the line, from 1, on which `text[:end]` ends."""
    before = text[:end].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1
