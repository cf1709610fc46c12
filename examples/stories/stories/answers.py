"""Questions that a trained model is asked: in a file of bAbI's format, in quotes, or in a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.texts.decoding import lines, read_text
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation import classes
from rnnexp.tasks.classification.predict import labels
from rnnexp.tasks.requests import PredictRequest, PredictResponse, RequestSchema, TrainedModel
from stories.babi import Question, read_stories, split_words

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("story", "question")
SENTENCE = re.compile(r"[^.!?]+[.!?]?")


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Answer each question; what is wrong with one is said before Keras is imported."""
    questions = _read_questions(trained, request)
    trained.preprocessor.inputs(questions)
    return PredictResponse(_answer_all(trained.load(), questions), _note_unknown(questions, trained.preprocessor.words))


def answer(bundle: Any, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Answer the questions of a table."""
    return _answer_all(bundle, _read_rows(rows))


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Describe a table of stories and questions."""
    return RequestSchema(COLUMNS)


def _read_questions(trained: TrainedModel, request: PredictRequest) -> list[Question]:
    if request.changes or request.levels:
        raise ConfigError("stories are read without further settings; leave them out")
    if request.rows is not None:
        return _read_rows(request.rows)
    if request.path is None:
        raise ConfigError(f"{trained.called} takes a story with a question in quotes, or a file of bAbI's format")
    if request.path.rstrip().endswith("?"):
        return [_split_story(request.path, 1)]
    path = Path(request.path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; a story in quotes ends with its question")
    return read_stories(lines(read_text(path)), str(path))


def _read_rows(rows: Any) -> list[Question]:
    """Take a table with the columns `story` and `question`, or texts that end with a question."""
    names = [*map(str, getattr(rows, "columns", ()))]
    if names and (absent := [name for name in COLUMNS if name not in names]):
        raise DataError(f"there is no column `{absent[0]}`, but {', '.join(names)}")
    texts = [" ".join(map(str, row)) for row in zip(*(rows[name] for name in COLUMNS))] if names else [*rows]
    return [_split_story(str(text), number) for number, text in enumerate(texts, start=1)]


def _split_story(text: str, number: int) -> Question:
    *facts, question = [one.strip() for one in SENTENCE.findall(text) if one.strip()] or [""]
    if not facts or not question.endswith("?"):
        raise DataError(f"text {number}: `{text[:80]}` is no story that ends with a question")
    return Question(tuple(facts), question, place=f"text {number}")


def _answer_all(bundle: Any, questions: Sequence[Question]) -> DataFrame:
    pipeline = bundle.preprocessor
    prepared = pipeline.inputs(questions)
    if bundle.baseline is None:
        found = np.asarray(bundle.predict(prepared))
    else:
        found = classes.answer(bundle.baseline, questions, len(pipeline.answers))
    frame = labels(found, pipeline.answers)
    frame.insert(0, "question", [one.text for one in questions])
    frame.insert(0, "example", [one.place for one in questions])
    return frame


def _note_unknown(questions: Sequence[Question], known: Sequence[str]) -> list[str]:
    words = {word for one in questions for said in (*one.facts, one.text) for word in split_words(said)}
    strange = sorted(words - {*known})
    return [f"the network does not know {', '.join(f'`{word}`' for word in strange[:5])}"] if strange else []
