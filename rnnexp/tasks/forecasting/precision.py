"""Digits: networks compute in 32-bit numbers, of 7 digits, too few for small changes at a large level.

Where windows are measured against their own last value or mean, the digits that a 32-bit number drops go along in a
second one, and differences are taken of both: exact to 14 digits, on every device. Series that do not need it are fed
as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnexp.data.large import list_pieces, make_room, take_last
from rnnexp.tasks.forecasting.windows import Plan

ROUNDING = 2.0**-24  # of a 32-bit number, relative
KEPT = 2e-4  # of the mean change from row to row: what rounding may be without a second number
LOST = 1e-2  # of it: what is worth a remark where there is none
FED = (1e-4, 1e5)  # deviations of what a network is fed, beyond which it hardly learns


def coarse(values: np.ndarray, share: float = KEPT) -> np.ndarray:
    """Say whether 32-bit numbers lose more than a share of the changes from row to row.

    values: (..., rows, columns) float64;  the result is (..., 1, columns)
    """
    level = np.abs(values).max(axis=-2, keepdims=True)
    changes = np.abs(np.diff(values, axis=-2))
    change = np.zeros_like(level)
    if changes.shape[-2]:
        # The mean of a series that jumps says little of its other changes, the median little of one that rests.
        mean, median = (of(changes, axis=-2, keepdims=True) for of in (np.mean, np.median))
        change = np.where(median > 0, np.minimum(mean, 10 * median), mean)
    return np.asarray(level * ROUNDING > share * change)


def stored(
    plan: Plan, scaled: np.ndarray, offsets: np.ndarray, known: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the arrays that windows are cut from: "values" (rows, columns) float32 of series that lie end to end.

    With windows measured against themselves also, if a series needs it, "low" (rows, targets), what rounding took from
    the targets, and "anchor" (rows, targets), their values; both are 0 in the series that do not.

    known: (series, 2) the rows of each that say whether it does; None: all
    """
    values = _round(scaled)
    if plan.window == "none":
        return {"values": values}
    own, needed = scaled[:, : plan.targets], np.zeros((len(scaled), plan.targets), bool)
    telling = zip(offsets[:-1], offsets[1:]) if known is None else known
    for first, last, (begin, end) in zip(offsets[:-1], offsets[1:], telling):
        told = take_last(own[begin:end])
        seen = told[np.isfinite(told).all(axis=1)]
        needed[first:last] = coarse(seen) if len(seen) else False
    if not needed.any():
        return {"values": values}
    rounded = values[:, : plan.targets]
    return {
        "values": values,
        "low": np.where(needed, own - rounded, 0).astype(np.float32),
        "anchor": np.where(needed, rounded, 0),
    }


def _round(scaled: np.ndarray) -> np.ndarray:
    values = make_room(scaled.shape, np.float32)
    for piece in list_pieces(len(scaled)):
        values[piece] = scaled[piece]
    return values


def remarks(plan: Plan, scaled: np.ndarray, rows: np.ndarray, columns: Sequence[str]) -> list[str]:
    """Name the columns of which a network sees too few digits, or changes of a wrong size.

    scaled: (rows, columns), the named ones first;  rows: (series, 2) training rows
    """
    parts = [part[np.isfinite(part).all(axis=1)] for part in (take_last(scaled[first:last]) for first, last in rows)]
    parts = [part for part in parts if len(part) > 1]
    first = plan.targets if plan.window != "none" else 0
    found = []
    for place in range(first, len(columns)):
        own = [part[:, place : place + 1] for part in parts]
        lost = [one for one in own if np.ptp(one) > 0 and coarse(one, LOST).any()]
        if lost:
            where = f" in {len(lost)} of {len(own)} series" if len(own) > 1 else ""
            found.append(
                f"column `{columns[place]}`: its changes{where} are lost at a level of {np.abs(lost[0]).max():.3g}, "
                "since networks compute with 7 digits; end data.scaler with standard, minmax or robust, or set "
                "data.per_series=true"
            )
    most = max((float(part[:, : plan.targets].std(axis=0).max()) for part in parts), default=1.0)
    least = float(np.concatenate(parts)[:, : plan.targets].std(axis=0).max()) if parts else 1.0
    if 0 < least < FED[0] or most > FED[1]:
        found.append(
            f"the targets vary by {most:.3g} as the network sees them, and it learns best from about 1: "
            "put `standard` into data.scaler"
        )
    return found
