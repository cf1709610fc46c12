"""Scalers of whole series: fitted on training rows, applied in a chain, undone exactly, stored as JSON.

A block is (n, rows, columns) with the target columns first; `group` (n,) says whose parameters apply.
Affine scalers act on every column; logarithm and differences on the targets only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data.large import LARGE, is_large, join, list_pieces, make_room, measure_spread, sample_rows
from rnnexp.errors import DataError

AFFINE = ("standard", "minmax", "range", "robust")
ROWWISE = (*AFFINE, "log", "difference", "seasonal_difference")


@dataclass(frozen=True)
class Affine:
    """Subtract `shift` and divide by `scale`, both (groups, columns)."""

    name: str
    shift: np.ndarray
    scale: np.ndarray
    lag: int = 0

    def apply(self, block: np.ndarray, group: np.ndarray) -> np.ndarray:
        shift, scale = self._for(block, group)
        return (block - shift) / scale

    def undo(self, block: np.ndarray, _before: np.ndarray, group: np.ndarray) -> np.ndarray:
        shift, scale = self._for(block, group)
        return block * scale + shift

    def _for(self, block: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = block.shape[-1]
        return self.shift[group, None, :columns], self.scale[group, None, :columns]

    def fits(self, groups: int, columns: int, _targets: int) -> bool:
        shapes = self.shift.shape == self.scale.shape == (groups, columns)
        return shapes and bool(np.isfinite([self.shift, self.scale]).all() and (self.scale != 0).all())

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "shift": self.shift.tolist(), "scale": self.scale.tolist()}


@dataclass(frozen=True)
class Log:
    """Take the natural logarithm of the target columns."""

    columns: tuple[str, ...]
    lag: int = 0

    def apply(self, block: np.ndarray, _group: np.ndarray) -> np.ndarray:
        self.check(block)
        targets = block[..., : len(self.columns)]
        return np.concatenate([np.log(targets), block[..., len(self.columns) :]], axis=-1)

    def check(self, block: np.ndarray) -> None:
        """Raise DataError for a target that has no logarithm."""
        targets = block[..., : len(self.columns)]
        bad = np.argwhere(targets <= 0)
        if len(bad):
            which, row, column = bad[0]
            value, name = targets[which, row, column], self.columns[column]
            raise DataError(
                f"data.scaler `log` needs values above 0: column `{name}` has {value:g} in row {row + 1} "
                f"(the first of {len(bad)}); leave `log` out"
            )

    def undo(self, block: np.ndarray, _before: np.ndarray, _group: np.ndarray) -> np.ndarray:
        # A network that went astray may answer 1000 in logarithms: that is infinity, not a warning.
        with np.errstate(over="ignore"):
            return np.exp(block)

    def fits(self, _groups: int, _columns: int, targets: int) -> bool:
        return len(self.columns) == targets

    def to_json(self) -> dict[str, Any]:
        return {"name": "log", "columns": list(self.columns)}


@dataclass(frozen=True)
class Difference:
    """Subtract the value `lag` rows earlier from the target columns; the first `lag` rows become NaN."""

    name: str
    lag: int
    targets: int

    def apply(self, block: np.ndarray, _group: np.ndarray) -> np.ndarray:
        result = block.copy()
        result[:, self.lag :, : self.targets] -= block[:, : -self.lag, : self.targets]
        result[:, : self.lag] = np.nan
        return result

    def undo(self, block: np.ndarray, before: np.ndarray, _group: np.ndarray) -> np.ndarray:
        """Add up from the rows observed `before`; beyond one lag the forecast stands on itself."""
        values = list(np.moveaxis(before[:, -self.lag :], 1, 0))
        for step in range(block.shape[1]):
            values.append(block[:, step] + values[step])
        return np.stack(values[self.lag :], axis=1)

    def fits(self, _groups: int, _columns: int, targets: int) -> bool:
        return self.targets == targets and self.lag > 0

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "lag": self.lag, "targets": self.targets}


Step = Affine | Log | Difference


@dataclass(frozen=True)
class Chain:
    """Scalers in the order in which they are applied; `lost` rows at the start of a series have no value."""

    steps: tuple[Step, ...]

    @property
    def lost(self) -> int:
        return sum(step.lag for step in self.steps)

    def apply(self, block: np.ndarray, group: np.ndarray) -> np.ndarray:
        for step in self.steps:
            block = step.apply(block, group)
        return block

    def undo(self, block: np.ndarray, before: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Bring target values back to original units.

        block:  (n, horizon, targets), scaled
        before: (n, at least `lost` rows, targets), the last observed rows in original units
        """
        levels = []
        for step in self.steps:
            levels.append(before)
            # Rows are needed only where a difference is still to come: an affine last step costs nothing.
            before = step.apply(before, group) if self.lost else before
        for step, level in zip(reversed(self.steps), reversed(levels)):
            block = step.undo(block, level, group)
        return block

    def fits(self, groups: int, columns: int, targets: int) -> bool:
        """Tell whether the steps are for series of these columns, scaled in so many groups."""
        return all(step.fits(groups, columns, targets) for step in self.steps)

    def accumulate(self, errors: np.ndarray) -> np.ndarray:
        """Add up errors (n, horizon, targets) of scaled values as undoing the differences adds up the values.

        What is left of the way back, affine steps and the exponential, keeps the order of values of one step ahead.
        """
        for step in self._differences():
            nothing = np.zeros((len(errors), step.lag, errors.shape[2]))
            errors = step.undo(errors, nothing, np.zeros(len(errors), int))
        return errors

    def spread(self, total: np.ndarray) -> np.ndarray:
        """Return what has to be added to scaled values so that `accumulate` makes `total` of it, (horizon, targets)."""
        for step in self._differences():
            later = total[step.lag :] - total[: -step.lag]
            total = np.concatenate([total[: step.lag], later])
        return total

    def _differences(self) -> list[Difference]:
        return [step for step in self.steps if isinstance(step, Difference)]

    def to_json(self) -> list[dict[str, Any]]:
        return [step.to_json() for step in self.steps]


