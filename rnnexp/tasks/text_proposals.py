"""The experiments that are proposed for texts: with labels, with tags, in pairs, or running."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.data.inspect.finding import resolve_columns
from rnnexp.data.inspect.tagged_lines import CONLLU, find_tag_columns, is_tagged
from rnnexp.data.inspect.text_kinds import (
    LABEL,
    TextFile,
    TextTable,
    find_label_lines,
    find_pairs,
    find_test,
    find_text_table,
    is_number_to_predict,
    is_numeric_target,
    is_prose,
)
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.texts.tokens import is_unspaced
from rnnexp.errors import DataError, count
from rnnexp.tasks import audio_proposals, input_proposals, sequence_proposals
from rnnexp.tasks.frame_proposals import find_frames, propose_frames
from rnnexp.tasks.requests import Draft

QUESTION = "Which label does each text have?"
FEW = 20  # files of a folder that are looked into
ONE_LABEL = "each text needs one; keep the first, or write a table for each label, with pandas for example"
UNSPACED = "words have no blanks between them"


def propose_labels(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for examples with a label each; None if a path holds none."""
    if find_frames(path):
        return propose_frames(path, stepwise=False)
    proposals = (audio_proposals.propose_sounds, sequence_proposals.propose_labels, input_proposals.propose_labels)
    found = (propose(path, given) for propose in (*proposals, _propose_texts))
    return next((draft for draft in found if draft is not None), None)


def _propose_texts(path: str, given: Mapping[str, Any]) -> Draft | None:
    if Path(path).expanduser().is_dir():
        return _text_folders(path, Path(path).expanduser())
    text = TextFile.of(path, given)
    if text is None:
        return None
    if table := find_text_table(text, given=given):
        return _text_table(text, table, given)
    labels = [] if is_tagged(text) else find_label_lines(text)
    settings = text.settings | _test_part(path)
    seen = f"{path}: a text on each line, which begins with its label: {listed(labels)}"
    if not labels:
        return None
    prefix = re.match(r"__\w+?__", labels[0])
    if prefix and any(prefix[0] in line.split(None, 1)[1] for line in text.filled):
        raise DataError(f"{path}: lines begin with several labels ({prefix[0]}): {ONE_LABEL}")
    cut, why = _tokens(line.split(None, 1)[1] for line in text.filled)
    return Draft([seen], QUESTION, {"data": "text_lines", "model": "lstm"}, settings | cut, why)


