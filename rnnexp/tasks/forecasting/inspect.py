"""The experiment that is proposed for a table of series: one step ahead, a standard scaler, a season of past rows."""

from __future__ import annotations

from typing import Any

from rnnexp.data import inspect as table
from rnnexp.data.calendar import season_of
from rnnexp.data.series import Series
from rnnexp.tasks.requests import Draft


def inspect(path: str, target: str | None) -> Draft:
    """Look at a table and propose an experiment; DataError where even a person would have to look."""
    finding, series = table.inspect(path, target)
    length, why = _length(series)
    settings = finding.settings
    rows = f"{len(series.values):,} rows" + (f" of {len(series.ids)} series" if len(series.ids) > 1 else "")
    about = f"target {settings['target']}: {rows}{_span(series.time)}, step {series.frequency or 'none'}"
    return Draft(
        [*finding.seen, about],
        f"How well can {settings['target']} be forecast one step ahead?",
        {"data": "csv", "model": "lstm"},
        {**settings, "sequence_length": length, "horizon": 1, "scaler": "standard"},
        {**finding.reasons, "sequence_length": why},
        finding.open,
    )


def _span(time: Any) -> str:
    if time is None:
        return ""
    first, last = (str(stamp.astype("datetime64[m]")).replace("T", " ") for stamp in (time.min(), time.max()))
    return f" from {first} to {last}"


def _length(series: Series) -> tuple[int, str]:
    """Choose the rows of the past: a season and one, if every series has eight of them, else up to ten."""
    shortest = int(series.lengths().min())
    season = season_of(series.frequency)
    if season is not None and shortest >= 8 * (season + 1):
        return season + 1, f"a season of {season} rows, and one"
    return max(1, min(10, shortest // 8)), ""
