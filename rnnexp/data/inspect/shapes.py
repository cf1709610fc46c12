"""Tables that lie on their side: columns that are hours, months, years or steps, where a row for each is needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rnnexp.data.tables.date_columns import find_role
from rnnexp.data.tables.date_forms import find_month
from rnnexp.errors import DataError

HOUR = re.compile(
    r"(?:hh?|hr|he|qh|hour|stunde|std|heure|hora|p|sp|period|interval|slot|mtu)?[ _.-]?"
    r"(\d{1,2})(?: ?[-–] ?\d{1,2})? ?(?:h|hrs?|hours?|uhr)?",
    re.IGNORECASE,
)
CLOCK = re.compile(r"\D{0,2}(\d{1,2}):(\d\d)(?::\d\d)?(?: ?[-–] ?\d{1,2}:\d\d)?|\d{1,2} ?[ap]\.?m\.?", re.IGNORECASE)
QUARTER = re.compile(
    r"(?:q|qtr|quarter|quartal|trim)?[ ._-]?([1-4])[. ]{0,2}(?:q|qtr|quarter|quartal|trim)?", re.IGNORECASE
)
WEEKDAY = re.compile(
    r"(mon|tues?|wed(nes)?|thu(rs?)?|fri|sat(ur)?|sun)(day)?|mo(ntag)?|di(enstag)?|mi(ttwoch)?|do(nnerstag)?|fr(eitag)?|"
    r"sa(mstag)?|so(nntag)?|(lun|mar|mer(cre)?|jeu|ven(dre)?|same?)(di)?|dim(anche)?|lunes|martes|mi[eé]rcoles|jueves|"
    r"viernes|s[aá]bado|domingo",
    re.IGNORECASE,
)
MONTH = re.compile(r"\D{0,5}(0?[1-9]|1[0-2])")
STEP = re.compile(r"(?:v|t|x|step|lag|value|f|d|day|week|w|month|m)[ _.]?(\d+)", re.I)
YEAR = re.compile(r"\D{0,3}((?:1[6-9]|20|21)\d\d)(?: ?\[.*\])?")
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})|(19|20)\d\d(0[1-9]|1[0-2])(\d\d)?|"
    r"\d{4}[-/. ]?[QMW]\d{1,2}|[QMW]?\d{1,2}[-/. ]\d{4}",
    re.IGNORECASE,
)
IN_WORDS = re.compile(r"([^\W\d]+)\.?[-/. ]?(?:\d{4}|\d{2})")
MOST_HOURS, MOST_DAYS = 25, 31  # of a day on which clocks are set back, and of a month; more are parts of hours
FEWEST = 4  # columns in a row that count on: fewer may be lags or channels


def find_sideways(names: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return what most columns of a table on its side are, and their names; None for a table that stands."""
    months = [name for name in names if find_month(name)]
    dates = [name for name in names if _is_date(name)]
    clock = [name for name in names if CLOCK.fullmatch(name)]
    days = [name for name in names if WEEKDAY.fullmatch(name)]
    kinds = [("months", months, 6), ("dates", dates, FEWEST), ("times of a day", clock, FEWEST), ("days", days, 5)]
    numbered = [("years", YEAR, FEWEST), ("hours of a day", HOUR, 23), ("steps in time", STEP, 12)]
    if any(find_role(name) == "year" for name in names):  # else they may be questions, or questionnaires
        numbered += [("quarters", QUARTER, FEWEST), ("months", MONTH, 12)]
    for what, pattern, fewest in numbered:
        matches = [(name, int(match[1])) for name in names if (match := pattern.fullmatch(name))]
        counts = _counts([number for _, number in matches], any_step=what == "years")
        kinds.append((what, [name for name, _ in matches] if counts else [], fewest))
    return next(((what, own) for what, own, fewest in kinds if len(own) >= max(fewest, len(names) / 2)), None)


def refuse_sideways(names: Sequence[str], file: Path) -> None:
    """Raise DataError for a table of which each column, not each row, is a time."""
    found = find_sideways(names)
    if found is None:
        return
    what, columns = found
    if what == "hours of a day" and MOST_HOURS < len(columns) <= MOST_DAYS:
        what = "days of a month"
    rest = [name for name in names if name not in columns]
    one = what.split()[0].removesuffix("s")
    keys = f"id_vars={rest!r}, " if 0 < len(rest) <= 5 else ""
    m4 = "; files of the M4 competition, such as Monthly-train.csv, are read by data=m4" if one == "step" else ""
    raise DataError(
        f'{file}: {len(columns)} columns, "{columns[0]}" to "{columns[-1]}", are {what}: a row for each {one} is '
        f"needed. Turn the columns into rows, with pandas for example: "
        f'frame.melt({keys}var_name="{one}", value_name="value"), and name the new file{m4}'
    )


def _is_date(name: str) -> bool:
    """Tell a name such as 2020-01, Q1 2020 or Jan-20."""
    in_words = IN_WORDS.fullmatch(name)
    return bool(DATE.fullmatch(name) or (in_words and find_month(in_words[1])))


def _counts(numbers: Sequence[int], any_step: bool) -> bool:
    """Tell whether numbers go up one by one; by any step, and also down, if that is enough."""
    steps = [after - before for before, after in zip(numbers, numbers[1:])]
    one_way = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    return one_way if any_step else all(step == 1 for step in steps)
