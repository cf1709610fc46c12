"""The experiments that are proposed for labeled sequences: `.ts`, `.npz`, or a folder of tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnexp.cells import is_number
from rnnexp.data.audio.files import is_recording
from rnnexp.data.inspect.text_kinds import find_test
from rnnexp.data.tables.files import kind, opened
from rnnexp.data.tables.layout import Layout
from rnnexp.errors import DataError
from rnnexp.tasks.frame_proposals import find_frames
from rnnexp.tasks.recording_proposals import find_recordings, propose_windows
from rnnexp.tasks.requests import Draft, Suggestion

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".gz")
LABELS = ("label", "class", "target", "y", "activity", "gesture")
LENGTHS = ("n", "length", "lengths", "steps", "n_steps")
FEWEST_TEXTS = 10  # that are nearly all different, from which on they are no labels
FEW = 20  # tables whose rows are counted
PARTS = ("part", "split", "set", "subset")


@dataclass(frozen=True)
class SequenceFiles:
    """A source of sequences with its settings and why, and whether numbers are to be predicted, not labels.

    label: the column of it, where each step has one
    texts: whether texts are to be written down instead
    """

    source: str
    settings: dict[str, Any]
    numbers: bool
    seen: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    texts: bool = False


def propose_labels(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for sequences with a label each; None if a path holds none."""
    found = find_sequences(path, given)
    if found is None or found.numbers or found.texts:
        return None
    question = f"Which {found.label or 'label'} does each {'recording' if found.label else 'sequence'} have?"
    return Draft([found.seen], question, {"data": found.source, "model": "lstm"}, found.settings, found.reasons)


