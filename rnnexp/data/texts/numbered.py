"""Reading files as one text: its lines, with the places where they stand."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rnnexp.data.located import TextFiles
from rnnexp.data.texts.corpus import cited, refuse_twice
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import count

Line = tuple[str, int, str]  # file, number, text


class Text(NamedTuple):
    """The lines of each part, and what was done to them."""

    lines: dict[str, list[Line]]
    notes: dict[str, list[str]]


def read(where: TextFiles, paths: Mapping[str, str], with_ends: bool) -> Text:
    """Read the lines of all files, given by part, if they are wanted with their ends."""
    files = {part: where.locate(path) for part, path in paths.items()}
    refuse_twice([[str(file) for file in own] for own in files.values()])
    found = {part: _lines(own, where.encoding, with_ends) for part, own in files.items()}
    return Text({part: read for part, (read, _) in found.items()}, {part: notes for part, (_, notes) in found.items()})


def _lines(files: Sequence[Path], encoding: str, with_ends: bool) -> tuple[list[Line], list[str]]:
    """Read the lines of files; as characters they have their ends, and the next file begins a line of its own."""
    found, ended = list[Line](), list[tuple[str, int]]()
    for file in files:
        if with_ends and found and not found[-1][2].endswith("\n"):
            name, number, line = found.pop()
            found.append((name, number, f"{line}\n"))
            ended.append((name, number))
        own = _numbered(read_text(file, encoding), with_ends)
        found += [(str(file), number, line) for number, line in own]
    return found, [f"ended {count(len(ended), 'last line')} of a file: {cited(ended)}"] if ended else []


def _numbered(text: str, with_ends: bool) -> list[tuple[int, str]]:
    """Number the lines, where they are wanted with their ends as single characters."""
    found = list(io.StringIO(text, newline=None)) if with_ends else lines(text)
    return list(enumerate(found, start=1))
