"""Reading files of CoNLL's kind: a token on each line, its tag in another column, a blank line after a sequence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnnexp.data.located import TextFiles
from rnnexp.data.tables.places import SHOWN, Places, cite
from rnnexp.data.texts.corpus import refuse_twice
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import DataError, count

# Other blanks, such as those that keep the digits of a number together, belong to a token.
BLANKS = re.compile(r"[ \t]+")


class Token(NamedTuple):
    """A token as it stands in a file; its tag is empty where none is read."""

    line: int
    word: str
    tag: str


@dataclass(frozen=True)
class Columns:
    """Which columns hold words, tags (None: there are none) and the tokens' numbers, and what lies between them."""

    word: int = 0
    tag: int | None = -1
    number: int | None = None
    separator: str = "auto"
    comment: str | None = None

    def cells(self, line: str) -> list[str]:
        return line.split("\t") if self.separator == "tab" else BLANKS.split(line.strip(" \t"))

    def asked(self) -> str:
        given = {f"data.{key}": getattr(self, key) for key in ("word", "tag", "number")}
        return " and ".join(f"{key}={column}" for key, column in given.items() if column is not None)


@dataclass(frozen=True)
class Tagged:
    """Sequences of tokens with a tag each, end to end: sequence i is `offsets[i]:offsets[i + 1]`.

    words, tags: (tokens,) as they stand in the files;  offsets: (n + 1,) int64
    parts:       (n,) "train", "val" or "test" where the files say so, "" where a split decides
    places:      file and line of each token;  notes: what reading did to the data, one sentence each, with counts
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    offsets: np.ndarray
    parts: tuple[str, ...]
    places: Places
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def sequence(self, index: int) -> tuple[str, ...]:
        """Return the tokens of a sequence."""
        return self.words[self.offsets[index] : self.offsets[index + 1]]

    def of(self, sequences: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the positions of the tokens of sequences, one sequence after the other."""
        pieces = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in sequences]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

    def take(self, chosen: np.ndarray) -> Tagged:
        """Keep the sequences at these places alone, in this order."""
        tokens = self.of(chosen)
        words, tags = (tuple(of[token] for token in tokens) for of in (self.words, self.tags))
        offsets = np.cumsum([0, *np.diff(self.offsets)[chosen]])
        parts = tuple(self.parts[place] for place in chosen)
        return Tagged(words, tags, offsets, parts, self.places.take(tokens), self.notes)

    def place(self, token: int) -> str:
        """Say where a token stands: ``train.conll, line 12``."""
        return f"{self.places.files[self.places.file[token]]}, line {self.places.number[token]}"


def read(where: TextFiles, paths: Mapping[str, str], columns: Columns) -> Tagged:
    """Read the sequences of all files, given by part."""
    done: Counter[str] = Counter()
    found: list[tuple[str, str, list[Token]]] = []
    files: list[list[str]] = []
    for part, path in paths.items():
        located = where.locate(path)
        files.append([str(file) for file in located])
        for file in located:
            found += [(part, str(file), one) for one in sequences(file, where.encoding, columns, done)]
    refuse_twice(files)
    return _together(found, [f"{what}: {count(times, 'line')} left out" for what, times in done.items()])


def _together(found: list[tuple[str, str, list[Token]]], notes: list[str]) -> Tagged:
    names = {name: index for index, name in enumerate(dict.fromkeys(file for _, file, _ in found))}
    tokens = [token for _, _, one in found for token in one]
    lengths = [len(one) for _, _, one in found]
    places = Places(
        tuple(names),
        np.repeat(np.array([names[file] for _, file, _ in found], np.int32), lengths),
        np.array([token.line for token in tokens], np.int32),
    )
    words, tags = (tuple(getattr(token, key) for token in tokens) for key in ("word", "tag"))
    return Tagged(words, tags, np.cumsum([0, *lengths]), tuple(part for part, _, _ in found), places, tuple(notes))


def sequences(file: Path, encoding: str, columns: Columns, done: Counter[str]) -> list[list[Token]]:
    """Read the sequences of one file; lines that are left out are counted in `done`. DataError if there are none."""
    found: list[list[Token]] = [[]]
    for token in _tokens(file, encoding, columns, done):
        if token is None:
            found.append([])
        else:
            found[-1].append(token)
    full = [one for one in found if one]
    if not full:
        raise DataError(f"{file}: there are 0 sequences; each line must hold a token, a blank line ends a sequence")
    return full


def _tokens(file: Path, encoding: str, columns: Columns, done: Counter[str]) -> Iterator[Token | None]:
    """Yield the tokens of a file, None for a blank line."""
    width, ragged, empty = 0, [], []
    for number, line in enumerate(lines(read_text(file, encoding)), start=1):
        if columns.comment and line.startswith(columns.comment):
            done[f"{file}: begin with `{columns.comment}`"] += 1
            continue
        if not line.strip(" \t"):
            yield None
            continue
        cells = columns.cells(line)
        width = width or _width(cells, columns, f"{file}, line {number}")
        if len(cells) != width:
            ragged.append(f"{number} ({count(len(cells), 'column')})")
        elif columns.number is not None and not cells[columns.number].isdecimal():
            done[f"{file}: have no whole number in column {columns.number}"] += 1
        else:
            token = Token(number, cells[columns.word].strip(), "" if columns.tag is None else cells[columns.tag])
            empty += [number] if not token.word or (columns.tag is not None and not token.tag.strip()) else []
            yield token._replace(tag=token.tag.strip())
    _refuse(file, width, ragged, empty)


def _width(cells: list[str], columns: Columns, place: str) -> int:
    """Return how many columns the first line has; DataError unless those that are asked for are among them."""
    asked = [column for column in (columns.word, columns.tag, columns.number) if column is not None]
    there = {column % len(cells) for column in asked if -len(cells) <= column < len(cells)}
    if len(there) < len(asked):
        between = "one tab" if columns.separator == "tab" else "blanks or tabs"
        raise DataError(
            f"{place}: has {count(len(cells), 'column')} with {between} between them; {columns.asked()} ask for more"
        )
    return len(cells)


def _refuse(file: Path, width: int, ragged: list[str], empty: list[int]) -> None:
    if ragged:
        raise DataError(
            f"{file}: the first token has {count(width, 'column')}, other lines have not: "
            f"{cite('line', ragged[:SHOWN], len(ragged))}"
        )
    if empty:
        raise DataError(
            f"{file}: a token, or its tag, is empty: {cite('line', list(map(str, empty[:SHOWN])), len(empty))}"
        )
