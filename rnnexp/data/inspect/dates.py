"""Which columns hold the dates, and how these are written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.times import EPOCHS, Dates, DifferentZones
from rnnexp.errors import DataError

PARTS = ("year", "month", "day", "hour", "minute", "second")
TIME = re.compile(r"(^|[^a-z])(date|time|ds|day|month|year|quarter|week|period)", re.IGNORECASE)


def find_dates(head: Head, finding: Finding) -> list[int]:
    """Find the columns that hold the date, by their cells and their names."""
    lower = [name.strip().lower() for name in head.names]
    parts = [lower.index(part) for part in PARTS if part in lower]
    if len(parts) > 1 and all(head.numeric[index] for index in parts):
        return _tell_time(parts, head, finding)
    if {"date", "time"} <= set(lower):
        both = [lower.index("date"), lower.index("time")]
        if _dated(head, both, finding.layout):
            return _tell_time(both, head, finding)
    for index, name in enumerate(head.names):
        named = bool(TIME.search(name))
        if (named or not head.numeric[index]) and _settle_format(head, index, named, finding):
            return _tell_time([index], head, finding)
    finding.seen.append("no dates: rows are taken as evenly spaced")
    return []


def _tell_time(columns: list[int], head: Head, finding: Finding) -> list[int]:
    keys: list[Any] = columns if "header" in finding.settings else [head.names[index] for index in columns]
    time_format = finding.settings.pop("time_format", None)
    finding.set("time", keys[0] if len(keys) == 1 else keys)
    if time_format:
        finding.set("time_format", time_format)
    return columns


def _settle_format(head: Head, index: int, named: bool, finding: Finding) -> bool:
    """Tell whether a column holds dates; where only a format says how, choose it with a reason."""
    if _dated(head, [index], finding.layout):
        return True
    cells = head.cells[index]
    choices = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y"]
    if named and cells and cells[0].strip().lstrip("-").isdigit():
        choices = [unit for unit, digits in EPOCHS.items() if abs(len(cells[0].strip()) - digits) <= 1]
    for form in choices:
        if _dated(head, [index], replace(finding.layout, time_format=form)):
            reason = "" if form in EPOCHS else "the day or the month first? a guess: check it"
            finding.set("time_format", form, reason)
            finding.layout = replace(finding.layout, time_format=form)
            return True
    return False


def _dated(head: Head, columns: list[int], layout: Layout) -> bool:
    import numpy as np
    import pandas as pd

    texts = [pd.Series(head.cells[index][:50], dtype="str").str.strip() for index in columns]
    rows = len(texts[0])
    places = Places(("",), np.zeros(rows, dtype=int), np.arange(rows))
    try:
        Dates(texts, ["x"] * len(columns), places, layout).read()
    except DifferentZones:
        return True
    except DataError:
        return False
    return rows > 0
