"""Sensors as a forecasting dataset, with the truth about their rows beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from rnnexp.data.faults import Clean, Fault, draw_faults
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError
from rnnexp.tasks.forecasting import apply as forecasting_apply
from rnnexp.tasks.forecasting import load as forecasting_load
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import fewest
from rnnexp.tasks.forecasting.load import Reading
from rnnexp.tasks.forecasting.preprocess import Preprocessor


@dataclass(frozen=True, kw_only=True)
class SensorDataset(SeriesDataset):
    """Series of sensors cut into windows.

    labels: (rows,) whether a row is faulty; None where that is not known
    faults: those that were put in, in order of time
    false_alarm_rate: share of clean rows that may raise an alarm
    """

    labels: np.ndarray | None = None
    faults: tuple[Fault, ...] = ()
    false_alarm_rate: float = 0.01

    def scored_rows(self, part: str) -> np.ndarray:
        """Return the rows of a part that have a forecast, (n,), in time order per series."""
        return self.starts(part) + self.pipeline.plan.sequence_length

    def example(self) -> Any:
        """Return raw rows such as a served model takes: a window of the first series, and as many rows to be scored."""
        import pandas

        first, last = map(int, self.history.offsets[:2])
        count = min(last - first, 2 * self.pipeline.plan.sequence_length + self.pipeline.chain.lost)
        frame = pandas.DataFrame(self.table[first : first + count], columns=list(self.pipeline.columns))
        if self.history.time is not None and self.pipeline.time is not None:
            frame.insert(0, self.pipeline.time, self.history.time[first : first + count])
        if len(self.pipeline.ids) > 1:
            frame.insert(0, self.pipeline.series, self.history.ids[0])
        return frame


def load(source: Any) -> SensorDataset:
    """Load the sensors of a source, with faults in the test part where the settings ask for some."""
    return forecasting_load.load(source, _make)  # type: ignore[return-value]  # what is made of the source


def apply(source: Any, preprocessor: Preprocessor, spec: TaskSpec | None = None) -> SensorDataset:
    """Load other rows with the preprocessing of a trained model; nothing is fitted."""
    return _extend(forecasting_apply.apply(source, preprocessor, spec))


def _make(reading: Reading) -> SensorDataset:
    source: Any = reading.source
    if "val" not in reading.borders:
        raise DataError("data.split: a threshold needs a validation set, whose rows are clean; give data.split.val")
    faults: list[Fault] = []
    if source.faults is not None:
        parts, sensors = (reading.borders["train"], reading.borders["test"]), len(reading.roles.targets)
        table, faults = draw_faults(source.faults, Clean(reading.table, *parts, sensors, reading.season), source.seed)
        reading = replace(reading, table=table)
    dataset = _extend(forecasting_load.make_dataset(reading), faults)
    _require_enough(dataset)
    return dataset


def _extend(dataset: SeriesDataset, faults: Iterable[Fault] = ()) -> SensorDataset:
    """Add what is known of the rows; a label that is neither 0 nor 1 is a DataError."""
    source, known = dataset.reading.source, {item.name: getattr(dataset, item.name) for item in fields(SeriesDataset)}
    faults, labels = tuple(faults), _read_labels(dataset.reading)
    if faults:
        labels = np.zeros(len(dataset.table), bool)
        for fault in faults:
            labels[fault.first : fault.end] = True
    rate = getattr(source, "false_alarm_rate", SensorDataset.false_alarm_rate)
    found = SensorDataset(**known, labels=labels, faults=faults, false_alarm_rate=rate)
    return replace(found, summary=replace(found.summary, notes=(*found.summary.notes, *_count_labeled(found))))


def _read_labels(reading: Reading) -> np.ndarray | None:
    name = getattr(reading.source, "labels", None)
    if name is None:
        return None
    values = reading.series.values[:, reading.series.columns.index(name)]
    if len(wrong := np.flatnonzero(~np.isin(values, (0, 1)))):
        raise DataError(
            f"data.labels: column `{name}` has {values[wrong[0]]:g} in row {wrong[0] + 1}; "
            "1 is a faulty row, 0 any other"
        )
    return values == 1


def _count_labeled(dataset: SensorDataset) -> Iterable[str]:
    """Say how many rows are faulty from which network and threshold learn what clean rows look like."""
    for part, use in (("train", "the network learns from"), ("val", "the threshold is made on")):
        if dataset.labels is not None and part in dataset.parts:
            rows = dataset.scored_rows(part)
            if faulty := int(dataset.labels[rows].sum()):
                yield f"{faulty:,} of {len(rows):,} rows that {use} are labeled as faulty; labels only score"


def _require_enough(dataset: SensorDataset) -> None:
    needed = fewest(compute_level(dataset.false_alarm_rate))
    there = int(split_clean(dataset).sum())
    if there < needed:
        raise DataError(
            f"data.false_alarm_rate: {dataset.false_alarm_rate:g} needs {needed:,} rows in the first half of the "
            f"validation set, which has {there:,}; make the part larger (data.split), or the rate"
        )


def compute_level(false_alarm_rate: float) -> float:
    """Return the share of clean rows without an alarm, in percent."""
    return round(100 * (1 - false_alarm_rate), 9)


def split_clean(dataset: SeriesDataset) -> np.ndarray:
    """Say of each scored row of the validation part (n,) whether it lies in the first half of its series' part."""
    rows = dataset.starts("val") + dataset.pipeline.plan.sequence_length
    middle = dataset.borders["val"].sum(axis=1) // 2
    return np.asarray(rows < middle[dataset.history.series_of(rows)])
