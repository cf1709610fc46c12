"""From raw rows to what a network sees and back: the one path that training and serving share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from rnnexp import strict
from rnnexp.data import calendar
from rnnexp.data.large import list_pieces, make_room
from rnnexp.data.spec import TaskSpec
from rnnexp.data.tables.layout import TableSettings
from rnnexp.errors import DataError, did_you_mean
from rnnexp.tasks.forecasting import precision, scalers, windows
from rnnexp.tasks.forecasting.scalers import Chain
from rnnexp.tasks.forecasting.windows import Plan, statistics

# Bounds the memory of undoing a scaler over many long windows: about 16 MB at a time.
CHUNK_VALUES = 2_000_000


@dataclass(frozen=True)
class Pipeline:
    """Everything that serving a model needs to know of its data, besides the rows themselves.

    columns:  names of the raw columns: targets, features, known ones; the calendar comes after
    ids:      labels of the series, in the order of their scaler parameters
    time:     name of the column with the dates;  series: of the column that says which series a row is of
    """

    plan: Plan
    chain: Chain
    columns: tuple[str, ...]
    features: int
    calendar: tuple[str, ...] = ()
    ids: tuple[str, ...] = ("series",)
    per_series: bool = False
    frequency: str | None = None
    time: str | None = None
    series: str = "unique_id"
    unit: str = ""
    table: TableSettings = TableSettings()

    @property
    def targets(self) -> tuple[str, ...]:
        return self.columns[: self.plan.targets]

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that must be given for the rows to be forecast; the calendar is worked out."""
        return self.columns[self.plan.targets + self.features :]

    @property
    def rows_needed(self) -> int:
        """Observed rows that one forecast takes: the input, and what differences use up before it."""
        return self.plan.sequence_length + self.chain.lost

    @cached_property
    def _groups(self) -> dict[str, int]:
        return {label: group for group, label in enumerate(self.ids)}

    def group(self, label: str) -> int:
        """Return which parameters of the scalers are those of a series; DataError for one they were not fitted to."""
        if not self.per_series:
            return 0
        if label not in self._groups:
            hint = did_you_mean(label, self.ids)
            raise DataError(f"series `{label}` was not seen in training, its scaler is unknown{hint}")
        return self._groups[label]

    def scaled(self, values: np.ndarray, time: np.ndarray | None, group: int) -> np.ndarray:
        """Scale the raw rows (rows, columns) of one series and append the calendar."""
        scaled = self.chain.apply(values[None], np.array([group]))[0]
        return self.with_calendar(scaled, time)

    def with_calendar(self, values: np.ndarray, time: np.ndarray | None) -> np.ndarray:
        """Append the calendar columns to raw columns (rows, columns)."""
        if not self.calendar or time is None:
            return values
        width = values.shape[1]
        whole = make_room((len(values), width + len(calendar.columns(self.calendar))), np.float64)
        for piece in list_pieces(len(values)):
            whole[piece, :width], whole[piece, width:] = values[piece], calendar.encode(time[piece], self.calendar)
        return whole

    def restore(
        self, outputs: np.ndarray, table: np.ndarray, starts: np.ndarray, group: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Undo the scalers of forecasts (n, horizon, targets) whose windows start at `starts` in `table`.

        Returns the values in original units and in the units of the scaled series, both float64.
        """
        values, scaled = np.empty(outputs.shape), np.empty(outputs.shape)
        size = max(1, CHUNK_VALUES // (self.rows_needed * self.plan.targets))
        for i in range(0, len(outputs), size):
            part = slice(i, i + size)
            values[part], scaled[part] = self._restore(outputs[part], table, starts[part], group[part])
        return values, scaled

    def offsets(self, half: np.ndarray) -> np.ndarray:
        """Turn half-widths of an interval (horizon, targets) into what its ends lie from the outputs of a network."""
        return self.chain.spread(half)

    def errors(self, outputs: np.ndarray, arrays: Mapping[str, np.ndarray], starts: np.ndarray) -> np.ndarray:
        """Return by how much outputs (n, horizon, targets) miss the scaled series, in the units of half-widths.

        The windows of the outputs start at `starts` in what `arrays` of a part hold.
        """
        errors = np.empty(outputs.shape)
        size = max(1, CHUNK_VALUES // (self.plan.span * self.plan.columns))
        for i in range(0, len(outputs), size):
            part = slice(i, i + size)
            errors[part] = windows.answers(self.plan, arrays, starts[part]) - np.asarray(outputs[part], np.float64)
        return self.chain.accumulate(errors)

    def _restore(
        self, outputs: np.ndarray, table: np.ndarray, starts: np.ndarray, group: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        scaled = np.asarray(outputs, dtype=np.float64)
        rows = starts[:, None] + np.arange(-self.chain.lost, self.plan.sequence_length)
        before = table[rows][..., : self.plan.targets]
        if self.plan.window != "none":
            past = self.chain.apply(before, group)[:, self.chain.lost :]
            anchor = np.where(precision.coarse(past), past[:, -1:], 0.0)
            shift, scale = statistics(self.plan, (past - anchor).astype(np.float32))
            scaled = scaled * scale + shift + anchor
        return self.chain.undo(scaled, before, group), scaled

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: numbers, strings, lists."""
        values = asdict(self) | {
            "chain": self.chain.to_json(),
            "columns": list(self.columns),
            "calendar": list(self.calendar),
            "ids": list(self.ids),
            "units": self.unit,  # its name on disk, where older models have it, too
        }
        table = self.table.to_json()  # most runs read a table as it is
        kept = {key: value for key, value in values.items() if key not in ("table", "unit")}
        return kept | ({"table": table} if table else {})

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Pipeline:
        """Rebuild a pipeline from what `to_json` wrote; an error if its parts do not go together."""
        found: _Saved = strict.checked(_Saved, saved, "the preprocessing")
        parts = {item.name: getattr(found, item.name) for item in fields(_Saved)}
        pipeline = cls(**{**parts, "chain": scalers.from_json(found.chain)})
        if problem := pipeline._damage():
            raise DataError(f"`{problem}` does not fit the rest: it is damaged")
        return pipeline

    def _damage(self) -> str:
        """Name the first part that does not fit the others; an empty string if all do."""
        plan, parts = self.plan, set(self.calendar) <= set(calendar.CYCLES)
        width = len(self.columns) + len(calendar.columns(self.calendar))
        groups = len(self.ids) if self.per_series else 1
        good = {
            "plan": plan.sound(),
            "calendar": parts and (not self.calendar or self.time is not None),
            "columns": len(set(self.columns)) == len(self.columns) and width == plan.columns,
            "features": 0 <= self.features <= len(self.columns) - plan.targets,
            "ids": len(set(self.ids)) == len(self.ids) > 0,
            "frequency": calendar.is_frequency(self.frequency),
            "chain": self.chain.fits(groups, len(self.columns), plan.targets),
        }
        return next((key for key, fine in good.items() if not fine), "")

    def mismatch(self, spec: TaskSpec) -> str:
        """Say what a network of this spec is of, if it is not of these windows."""
        own = (self.plan.inputs(), (self.plan.horizon, self.plan.targets), self.targets)
        given = (spec.inputs, spec.with_quantiles(()).output_shape, spec.targets)
        per_step = spec.per_step == (self.plan.layout == "sequence")
        return "" if own == given and per_step else "the network is for other windows"


@dataclass(frozen=True)
class _Saved:
    """What `to_json` writes, with the types that JSON has."""

    plan: Plan
    chain: list[dict[str, Any]]
    columns: tuple[str, ...]
    features: int
    calendar: tuple[str, ...]
    ids: tuple[str, ...]
    per_series: bool
    frequency: str | None
    time: str | None
    series: str
    unit: Annotated[str, Field(alias="units")] = ""
    table: TableSettings = TableSettings()
