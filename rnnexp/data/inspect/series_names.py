"""Which column names the series of a long table."""

from __future__ import annotations

import functools
import itertools
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rnnexp.data.inspect.finding import Finding, Head, name_column
from rnnexp.data.inspect.roles import IDENTIFIER, find_place, list_columns
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.times import Dates
from rnnexp.errors import DataError

PLACE = re.compile(
    r"(.*[_ -])?(lat|latitude|lon|lng|long|longitude|depth|level|height|altitude|elevation|quantile)", re.I
)
PART_OF_DAY = re.compile(
    r".*(period|interval|slot|time.?block|hour|stunde|viertel|ptu|mtu).*|sp|hh|he|h", re.IGNORECASE
)
COUNTER = re.compile(r"n|i|k|no|nr|num|number|index|seq|sequence|pos|position|step|#", re.IGNORECASE)
USUAL_PARTS = (48, 96, 144, 288, 1440)
MOST_TOGETHER = 10  # columns of which two or three may tell series apart
MAX_NAMES = 20  # columns that are tried as names of series
WHOLE = 0.8  # share of the dates between its first and last that a series has at least, not to be doubted
FEW = 0.01  # share of the rows, one at least, whose date may be that of another row of the same series


def name_series(head: Head, chosen: int, stamps: list[int], finding: Finding, file: Path) -> None:
    """Look for the column of names that makes repeated dates those of several series."""
    taken = {
        chosen,
        *stamps,
        *(find_place(head, one) for key in ("features", "known") for one in list_columns(finding.given.get(key))),
    }
    names = [Names.of(head, index) for index in _words(head, taken)[:MAX_NAMES]]
    if not stamps:
        restarts = _find_restarts(head)
        _ask_about_blocks([one for one in names if one.is_block(restarts)], finding)
        return
    dates = _read_dates(head, stamps, finding)
    time = np.unique(dates, return_inverse=True)[1]
    again = len(time) - len(np.unique(time))
    if not again:
        return
    few = max(1, int(FEW * len(time)))
    able = [one for one in names if one.may_name(int(np.bincount(time).max()))]
    _refuse_parts_of_days(able, time, dates, stamps, file)
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


def _find_restarts(head: Head) -> list[np.ndarray]:
    """Return the rows in which columns that count up by one, such as cycles of machines, begin anew."""
    found = []
    for column in head.cells:
        cells = [cell.strip() for cell in column]
        if all(cell.isdigit() and cell.isascii() for cell in cells):
            numbers = np.array(cells, dtype=np.float64)
            back = np.flatnonzero(np.diff(numbers) != 1) + 1
            if len(back) and len({numbers[0], *numbers[back]}) == 1 and numbers[0] in (0, 1):
                found.append(back)
    return found


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


def _refuse_parts_of_days(
    names: list[Names], time: np.ndarray, dates: np.ndarray, stamps: list[int], file: Path
) -> None:
    """Refuse a column that counts the hours, half-hours or other parts of each day: they are no series."""
    for one in names:
        parts = one.count_parts(time)
        name, date = one.head.names[one.index], one.head.names[stamps[0]]
        called = PART_OF_DAY.fullmatch(name.strip()) or (parts in USUAL_PARTS and COUNTER.fullmatch(name.strip()))
        if parts and 1440 % parts == 0 and called:
            first = min(map(int, filter(None, map(str.strip, one.head.cells[one.index]))))
            raise DataError(
                f'{file}: "{name}" counts {parts} parts of each day: add them to the date in one column, with pandas '
                f"for example: frame[{date!r}] = pandas.to_datetime(frame[{date!r}]{_say_order(one, dates, stamps)}) + "
                f'pandas.to_timedelta((frame[{name!r}] - {first}) * {1440 // parts}, unit="min")'
            )


def _say_order(names: Names, dates: np.ndarray, stamps: list[int]) -> str:
    """Return what pandas must be told to read the same dates."""
    import pandas as pd

    cells = pd.Series(names.head.cells[stamps[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a guess that is compared
        alike = pd.to_datetime(cells, errors="coerce").to_numpy().astype("datetime64[ns]") == dates
    return "" if alike.all() else ", dayfirst=True"


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

    def is_block(self, restarts: list[np.ndarray]) -> bool:
        """Tell whether each name has its rows together, two at least on average, and is a word, is called an id, or
        ends where another column begins to count anew.
        """
        changes = np.flatnonzero(np.diff(self.codes)) + 1
        together = 1 < self.distinct == 1 + len(changes) <= len(self.codes) / 2
        counted = any(np.array_equal(changes, own) for own in restarts)
        return together and (counted or _says_name(self.head, self.index))

    def may_name(self, most: int) -> bool:
        """Tell names from other cells: not about as many as rows, and numbers about as many as rows a date."""
        return 1 < self.distinct <= (len(self.codes) / 2 if _says_name(self.head, self.index) else 2 * most)

    def count_parts(self, time: np.ndarray) -> int:
        """Return how many rows most dates have, if whole numbers count them up by one; else 0."""
        cells = [cell.strip() for cell in self.head.cells[self.index]]
        if not all(map(str.isdigit, cells)):
            return 0
        numbers, new = np.array(cells, dtype=np.int64), np.diff(time, prepend=-1) != 0
        counted = (np.diff(numbers, prepend=0) == 1) | (new & np.isin(numbers, (0, 1)))
        usual = int(np.bincount(np.bincount(time)).argmax())
        return usual if counted.all() and usual > 11 else 0

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
    places = [i for i in free if PLACE.fullmatch(head.names[i].strip())]
    whole = [i for i in free if all(cell.strip().isdigit() for cell in head.cells[i] if cell.strip())]
    named = [i for i in free if _says_name(head, i)]
    return list(dict.fromkeys([*named, *whole, *places]))


def _says_name(head: Head, index: int) -> bool:
    return not head.numeric[index] or bool(IDENTIFIER.fullmatch(head.names[index].strip()))
