"""What a valid table says: columns of numbers, dates and names of series, and the flaws that its rows have."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

STEPS: dict[str, Any] = {
    "15min": pd.Timedelta(minutes=15),
    "h": pd.Timedelta(hours=1),
    "D": pd.Timedelta(days=1),
    "B": pd.offsets.BDay(),
    "W-MON": pd.Timedelta(days=7),
    "W-THU": pd.Timedelta(days=7),
    "MS": pd.DateOffset(months=1),
    "ME": pd.offsets.MonthEnd(),
    "QS": pd.DateOffset(months=3),
    "BME": pd.offsets.BMonthEnd(),
    "YS": pd.DateOffset(years=1),
}


@dataclass(frozen=True)
class Numbers:
    """A column of numbers: `units` times ten to the power of minus `decimals`; None where a cell has no number."""

    name: str
    units: tuple[int | None, ...]
    decimals: int

    def take(self, rows: list[int]) -> Numbers:
        return replace(self, units=tuple(self.units[row] for row in rows))

    @property
    def values(self) -> np.ndarray:
        """Return (rows,) float64, NaN where there is no number."""
        return np.array([np.nan if unit is None else float(f"{unit}e-{self.decimals}") for unit in self.units])


@dataclass(frozen=True)
class Content:
    """Rows in the order of the file.

    columns: of numbers, the first is the target;  time: (rows,) datetime64[ns] by the clock of the file, or None
    step:    an alias of STEPS;  label: (rows,) names of series, or None
    words:   name -> cells of columns that are neither
    ahead:   rows at the end (of each series) that have no target
    """

    columns: tuple[Numbers, ...]
    time: np.ndarray | None
    step: str
    label: tuple[str, ...] | None = None
    label_name: str = ""
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0].units)

    def take(self, rows: list[int]) -> Content:
        return replace(
            self,
            columns=tuple(column.take(rows) for column in self.columns),
            time=None if self.time is None else self.time[rows],
            label=None if self.label is None else tuple(self.label[row] for row in rows),
            words={name: tuple(cells[row] for row in rows) for name, cells in self.words.items()},
        )

    def told(self, *kinds: str) -> Content:
        return replace(self, kinds=(*self.kinds, *kinds))

    def parts(self) -> dict[str, list[int]]:
        """Return the rows of each series, in the order in which their names appear."""
        found: dict[str, list[int]] = {}
        for row in range(len(self)):
            found.setdefault("" if self.label is None else self.label[row], []).append(row)
        return found


def numbers(dice: random.Random, name: str, rows: int, level: int, decimals: int) -> Numbers:
    """Walk at random, around a level; in steps of the last digit."""
    power = 10**decimals
    now, found = level * power, []
    for _ in range(rows):
        now += round(dice.gauss(0, 0.05) * level * power)
        found.append(now)
    return Numbers(name, tuple(found), decimals)


def dates(dice: random.Random, step: str, rows: int, years: tuple[int, int]) -> np.ndarray:
    """Return (rows,) dates in even steps, from a round one."""
    year = dice.randint(*years)
    month, day, hour = dice.randint(1, 12), dice.randint(1, 28), dice.randrange(24)
    start = {
        "15min": f"{year}-{month:02d}-{day:02d} {hour:02d}:00",
        "h": f"{year}-{month:02d}-{day:02d} {hour:02d}:00",
        "D": f"{year}-{month:02d}-{day:02d}",
        "B": f"{year}-{month:02d}-{day:02d}",
        "W-MON": f"{year}-{month:02d}-{day:02d}",
        "W-THU": f"{year}-{month:02d}-{day:02d}",
        "QS": f"{year}-{dice.choice((1, 4, 7, 10)):02d}-01",
        "YS": f"{year}-01-01",
    }.get(step, f"{year}-{month:02d}-01")
    return pd.date_range(start, periods=rows, freq=step).to_numpy().astype("datetime64[ns]")


# What is wrong with rows, and may be mended by a setting that is said.


def with_holes(dice: random.Random, content: Content) -> Content:
    """Take the number out of some cells of the target, not of the first nor of the last ones."""
    rows = len(content)
    many = dice.random() < 0.5
    ends = {row for part in content.parts().values() for row in (*part[:2], *part[-3:])}
    inner = [row for row in range(rows) if row not in ends]
    gone = set(dice.sample(inner, max(1, rows // 20) if many else 1))
    target = content.columns[0]
    units = tuple(None if row in gone else unit for row, unit in enumerate(target.units))
    columns = (replace(target, units=units), *content.columns[1:])
    return replace(content, columns=columns).told("holes, many" if many else "hole, one")


def with_gaps(dice: random.Random, content: Content) -> Content:
    """Leave out rows: one, some, or a long stretch."""
    inner = [row for part in content.parts().values() for row in part[4:-4]]
    kind = dice.choice(("one", "some", "long"))
    if kind == "long":
        first = dice.choice(inner)
        gone = {row for row in inner if first <= row < first + len(content) // 6}
    else:
        gone = set(dice.sample(inner, 1 if kind == "one" else 3))
    return content.take([row for row in range(len(content)) if row not in gone]).told(f"gaps, {kind}")


def with_duplicates(dice: random.Random, content: Content) -> Content:
    """Say a row twice, with the same number or with another one."""
    row = dice.randrange(2, len(content) - 2)
    again = content.take([*range(row + 1), *range(row, len(content))])
    if dice.random() < 0.5:
        return again.told("duplicate, equal")
    target = again.columns[0]
    units = list(target.units)
    units[row + 1] = (units[row] or 0) + 7
    return replace(again, columns=(replace(target, units=tuple(units)), *again.columns[1:])).told("duplicate, other")


def newest_first(dice: random.Random, content: Content) -> Content:
    """Turn a table around."""
    return content.take(list(range(len(content)))[::-1]).told("newest first")


def with_end(dice: random.Random, content: Content) -> Content:
    """Leave the target empty in the last rows of every series; another column goes on."""
    length = dice.choice((1, 5, 12))
    gone = {row for part in content.parts().values() for row in part[-length:]}
    target = content.columns[0]
    units = tuple(None if row in gone else unit for row, unit in enumerate(target.units))
    return replace(content, columns=(replace(target, units=units), *content.columns[1:])).told("target ends early")


FLAWS = (with_holes, with_holes, with_gaps, with_gaps, with_duplicates, newest_first, with_end)
