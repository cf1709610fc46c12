"""Where the files of a source are: the settings that sources of files share, and how they find them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rnnexp.component import is_ours
from rnnexp.config.settings import SINCE
from rnnexp.data.tables.layout import Layout
from rnnexp.disk import GONE
from rnnexp.errors import ConfigError, DataError
from rnnexp.failures import find_unreachable
from rnnexp.registry import settings

READERS = "rnnexp.data"  # the package whose code reads them
FILES = ("path", "val_path", "test_path", "unlabeled", "vectors")  # settings that name what is looked for


def refuse_absent(*sources: object) -> None:
    """Raise DataError for all files and columns at once that sources name and that are not there.

    Of files no more than the heads is read, and of none twice.
    """
    from rnnexp.data.tables.kept import keep_tables

    with keep_tables():
        problems = dict.fromkeys(text for one in sources for text in list_absent(one) or _list_absent_columns(one))
    if problems:
        raise DataError("\n".join(problems))


def list_absent(source: object) -> list[str]:
    """Say of each file that a source names and that is not there; of one that is on a drive that has gone, too."""
    from rnnexp.data.tables.locate import describe_unreachable

    try:
        return source.find_absent() if isinstance(source, InRoot) else []
    except OSError as error:
        if error.errno not in GONE:
            raise
        return [describe_unreachable(str(error.filename), error)]


def list_lost(source: object, error: BaseException | None = None) -> list[str]:
    """Say which files of a source have gone, for want of which reading them has ended in an error; [] if none has.

    A file that can still be found, but not be read, is told by the error.
    """
    from rnnexp.data.tables.locate import describe_unreachable

    if (absent := list_absent(source)) or not isinstance(source, InRoot):
        return absent
    met = find_unreachable(error, READERS)
    return [describe_unreachable(str(met.filename or getattr(source, "path", "data.path")), met)] if met else []


@settings
class InRoot:
    """Files that are looked for in the working directory, then in a second folder."""

    root: str | None = Field(None, description="Second folder to look in; null takes RNNEXP_DATA.")

    def root_folder(self) -> str | None:
        return self.root or os.environ.get("RNNEXP_DATA") or None

    def find_absent(self) -> list[str]:
        """Say of each file and folder that the settings name and that is not there where it was looked for."""
        return []

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that a table has not, as its reader does, from its head.

        Of several tables with the same columns the first is looked at.
        """
        yield from ()


@settings
class Located(InRoot):
    """Files of which the user may say where to get them."""

    origin: str = Field("", description="Where to get the files, for the message when one is absent.")

    def locate(self, path: str) -> list[Path]:
        """Find the file, or the files of a glob; DataError if there is none."""
        from rnnexp.data.tables.locate import locate

        return locate(path, self.root_folder(), self.origin)

    def is_folder(self, path: str) -> bool:
        """Say whether a setting names a folder, not a file."""
        return False

    def find_absent(self) -> list[str]:
        """Say of each file and folder that the settings name and that is not there where it was looked for."""
        from rnnexp.data.tables.locate import describe_absent

        given = [getattr(self, key, None) for key in FILES]
        found = (
            describe_absent(path, self.root_folder(), self.origin, self.is_folder(path))
            for path in dict.fromkeys(path for value in given for path in _list_paths(value))
        )
        return [problem for problem in found if problem]


@settings
class Encoded(Located):
    """Files of text."""

    encoding: str = Field("utf-8", description="Text encoding: utf-8 (with or without BOM), utf-16, latin-1, ...")


