"""Which column is to be forecast, and which one names the series of a long table."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.inspect.dates import PARTS
from rnnexp.data.inspect.finding import Finding, Head, name_column
from rnnexp.data.tables.columns import listed, position
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.times import Dates
from rnnexp.errors import DataError

TARGET = ("y", "target", "value", "values", "ot", "sales", "demand", "revenue", "consumption", "umsatz", "absatz")
PLAIN_WORDS = {"data", "dataset", "my", "new", "old", "raw", "table", "test", "train", "time", "date", "series", "the"}
IDENTIFIER = re.compile(r"(.*[_ -])?(?i:id|uid|series|store|shop|item|key|code|nr|no)|.*[a-z](Id|ID|Nr|No)")
INDEX = re.compile(
    r"(unnamed: ?|column_|\.{3})\d+|level_0|index|idx|id|#|row(_?(id|nr|no|num|number|names?))?|(no|nr|num)\.?", re.I
)
MOST_WORDS = 3  # columns that are shown
TEXTS = "Texts with a label each are told by --text COLUMN --label COLUMN"
MOST_NAMELESS = 8  # columns without names of which the last may be the target
MOST_TOGETHER = 10  # columns of which two or three may tell series apart
MAX_NAMES = 20  # columns that are tried as names of series
WHOLE = 0.8  # share of the dates between its first and last that a series has at least, not to be doubted
FEW = 0.01  # share of the rows, one at least, whose date may be that of another row of the same series


def find_target(head: Head, stamps: list[int], finding: Finding, file: Path) -> int:
    """Take the column that the user has decided for, or one that its name or the others single out, or the last one."""
    given = finding.given
    if (wanted := given.get("target")) is not None:
        chosen = position(head.names, wanted[0] if isinstance(wanted, list) else wanted, "--target", str(file))
        finding.set("target", chosen)
        return chosen
    taken = {_place(head, column) for key in ("series", "features", "known") for column in _listed(given.get(key))}
    good, unfit = list_measured(head, {*stamps, *taken}, finding.layout)
    good = good or [index for index in unfit if unfit[index] == COUNTS]
    if not good:
        why = "".join(f'; "{head.names[index]}" {reason}' for index, reason in unfit.items())
        advice = ". --target NAME takes one all the same" if unfit else ""
        words = [
            index for index in range(len(head.names)) if not head.numeric[index] and index not in (*stamps, *taken)
        ]
        why += "".join(f'; "{head.names[i]}" holds no numbers: {_show(head, i)}' for i in words[:MOST_WORDS])
        advice += f". {TEXTS}" if len(words) > 1 and not stamps else ""
        raise DataError(f"{file}: no column of numbers to forecast (columns: {listed(head.names)}){why}{advice}")
    if not stamps and len(good) > 1 and finding.settings.get("header") == "none":
        _ask_without_names(good, head, file)
    flags = [index for index in good if set(head.cells[index]) <= {"0", "1", ""}]
    chosen, why = _single_out(head, good, flags, file)
    others = [head.names[index] for index in good if index != chosen]
    reason = f"{why}others: {listed(others)} (--target)" if others else ""
    finding.set("target", name_column(head, chosen, finding), reason)
    finding.seen += [
        f'column "{head.names[index]}" {why}: not the target' for index, why in unfit.items() if index != chosen
    ]
    finding.seen += [
        f'column "{name}" is 0 or 1: not the target; --known {name} if it is known ahead'
        for name in (head.names[index] for index in flags if index != chosen)
    ]
    return chosen


def _show(head: Head, index: int) -> str:
    """Quote the first cell that is not empty, and say where it stands."""
    row = next((row for row, cell in enumerate(head.cells[index]) if cell.strip()), 0)
    return f'{head.places.cite(np.array([row]))} "{head.cells[index][row].strip()[:40]}"'


def _ask_without_names(good: list[int], head: Head, file: Path) -> None:
    """Ask for the target where neither names nor dates tell whether rows follow each other, or where a number ends."""
    first = ",".join(cells[0].strip() for cells in head.cells)[:60]
    text = f'{file}: {len(good)} columns of numbers without names and dates (the first row: "{first}")'
    if len(good) > MOST_NAMELESS:
        rows = "if each row is a sequence of its own, write it with its label as .npz (data=npz)"
        raise DataError(f"{text}: --target NUMBER says which is to be forecast, row by row, from 0; {rows}")
    if re.fullmatch(r"[-+]?\d+,\d+", first):
        columns = [Remedy({"target": index}, f"{head.cells[index][0].strip()}, ...") for index in good]
        raise Undecided(Refused(text, Remedy({"separator": ";"}, f'"{first}" is one number'), *columns))


def _single_out(head: Head, good: list[int], flags: list[int], file: Path) -> tuple[int, str]:
    """Choose the target of columns that could be it, and say why unless it has a usual name."""
    if usual := [index for index in good if _plain(head, index) in TARGET]:
        return usual[-1], ""
    words = _list_words(file.name.partition(".")[0]) - PLAIN_WORDS
    named = [index for index in good if words & _list_words(head.names[index])]
    if len(named) == 1:
        return named[0], "named like the file; "
    rest = [index for index in good if index not in flags] or good
    if len(rest) == 1 < len(good):
        return rest[0], "the only column of other numbers than 0 and 1; "
    return rest[-1], "a guess, the last column of numbers; "


def _list_words(name: str) -> set[str]:
    """Return the words of a name, without the s of several: those of `air_passengers` and of `Passenger` meet."""
    return {word.rstrip("s") for word in re.split(r"[\W\d_]+", name.lower()) if len(word) > 2}


def list_measured(head: Head, taken: set[int | None], layout: Layout) -> tuple[list[int], dict[int, str]]:
    """Return the columns of numbers, but for those that are taken: what is measured, and why others are not."""
    numbers = [index for index, numeric in enumerate(head.numeric) if numeric and index not in taken]
    unfit = {index: why for index in numbers if (why := _unfit(head, index, layout))}
    return [index for index in numbers if index not in unfit], unfit


COUNTS = "only counts the rows"


def _unfit(head: Head, index: int, layout: Layout) -> str:
    """Say why a column of numbers is not what somebody wants to forecast; nothing if it may be."""
    name, cells = head.names[index].strip(), head.cells[index]
    flaws = Flaws()
    values = parse(cells, range(len(cells)), layout, flaws)
    known = values[~np.isnan(values)]
    whole = bool((known == np.round(known)).all())
    if len(known) > 1 and not flaws.total and (known == known[0]).all():
        return f"is {known[0]:g} in all rows"
    if _plain(head, index) in TARGET:
        return ""
    if (
        layout.header
        and INDEX.fullmatch(name)
        and len(np.unique(known)) == len(known)
        and (known == np.round(known)).all()
    ):
        return "numbers the rows"
    if len(known) > 2 and (np.diff(known) == 1).all() and known[0] in (0, 1):
        return COUNTS
    if name.lower() in PARTS and whole:
        return "is a part of a date"
    return "names what a row is of" if IDENTIFIER.fullmatch(name) and whole else ""


def name_series(head: Head, chosen: int, stamps: list[int], finding: Finding, file: Path) -> None:
    """Look for the column of names that makes repeated dates those of several series."""
    taken = {
        chosen,
        *stamps,
        *(_place(head, one) for key in ("features", "known") for one in _listed(finding.given.get(key))),
    }
    names = [Names.of(head, index) for index in _words(head, taken)[:MAX_NAMES]]
    if not stamps:
        _ask_about_blocks([one for one in names if one.in_blocks], finding)
        return
    time = np.unique(_read_dates(head, stamps, finding), return_inverse=True)[1]
    again = len(time) - len(np.unique(time))
    if not again:
        return
    few = max(1, int(FEW * len(time)))
    able = [one for one in names if one.may_name(int(np.bincount(time).max()))]
    left = {one.index: one.repeated(time) for one in able}
    sure = [one for one in able if left[one.index] <= few and 2 * left[one.index] <= again and one.share(time) >= WHOLE]
    if sure:
        best = min(sure, key=lambda one: (left[one.index], one.distinct))
        _name(best, [one for one in sure if one is not best], head, finding)
        return
    maybe = [one for one in able if 2 * left[one.index] <= again]
    if maybe and again > few and "duplicates" not in finding.given:
        raise Undecided(_question(maybe, left, again, head, finding))
    _refuse_together(able, time, head, file)


def _name(best: Names, others: list[Names], head: Head, finding: Finding) -> None:
    """Take a column; those that tell the same series apart by other words are no alternatives."""
    different = [head.names[one.index] for one in others if one.distinct != best.distinct]
    also = f"; a guess, others: {listed(different)} (--series)" if different else ""
    finding.set("series", name_column(head, best.index, finding), f"{best.distinct:,} series in one long table{also}")


def _question(maybe: list[Names], left: dict[int, int], again: int, head: Head, finding: Finding) -> Refused:
    """Ask whether rows of the same date are of several series."""
    own = [
        Remedy({"series": name_column(head, one.index, finding)}, f"{one.distinct:,} series" + _still(left[one.index]))
        for one in sorted(maybe, key=lambda one: left[one.index])[:4]
    ]
    merged = [Remedy({"series": None, "duplicates": how}, "one series") for how in ("first", "last", "mean")]
    return Refused(f"{finding.settings['path']}: {again:,} rows have the date of another", *own, *merged)


def _still(left: int) -> str:
    return f", in which {left:,} rows have the date of another" if left else ""


def _ask_about_blocks(blocks: list[Names], finding: Finding) -> None:
    """Ask whether rows without dates that lie together under a name are a series each."""
    if not blocks:
        return
    own = [
        Remedy({"series": name_column(one.head, one.index, finding)}, f"{one.distinct:,} series") for one in blocks[:4]
    ]
    what = f"there are no dates, and rows lie in blocks by {listed([one.head.names[one.index] for one in blocks])}"
    other = f'; or has each one label or number: --recording "{blocks[0].head.names[blocks[0].index]}" --label COLUMN'
    question = f"{finding.settings['path']}: {what}: is each block a series{other}"
    raise Undecided(Refused(question, *own, Remedy({"series": None}, "all rows are one series")))


def _refuse_together(names: list[Names], time: np.ndarray, head: Head, file: Path) -> None:
    """Refuse series that only two or three columns together tell apart."""
    for many in (2, 3):
        for some in itertools.combinations(names[:MOST_TOGETHER], many):
            codes = functools.reduce(lambda one, other: one * (other.max() + 1) + other, (one.codes for one in some))
            if not Names(head, some[0].index, np.unique(codes, return_inverse=True)[1]).repeated(time):
                own = [head.names[one.index] for one in some]
                joined = ' + "/" + '.join(f"frame[{name!r}].astype(str)" for name in own)
                raise DataError(
                    f"{file}: {listed(own)} together tell the series apart: join them in one column and name it "
                    f'(data.series), with pandas for example: frame["series"] = {joined}'
                )


@dataclass(frozen=True)
class Names:
    """A column as names of series. codes: (rows,) a number for each name."""

    head: Head
    index: int
    codes: np.ndarray

    @classmethod
    def of(cls, head: Head, index: int) -> Names:
        import pandas as pd

        return cls(head, index, pd.factorize(pd.Series(head.cells[index], dtype="str").str.strip())[0])

    @cached_property
    def distinct(self) -> int:
        return len(np.unique(self.codes))

    @property
    def in_blocks(self) -> bool:
        """Whether each name has its rows together, two at least on average, and is a word or called an id."""
        runs = 1 + int((np.diff(self.codes) != 0).sum())
        return 1 < self.distinct == runs <= len(self.codes) / 2 and _says_name(self.head, self.index)

    def may_name(self, most: int) -> bool:
        """Tell names from other cells: not about as many as rows, and numbers about as many as rows a date."""
        return 1 < self.distinct <= (len(self.codes) / 2 if _says_name(self.head, self.index) else 2 * most)

    def repeated(self, time: np.ndarray) -> int:
        """Count the rows that have name and date of another; dates are numbered from 0."""
        return len(time) - len(np.unique(self.codes * (time.max() + 1) + time))

    def share(self, time: np.ndarray) -> float:
        """Return how many of the dates between its first and last a series has, over all series."""
        code, date = np.divmod(np.unique(self.codes * (time.max() + 1) + time), time.max() + 1)
        first = np.flatnonzero(np.diff(code, prepend=-1))
        last = np.append(first[1:], len(code)) - 1
        return len(code) / int((date[last] - date[first] + 1).sum())


def _read_dates(head: Head, stamps: list[int], finding: Finding) -> np.ndarray:
    import pandas as pd

    texts = [pd.Series(head.cells[index], dtype="str").str.strip() for index in stamps]
    return Dates(texts, [head.names[index] for index in stamps], head.places, finding.layout).read()


def _words(head: Head, taken: set[int]) -> list[int]:
    """Return the columns that may name series: those of text, numbers which are called an id, other whole numbers."""
    free = [index for index in range(len(head.names)) if index not in taken]
    whole = [i for i in free if all(cell.strip().isdigit() for cell in head.cells[i] if cell.strip())]
    named = [i for i in free if _says_name(head, i)]
    return [*named, *(i for i in whole if i not in named)]


def _says_name(head: Head, index: int) -> bool:
    return not head.numeric[index] or bool(IDENTIFIER.fullmatch(head.names[index].strip()))


def _plain(head: Head, index: int) -> str:
    return head.names[index].strip().lower()


def _place(head: Head, column: str | int) -> int:
    return position(head.names, column, "data.series, features or known", "")


def _listed(columns: Any) -> list[Any]:
    return columns if isinstance(columns, list) else [] if columns is None else [columns]
