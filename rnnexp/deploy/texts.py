"""Labels of a text, of the lines of a file, of a column of a table, or of the files of a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.tables.files import nearby
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.deploy import reading
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError, DataError, count, did_you_mean
from rnnexp.tasks.classification.texts import TextPipeline
from rnnexp.tracking.pyfunc import labels

_NAME = re.compile(r"[/\\]|\w\.[A-Za-z]\w{0,7}$")
TABLE = ("text", "separator", "header", "quoting", "line_break")


def answer(trained: Trained, question: Question) -> Answer:
    """Label each text; a text without tokens is said before Keras is imported."""
    pipeline = TextPipeline.from_json(trained.scaling)
    found = given(trained, question)
    places, texts = found.places, found.texts
    encoded = pipeline.encoder.encode(texts, lambda index: places[index])
    bundle = trained.load()
    frame = labels(np.asarray(bundle.predict(pipeline.inputs(texts))), bundle.spec.classes)
    frame.insert(0, "text", texts)
    frame.insert(0, "example", places)
    unknown = encoded.unknown(np.arange(len(texts)))
    notes = [*found.notes, *_labelled(texts, bundle.spec.classes)]
    return Answer(frame, notes + _notes(len(encoded.cut), unknown, pipeline.encoder.max_length))


def _labelled(texts: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Say so if every text begins with a label, as the lines do that such a network is trained on."""
    if len(texts) < 2 or not all(text.split()[0] in classes for text in texts):
        return []
    return ["each text begins with a label, which is read as a word of it; `rnnexp evaluate` scores such files"]


def _notes(cut: int, unknown: float, most: int | None) -> list[str]:
    notes = [f"{count(cut, 'text')} cut to the {most} tokens that the model reads"] if cut else []
    return notes + ([f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else [])


@dataclass(frozen=True)
class Given:
    """Texts, and where each is from."""

    texts: list[str]
    places: list[str]
    notes: list[str] = field(default_factory=list)


def given(trained: Trained, question: Question, also: Collection[str] = ()) -> Given:
    """Read the texts that are asked about; ConfigError for what is not asked of texts.

    `also` are further settings that may be changed.
    """
    if question.path is None:
        raise ConfigError(f"{trained.called} takes texts: give one in quotes, a file, or a folder of .txt files")
    path, own = Path(str(question.path)), trained.experiment.data if trained.experiment else None
    table = set(path.suffixes) & {".csv", ".tsv"}
    refuse(question, ("encoding", *(TABLE if table else ()), *also))
    encoding = str(question.changes.get("encoding", getattr(own, "encoding", "utf-8")))
    if not str(question.path).strip() or not _exists(path):  # an empty path is the working directory
        return _itself(str(question.path))
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise DataError(f"{path}: holds no .txt file")
        return Given([read_text(file, encoding) for file in files], [str(file.relative_to(path)) for file in files])
    if table:
        return _column(path, question, own)
    every = list(enumerate(lines(read_text(path, encoding)), start=1))
    found = [(number, line) for number, line in every if line.strip()]
    if not found:
        raise DataError(f"{path}: there is no text in it")
    blank = [f"{count(len(every) - len(found), 'blank line')} left out"] if len(found) < len(every) else []
    return Given([line for _, line in found], [f"line {number}" for number, _ in found], blank)


def refuse(question: Question, known: Collection[str]) -> None:
    """Refuse what is not asked of texts: intervals, and other settings than the `known` ones."""
    problems = ["--level: intervals are for forecasts, not for texts"] if question.levels else []
    problems += [
        f"data.{key}: unknown for these texts; known: {', '.join(known)}{did_you_mean(key, known)}"
        for key in question.changes
        if key not in known
    ]
    if problems:
        raise ConfigError(*problems)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long for a name: a text
        return False


def _itself(text: str) -> Given:
    """Take a text as it is, unless it looks like the name of a file that is not there."""
    if not text.strip():
        raise DataError("the text is empty")
    if not any(map(str.isspace, text)) and _NAME.search(text):
        near = nearby([Path(text)])
        raise DataError(f"{text}: there is no such file{near}; a text with a blank in it is never taken for a name")
    return Given([text], ["text"])


def _column(file: Path, question: Question, own: Any) -> Given:
    """Read the column of texts of a table, by the settings of the run where it was trained on one, too."""
    from rnnexp.data.texts.table import Columns, table_rows

    changes = {key: value for key, value in question.changes.items() if key in (*TABLE, "encoding")}
    # No column is the label.
    found = reading.rebuilt({"name": "text_table", "path": str(file), "label": "", **_layout(file, own)}, changes)
    text = tuple(found.text) if isinstance(found.text, list) else (found.text,)
    columns = Columns(text, None, found.separator, found.header == "first", found.quoting, found.line_break)
    rows = table_rows([file], columns, found.encoding, Counter())
    if empty := [row.place for row in rows if not row.text.strip()]:
        raise DataError(f"{empty[0]}: the text is empty ({len(empty)} such rows)")
    return Given([row.text for row in rows], [f"line {row.line}" for row in rows])


def _layout(file: Path, own: Any) -> Mapping[str, Any]:
    """Return how a table is written unless something else is said: as the run's own."""
    encoding = {"encoding": getattr(own, "encoding", "utf-8")}
    if hasattr(own, "text"):
        return encoding | {key: getattr(own, key) for key in TABLE}
    of_table = getattr(own, "name", "") == "text_pairs" and isinstance(own.path, str)
    if of_table and ".tsv" in file.suffixes:
        return encoding | {"text": own.columns[0], "separator": "tab", "header": "none", "quoting": False}
    return encoding
