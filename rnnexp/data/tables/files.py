"""Opening files as bytes or text; whatever is wrong with them is said before parsing."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from rnnexp.data.tables.encodings import find_encodings, find_mark, find_unmarked
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import ConfigError, DataError

GZIP, PARQUET, ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
IN_EXCEL = "in Excel by File, Save As, CSV UTF-8, or `pandas.read_excel(FILE).to_csv('my.csv', index=False)`"
OTHERS = {  # first bytes: what it is, and what makes a table of it
    b"\xfd7zXZ": ("an xz archive", "unpack it with `unxz`"),
    b"BZh": ("a bzip2 archive", "unpack it with `bunzip2`"),
    b"\x28\xb5\x2f\xfd": ("a zstd archive", "unpack it with `unzstd`"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", f"save its sheet as CSV, {IN_EXCEL}"),
    b"SQLite": ("an SQLite database", "export the table as CSV"),
    b"%PDF": ("a PDF", "save the table as CSV"),
    b"\x89HDF": ("an HDF5 file", "save the table as CSV"),
    b"MATLAB 5.0 MAT": ("a file of MATLAB", "save the table as CSV, or its arrays as .npz for data=npz"),
    b"ARROW1\0": ("a Feather file", "save it as Parquet or CSV"),
    b"RIFF": ("a recording or a film", "write its numbers as CSV, or sequences of numbers for data=npz"),
    b"fLaC": ("a recording", "write its numbers as CSV, or sequences of numbers for data=npz"),
    b"OggS": ("a recording", "write its numbers as CSV, or sequences of numbers for data=npz"),
    b"ID3": ("a recording", "write its numbers as CSV, or sequences of numbers for data=npz"),
    b"\x89PNG": ("an image", "save the table that it shows as CSV"),
    b"\xff\xd8\xff": ("an image", "save the table that it shows as CSV"),
    b"GIF8": ("an image", "save the table that it shows as CSV"),
    b"\x80\x04\x95": ("a pickle, which can run code when it is read", "write the table with `to_csv` or `to_parquet`"),
    b"\x80\x05\x95": ("a pickle, which can run code when it is read", "write the table with `to_csv` or `to_parquet`"),
    b"\x93NUMPY": ("a NumPy array", "data=npz reads arrays of .npz files"),
    b"CDF": ("a netCDF file", "save it as CSV, `xarray.open_dataset(FILE).to_dataframe().to_csv('my.csv')`"),
    b"$FL2": ("a file of SPSS", "save it as CSV, `pandas.read_spss(FILE).to_csv('my.csv', index=False)`"),
    b"<stata_dta": ("a file of Stata", "save it as CSV, `pandas.read_stata(FILE).to_csv('my.csv', index=False)`"),
    b"\0" * 12 + b"\xc2\xea\x81\x60": (
        "a file of SAS",
        "save it as CSV, `pandas.read_sas(FILE).to_csv('my.csv', index=False)`",
    ),
    b"Obj\x01": ("an Avro file", "save it as Parquet or CSV"),
}
WEB = ("a page of the web", "save the table that it shows as CSV")
DOCUMENTS = {  # texts, which may be learned from, but are no tables
    b"<?xml": ("XML", "save the table as CSV"),
    **dict.fromkeys((b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML", b"<table"), WEB),
    b"version https://git-lfs": ("a pointer of Git LFS", "fetch the file itself with `git lfs pull`"),
    b'[{"': ("JSON", "write the table as CSV or Parquet"),
    b'{"': ("JSON", "write the table as CSV or Parquet"),
}
RELATION = re.compile(rb"^@(relation|attribute)\b", re.IGNORECASE | re.MULTILINE)
ARFF = "an ARFF file: save it as CSV, `pandas.DataFrame(scipy.io.arff.loadarff(FILE)[0]).to_csv('my.csv', index=False)`"
SERIES = "a .tsf file of the Monash archive: write a row for each date, with columns series, date and value"
PIECE = 1 << 20
START = 256  # bytes that tell UTF-16
WORDS = 6  # that are shown as each encoding reads them


def kind(path: Path, is_table: bool = False) -> str:
    """Tell "text", "gzip" or "parquet" by the first bytes, and refuse a name that promises something else."""
    with path.open("rb") as stream:
        start = stream.read(START)
    if not start:
        raise DataError(f"{path}: is empty (0 bytes)")
    for mark, (what, mend) in (OTHERS | DOCUMENTS if is_table else OTHERS).items():
        if start.startswith(mark):
            raise DataError(f"{path}: is {what}: {mend}, then name the table in data.path")
    if is_table and RELATION.search(start):
        raise DataError(
            f"{path}: is {SERIES if path.suffix.lower() == '.tsf' else ARFF}, then name the table in data.path"
        )
    if start[:4] == ZIP:
        excel = path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".ods")
        unpack = f"an Excel workbook: save its sheet as CSV, {IN_EXCEL}" if excel else "a zip archive: unpack it"
        raise DataError(f"{path}: is {unpack}, then name the table in data.path")
    found = "gzip" if start[:2] == GZIP else "parquet" if start[:4] == PARQUET else "text"
    promised = {".gz": "gzip", ".parquet": "parquet"}.get(path.suffix.lower())
    if promised and promised != found:
        raise DataError(f"{path}: is named {path.suffix} but is not {promised}: damaged, or it needs another name")
    return found


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Fail if `path` is written to by somebody else meanwhile."""
    before = get_fingerprint(path)
    yield
    if get_fingerprint(path) != before:
        raise DataError(f"{path}: the file changed while it was read; try again when it is complete")


