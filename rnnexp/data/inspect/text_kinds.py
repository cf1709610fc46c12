"""Which kind of texts a file holds: tables of texts, labeled lines, pairs, tags, or prose."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rnnexp.cells import is_number
from rnnexp.data.inspect.finding import resolve_columns
from rnnexp.data.inspect.unread_dates import TIME
from rnnexp.data.tables.date_forms import find_month
from rnnexp.data.tables.files import kind, opened
from rnnexp.data.tables.numbers import UNIT
from rnnexp.data.tables.remedy import Refused
from rnnexp.data.tables.spelling import is_like_number
from rnnexp.data.texts.tokens import split_runs
from rnnexp.errors import RnnexpError

LINES = 5_000  # of a file that are looked at
NO_TEXTS = (".json", ".jsonl", ".ndjson")  # which whoever reads tables names
LABEL = re.compile(
    r"(.*[_ ])?(labels?|class|category|topic|sentiment|polarity|stars|rating|score|target|kategorie|klasse)", re.I
)
WORD = re.compile(r"[^\W\d_]{2,}")
SEPARATORS = ("\t", ";", "|", ",")  # the comma last: it may be that of decimals
DIFFERENT = 1 / 3  # share of texts that differ in more than their numbers, which remarks and units do not
DIGITS = re.compile(r"\d+")
OF_DATES = re.compile(rf"(?i:am|pm|de|of|st|nd|rd|th|utc|gmt|q\d|week|kw)|{UNIT}")
MOST_EMPTY = 0.05  # share of labels that may be forgotten
MAX_STARS = 5  # up to so many different numbers are taken for labels
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")


@dataclass(frozen=True)
class TextFile:
    """The first lines of a text file, without their ends."""

    path: str
    file: Path
    encoding: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, path: str, given: Mapping[str, Any]) -> TextFile | None:
        """Look at a file; None if it is none, no text, or in an encoding that has to be asked for."""
        file, encoding = Path(path).expanduser(), given.get("encoding", "utf-8")
        try:
            if not file.is_file() or kind(file) == "parquet" or file.suffix.lower() in NO_TEXTS:
                return None
            lines = _lines(file, encoding)
            return cls(path, file, encoding, lines) if lines else None
        except Refused as refused:
            if len(refused.remedies) == 1 and "encoding" not in given:
                return cls.of(path, refused.remedies[0].settings)
            return None
        except (RnnexpError, OSError):  # whoever reads it says why
            return None

    @cached_property
    def filled(self) -> tuple[str, ...]:
        return tuple(line for line in self.lines if line.strip())

    @property
    def settings(self) -> dict[str, Any]:
        """Return where the file is, and how it is encoded."""
        return {"path": self.path} | ({} if self.encoding == "utf-8" else {"encoding": self.encoding})

    def table(self, separator: str, quoting: bool = True) -> list[list[str]]:
        """Cut the lines into cells; no rows if they are not equally many in nearly all lines."""
        text = (f"{line}\n" for line in self.lines)
        cut = csv.reader(text, delimiter=separator, strict=True)
        try:
            rows = [cells for cells in (cut if quoting else (line.split(separator) for line in self.filled)) if cells]
        except csv.Error:
            return self.table(separator, quoting=False) if quoting and separator == "\t" else []
        widths = Counter(map(len, rows))
        width, times = widths.most_common(1)[0] if widths else (0, 0)
        return [row for row in rows if len(row) == width] if width > 1 and times >= 0.95 * len(rows) else []


def find_test(path: str) -> str | None:
    """Return the file of the test part that lies beside one of the training part: GunPoint_TEST.ts, test.txt."""
    name = Path(path).name
    for train, test in (("TRAIN", "TEST"), ("train", "test"), ("Train", "Test")):
        if train in name and (other := Path(path).with_name(name.replace(train, test))).expanduser().is_file():
            return str(other)
    return None


def find_pairs(text: TextFile) -> bool:
    """Tell a sentence and its translation on each line, with a tab between."""
    rows = text.table("\t", quoting=False)
    if len(rows) < 2 or len(rows[0]) not in (2, 3):
        return False
    sides = [[row[side] for row in rows] for side in (0, 1)]
    return all(_are_texts(side) for side in sides) and max(map(_words, sides)) >= 2


def find_label_lines(text: TextFile) -> list[str]:
    """Return the labels of lines that begin with one, as in `1 a stirring , funny film`; none if they do not."""
    parts = [line.split(None, 1) for line in text.filled]
    if len(parts) < 4 or any(len(part) < 2 for part in parts) or any(map(text.table, SEPARATORS)) or _has_numbers(text):
        return []
    labels = Counter(label for label, _ in parts)
    few = 2 <= len(labels) <= max(2, len(parts) // 5) and min(labels.values()) > 1
    rest = [words for _, words in parts]
    return sorted(labels) if few and _are_texts(rest) and _words(rest) >= 2 else []


def is_prose(text: TextFile) -> bool:
    """Tell running text: words on most lines, and no cells."""
    lines = text.filled
    tables = (_is_table(text.table(separator)) for separator in SEPARATORS)
    long = _words(lines) >= 4 or (text.file.suffix in (".txt", ".md") and _words(lines) >= 2)
    return long and _worded(lines) and not any(tables) and not _has_numbers(text)


def _is_table(rows: list[list[str]]) -> bool:
    """Tell rows of cells from sentences with as many commas, each with a blank behind it."""
    return any(not cell.startswith(" ") or not WORD.search(cell) for row in rows for cell in row[1:])


@dataclass(frozen=True)
class TextTable:
    """A table with columns of text and others that may be labels, by name or, without a header, by position.

    settings: how `text_table` reads it, but for the columns
    joined: labels of which a cell has several, and the mark between them
    """

    texts: tuple[str | int, ...]
    labels: tuple[str | int, ...]
    settings: dict[str, Any]
    names: tuple[str, ...]
    joined: tuple[tuple[str | int, str], ...] = ()


def find_text_table(
    text: TextFile, is_target: Callable[[Sequence[str]], bool] | None = None, given: Mapping[str, Any] | None = None
) -> TextTable | None:
    """Look for a column of words with few different cells in another, or with such as are a target; None where there
    are dates and numbers, too. Columns that are `given`, both text and label, are taken as they are.
    """
    ways = ((separator, quoting) for quoting in (True, False) for separator in SEPARATORS)
    separator, rows = next(((way[0], rows) for way in ways if len(rows := text.table(*way)) >= 4), ("", []))
    asked = {"text", "label"} <= {*(given or {})}
    if not rows or (_has_numbers(text) and not asked):
        return None
    first, *body = rows
    columns = list(zip(*body))
    texts = [index for index, cells in enumerate(columns) if _words(cells) >= 3 and _is_prose(cells)]
    is_target = is_target or _is_label
    labels = [index for index, cells in enumerate(columns) if index not in texts and is_target(cells)]
    if given and asked:
        texts, labels = (_places(key, given[key], first, text.path) for key in ("text", "label"))
    header = not any(first[index] in columns[index] for index in labels) and not any(len(first[i]) > 60 for i in texts)
    others = [index for index in range(len(first)) if index not in (*texts, *labels)]
    named = [index for index in labels if header and LABEL.fullmatch(first[index].strip())]
    dated = header and any(TIME.search(first[index]) for index in others)
    if not texts or not labels or (dated and not named and any(_is_measured(cells) for cells in columns)):
        return None
    settings: dict[str, Any] = text.settings
    usual = "\t" if {".tsv", ".tab"} & set(text.file.suffixes) else ","
    settings |= {} if separator == usual else {"separator": {"\t": "tab"}.get(separator, separator)}
    settings |= {} if header else {"header": "none"}
    settings |= {} if _is_quoted(text, separator) else {"quoting": False}
    names = tuple(name.strip() for name in first) if header else tuple(f"column_{i}" for i in range(len(first)))
    keys: Sequence[str | int] = names if header else range(len(first))
    joined = tuple((keys[i], mark) for i in named or labels if (mark := _find_mark(columns[i])))
    return TextTable(tuple(keys[i] for i in texts), tuple(keys[i] for i in named or labels), settings, names, joined)


def _find_mark(cells: Sequence[str]) -> str:
    """Return the mark between labels where cells have several, which are fewer than their combinations; "" if none."""
    whole = {cell.strip().strip("[]") for cell in cells}
    for mark in (";", "|", ","):
        parts = {part.strip(" '\"") for cell in whole for part in cell.split(mark)}
        if sum(mark in cell for cell in whole) > 1 and len(parts) < len(whole):
            return mark
    return ""


def _places(key: str, value: Any, first: Sequence[str], path: str) -> list[int]:
    """Return which columns a user has named."""
    names = [name.strip() for name in first]
    chosen = resolve_columns(key, value, names, path)
    return [names.index(one) if one in names else one for one in (chosen if isinstance(chosen, list) else [chosen])]


def _is_quoted(text: TextFile, separator: str) -> bool:
    """Tell whether quotes, if there are any, are those of cells."""
    try:
        return bool(list(csv.reader((f"{line}\n" for line in text.lines), delimiter=separator, strict=True)))
    except csv.Error:
        return False


def _is_label(cells: Sequence[str]) -> bool:
    counts = Counter(cell.strip() for cell in cells)
    if counts.pop("", 0) > len(cells) * MOST_EMPTY:
        return False  # of fewer whoever reads them names the rows
    short = sum(len(label.split()) for label in counts) < 3 * len(counts)
    if len(counts) > MAX_STARS and _are_fractions([*counts]):
        return False
    return 2 <= len(counts) <= max(2, len(cells) // 3) and short


def is_number_to_predict(cells: Sequence[str]) -> bool:
    """Tell numbers that are no few labels, and do not count the rows."""
    plain = [cell.strip() for cell in cells]
    if not all(map(is_number, plain)) or len({*plain}) <= MAX_STARS:
        return False
    counted = all(float(cell) == float(plain[0]) + row for row, cell in enumerate(plain))
    return not counted and (_are_fractions(plain) or not _is_label(cells))


def is_numeric_target(cells: Sequence[str]) -> bool:
    """Tell numbers that may be predicted once somebody has asked for that, few different ones as well."""
    return len({*cells}) > 2 and all(is_number(cell.strip()) for cell in cells)


def _are_fractions(cells: Sequence[str]) -> bool:
    return all(map(is_number, cells)) and any(float(cell) % 1 for cell in cells)


def _is_measured(cells: Sequence[str]) -> bool:
    return all(NUMBER.fullmatch(cell.strip() or "0") for cell in cells) and len(set(cells)) > 2


def _words(cells: Sequence[str]) -> float:
    """Return the mean number of words."""
    return sum(len(split_runs(cell).split()) for cell in cells) / max(len(cells), 1)


def _worded(cells: Sequence[str]) -> bool:
    """Tell cells most of which have a word of letters."""
    return sum(bool(_spoken(cell)) for cell in cells) > 0.8 * len(cells)


def _are_texts(cells: Sequence[str]) -> bool:
    """Tell texts from remarks, names and numbers with a unit, which are the same words again and again."""
    return _worded(cells) and len({DIGITS.sub("", cell) for cell in cells}) > DIFFERENT * len(cells)


def _is_prose(cells: Sequence[str]) -> bool:
    """Tell texts of several words."""
    return _are_texts(cells) and sum(len(_spoken(cell)) for cell in cells) >= 2 * len(cells)


def _spoken(cell: str) -> list[str]:
    """Return the words of a cell but for those of dates and numbers: Fri, 01-Jan-2021 09:00 PM; 1,200 USD."""
    words = WORD.findall(split_runs(cell))
    if not any(map(str.isdigit, cell)):
        return words
    left = [word for word in words if not (find_month(word) or OF_DATES.fullmatch(word))]
    return [] if left == words[:1] and any(map(find_month, words)) else left  # a weekday, in any language


def _has_numbers(text: TextFile) -> bool:
    """Tell a table with blanks between its cells: lines of texts have no number at the same place."""
    columns = [*zip(*text.table(" "))][1:]
    return any(2 * sum(map(is_like_number, cells)) > len(cells) for cells in columns)


def _lines(file: Path, encoding: str) -> tuple[str, ...]:
    """Read the first lines; none of a file that is no text."""
    with opened(file, encoding) as stream:
        found = [line.rstrip("\r\n") for _, line in zip(range(LINES), iter(lambda: stream.readline(100_000), ""))]
    return tuple(found) if not any("\0" in line for line in found[:20]) else ()
