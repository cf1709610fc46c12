"""The experiment that is proposed for a folder of a main table and longer ones with rows for each of its examples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnexp.cells import is_number
from rnnexp.data.inspect.text_kinds import LABEL as TEXT_LABEL
from rnnexp.data.inspect.unread_dates import TIME
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.layout import MISSING, Layout
from rnnexp.data.tables.table import read_cells
from rnnexp.errors import RnnexpError, count
from rnnexp.tasks.recording_proposals import CLOCK, LABEL
from rnnexp.tasks.requests import Draft

TABLES = (".csv", ".tsv")
OUTCOME = re.compile(r"(.*[_ ])?(outcome|result|score|price|value|risk|amount)", re.I)
MAX_TABLES, MIN_ROWS = 5, 10
REPEATED = 3  # rows of an example in a longer table, at least on average
WORDS = 3  # of a cell of text, on average
NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class _Table:
    """A table of the folder: the cells of its columns by name."""

    file: Path
    cells: Mapping[str, Sequence[str]]

    @property
    def rows(self) -> int:
        return len(next(iter(self.cells.values()), ()))


def propose_labels(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for examples of several inputs with a label each; None if a folder holds none."""
    return _propose(path, given, numbers=False)


def propose_numbers(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose the same for numbers to predict."""
    return _propose(path, given, numbers=True)


def _propose(path: str, given: Mapping[str, Any], numbers: bool) -> Draft | None:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return None
    tables = _read_tables(folder)
    for main in tables:
        longer = [table for table in tables if table is not main]
        key = next((name for name in main.cells if longer and all(_joins(name, main, one) for one in longer)), None)
        if key is not None:
            return _describe(path, main, longer, key, given, numbers)
    return None


def _read_tables(folder: Path) -> list[_Table]:
    files = sorted(file for file in folder.iterdir() if file.suffix in TABLES and file.is_file())
    if not 2 <= len(files) <= MAX_TABLES:
        return []
    found = []
    for file in files:
        try:
            names, cells, _ = read_cells(file, Layout())
        except (RnnexpError, OSError):  # whoever reads it says why
            return []
        found.append(_Table(file, dict(zip(names, cells))))
    return found


def _joins(name: str, main: _Table, longer: _Table) -> bool:
    """Tell a column that names each example once in the main table, and its rows in the longer one."""
    ids, rows = main.cells[name], longer.cells.get(name, ())
    once = len({*ids}) == len(ids) >= MIN_ROWS and "" not in ids
    return once and len(rows) >= REPEATED * len({*rows} & {*ids}) > 0 and 2 * len({*rows} & {*ids}) >= len(ids)


def _describe(
    path: str, main: _Table, longer: list[_Table], key: str, given: Mapping[str, Any], numbers: bool
) -> Draft | None:
    label = _find_label(main, key, given)
    if label is None or _are_numbers(main.cells[label]) != numbers:
        return None
    texts = [name for name in main.cells if name not in (key, label) and _is_text(main.cells[name])]
    others = [name for name in main.cells if name not in (key, label, *texts)]
    inputs: dict[str, Any] = {_name(text): _say_text(text) for text in texts}
    rows = [name for name in others if _is_feature(main.cells[name])]
    inputs |= {_name(main.file.stem): {"kind": "table", "columns": rows}} if rows else {}
    missing = any("" in main.cells[text] for text in texts)
    for one in longer:
        inputs[_name(one.file.stem)] = _say_steps(one, key)
        missing |= not {*main.cells[key]} <= {*one.cells[key]}
    settings = {"path": str(Path(path) / main.file.name), "id": key, "label": label, "inputs": inputs}
    settings |= {"on_missing": "mask"} if missing else {}
    settings |= {"task": "regression"} if numbers else {}
    seen = [
        f"{path}: {main.file.name} has {count(main.rows, 'example')}, identified by `{key}`, with `{label}` of each"
    ]
    seen += [f"{one.file.name} has {one.rows:,} rows of them" for one in longer]
    if left := [name for name in others if name not in rows]:
        seen.append(f"left out: {listed(left)}, of which nearly each example has one of its own")
    question = f"How well can {label} be predicted?" if numbers else f"Which {label} does each example have?"
    defaults = {"data": "multi_input_table", "model": "multi_input"}
    reasons = {"on_missing": "some examples lack an input"} if missing else {}
    return Draft(seen, question, defaults, settings | {k: v for k, v in given.items() if k != "label"}, reasons)


def _find_label(main: _Table, key: str, given: Mapping[str, Any]) -> str | None:
    if "label" in given:
        texts = getattr(given["label"], "texts", (given["label"],))
        return texts[0] if texts[0] in main.cells else None
    for patterns in ((LABEL,), (TEXT_LABEL, OUTCOME)):
        for name in main.cells:
            if name != key and any(pattern.fullmatch(name.strip()) for pattern in patterns):
                return name
    return None


def _are_numbers(cells: Sequence[str]) -> bool:
    """Tell numbers to predict from labels, which are fewer."""
    found = {cell for cell in cells if cell not in MISSING}
    return all(map(is_number, found)) and len(found) > max(MIN_ROWS, len(cells) // 5)


def _is_text(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return sum(len(cell.split()) for cell in filled) >= WORDS * max(1, len(filled))


def _is_feature(cells: Sequence[str]) -> bool:
    found = {cell for cell in cells if cell not in MISSING}
    return bool(found) and (all(map(is_number, found)) or len(found) <= max(MIN_ROWS, len(cells) // 5))


def _say_text(name: str) -> dict[str, Any]:
    return {"kind": "text"} | ({} if _name(name) == name else {"columns": [name]})


def _say_steps(table: _Table, key: str) -> dict[str, Any]:
    """Return the settings of a sequence: what orders its rows, and its columns of numbers unless all others are."""
    others = [name for name in table.cells if name != key]
    clock = [name for name in others if TIME.search(name) or CLOCK.fullmatch(name.strip())][:1]
    left = [name for name in others if name not in clock]
    numbers = [name for name in left if all(is_number(cell) for cell in table.cells[name] if cell not in MISSING)]
    own: dict[str, Any] = {"kind": "sequence", "path": table.file.name}
    return own | ({"time": clock[0]} if clock else {}) | ({} if numbers == left else {"columns": numbers})


def _name(column: str) -> str:
    """Return a name for an input."""
    plain = NAME.sub("_", column).strip("_")
    return plain if plain[:1].isalpha() else f"input_{plain}"
