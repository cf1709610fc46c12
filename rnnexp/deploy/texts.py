"""Labels of a text, of the lines of a file, of a column of a table, or of the files of a folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rnnexp.data.tables.places import count
from rnnexp.data.texts.dataset import TextPipeline
from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError, DataError
from rnnexp.tracking.pyfunc import labels

SUFFIXES = (".txt", ".csv", ".tsv", ".gz")


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
    return Answer(frame, found.notes + _notes(len(encoded.cut), unknown, pipeline.encoder.max_length))


def _notes(cut: int, unknown: float, most: int | None) -> list[str]:
    notes = [f"{count(cut, 'text')} cut to the {most} tokens that the model reads"] if cut else []
    return notes + ([f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else [])


@dataclass(frozen=True)
class Given:
    """Texts, and where each is from."""

    texts: list[str]
    places: list[str]
    notes: list[str] = field(default_factory=list)


def given(trained: Trained, question: Question) -> Given:
    """Read the texts that are asked about; ConfigError for what is not asked of texts."""
    if question.levels:
        raise ConfigError("--level: intervals are for forecasts, not for texts")
    if question.path is None:
        raise ConfigError(f"{trained.called} takes texts: give one in quotes, a file, or a folder of .txt files")
    path, own = Path(str(question.path)), trained.experiment.data if trained.experiment else None
    encoding = str(question.changes.get("encoding", getattr(own, "encoding", "utf-8")))
    if not str(question.path).strip() or not _exists(path):  # an empty path is the working directory
        return _itself(str(question.path))
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        if not files:
            raise DataError(f"{path}: holds no .txt file")
        return Given([read_text(file, encoding) for file in files], [str(file.relative_to(path)) for file in files])
    if set(path.suffixes) & {".csv", ".tsv"}:
        return _column(path, question, own)
    every = list(enumerate(lines(read_text(path, encoding)), start=1))
    found = [(number, line) for number, line in every if line.strip()]
    if not found:
        raise DataError(f"{path}: there is no text in it")
    blank = [f"{count(len(every) - len(found), 'blank line')} left out"] if len(found) < len(every) else []
    return Given([line for _, line in found], [f"line {number}" for number, _ in found], blank)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long for a name: a text
        return False


def _itself(text: str) -> Given:
    """Take a text as it is, unless it can only be the name of a file that is not there."""
    if not text.strip():
        raise DataError("the text is empty")
    if len(text.split()) == 1 and Path(text).suffix in SUFFIXES:
        raise DataError(f"{text}: there is no such file")
    return Given([text], ["text"])


def _column(file: Path, question: Question, own: object) -> Given:
    """Read the column of texts of a table, by the settings of the run where it was trained on one, too."""
    from rnnexp.data.texts.table import Columns, table_rows

    known = ("text", "separator", "header", "quoting", "line_break", "encoding")
    table = {key: getattr(own, key) for key in known if hasattr(own, key)} if hasattr(own, "text") else {}
    settings = {"text": "text", "header": "first"} | table
    settings |= {key: value for key, value in question.changes.items() if key in known}
    text, header, encoding = settings["text"], settings["header"] == "first", settings.pop("encoding", "utf-8")
    columns = Columns(
        **{**settings, "text": tuple(text) if isinstance(text, list) else (text,), "header": header}, label=None
    )
    rows = table_rows([file], columns, encoding, Counter())
    if empty := [row.place for row in rows if not row.text.strip()]:
        raise DataError(f"{empty[0]}: the text is empty ({len(empty)} such rows)")
    return Given([row.text for row in rows], [f"line {row.line}" for row in rows])
