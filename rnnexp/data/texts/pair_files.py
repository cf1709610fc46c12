"""Reading pairs of texts: two files with the same lines, or two columns of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rnnexp.data.located import TextFiles
from rnnexp.data.pairs import Files, Pairs
from rnnexp.data.tables.places import SHOWN, cite
from rnnexp.data.texts.corpus import cited, refuse_twice
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import DataError, count


class Pair(NamedTuple):
    """A pair as it stands in a file, or in two: `file` has the source, `other` the target on the same line."""

    file: str
    other: str
    line: int
    source: str
    target: str

    @property
    def empty(self) -> tuple[str, int] | None:
        """The file, and the line, of a side without a text."""
        files = [file for file, text in ((self.file, self.source), (self.other, self.target)) if not text.strip()]
        return (files[0], self.line) if files else None


def read(
    where: TextFiles, paths: Mapping[str, Files], columns: Sequence[int], most: int | None, on_empty: str
) -> Pairs:
    """Read the pairs of all files, given by part, and refuse or leave out those that have an empty side.

    At most `most` are read of the part that is neither "val" nor "test".
    """
    files = {part: _files(path, where) for part, path in paths.items()}
    refuse_twice([[str(file) for two in own for file in two if file] for own in files.values()])
    pairs: list[tuple[str, Pair]] = []
    for part, own in files.items():
        found = [pair for two in own for pair in _read(*two, where.encoding, columns)]
        pairs += [(part, pair) for pair in found[: None if part in ("val", "test") else most]]
    kept, notes = _without_empty(pairs, on_empty)
    used = {part for part, _ in kept}
    if unused := [own[0][0] for part, own in files.items() if part not in used]:
        raise DataError(f"{unused[0]}: there are 0 usable pairs")
    parts, rows = zip(*kept)
    return Pairs(
        tuple(pair.source for pair in rows),
        tuple(pair.target for pair in rows),
        parts,
        tuple(f"{pair.file}, line {pair.line}" for pair in rows),
        Path(rows[0].file).name,
        notes,
    )


def _files(path: Files, where: TextFiles) -> list[tuple[Path, Path | None]]:
    """Find the files of sources, each with the one of its targets, None for a table; those of two globs go together."""
    if isinstance(path, str):
        return [(file, None) for file in where.locate(path)]
    sources, targets = where.locate(path["source"]), where.locate(path["target"])
    if len(sources) != len(targets):
        have = f"{path['source']} is {count(len(sources), 'file')} and {path['target']} {count(len(targets), 'file')}"
        raise DataError(f"{have}: each needs the one of its translations, at the same place in order of names")
    return list(zip(sources, targets))


def _read(source: Path, target: Path | None, encoding: str, columns: Sequence[int]) -> Iterator[Pair]:
    return _two_files(source, target, encoding) if target else _table(source, encoding, columns)


def _two_files(source: Path, target: Path, encoding: str) -> Iterator[Pair]:
    """Read two files line by line; they must have equally many lines."""
    read = {file: lines(read_text(file, encoding)) for file in (source, target)}
    if len(read[source]) != len(read[target]):
        have = " and ".join(f"{file} has {count(len(found), 'line')}" for file, found in read.items())
        raise DataError(f"{have}: each line needs its translation on the same line of the other file")
    for number, texts in enumerate(zip(read[source], read[target]), start=1):
        yield Pair(str(source), str(target), number, *texts)


def _table(file: Path, encoding: str, columns: Sequence[int]) -> Iterator[Pair]:
    """Read the columns of a table that tabs separate."""
    short = []
    for number, line in enumerate(lines(read_text(file, encoding)), start=1):
        cells = line.split("\t")
        if line.strip() and len(cells) <= max(columns):
            short.append(f"{number} ({count(len(cells), 'column')})")
            continue
        source, target = (cells[column] if line.strip() else "" for column in columns)
        yield Pair(str(file), str(file), number, source, target)
    if short:
        shown = cite("line", short[:SHOWN], len(short))
        raise DataError(f"{file}: data.columns={list(columns)}, but there are fewer, separated by tabs: {shown}")


def _without_empty(pairs: list[tuple[str, Pair]], on_empty: str) -> tuple[list[tuple[str, Pair]], tuple[str, ...]]:
    empty = [place for _, pair in pairs if (place := pair.empty)]
    if not empty:
        return pairs, ()
    what = f"{count(len(empty), 'pair')} with an empty side: {cited(empty)}"
    if on_empty == "fail":
        raise DataError(f"{what}. Correct the files, or leave such pairs out with data.on_empty=drop")
    return [(part, pair) for part, pair in pairs if not pair.empty], (f"left out {what}",)
