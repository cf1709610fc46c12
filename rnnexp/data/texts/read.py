"""Readers of texts and labels: `LABEL text` lines, a file or a folder per label, a file per text; and label names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rnnexp.data.texts.corpus import Row
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import DataError, count

LABELED = re.compile(r"(\S*)(?:\s(.*))?", re.DOTALL)


def labeled_lines(files: Sequence[Path], encoding: str) -> list[Row]:
    """Read lines of a label, one blank and a text, as in `1 a stirring , funny film`."""
    rows = []
    for file in files:
        for number, line in enumerate(lines(read_text(file, encoding)), start=1):
            label, text = LABELED.fullmatch(line).groups()  # type: ignore[union-attr]  # it matches any line
            rows.append(Row(str(file), number, label, text or ""))
    return rows


def text_per_line(files: Sequence[Path], label: str, encoding: str) -> list[Row]:
    """Read files of one label with a text on each line."""
    return [
        Row(str(file), number, label, line)
        for file in files
        for number, line in enumerate(lines(read_text(file, encoding)), start=1)
    ]


def text_per_file(files: Sequence[Path], label: str, encoding: str) -> list[Row]:
    """Read files of one label that hold one text each; an empty file is an empty text."""
    return [Row(str(file), 0, label, read_text(file, encoding) if file.stat().st_size else "") for file in files]


def labeled_folders(folder: Path, skip: Sequence[str], done: Counter[str]) -> dict[str, list[Path]]:
    """Find the files of every label in a folder whose sub-folders are called as the labels are.

    What is passed over is counted in `done`: folders in `skip`, files beside the sub-folders, folders within
    them, hidden files.
    """
    folders = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    labels = [child for child in folders if child.name not in skip]
    if not labels:
        raise DataError(f"{folder}: has no sub-folders; each is to be called as the label of the texts in it")
    beside = sum(not child.is_dir() for child in folder.iterdir())
    found = {label.name: _plain_files(label, done) for label in labels}
    for left_out in folders:
        if left_out.name in skip:
            done[f"{left_out}: not read, as data.ignore_labels says"] += 1
    if beside:
        done[f"{folder}: not read, since beside the folders of the labels: {count(beside, 'file')}"] += 1
    return found


def _plain_files(folder: Path, done: Counter[str]) -> list[Path]:
    children = sorted(folder.iterdir())
    files = [child for child in children if child.is_file() and not child.name.startswith(".")]
    if not files:
        raise DataError(f"{folder}: has no files; the label `{folder.name}` would have no text")
    if len(files) < len(children):
        done[f"{folder}: not read, since hidden or a folder: {len(children) - len(files):,}"] += 1
    return files


def label_names(names: Sequence[str] | Mapping[str | int, str], found: Iterable[str]) -> dict[str, str]:
    """Return label -> name; names in order belong to labels counted from 0 or 1, whichever the data do."""
    if isinstance(names, Mapping):
        return {str(label): name for label, name in names.items()}
    numbers = set(found)
    fitting = [start for start in (0, 1) if numbers <= {str(number) for number in range(start, start + len(names))}]
    if len(fitting) != 1:
        shown = ", ".join(f'"{label}"' for label in sorted(numbers)[:6])
        problem = "may count from 0 or from 1" if fitting else "do not count from 0 or 1"
        raise DataError(
            f"data.labels has {len(names)} names in order, but the labels of the data {problem}: {shown}. "
            "Give a mapping such as {1: World, 2: Sports}"
        )
    return {str(number): name for number, name in enumerate(names, start=fitting[0])}


def names_in(file: Path, encoding: str) -> list[str]:
    """Read a file with a name on each line, in the order of the labels."""
    found = [line.strip() for line in lines(read_text(file, encoding))]
    for number, name in enumerate(found, start=1):
        if not name or name in found[: number - 1]:
            problem = f'"{name}" is there twice' if name else "has no name"
            raise DataError(f"{file}, line {number}: {problem}; data.labels needs a name of its own for each label")
    return found
