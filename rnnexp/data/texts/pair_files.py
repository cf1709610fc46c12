"""Reading pairs of texts: two files with the same lines, or two columns of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from rnnexp.data.tables.files import locate
from rnnexp.data.tables.places import SHOWN, cite, count
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.data.texts.pairs import Pairs
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from rnnexp.data.sources.text_pairs import text_pairs


class Pair(NamedTuple):
    """A pair as it stands in a file, or in two."""

    file: str
    line: int
    source: str
    target: str


def read(settings: text_pairs) -> Pairs:
    """Read the pairs of all files, and refuse or leave out those that have an empty side."""
    given = {"": settings.path, "val": settings.val_path, "test": settings.test_path}
    complete = settings.gives() == {"val", "test"}
    pairs: list[tuple[str, Pair]] = []
    for part, path in given.items():
        if path is not None:
            found = _two_files(path, settings) if isinstance(path, dict) else _table(path, settings)
            pairs += [("train" if complete and not part else part, pair) for pair in found[: _most(settings, part)]]
    kept, notes = _without_empty(pairs, settings.on_empty)
    if not kept:
        raise DataError(f"{pairs[0][1].file if pairs else settings.path}: there are 0 usable pairs")
    parts, rows = zip(*kept)
    return Pairs(
        tuple(pair.source for pair in rows),
        tuple(pair.target for pair in rows),
        parts,
        tuple(f"{pair.file}, line {pair.line}" for pair in rows),
        Path(rows[0].file).name,
        notes,
    )


def _most(settings: text_pairs, part: str) -> int | None:
    return settings.most_pairs if part == "" else None


def _two_files(paths: Mapping[Literal["source", "target"], str], settings: text_pairs) -> list[Pair]:
    """Read two files line by line, or those of two globs two by two; both must have equally many lines."""
    files = {side: locate(path, settings.folder(), settings.origin) for side, path in paths.items()}
    if len(files["source"]) != len(files["target"]):
        have = " and ".join(f"{paths[side]} is {count(len(found), 'file')}" for side, found in files.items())
        raise DataError(f"{have}: each file needs the one of its translations, at the same place in order of names")
    two = zip(files["source"], files["target"])
    return [pair for source, target in two for pair in _side_by_side(source, target, settings.encoding)]


def _side_by_side(source: Path, target: Path, encoding: str) -> Iterator[Pair]:
    read = {file: lines(read_text(file, encoding)) for file in (source, target)}
    if len(read[source]) != len(read[target]):
        have = " and ".join(f"{file} has {count(len(found), 'line')}" for file, found in read.items())
        raise DataError(f"{have}: each line needs its translation on the same line of the other file")
    for number, texts in enumerate(zip(read[source], read[target]), start=1):
        yield Pair(str(source), number, *texts)


def _table(path: str, settings: text_pairs) -> list[Pair]:
    """Read the columns of tables that tabs separate."""
    found, short = [], []
    for file in locate(path, settings.folder(), settings.origin):
        for number, line in enumerate(lines(read_text(file, settings.encoding)), start=1):
            cells = line.split("\t")
            if line.strip() and len(cells) <= max(settings.columns):
                short.append((number, len(cells)))
                continue
            source, target = (cells[column] if line.strip() else "" for column in settings.columns)
            found.append(Pair(str(file), number, source, target))
        if short:
            shown = cite(
                "line", [f"{number} ({count(cells, 'column')})" for number, cells in short[:SHOWN]], len(short)
            )
            raise DataError(f"{file}: data.columns={settings.columns}, but there are fewer, separated by tabs: {shown}")
    return found


def _without_empty(pairs: list[tuple[str, Pair]], on_empty: str) -> tuple[list[tuple[str, Pair]], tuple[str, ...]]:
    empty = [pair for _, pair in pairs if not (pair.source.strip() and pair.target.strip())]
    if not empty:
        return pairs, ()
    first = cite("line", [str(pair.line) for pair in empty[:SHOWN]], len(empty))
    what = f"{count(len(empty), 'pair')} with an empty side: {empty[0].file}, {first}"
    if on_empty == "fail":
        raise DataError(f"{what}. Correct the files, or leave such pairs out with data.on_empty=drop")
    return [(p, pair) for p, pair in pairs if pair.source.strip() and pair.target.strip()], (f"left out {what}",)
