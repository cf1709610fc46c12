"""Sensors in a table, of which faults are to be found."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp.data.faults import Faults
from rnnexp.data.source import Column
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.layout import Wanted
from rnnexp.registry import register

LABELS_KEY = "data.features, data.known or data.labels"  # of the columns that are read beside the sensors

# How each row gets one score: by a forecast one row ahead, from a window that ends before it.
ONE_AHEAD = {"horizon": 1, "stride": 1, "layout": "windows", "columns_as_series": False, "weight": None}


@register("data")
class sensors(csv):
    """Read tables as `csv` does; every row of the columns in `target` is scored by how unlike clean rows it is."""

    task: ClassVar[str] = "anomaly"
    samples: ClassVar[bool] = False

    name: Literal["sensors"] = "sensors"  # type: ignore[assignment]
    labels: Column | None = Field(
        None, description="Column that is 1 in faulty rows and 0 in others. It is used for scores alone; null for none."
    )
    false_alarm_rate: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Share of clean rows that may raise an alarm; the threshold is made on the first half of the "
        "validation set.",
    )
    faults: Faults | None = Field(
        None, description="Artificial faults put into the test set, which then serve as labels; null: none."
    )
    seed: int = Field(0, ge=0, description="Seed of the generated faults.")

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        found = super().check()
        found += [
            f"data.{key}: {getattr(self, key)} given; each row is scored once, by a forecast one row ahead, so this "
            f"must be {str(value).lower() if value in (None, False) else value}"
            for key, value in ONE_AHEAD.items()
            if getattr(self, key) != value
        ]
        if self.forecast_from is not None:
            found.append("data.forecast_from: given, but sensors are not forecast; leave it out")
        if self.faults is None:
            return found
        both = "data.faults: given beside data.labels; labels say which rows are faulty already, leave one of them out"
        return [*found, *self.faults.mistakes(), *([both] if self.labels is not None else [])]

    def named(self) -> sensors:
        """Replace positions by names; the sensors themselves must be given."""
        from rnnexp.data.tables.columns import position

        if self.labels is None:
            return super().named()  # type: ignore[return-value]
        label = self.labels
        if isinstance(label, int):
            names = self.columns()
            label = names[position(names, label, LABELS_KEY, str(self._files()[0]))]
        return replace(replace(self, labels=None).named(), labels=label)  # type: ignore[call-arg]

    def wanted(self) -> Wanted:
        found = super().wanted()
        if self.labels is None:
            return found
        return replace(found, others=(*found.others, self.labels), others_key=LABELS_KEY)
