"""Texts as a source reads them, each with its label, part, file and line, before any token is cut."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from rnnexp.data.tables.places import SHOWN, Places, cite
from rnnexp.errors import DataError, count


class Row(NamedTuple):
    """One text as it stands in a file; line 0 means: the whole file."""

    file: str
    line: int
    label: str
    text: str
    group: str = ""
    weight: float | None = None

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


@dataclass(frozen=True)
class Texts:
    """Texts in the order of their files.

    labels: one per text, or None where there are none
    groups: whose each text is, or None where nothing says so
    weights: how often each counts, or None where each counts once
    parts:  "train", "val" or "test" where the files say so, "" where a split decides
    notes:  what reading did to the data, one sentence each, with counts
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...] | None
    parts: tuple[str, ...]
    places: Places
    groups: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, chosen: np.ndarray) -> Texts:
        """Keep the texts at these places alone, in this order."""
        kept = {key: tuple(getattr(self, key)[place] for place in chosen) for key in ("texts", "parts")}
        given = {key: getattr(self, key) for key in ("labels", "groups", "weights")}
        kept |= {key: tuple(of[place] for place in chosen) for key, of in given.items() if of is not None}
        return replace(self, places=self.places.take(chosen), **kept)

    def join(self, other: Texts) -> Texts:
        """Put those of another source behind these; of groups they have one of their own."""
        files = Places(
            (*self.places.files, *other.places.files),
            np.concatenate([self.places.file, other.places.file + len(self.places.files)]),
            np.concatenate([self.places.number, other.places.number]),
        )
        return Texts(
            (*self.texts, *other.texts),
            (*(self.labels or ()), *(other.labels or ())),
            (*self.parts, *other.parts),
            files,
            None if self.groups is None else (*self.groups, *other.parts),
            None if self.weights is None else (*self.weights, *([1.0] * len(other))),
            (*self.notes, *other.notes),
        )

    def place(self, text: int) -> str:
        """Say where a text stands: ``reviews.tsv, line 12``, or only the file if it is the whole file."""
        file, line = self.places.files[self.places.file[text]], self.places.number[text]
        return f"{file}, line {line}" if line else file

    def cite(self, texts: Sequence[int] | np.ndarray) -> str:
        """Say where the first few of many texts stand."""
        return cited([(self.places.files[self.places.file[i]], int(self.places.number[i])) for i in texts])


def gather(groups: Sequence[tuple[str, list[Row]]], on_empty: str = "fail", test_every: int | None = None) -> Texts:
    """Put groups of rows, each with its part, end to end; refuse or leave out rows without a text or label.

    With `test_every` rows 0, k, 2k, ... of every group that is not yet held out are the test part.
    """
    refuse_twice([[row.file for row in rows] for _, rows in groups])
    parts = [
        "test" if test_every and part in ("", "train") and not number % test_every else part
        for part, rows in groups
        for number, _ in enumerate(rows)
    ]
    rows = [row for _, group in groups for row in group]
    notes = _refuse_empty(rows, on_empty)
    full = [index for index, row in enumerate(rows) if row.text.strip() and row.label.strip()]
    if not full:
        raise DataError(f"{rows[0].file if rows else 'data'}: there are 0 usable texts")
    return _texts([rows[index] for index in full], [parts[index] for index in full], notes)


def _texts(rows: list[Row], parts: list[str], notes: list[str]) -> Texts:
    files = {name: index for index, name in enumerate(dict.fromkeys(row.file for row in rows))}
    places = Places(
        tuple(files),
        np.array([files[row.file] for row in rows], np.int32),
        np.array([row.line for row in rows], np.int32),
    )
    labels, groups = tuple(row.label.strip() for row in rows), tuple(row.group.strip() for row in rows)
    texts, given = tuple(row.text for row in rows), tuple(row.weight for row in rows if row.weight is not None)
    whose = groups if any(groups) else None
    return Texts(texts, labels, tuple(parts), places, whose, given or None, tuple(notes))


def refuse_twice(groups: Sequence[Sequence[str]]) -> None:
    """Refuse a file that is read for two parts or two labels: its texts would be learned and tested on."""
    seen: set[str] = set()
    for group in groups:
        files = {os.path.realpath(name): name for name in set(group)}
        if twice := sorted(files[real] for real in seen & set(files)):
            raise DataError(
                f"{twice[0]}: is read twice; data.path, val_path, test_path and labels need files of their own"
            )
        seen |= set(files)


def _refuse_empty(rows: list[Row], on_empty: str) -> list[str]:
    """Report the rows without a text, and those without a label, together."""
    empty = {
        "text": [row for row in rows if not row.text.strip()],
        "label": [row for row in rows if row.text.strip() and not row.label.strip()],
    }
    found = [
        f"{count(len(bad), 'row')} without a {what}: {cited([(row.file, row.line) for row in bad])}"
        for what, bad in empty.items()
        if bad
    ]
    if found and on_empty == "fail":
        raise DataError(". ".join(found) + ". Correct the files, or leave such rows out with data.on_empty=drop")
    return [f"left out {what}" for what in found]


def cited(places: Sequence[tuple[str, int]]) -> str:
    """Name the first few places: ``a.txt, lines 3, 9 and 4 more; b.txt, line 2``."""
    files: dict[str, list[int]] = {}
    for file, line in places:
        files.setdefault(file, []).append(line)
    each = [
        f"{file}, {cite('line', list(map(str, found[:SHOWN])), len(found))}" if found[0] else file
        for file, found in list(files.items())[:SHOWN]
    ]
    more = f" and {len(files) - SHOWN:,} more files" if len(files) > SHOWN else ""
    return "; ".join(each) + more


def renamed(texts: Texts, names: dict[str, str]) -> Texts:
    """Replace labels by names; a label without a name is refused, a name without a label is noted."""
    labels = texts.labels or ()
    unknown = [index for index, label in enumerate(labels) if label not in names]
    if unknown:
        label = labels[unknown[0]]
        raise DataError(f'data.labels has no name for the label "{label}": {texts.cite(unknown)}')
    unused = [name for label, name in names.items() if label not in set(labels)]
    notes = [f'no text has the label "{name}" that data.labels names' for name in unused]
    return replace(texts, labels=tuple(names[label] for label in labels), notes=(*texts.notes, *notes))


def classes(texts: Texts) -> tuple[str, ...]:
    """Return the distinct labels in alphabetical order; DataError for fewer than two."""
    found = tuple(sorted(set(texts.labels or ())))
    if len(found) < 2:
        label = f'only the label "{found[0]}"' if found else "no labels"
        raise DataError(
            f"{texts.places.name}: {count(len(texts), 'text')} with {label}; a classifier needs at least 2 labels"
        )
    return found


def require_in_training(texts: Texts, train: Sequence[int] | np.ndarray) -> None:
    """Refuse labels that no training text has: nothing could be learned about them."""
    labels = texts.labels or ()
    seen = {labels[index] for index in train}
    absent = Counter(label for label in labels if label not in seen)
    if absent:
        label, number = min(absent.items())
        rows = [index for index, other in enumerate(labels) if other == label]
        others = f"; {count(len(absent) - 1, 'more label')} likewise" if len(absent) > 1 else ""
        raise DataError(
            f'the label "{label}" has {count(number, "text")}, none of them in the training set: '
            f"{texts.cite(rows)}{others}. Change data.split or data.seed, or leave the label out of the files"
        )
