"""Flaws of a table: mended where few rows need it, else left to the user."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.data.inspect.finding import Finding
from rnnexp.data.series import Series
from rnnexp.data.tables.layout import Policies
from rnnexp.data.tables.read import read_open, read_series
from rnnexp.errors import DataError, count

FEW = 0.01  # share of the rows, one at least, that may be mended without asking
ASKED = {
    "missing": ("missing value", "", "drop, ffill or interpolate"),
    "duplicates": ("row", " with the date of another", "first, last or mean"),
    "unsorted": ("row", " out of the order of time", "sort"),
    "gaps": ("absent row", "", "ffill, interpolate or ignore"),
}
# Repeating the last value never looks ahead; interpolation would show a network the value it must forecast.
ATTEMPTS: tuple[tuple[Any, Any], ...] = (("ffill", "ffill"), ("drop", "ffill"), ("ffill", "ignore"), ("drop", "ignore"))


def settle_flaws(files: list[Path], finding: Finding) -> Series:
    """Read everything with each flaw allowed; keep the policies that few rows need, and ask about the others."""
    series, gaps = _read_leniently(files, finding)
    if gaps == "ignore":
        finding.set("gaps", "ignore", "the dates have no even step")
    few = max(1, int(FEW * len(series.values)))
    for note in series.notes:
        if found := re.search(r"^([\d,]+) .*?( ?\((missing|duplicates|unsorted|gaps)=(\w+)\))", note):
            number, policy, key, value = found.groups()
            total = int(number.replace(",", ""))
            if total <= (1 if key == "duplicates" else few):  # two shops must not become their mean
                finding.set(key, value, f"{note.replace(policy, '')}; without this: an error")
            else:
                what, how, choices = ASKED[key]
                finding.ask(key, f"{count(total, what)}{how}: choose {choices}")
    if "missing" not in finding.given and (end := _empty_at_the_end(files, finding)):
        what = f"{count(end, 'row')} without the target at the end"
        finding.ask("missing", f"{what}: remove them if they are to be forecast, or choose {ASKED['missing'][2]}")
    return series


def _empty_at_the_end(files: list[Path], finding: Finding) -> int:
    """Count the rows after the last value of the target, over all series: filling them would invent the answer."""
    import numpy as np

    policies = Policies(missing="ffill", duplicates="mean", unsorted="sort", gaps="ignore")
    try:
        many, _ = read_open(files, finding.layout, finding.wanted, policies)
    except DataError:  # a hole at the beginning, which cannot be filled
        many, _ = read_open(files, finding.layout, finding.wanted, replace(policies, missing="drop"))
    return sum(int(np.isnan(rows.values[:, 0]).sum()) for rows in many)


def _read_leniently(files: list[Path], finding: Finding) -> tuple[Series, str]:
    """Read with the strictest policies that work; if none do, raise what the first of them said."""
    errors: list[DataError] = []
    for missing, gaps in ATTEMPTS:
        usual = {"missing": missing, "duplicates": "mean", "unsorted": "sort", "gaps": gaps}
        policies = Policies(**{key: finding.given.get(key, value) for key, value in usual.items()})
        try:
            return read_series(files, finding.layout, finding.wanted, policies), policies.gaps
        except DataError as error:
            errors.append(error)
    raise errors[0]
