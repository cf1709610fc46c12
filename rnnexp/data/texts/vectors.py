"""Pretrained word vectors from a text file, in the form of GloVe or of word2vec, for the words of a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.tables.files import opened, unchanged
from rnnexp.data.tables.locate import locate
from rnnexp.data.texts.encoder import Encoder
from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN, Vocabulary
from rnnexp.errors import DataError, count


@dataclass(frozen=True)
class Vectors:
    """One vector per id: (len(vocabulary), dim) float32; padding is all 0.

    found: how many tokens of the vocabulary the file holds
    """

    values: np.ndarray
    found: int
    notes: tuple[str, ...] = field(default=())


def read_vectors(file: Path, vocabulary: Vocabulary, seed: int = 0, encoding: str = "utf-8") -> Vectors:
    """Read the vectors of a vocabulary's tokens; the others are drawn from N(0, deviation of those found).

    Each line is a token and its numbers, between blanks; a first line of two whole numbers is word2vec's header:
    how many vectors, and their length. Every line must have the same length; numbers are read where the token is
    in the vocabulary. Raises DataError with file and line.
    """
    known, twice = _Lines(file, vocabulary).read(encoding)
    if not known:
        raise DataError(
            f"{file}: has none of the {count(len(vocabulary) - UNKNOWN - 1, 'token')} of the vocabulary; "
            "do data.tokens and data.lowercase fit these vectors?"
        )
    table = np.stack(list(known.values()))
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, len(vocabulary)])))
    values = generator.normal(0.0, table.std(dtype=np.float64), (len(vocabulary), table.shape[1])).astype(np.float32)
    values[list(known)] = table
    values[PADDING] = 0
    words = len(vocabulary) - UNKNOWN - 1
    notes = [f"{file}: vectors for {len(known):,} of {count(words, 'token')}; the others are randomly initialized"]
    notes += [f"{file}: {count(twice, 'token')} again in the file: the first is taken"] if twice else []
    return Vectors(values, len(known), tuple(notes))


class _Lines:
    """The lines of a file of vectors: checks the length of all, keeps those of known tokens."""

    def __init__(self, file: Path, vocabulary: Vocabulary) -> None:
        self.file, self.ids = file, vocabulary.ids
        self.dim, self.number = 0, 0

    def read(self, encoding: str) -> tuple[dict[int, np.ndarray], int]:
        """Return id -> vector, in the order of the file, and how many were there already."""
        known: dict[int, np.ndarray] = {}
        twice = rows = 0
        promised: int | None = None
        for number, line in self._lines(encoding):
            self.number = number
            if number == 1 and (promised := self._header(line)) is not None:
                continue
            rows += 1
            token, numbers = self._token(line)
            index = self.ids.get(token)
            twice += index in known
            if index is not None and index not in known:
                known[index] = self._vector(numbers)
        if promised not in (None, rows):
            raise DataError(f"{self.file}: line 1 announces {count(promised or 0, 'vector')}, there are {rows:,}")
        return known, twice

    def _lines(self, encoding: str) -> Iterator[tuple[int, str]]:
        with unchanged(self.file), opened(self.file, encoding) as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.rstrip(" \r\n")

    def _header(self, line: str) -> int | None:
        cells = line.split(" ")
        if len(cells) != 2 or not all(cell.isdecimal() for cell in cells):
            return None
        self.dim = int(cells[1])
        return int(cells[0])

    def _token(self, line: str) -> tuple[str, str]:
        """Part the token, which may contain blanks in GloVe's larger files, from the numbers."""
        blanks = line.count(" ")
        self.dim = self.dim or blanks
        if not blanks:
            raise self._error("there are no numbers; a token and its numbers stand between blanks")
        if blanks == self.dim:
            token, _, numbers = line.partition(" ")
            return token, numbers
        cells = line.split(" ")
        surplus = blanks - self.dim
        if surplus < 0 or _number(cells[surplus]):
            raise self._error(f"{count(blanks, 'number')}, the lines before have {self.dim}")
        return " ".join(cells[: surplus + 1]), " ".join(cells[surplus + 1 :])

    def _vector(self, numbers: str) -> np.ndarray:
        cells = numbers.split(" ")
        bad = [] if _number(*cells) else [cell for cell in cells if not _number(cell)]
        if bad:
            raise self._error(f'"{bad[0]}" is not a number')
        vector = np.array([float(cell) for cell in cells], np.float32)
        if not np.isfinite(vector).all():
            raise self._error("a number is infinite, too large for float32, or not a number")
        return vector

    def _error(self, what: str) -> DataError:
        return DataError(f"{self.file}, line {self.number}: {what}")


def _number(*cells: str) -> bool:
    try:
        for cell in cells:
            float(cell)
    except ValueError:
        return False
    return not any("_" in cell for cell in cells)


def vectors_of(source: Any, encoder: Encoder) -> Vectors | None:
    """Read the pretrained vectors that a source names for the tokens that an encoder knows."""
    if source.vectors is None:
        return None
    return read_vectors(locate(source.vectors, source.root_folder())[0], encoder.vocabulary, source.seed)
