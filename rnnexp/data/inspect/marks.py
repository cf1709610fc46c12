"""How the numbers of an unknown table are written, and which of them mean that there is none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from rnnexp.cells import is_number
from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.columns import Table
from rnnexp.data.tables.dialect import examine
from rnnexp.data.tables.files import kind
from rnnexp.data.tables.readings import THIRDS, Survey
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.spelling import CODES
from rnnexp.data.tables.table import examine_cells, read_table
from rnnexp.errors import count

SAMPLE = 1_000  # rows that mostly tell the decimal mark
LONE = -99  # from which on one negative number among others is hardly meant
AWAY = 3  # ranges of the other values
POINT = re.compile(r"[+-]?\d+\.(\d{1,2}|\d{4,})|[+-]?0\.\d+")  # what is none between thousands
COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})|[+-]?0,\d+")


def settle_numbers(file: Path, head: Head, finding: Finding) -> None:
    """Settle marks of numbers and cells that mean missing, and ask about numbers that hardly mean what they say."""
    table = finding.settle(lambda: read_table(file, finding.layout, finding.wanted))
    finding.seen += [note for note in table.notes if note not in finding.seen]
    decided = {*finding.settings, *finding.given}
    if not {"decimal", "thousands"} & decided and kind(file) != "parquet":
        check_points(file, head, finding)
    if "na" not in finding.given:
        check_codes(str(file), table, finding.settings.get("na", []))


def check_points(file: Path, head: Head, finding: Finding) -> None:
    """Ask what "1.144" is where every point stands before three digits, and nothing else in the table tells."""
    first = examine_cells(file, finding.layout, finding.wanted, SAMPLE)
    if all(decimal == finding.layout.decimal for decimal, _ in first.fitting()):  # more cells leave no more marks
        return
    survey = examine_cells(file, finding.layout, finding.wanted)
    readings = survey.readings(every=True)
    if len(readings) < 2:
        return
    remedies = survey.remedies(readings)
    if not _has_decimals(file, head, finding, survey):
        raise Undecided(Refused(f"{file}: {THIRDS}", *remedies))
    kept, other = ({**remedy.settings} for remedy in remedies[:2])
    flags = " ".join(f"--{key} {value}" for key, value in other.items())
    finding.seen.append(f"points are those of decimals ({remedies[0].meaning}), not of thousands: else {flags}")
    finding.settings |= kept


def _has_decimals(file: Path, head: Head, finding: Finding, survey: Survey) -> bool:
    """Tell decimals by a number of another column, or by commas that separate the cells of a table.

    Where a point stands between thousands, a comma begins the decimals: other marks separate cells then, numbers below
    a thousand have no point, and round ones end in 0.
    """
    time = finding.settings.get("time")
    dates = {head.names[one] if isinstance(one, int) else one for one in (time if isinstance(time, list) else [time])}
    columns = [(name, [cell.strip() for cell in column]) for name, column in zip(head.names, head.cells)]
    cells = [column for name, column in columns if name not in dates]
    if any(COMMA.fullmatch(cell) for column in cells for cell in column):
        return False
    if any(all(map(is_number, filter(None, column))) and any(map(POINT.fullmatch, column)) for column in cells):
        return True
    own = [cell for name, column in columns if name in survey.names for cell in column if cell]
    fixed = all("." in cell for cell in own if any("1" <= letter <= "9" for letter in cell))
    return fixed and not all(cell.endswith("0") for cell in own) and examine(file, finding.layout).separator == ","


def check_codes(file: str, table: Table, missing: list[str | float]) -> None:
    """Ask about numbers far from all others of their column which programs write where there is none."""
    found = {name: _codes(column) for name, column in zip(table.names, table.values.T)}
    codes = sorted({code for some in found.values() for code in some})
    if not codes:
        return
    where = [
        f'{code:.15g} in column "{name}" ({count(cells, "cell")}, the others lie between {low:g} and {high:g})'
        for name, some in found.items()
        for code, (cells, low, high) in some.items()
    ]
    named = [int(code) if code.is_integer() and abs(code) < 1e16 else code for code in codes]
    listed = " and ".join(f"{code:.15g}" for code in codes)
    mean = "means" if len(codes) == 1 else "mean"
    gone = Remedy({"na": [*missing, *named]}, f"{listed} {mean} missing")
    kept = Remedy({"na": [*missing]}, f"{listed} {'is a value' if len(codes) == 1 else 'are values'}")
    raise Undecided(Refused(f"{file}: {', '.join(where)}", gone, kept))


def _codes(column: np.ndarray) -> dict[float, tuple[int, float, float]]:
    """Return implausible codes of a column: how often each is there, and between what the other values lie."""
    there = column[~np.isnan(column)]
    coded = np.isin(there, CODES)
    rest = there[~coded]
    if not coded.any() or not len(rest):
        return {}
    low, high = float(rest.min()), float(rest.max())
    values, times = np.unique(there[coded], return_counts=True)
    return {float(one): (int(n), low, high) for one, n in zip(values, times) if _is_far(float(one), int(n), low, high)}


def _is_far(code: float, times: int, low: float, high: float) -> bool:
    """Tell whether a code lies far from all other values: less so where it is repeated, or the only negative one."""
    away = max(low - code, code - high)
    if code < 0 <= low and (times > 1 or code <= LONE):
        return True
    return away > AWAY * max(high - low, abs(high), 1e-300) * (1 if times > 1 else AWAY)