def from_json(steps: Sequence[Mapping[str, Any]]) -> Chain:
    """Rebuild a chain from what `Chain.to_json` wrote."""
    return Chain(tuple(_step(step) for step in steps))


def _step(step: Mapping[str, Any]) -> Step:
    name = step["name"]
    if name == "log":
        return Log(tuple(step["columns"]))
    if name in AFFINE:
        return Affine(name, np.asarray(step["shift"], np.float64), np.asarray(step["scale"], np.float64))
    if name not in ROWWISE or type(step["lag"]) is not int:
        raise DataError(f"the scaler `{str(name)[:40]}` is not known, or damaged")
    return Difference(name, step["lag"], step["targets"])


@dataclass(frozen=True)
class Fit:
    """What a chain is fitted on: rows of all series end to end, and which of them may be looked at.

    table: (rows, columns) with the targets first;  offsets: (series + 1,)
    rows:  (series, 2) first training row and the row after the last, counted over all series
    """

    table: np.ndarray
    columns: tuple[str, ...]
    targets: int
    offsets: np.ndarray
    rows: np.ndarray
    ids: tuple[str, ...]
    per_series: bool = False
    season: int | None = None

    def groups(self) -> np.ndarray:
        """Return the parameter group of each series, (series,)."""
        return np.arange(len(self.ids)) if self.per_series else np.zeros(len(self.ids), int)


def fit(names: Sequence[str], data: Fit) -> tuple[Chain, np.ndarray, list[str]]:
    """Fit a chain step by step; return it, the scaled table (NaN in lost rows) and remarks."""
    steps: list[Step] = []
    table, notes = data.table, []
    for name in names:
        lost = Chain(tuple(steps)).lost
        step, remarks = _fit_step(name, data, table, lost)
        table = apply_to_all(Chain((step,)), data, table)
        steps.append(step)
        notes += remarks
    return Chain(tuple(steps)), table, notes


def apply_to_all(chain: Chain, data: Fit, table: np.ndarray) -> np.ndarray:
    """Apply a chain to every series of a flat table."""
    blocks = []
    for label, first, last, group in zip(data.ids, data.offsets[:-1], data.offsets[1:], data.groups()):
        try:
            blocks.append(_apply(chain, table[first:last], group))
        except DataError as error:
            raise error if len(data.ids) == 1 else DataError(f"series `{label}`: {error}") from None
    return join(blocks)


def _apply(chain: Chain, rows: np.ndarray, group: int) -> np.ndarray:
    """Apply a chain to one series (rows, columns); to many rows piece by piece, each with the rows that it needs."""
    if not is_large(len(rows)):
        return chain.apply(rows[None], np.array([group]))[0]
    if isinstance(chain.steps[0], Log):  # who names a row must count from the first one
        chain.steps[0].check(rows[None])
    done = make_room(rows.shape, np.float64)
    for piece in list_pieces(len(rows)):
        before = max(0, piece.start - chain.lost)
        done[piece] = chain.apply(rows[None, before : piece.stop], np.array([group]))[0, piece.start - before :]
    return done


def _fit_step(name: str, data: Fit, table: np.ndarray, lost: int) -> tuple[Step, list[str]]:
    if name == "log":
        return Log(data.columns[: data.targets]), []
    if name == "difference":
        return Difference(name, 1, data.targets), []
    if name == "seasonal_difference":
        if data.season is None:
            raise DataError("data.scaler `seasonal_difference` needs a season: the data do not tell; give data.season")
        return Difference(name, data.season, data.targets), []
    return _fit_affine(name, data, table, lost)


def _fit_affine(name: str, data: Fit, table: np.ndarray, lost: int) -> tuple[Affine, list[str]]:
    pieces = [table[max(first, begin + lost) : last] for begin, (first, last) in zip(data.offsets[:-1], data.rows)]
    groups = pieces if data.per_series else [join(pieces)]
    empty = [label for label, group in zip(data.ids, groups) if len(group) == 0]
    if empty:
        where = f"series `{empty[0]}`: " if data.per_series and len(groups) > 1 else ""
        raise DataError(f"{where}data.scaler `{name}`: the training set has no row to be fitted on")
    parameters = [_affine_parameters(name, group) for group in groups]
    shift, scale, flat = (np.stack(values) for values in zip(*parameters))
    return Affine(name, shift, scale), _constant_notes(name, data, flat)


def _affine_parameters(name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shift, scale and whether there is no spread, each (columns,); without one the scale is 1."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    if name == "standard":
        shift, scale = measure_spread(rows)
    elif name == "robust":
        quarter, shift, three = np.quantile(sample_rows(rows, LARGE), [0.25, 0.5, 0.75], axis=0)
        scale = three - quarter
    else:
        shift, scale = (low if name == "minmax" else np.zeros_like(low)), high - low
    # Rounding can leave the deviation of a constant column at 1e-17, hence the look at the extremes.
    flat = (low == high) | (scale == 0)
    return shift, np.where(flat, 1.0, scale), flat


def _constant_notes(name: str, data: Fit, flat: np.ndarray) -> list[str]:
    notes = []
    for column, count in zip(data.columns, flat.sum(axis=0)):
        where = f" in {count} of {len(flat)} series" if data.per_series and len(flat) > 1 else ""
        if count:
            notes.append(f"column `{column}` has no spread in the training set{where}: `{name}` divides it by 1")
    return notes