def propose_numbers(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for examples with numbers to predict; None if a path holds none."""
    if draft := sequence_proposals.propose_numbers(path, given) or input_proposals.propose_numbers(path, given):
        return draft
    text = _look_at_file(path, given)
    table = find_text_table(text, is_number_to_predict) if text else None
    if text is None or table is None:
        return None
    told = "label" in given or LABEL.fullmatch(str(table.labels[0]).strip())
    if not told and (len(table.labels) > 1 or find_text_table(text)):  # numbers beside labels are something else
        return None
    return _choose_number(text, table, given)


def propose_asked_numbers(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose the same where few different numbers, which may be labels, are to be predicted by word of the user."""
    text = _look_at_file(path, given)
    table = find_text_table(text, is_numeric_target) if text else None
    return _choose_number(text, table, given) if text and table else None


def _look_at_file(path: str, given: Mapping[str, Any]) -> TextFile | None:
    return None if Path(path).expanduser().is_dir() else TextFile.of(path, given)


def _choose_number(text: TextFile, table: TextTable, given: Mapping[str, Any]) -> Draft | None:
    """Propose the column of numbers that the user has named, or the only one."""
    chosen = resolve_columns("label", given["label"], table.names, text.path) if "label" in given else None
    targets = [name for name in table.labels if chosen in (None, name)]
    return _text_table(text, replace(table, labels=tuple(targets)), given, "number") if targets else None


def _tokens(texts: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the setting that texts without blanks between words ask for, and why."""
    return ({"tokens": "character"}, {"tokens": UNSPACED}) if is_unspaced(texts) else ({}, {})


def _test_part(path: str) -> dict[str, str]:
    test = find_test(path)
    return {"test_path": test} if test else {}


def _text_table(text: TextFile, table: TextTable, given: Mapping[str, Any], what: str = "label") -> Draft:
    """Take all columns of texts; the label, or number, must be the only one that may be one."""
    chosen = {key: resolve_columns(key, value, table.names, text.path) for key, value in given.items()}
    if len(table.labels) > 1 and "label" not in chosen:
        remedies = [Remedy({"label": label}) for label in table.labels]
        raise Undecided(Refused(f"{text.path}: a table of texts: which column is the {what}?", *remedies))
    if what == "label" and (mark := dict(table.joined).get(chosen.get("label", table.labels[0]))):
        name = chosen.get("label", table.labels[0])
        first = f'frame[{name!r}] = frame[{name!r}].str.strip("[]").str.split({mark!r}).str[0]'
        raise DataError(
            f'{text.path}: cells of "{name}" hold several labels, with "{mark}" between: {ONE_LABEL}: {first}'
        )
    texts: Any = table.texts[0] if len(table.texts) == 1 else [*table.texts]
    columns = {"text": texts, "label": table.labels[0]} | chosen
    usual = {"text": "text", "label": "label"}
    settings = table.settings | {key: value for key, value in columns.items() if usual.get(key) != value}
    seen = f"{text.path}: a table of texts ({listed([str(name) for name in table.texts])}) with a {what} each"
    reasons = {"text": "joined by a blank"} if isinstance(texts, list) and "text" not in chosen else {}
    cut, why = _tokens(text.filled)
    settings |= {"task": "regression"} if what == "number" else {}
    called = columns["label"] if isinstance(columns["label"], str) else what
    return Draft(
        [seen],
        f"How well can {called} be predicted?" if what == "number" else f"Which {called} does each text have?",
        {"data": "text_table", "model": "lstm"},
        settings | cut | _test_part(text.path),
        reasons | why,
    )


def _text_folders(path: str, folder: Path) -> Draft | None:
    """Take a folder whose sub-folders, named as the labels are, hold files of text, or of which `train` is one."""
    children = {child.name: child for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")}
    if "train" in children and (inner := _text_folders(f"{path.rstrip('/')}/train", children["train"])):
        test = {"test_path": f"{path.rstrip('/')}/test"} if "test" in children else {}
        return Draft(inner.seen, inner.question, inner.defaults, {**inner.data, **test}, inner.reasons)
    texts = {name: sum(file.suffix in (".txt", "") for file in child.iterdir()) for name, child in children.items()}
    if len(texts) < 2 or not all(texts.values()):
        return None
    seen = f"{path}: {count(sum(texts.values()), 'text')} in a folder for each label: {listed(sorted(texts))}"
    ignored = {"ignore_labels": ["unsup"]} if "unsup" in texts else {}
    some = [file for name in texts for file in sorted(children[name].iterdir())[:FEW] if file.suffix in (".txt", "")]
    found = [text for file in some if (text := TextFile.of(str(file), {}))]
    cut, why = _tokens(line for text in found for line in text.filled)
    return Draft([seen], QUESTION, {"data": "text_files", "model": "lstm"}, {"path": path} | ignored | cut, why)


def propose_tags(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for a file; None if its lines are not a token and its tag."""
    text = TextFile.of(path, given)
    if text is None or not is_tagged(text):
        return None
    settings, what = text.settings, "a token and its tag on each line"
    if any(line.startswith("#") for line in text.filled):
        settings["comment"] = "#"
    first = next(line.split("\t") for line in text.filled if not line.startswith("#"))
    settings |= find_tag_columns(text)
    if len(first) == CONLLU and first[0].partition("-")[0].isdigit():
        settings |= {"word": 1, "tag": 3, "number": 0, "separator": "tab"}
        what = "CoNLL-U, a token and its part of speech on each line"
    settings |= {"test_path": test} if (test := find_test(path)) else {}
    question = "Which tag does each token have?"
    return Draft([f"{path}: {what}"], question, {"data": "text_tags", "model": "lstm"}, settings)


def propose_pairs(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for a file; None if its lines are not two texts with a tab between."""
    text = TextFile.of(path, given)
    if text is None or not find_pairs(text):
        return None
    settings = text.settings | ({"test_path": test} if (test := find_test(path)) else {})
    seen = f"{path}: two texts on each line, with a tab between: the first is the source"
    question = "How well can the second text be written from the first?"
    sides = (_tokens(side) for side in zip(*(line.split("\t")[:2] for line in text.filled if "\t" in line)))
    cut, why = next((found for found in sides if found[0]), ({}, {}))
    return Draft([seen], question, {"data": "text_pairs", "model": "encoder_decoder"}, settings | cut, why)


def propose_corpus(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for a file; None if it is no running text."""
    text = TextFile.of(path, given)
    if text is None or not is_prose(text) or find_label_lines(text) or find_pairs(text) or is_tagged(text):
        return None
    settings = text.settings | ({"test_path": test} if (test := find_test(path)) else {})
    question = "How well can the next character be predicted?"
    return Draft([f"{path}: running text"], question, {"data": "corpus", "model": "lstm"}, settings)
