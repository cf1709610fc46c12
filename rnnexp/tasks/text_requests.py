"""Texts that a trained model is asked about: one in quotes, the lines of a file, a column, the files of a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.tables.locate import nearby
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import ConfigError, DataError, count, did_you_mean
from rnnexp.tasks.requests import PredictRequest, RequestSchema, TrainedModel, rebuilt

COLUMN = "text"  # of a table that a served model is given
TABLE = ("text", "separator", "header", "quoting", "line_break")
_NAME = re.compile(r"[/\\]|\w\.[A-Za-z]\w{0,7}$")


@dataclass(frozen=True)
class RequestTexts:
    """Texts, and where each is from."""

    texts: list[str]
    places: list[str]
    notes: list[str] = field(default_factory=list)


def read_texts(trained: TrainedModel, request: PredictRequest, also: Collection[str] = ()) -> RequestTexts:
    """Read the texts that are asked about; ConfigError for what is not asked of texts.

    `also` are further settings that may be changed.
    """
    if request.rows is not None:
        refuse_settings(request, also)
        texts = served_texts(request.rows, getattr(trained.preprocessor, "columns", ()))
        return RequestTexts(texts, [f"text {number}" for number in range(1, len(texts) + 1)])
    if request.path is None:
        raise ConfigError(f"{trained.called} takes texts: give one in quotes, a file, or a folder of .txt files")
    path, own = Path(str(request.path)), trained.source
    table = set(path.suffixes) & {".csv", ".tsv"}
    refuse_settings(request, ("encoding", *(TABLE if table else ()), *also))
    encoding = str(request.changes.get("encoding", getattr(own, "encoding", "utf-8")))
    if not str(request.path).strip() or not _exists(path):  # an empty path is the working directory
        return _itself(str(request.path))
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise DataError(f"{path}: holds no .txt file")
        return RequestTexts([read_text(file, encoding) for file in files], [str(f.relative_to(path)) for f in files])
    if table:
        return _column(path, request, own)
    every = list(enumerate(lines(read_text(path, encoding)), start=1))
    found = [(number, line) for number, line in every if line.strip()]
    if not found:
        raise DataError(f"{path}: there is no text in it")
    blank = [f"{count(len(every) - len(found), 'blank line')} left out"] if len(found) < len(every) else []
    return RequestTexts([line for _, line in found], [f"line {number}" for number, _ in found], blank)


def refuse_settings(request: PredictRequest, known: Collection[str]) -> None:
    """Refuse what is not asked of texts: intervals, and other settings than the `known` ones."""
    problems = ["--level: intervals are for forecasts, not for texts"] if request.levels else []
    problems += [
        f"data.{key}: unknown for these texts; known: {', '.join(known)}{did_you_mean(key, known)}"
        for key in request.changes
        if key not in known
    ]
    if problems:
        raise ConfigError(*problems)


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe a table of texts."""
    return RequestSchema((COLUMN,))


def say_cut(encoded: Any, encoder: Any) -> list[str]:
    """Say how many of encoded texts were cut, if any was."""
    long = len(encoded.cut)
    return [f"{count(long, 'text')} truncated to the {encoder.max_length} tokens that the model reads"] if long else []


def unknown_tokens(encoded: Any) -> list[str]:
    """Say how many of the tokens of encoded texts the model does not know, if it is any."""
    share = encoded.unknown(np.arange(len(encoded.offsets) - 1))
    return [f"{share:.1%} of the tokens are unknown to the model"] if share else []


def served_texts(rows: Any, own: Sequence[str] = ()) -> list[str]:
    """Return the texts of a list, or of a table: of the user's `own` columns, joined by blanks, or of `text`."""
    if isinstance(rows, str):
        raise DataError(f"texts must be a list of them, not one: {rows[:60]}")
    texts = list(rows) if getattr(rows, "columns", None) is None else _join_columns(rows, own or (COLUMN,))
    if not texts:
        raise DataError("there are no texts")
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise DataError(f"text {number} is {text!r}, not a text")
    return texts


def _join_columns(table: Any, wanted: Sequence[str]) -> list[Any]:
    """Return the texts of a table; a cell that is no text stands for itself, and is refused later."""
    names = [*map(str, table.columns)]
    wanted = wanted if COLUMN not in names or set(wanted) <= set(names) else (COLUMN,)
    if absent := [name for name in wanted if name not in names]:
        others = f", but {', '.join(names)}" if names else " (MLflow takes a table, no list)"
        raise DataError(f"there is no column `{absent[0]}`{others}{did_you_mean(absent[0], names)}")
    rows = zip(*(table[name] for name in wanted))
    flaws = ((cells, [cell for cell in cells if not isinstance(cell, str)]) for cells in rows)
    return [flawed[0] if flawed else " ".join(cells) for cells, flawed in flaws]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long for a name: a text
        return False


def _itself(text: str) -> RequestTexts:
    """Take a text as it is, unless it looks like the name of a file that is not there."""
    if not text.strip():
        raise DataError("the text is empty")
    if not any(map(str.isspace, text)) and _NAME.search(text):
        near = nearby([Path(text)])
        raise DataError(f"{text}: there is no such file{near}; a text with a blank in it is never taken for a name")
    return RequestTexts([text], ["text"])


def _column(file: Path, request: PredictRequest, own: Any) -> RequestTexts:
    """Read the column of texts of a table, by the settings of the run where it was trained on one, too."""
    from rnnexp.data.texts.table import Columns, table_rows

    changes = {key: value for key, value in request.changes.items() if key in (*TABLE, "encoding")}
    # No column is the label.
    found = rebuilt({"name": "text_table", "path": str(file), "label": "", **_layout(file, own)}, changes)
    text = tuple(found.text) if isinstance(found.text, list) else (found.text,)
    columns = Columns(text, None, found.separator, found.header == "first", found.quoting, found.line_break)
    rows = table_rows([file], columns, found.encoding, Counter())
    if empty := [row.place for row in rows if not row.text.strip()]:
        raise DataError(f"{empty[0]}: the text is empty ({len(empty)} such rows)")
    return RequestTexts([row.text for row in rows], [f"line {row.line}" for row in rows])


def _layout(file: Path, own: Any) -> Mapping[str, Any]:
    """Return how a table is written unless something else is said: as the run's own."""
    encoding = {"encoding": getattr(own, "encoding", "utf-8")}
    if hasattr(own, "text"):
        return encoding | {key: getattr(own, key) for key in TABLE}
    of_table = getattr(own, "name", "") == "text_pairs" and isinstance(own.path, str)
    if of_table and ".tsv" in file.suffixes:
        return encoding | {"text": own.columns[0], "separator": "tab", "header": "none", "quoting": False}
    return encoding