@settings
class TableFiles(Encoded):
    """Files of tables, and how these are written."""

    separator: str = Field("auto", min_length=1, description="Cell separator, tab or whitespace; auto finds out.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark.")
    thousands: str | None = Field(
        None, min_length=1, max_length=1, description="Thousands mark, a blank for blanks of all kinds; null for none."
    )
    header: Literal["first", "none"] | list[str] = Field(
        "first",
        description="Names are in the first line, or there are none: choose columns by position from 0; or the names.",
    )
    comment: str | None = Field(None, min_length=1, description="Lines that begin with this are left out.")
    skip_lines: int = Field(
        0,
        ge=0,
        description="Lines above the header that are left out: titles, metadata.",
        json_schema_extra={SINCE: "0.1"},
    )
    skip_rows: list[int | str] = Field(
        default_factory=list,
        description='Rows that are left out: numbers of lines, or texts: rows with such a cell ("Total").',
        json_schema_extra={SINCE: "0.1"},
    )
    skip_footer: int = Field(
        0,
        ge=0,
        description="Lines at the end that are left out: sources, remarks.",
        json_schema_extra={SINCE: "0.1"},
    )
    na: list[str | float] = Field(
        default_factory=list,
        description="Cells that mean missing, besides empty, NA, N/A, NaN, null and None; -200 means -200.0, too.",
    )
    time_format: str | None = Field(
        None,
        description='How dates are written, as "%d.%m.%Y"; s, ms, us, ns or D since 1970; days since 1960-01-01 or '
        "another date; excel; decimal_year; null finds out.",
    )
    pivot_year: int | None = Field(
        None,
        ge=1678,
        le=2162,
        description="First of the hundred years that years of two digits mean; null for 1969.",
        json_schema_extra={SINCE: "0.1"},
    )
    time_zone: str | None = Field(None, description="Zone to convert dates with a zone to, as UTC; null keeps it.")

    def table_mistakes(self) -> list[str]:
        """List what is wrong between these settings."""
        found = []
        if self.separator not in ("auto", "tab", "\\t", "space", "whitespace") and len(self.separator) > 1:
            found.append(f"data.separator: `{self.separator}` is not auto, tab, whitespace or one character")
        if self.decimal == self.thousands:  # that of cells may be one, too, where quotes hold them
            found.append(f'data.decimal: "{self.decimal}" is the thousands mark, too')
        return found

    def table_layout(self) -> Layout:
        return Layout(
            separator=None if self.separator == "auto" else self.separator,
            decimal=self.decimal,
            thousands=self.thousands,
            encoding=self.encoding,
            header=self.header == "first",
            names=tuple(self.header) if isinstance(self.header, list) else (),
            comment=self.comment,
            na=tuple(map(str, self.na)),
            time_format=self.time_format,
            time_zone=self.time_zone,
            pivot_year=self.pivot_year,
            skip_lines=self.skip_lines,
            skip_rows=tuple(self.skip_rows),
            skip_footer=self.skip_footer,
        )


@settings
class TextFiles(Encoded):
    """Files of texts, those of each part by themselves, or all in one place to be shared out."""

    path: str = Field(description="File or glob of files; looked up here, then in root.")
    val_path: str | None = Field(None, description="Files of the validation set; null leaves it to the split.")
    test_path: str | None = Field(None, description="Files of the test set; null leaves it to the split.")

    def paths(self) -> dict[str, Any]:
        """Return the files of each part; those of "train" are cut into the parts that have none."""
        given = {"train": self.path, "val": self.val_path, "test": self.test_path}
        return {part: path for part, path in given.items() if path is not None}

    def gives(self) -> set[str]:
        return set(self.paths()) - {"train"}

    def marked_paths(self) -> dict[str, Any]:
        """Return the files by the part of their examples, "" where a split decides: with the others given, "train"."""
        first = "train" if self.gives() == {"val", "test"} else ""
        return {first if part == "train" else part: path for part, path in self.paths().items()}

    def encoding_mistakes(self) -> list[str]:
        """List what is wrong with `data.encoding`."""
        from rnnexp.data.tables.files import codec

        try:
            codec(self.encoding)
        except ConfigError as error:
            return [str(error)]
        return []


def _list_paths(value: Any) -> Iterator[str]:
    """Yield the paths of a setting: one, or those of labels or languages."""
    if isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _list_paths(inner)


def _list_absent_columns(source: object) -> list[str]:
    """List the columns that are not there, of a source of our own: a plugin's may read more than the files have."""
    problems: list[str] = []
    if isinstance(source, InRoot) and is_ours(type(source)):
        with suppress(Exception):  # what else is wrong with a file is told by who reads it
            for problem in source.find_absent_columns():
                problems.append(problem)
    return problems