def get_fingerprint(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written to."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a text file, gzip or not, with line ends kept; damage and wrong encodings become DataErrors.

    A byte-order mark at its beginning tells the encoding, whatever `encoding` says.
    """
    name = codec(encoding)
    with undamaged(path):
        try:
            with as_bytes(path) as raw:
                name = _marked(path, raw.peek(START)[:START], name)
                yield io.TextIOWrapper(raw, encoding="utf-8-sig" if name == "utf-8" else name, newline="")
        except UnicodeError as error:
            _misencoded(path, name, error)


def _marked(path: Path, start: bytes, name: str) -> str:
    """Return what the first bytes say; UTF-16 without a mark is refused unless it is named."""
    if marked := find_mark(start):
        return marked
    unmarked = find_unmarked(start)
    if unmarked is None or name.startswith("utf-16"):
        return name
    said = f"{path}: every other byte is zero: it is UTF-16 without a byte-order mark"
    raise Refused(said, Remedy({"encoding": unmarked}))


def codec(encoding: str) -> str:
    """Return Python's own name of a text encoding; ConfigError if there is none."""
    try:
        name = codecs.lookup(encoding).name
        # Python also has codecs from bytes to bytes, such as zlib: they fail here with a LookupError.
        with suppress(UnicodeError):
            b"x".decode(name)
    except (LookupError, ValueError):
        message = f"data.encoding: `{encoding}` is unknown; common ones: utf-8, utf-16, latin-1, cp1252"
        raise ConfigError(message) from None
    return name


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Turn what a torn archive raises into a DataError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip file ({error}); copy or download it again") from None


def as_bytes(path: Path) -> Any:
    return gzip.open(path, "rb") if kind(path) == "gzip" else path.open("rb")


def _misencoded(path: Path, encoding: str, error: UnicodeError) -> NoReturn:
    """Read again to name the exact place, and the encodings that may be meant; offsets count unpacked bytes from 0."""
    offset, line, byte = _first_bad_byte(path, encoding)
    shown = f"byte 0x{byte:02x} at offset {offset} (line {line})" if byte is not None else str(error)
    with as_bytes(path) as raw:
        found = find_encodings(raw)
    readings = [Remedy({"encoding": name}, f"it reads {', '.join(words[:WORDS])}") for name, words in found.items()]
    other = "" if readings else ". Name the encoding it was saved in: data.encoding=latin-1 takes any byte for a letter"
    raise Refused(f"{path}: not valid {encoding}: {shown}{other}", *readings) from None


def _first_bad_byte(path: Path, encoding: str) -> tuple[int, int, int | None]:
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with as_bytes(path) as raw:
        while piece := raw.read(PIECE):
            held = decoder.getstate()[0]
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                whole, start = held + piece, error.start
                return offset - len(held) + start, line + whole[:start].count(b"\n"), whole[start]
            except UnicodeError:  # UTF-16 and UTF-32 without a mark at the beginning say no place
                break
            line += piece.count(b"\n")
            offset += len(piece)
    return offset, line, None
