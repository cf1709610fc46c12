"""What a reader must make of a table under the settings that it was given: computed anew, and slowly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.tables.cases import Case

Series = tuple[str, np.ndarray | None, np.ndarray]
"""The name of a series, its dates (rows,), and its values (rows, columns)."""


class Unread(AssertionError):
    """The settings do not say how to read the table: what was read was repaired without a word."""


def expected(case: Case, settings: dict[str, Any], columns: tuple[str, ...]) -> list[Series]:
    """Return what each series must be; Unread where a flaw has no setting that allows it."""
    frame, whole = _frame(case, settings, columns)
    found = []
    for label, rows in case.content.parts().items():
        part = _mended(frame.iloc[rows].reset_index(drop=True), settings, whole)
        time = None if settings.get("time") is None else part.pop("time").to_numpy()
        part = part.drop(columns="time", errors="ignore")
        found.append((label, time, part.to_numpy(dtype=float)))
    return found


def _frame(case: Case, settings: dict[str, Any], columns: tuple[str, ...]) -> tuple[pd.DataFrame, str]:
    """Return the rows in the order of the file, and the step of the dates."""
    values = {column.name: column.values for column in case.content.columns}
    names = dict(zip(columns, columns))
    if settings.get("header") == "none":
        names = dict(zip(columns, [column.name for column in case.content.columns][: len(columns)]))
    if strange := [names[name] for name in columns if names[name] not in values]:
        raise Unread(f"the target is `{strange[0]}`, which is no column of numbers")
    known_missing = case.sentinel is None or str(int(case.sentinel)) in [
        str(mark).removesuffix(".0") for mark in settings.get("na", [])
    ]
    frame = pd.DataFrame({name: values[names[name]] for name in columns})
    if not known_missing:
        frame = frame.fillna(case.sentinel)
    zone = settings.get("time_zone")
    if zone and case.instants is not None:
        time = pd.DatetimeIndex(case.instants).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    else:
        time = pd.DatetimeIndex(case.content.time)
    frame["time"] = time.astype("datetime64[ns]")
    return frame, case.content.step


def _mended(part: pd.DataFrame, settings: dict[str, Any], step: str) -> pd.DataFrame:
    if settings.get("time") is None:
        return _filled(part, settings.get("missing", "fail"), clock=False)
    if not part["time"].is_monotonic_increasing:
        if settings.get("unsorted", "fail") != "sort":
            raise Unread("dates that go back were put in order without data.unsorted")
        part = part.sort_values("time", kind="stable", ignore_index=True)
    if part["time"].duplicated().any():
        part = _single(part, settings.get("duplicates", "fail"))
    part = _filled(_observed(part), settings.get("missing", "fail"))
    return _even(part, settings.get("gaps", "fail"), step)


def _observed(part: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows at the end that have no target."""
    there = np.flatnonzero(part.iloc[:, 0].notna())
    return part.iloc[: there[-1] + 1]


def _single(part: pd.DataFrame, policy: str) -> pd.DataFrame:
    if policy == "fail":
        raise Unread("rows of the same date were merged without data.duplicates")
    groups = part.groupby("time", as_index=False, sort=True)
    if policy == "mean":
        return groups.mean()[list(part.columns)]
    return part.drop_duplicates("time", keep=policy, ignore_index=True)


def _filled(part: pd.DataFrame, policy: str, clock: bool = True) -> pd.DataFrame:
    values = [name for name in part.columns if name != "time"]
    if not part[values].isna().any(axis=None):
        return part
    if policy == "fail":
        raise Unread("missing cells were filled or left out without data.missing")
    if policy == "drop":
        return part.dropna(ignore_index=True)
    if policy == "ffill":
        return part.assign(**{name: part[name].ffill() for name in values})
    at = part["time"].astype("int64").to_numpy() if clock else np.arange(len(part))
    return part.assign(**{name: _line(at, part[name].to_numpy()) for name in values})


def _line(at: np.ndarray, values: np.ndarray) -> np.ndarray:
    gone = np.isnan(values)
    return np.where(gone, np.interp(at, at[~gone], values[~gone]), values)


def _even(part: pd.DataFrame, policy: str, step: str) -> pd.DataFrame:
    first, last = part["time"].iloc[0], part["time"].iloc[-1]
    grid = pd.date_range(first, last, freq=step)
    if not len(grid) or grid[0] != first or len(grid) <= len(part):
        return part
    if policy == "fail":
        raise Unread("absent rows were passed over without data.gaps")
    if policy == "ignore":
        return part
    whole = part.set_index("time").reindex(grid).rename_axis("time").reset_index()
    return _filled(whole[list(part.columns)], policy)