def propose_numbers(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for sequences with numbers to predict; None if a path holds none."""
    found = find_sequences(path, given)
    if found is None or not found.numbers:
        return None
    question = (
        f"How well can {found.label or 'the number'} of each {'recording' if found.label else 'sequence'} be predicted?"
    )
    return Draft([found.seen], question, {"data": found.source, "model": "lstm"}, found.settings, found.reasons)


def propose_texts(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for sequences with a text each; None if a path holds none."""
    found = find_sequences(path, given)
    if found is None or not found.texts:
        return None
    both = Suggestion("model.bidirectional", True, "what a step means is known from both sides")
    defaults = {"data": found.source, "model": "gru"}
    settings = {**found.settings, "scaler": "standard"}
    return Draft([found.seen], "Which text is in each sequence?", defaults, settings, found.reasons, [both])


def find_sequences(path: str, given: Mapping[str, Any]) -> SequenceFiles | None:
    """Look at a path; None if it holds no labeled sequences."""
    place = Path(path).expanduser()
    if find_frames(path):
        return None
    if place.is_dir():
        return _ts_folder(path, place) or _folder_of_tables(path, place)
    if place.suffix == ".npz" and place.is_file():
        return _arrays(path, place)
    if place.is_file() and (place.suffix == ".ts" or place.name.endswith(".ts.gz")):
        return _ts(path, place)
    if found := find_recordings(path, given):
        return SequenceFiles("sequence_table", found.settings, found.numbers, found.seen, found.reasons, found.label)
    return None


def _ts_folder(path: str, folder: Path) -> SequenceFiles | None:
    files = sorted(folder.glob("*_TRAIN.ts*"))
    return _ts(str(Path(path) / files[0].name), files[0]) if len(files) == 1 else None


def _ts(path: str, file: Path) -> SequenceFiles:
    """Read the `@` lines."""
    with opened(file, "latin-1") as stream:
        head = [stream.readline(1_000_000).strip().lower() for _ in range(200)]
    numbers = any(re.match(r"@targetlabel\s+true", line) for line in head)
    test = find_test(path)
    settings = {"path": path} | ({"test_path": test} if test else {}) | ({"task": "regression"} if numbers else {})
    beside = f", and {Path(test).name} beside it" if test else ""
    windows, why = propose_windows(_measure_ts(head))
    seen = f"{path}: sequences with {'numbers' if numbers else 'labels'} (.ts){beside}"
    return SequenceFiles("ts", settings | windows, numbers, seen, why)


def _measure_ts(head: list[str]) -> int:
    """Return the steps of the longest of the first sequences, each channel of which is numbers with commas between."""
    lines = [line for line in head[head.index("@data") + 1 :] if line] if "@data" in head else []
    return max((channel.count(",") + 1 for line in lines for channel in line.split(":")), default=0)


def _arrays(path: str, file: Path) -> SequenceFiles:
    import numpy as np

    from rnnexp.data.sources.npz import array, judge_order

    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            names = list(archive)
    except (OSError, ValueError, EOFError):
        names = []
    inputs, targets = _paired(names)
    y = array(file, targets)
    classes = y.dtype.kind in "USbiu" and y.ndim == 1 and len(np.unique(y)) <= max(2, len(y) // 2)
    settings: dict[str, Any] = {"path": path} | ({} if inputs == "x" else {"inputs": inputs})
    settings |= {} if targets == "y" else {"targets": targets}
    test = {key: name.replace("train", "test") for key, name in (("test_inputs", inputs), ("test_targets", targets))}
    settings |= test if "train" in inputs and {*test.values()} <= {*names} else {}
    texts = y.dtype.kind == "U" and y.ndim == 1 and _are_texts(y.tolist())
    what = "texts" if texts else "labels" if classes else "numbers"
    settings |= {"task": "classification"} if classes and not texts else {}
    seen = f"{path}: arrays {', '.join(names)}; `{targets}` holds {what}"
    if y.ndim == 2 and y.shape[1] > 1 and ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all():
        raise DataError(f"{path}: `{targets}` is one-hot, {y.shape}: store the number of each class, y.argmax(1)")
    if texts:
        lengths = [name for name in names if name.lower() in LENGTHS]
        settings |= {"task": "transcription"} | ({"lengths": lengths[0]} if lengths else {})
        return SequenceFiles("npz", settings, False, seen, texts=True)
    steps, channels = (*array(file, inputs).shape, 1, 1)[1:3] if inputs in names else (1, 1)
    windows, why = propose_windows(steps)
    seen = "; ".join([seen, *judge_order(inputs, steps, channels)])
    return SequenceFiles("npz", settings | windows, not classes, seen, why)


def _are_texts(cells: list[str]) -> bool:
    """Tell texts from labels, most of which come several times, and from numbers."""
    many = len(cells) >= FEWEST_TEXTS and len({*cells}) > len(cells) // 2
    return many and not all(is_number(cell) for cell in cells)


def _paired(names: list[str]) -> tuple[str, str]:
    """Return the arrays of sequences and of what belongs to each."""
    lower = {name.lower(): name for name in names}
    for inputs, targets in (("x", "y"), ("x_train", "y_train"), ("inputs", "targets"), ("data", "labels")):
        if inputs in lower and targets in lower:
            return lower[inputs], lower[targets]
    return "x", "y"


def _folder_of_tables(path: str, folder: Path) -> SequenceFiles | None:
    """Look for a table of labels, one of whose columns names the other files."""
    tables = sorted(child for child in folder.iterdir() if child.suffix in TABLES and child.is_file())
    preferred = sorted(tables, key=lambda file: file.stem not in ("labels", "index", "meta"))
    for table in preferred[:3]:
        try:
            names, columns = _text_columns(table)
        except DataError:
            continue
        # Of a file that is not there the reader tells the line.
        files = [
            i for i, cells in enumerate(columns) if 2 * sum(_is_table(folder / cell) for cell in cells) > len(cells)
        ]
        others = [i for i in range(len(names)) if i not in files]
        parts = [i for i in others if names[i].lower() in PARTS and {*columns[i]} <= {"train", "val", "test", ""}]
        labels = [i for i in others if i not in parts]
        named = [i for i in labels if names[i].lower() in LABELS]
        if files and (named or len(labels) == 1):
            return _described(path, table, (files[0], (named or labels)[0], *parts[:1]))
    return None


def _is_table(file: Path) -> bool:
    return file.is_file() and not is_recording(file.name)


def _described(path: str, table: Path, chosen: tuple[int, ...]) -> SequenceFiles:
    """Say what a table of labels names: columns of files, of their labels, and perhaps of the parts."""
    from rnnexp.data.tables.table import read_cells

    keys = ("file", "label", "part")
    usual = {"file": "file", "label": "label", "labels": "labels.csv"}
    names, columns, _ = read_cells(table, Layout())
    files, labels = ([cell.strip() for cell in columns[index]] for index in chosen[:2])
    settings = {"labels": table.name} | {key: names[index] for key, index in zip(keys, chosen)}
    numbers = len({*labels}) > max(2, len(labels) // 2) and all(is_number(cell) for cell in labels)
    settings = {"path": path} | {key: value for key, value in settings.items() if usual.get(key) != value}
    seen = f"{path}: {len(labels):,} tables that {table.name} names"
    beside = {child.name for child in table.parent.iterdir() if child.suffix in TABLES and child.is_file()}
    left = sorted(beside - {table.name, *files})
    seen += f"; {len(left):,} more have no label there ({left[0]})" if left else ""
    if _are_texts(labels):
        settings |= {"task": "transcription"}
        return SequenceFiles("sequence_folder", settings, False, f"{seen}, with a text each", texts=True)
    settings |= {"task": "regression"} if numbers else {}
    tables = [file for name in files[:FEW] if _is_table(file := table.parent / name)]
    windows, why = propose_windows(max(map(_measure_table, tables), default=0))
    return SequenceFiles("sequence_folder", settings | windows, numbers, seen, why)


def _measure_table(file: Path) -> int:
    """Return the rows of a table, next to exactly."""
    if kind(file) == "parquet":
        from pyarrow.parquet import ParquetFile

        return int(ParquetFile(file).metadata.num_rows)
    with opened(file, "latin-1") as stream:
        return sum(1 for line in stream if line.strip()) - 1


def _text_columns(table: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    from rnnexp.data.tables.dialect import examine

    if kind(table) == "parquet":
        raise DataError(f"{table}: is no text")
    dialect = examine(table, Layout())
    rows = [cells for _, cells in dialect.sample if len(cells) == len(dialect.names)]
    return dialect.names, [[cell.strip() for cell in column] for column in zip(*rows)]
