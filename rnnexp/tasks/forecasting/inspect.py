"""The experiment that is proposed for a table of series: one step ahead, a few past rows, a standard scaler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data import inspect as table
from rnnexp.data.calendar import describe_step, write_dates
from rnnexp.data.inspect.finding import Finding
from rnnexp.data.inspect.flaws import FEW
from rnnexp.data.series import Series
from rnnexp.data.short import need
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.tasks.forecasting.window_length import FEW_ROWS, WINDOWS
from rnnexp.tasks.requests import Draft

GROUP = re.compile(r"(Yearly|Quarterly|Monthly|Weekly|Daily|Hourly)-train\.csv(\.gz)?")


def inspect(path: str, given: Mapping[str, Any]) -> Draft:
    """Look at a table and propose an experiment; DataError where even a person would have to look."""
    return _m4(path) if not given and GROUP.fullmatch(Path(path).name) else _table(path, given)


def _m4(path: str) -> Draft:
    """Propose the competition's own task for one of its files."""
    file = Path(path)
    group = file.name.partition("-")[0]
    folder = file.parent.parent if file.parent.name == "Train" else file.parent
    settings = {"group": group, "folder": str(folder)}
    seen = f"{path}: {group.lower()} series of the M4 competition, a row each; horizon, season and split are its own"
    question = f"How well can the {group.lower()} series of M4 be forecast?"
    return Draft([seen], question, {"data": "m4", "model": "lstm"}, settings)


def _table(path: str, given: Mapping[str, Any]) -> Draft:
    finding, series = table.inspect(path, given)
    few = max(1, min(FEW_ROWS, int(series.lengths().min()) // WINDOWS))  # until the rows are known to the last part
    usual = {"sequence_length": few, "horizon": 1, "scaler": "standard"}
    settings = finding.settings | {key: value for key, value in usual.items() if key not in given}
    finding.settings = settings
    _settle_short(series, finding)
    ahead, asked = settings["horizon"], settings.get("target")
    others = series.columns[1 : len(asked)] if isinstance(asked, list) else ()
    target = " and ".join((series.columns[0], *(others if len(others) < 2 else (f"{len(others)} others",))))
    rows = f"{len(series.values):,} rows" + (f" of {len(series.ids)} series" if len(series.ids) > 1 else "")
    about = f"target {target}: {rows}{_span(series.time)}, step {describe_step(series.frequency)}"
    return Draft(
        [*finding.seen, about, *_sums(series)],
        f"How well can {target} be forecast {'one step' if ahead == 1 else f'{ahead} steps'} ahead?",
        {"data": "csv", "model": "lstm"},
        settings,
        finding.reasons,
    )


def _sums(series: Series) -> list[str]:
    """Say where the rows come from, unless each record is one."""
    tally = series.tally
    return [] if tally is None or tally.records == tally.kept == tally.rows else [str(tally)]


def _settle_short(series: Series, finding: Finding) -> None:
    """Leave out series that are too short for a window where they are few rows, else let the user decide."""
    needed = need(finding.source(), series.frequency)
    lengths = series.lengths()
    short = lengths < needed.rows
    if not short.any() or short.all() or "on_short" in finding.given:
        return
    rows = int(lengths[short].sum())
    text = f"{int(short.sum())} of {len(lengths)} series have fewer than the {needed.rows} rows of one window"
    if rows > max(1, int(FEW * len(series.values))):
        raise Undecided(Refused(f"{finding.settings['path']}: {text}", Remedy({"on_short": "skip"}, "leaves them out")))
    finding.set("on_short", "skip", f"{text}; they are left out")


def _span(time: Any) -> str:
    if time is None:
        return ""
    first, last = write_dates(np.array([time.min(), time.max()]), time)
    return f" from {first} to {last}"
