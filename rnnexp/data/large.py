"""Data of many rows: arithmetic piece by piece, arrays in files, and samples where a sample says enough.

At most `LARGE` rows are worked on whole, as they always have been. Above it memory must not grow with what is computed
on the way, and whether the rows lie in memory or in a mapped file changes no bit: both take the same pieces in the same
order.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from rnnexp.disk import name_file
from rnnexp.runtime.machine import make_cache_folder

# Half a million rows of one column are 4 MB, and ten times that while they are scaled: below it nothing is gained, and
# every figure that has been published is of fewer rows.
LARGE = 2**19
PIECE = 2**16  # rows that are worked on at once: half a megabyte of a column
SAMPLE = 2**16  # windows that score a part, or that a baseline is fitted to: the error of a mean error is below 1 %
RUN = 2**11  # examples that follow each other, and so lie in the same pages of a file
POOL = 2**18  # examples that are shuffled together: those of 128 runs from anywhere


def is_large(rows: int) -> bool:
    return rows > LARGE


def list_pieces(rows: int) -> Iterator[slice]:
    """Yield slices that go over all rows, in order; few rows are one piece."""
    size = PIECE if is_large(rows) else max(1, rows)
    for first in range(0, rows, size):
        yield slice(first, min(first + size, rows))


def make_room(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array to be filled; one of many rows lies in a file without a name, which is gone with the array."""
    folder = make_cache_folder() if is_large(shape[0]) else None
    if folder is None:
        return np.empty(shape, dtype)
    size = max(1, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    with name_file(folder), tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # a full disk is an error here, and would be a signal later
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        return np.asarray(np.memmap(file, dtype, "r+", shape=shape))


def release_memory(rows: int) -> None:
    """Give back to the system, for data of many rows, what has been freed, as far as the C library can.

    Compiling leaves nearly 200 MB, more than ten million rows take.
    """
    if is_large(rows):
        with suppress(AttributeError, OSError, TypeError):  # not the library of GNU
            ctypes.CDLL(None).malloc_trim(0)


def number(first: int, stop: int, step: int) -> np.ndarray:
    """Return int32 from `first` on, up to but not including `stop`."""
    numbers = make_room((max(0, -(-(stop - first) // step)),), np.int32)
    for piece in list_pieces(len(numbers)):
        numbers[piece] = np.arange(piece.start, piece.stop) * step + first
    return numbers


def join(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Put rows end to end; those of one part are not copied."""
    if len(parts) == 1:
        return parts[0]
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    return np.concatenate(parts, out=make_room(shape, np.result_type(*parts)))


def measure_spread(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of rows (n, columns), each (columns,)."""
    if not is_large(len(rows)):
        return rows.mean(axis=0), rows.std(axis=0)
    mean = _add_up(rows, lambda piece: piece.sum(axis=0)) / len(rows)
    variance = _add_up(rows, lambda piece: ((piece - mean) ** 2).sum(axis=0)) / len(rows)
    return mean, np.sqrt(variance)


def _add_up(rows: np.ndarray, part: Any) -> np.ndarray:
    total = np.zeros(rows.shape[1:])
    for piece in list_pieces(len(rows)):
        total = total + part(np.ascontiguousarray(rows[piece]))
    return total


def sample_rows(rows: np.ndarray, most: int | None = None) -> np.ndarray:
    """Return evenly spread rows of many, all of few."""
    most = SAMPLE if most is None else most
    return rows if len(rows) <= most else rows[:: -(-len(rows) // most)]


def take_last(rows: np.ndarray) -> np.ndarray:
    """Return the last rows of many, which follow each other, all of few."""
    return rows[-SAMPLE:] if is_large(len(rows)) else rows


def order_near(indices: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Shuffle examples so that those of a batch come from few places: runs in random order, pool by pool.

    A batch has examples of up to `POOL / RUN` runs from anywhere, and reads no more pages than these have; a shuffle of
    all would read one page for each example.
    """
    shuffled, done, each = make_room(indices.shape, indices.dtype), 0, max(1, POOL // RUN)
    runs = generator.permutation(-(-len(indices) // RUN))
    for first in range(0, len(runs), each):
        pool = np.concatenate([indices[run * RUN : (run + 1) * RUN] for run in runs[first : first + each]])
        shuffled[done : done + len(pool)] = pool[generator.permutation(len(pool))]
        done += len(pool)
    return shuffled
