"""The tags of a text, of the lines of a file, of a column of a table, of the files of a folder, or of CoNLL's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.texts.tag_files import sequences
from rnnexp.deploy import reading
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.texts import given, refuse
from rnnexp.deploy.trained import Trained
from rnnexp.errors import count
from rnnexp.tasks.tagging import answer as tags
from rnnexp.tasks.tagging.dataset import TagPipeline

CUT = {".conll", ".conllu", ".iob", ".bio"}
LINES = ("encoding", "word", "number", "separator", "comment")


@dataclass(frozen=True)
class Cut:
    """Sequences of tokens, and where each is from."""

    tokens: list[list[str]]
    places: list[str]
    notes: list[str] = field(default_factory=list)


def answer(trained: Trained, question: Question) -> Answer:
    """Tag each token; a text without tokens is said before Keras is imported."""
    pipeline = TagPipeline.from_json(trained.scaling)
    found = _cut(trained, question, pipeline)
    encoded = pipeline.encoder.number(map(pipeline.seen, found.tokens), lambda index: found.places[index])
    unknown = encoded.unknown(np.arange(len(found.tokens)))
    notes = [f"{unknown:.1%} of the tokens are unknown to the model"] if unknown else []
    frame = tags.answer(trained.load().model, pipeline, found.tokens, found.places)
    return Answer(frame, [*found.notes, *notes])


def _cut(trained: Trained, question: Question, pipeline: TagPipeline) -> Cut:
    """Read what is asked about; files of CoNLL's kind are cut already, as those that the run has learnt from."""
    path = Path(str(question.path))
    if question.path and set(path.suffixes) & CUT and path.is_file():
        refuse(question, LINES)
        return _conll(path, getattr(trained.experiment, "data", None), question.changes)
    raw = given(trained, question)
    return Cut(pipeline.cut(raw.texts), raw.places, raw.notes)


def _conll(path: Path, own: Any, changes: Mapping[str, Any]) -> Cut:
    values = asdict(own) if getattr(own, "name", "") == "text_tags" else {"name": "text_tags", "path": str(path)}
    source = reading.rebuilt(values, changes, between=False)  # the column of tags, which is not read, may be any
    columns, encoding = replace(source.columns(), tag=None), source.encoding
    done: Counter[str] = Counter()
    found = sequences(path, encoding, columns, done)
    notes = [f"{what}: {count(times, 'line')} left out" for what, times in done.items()]
    return Cut([[token.word for token in one] for one in found], [f"line {one[0].line}" for one in found], notes)
