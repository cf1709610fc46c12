"""Airline passengers: 144 months of trend and season, shipped with the package."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Literal

from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.registry import register


@register("data")
class airline_passengers(SeriesSource):
    """Read the monthly international airline passengers of 1949 to 1960.

    Source: Box, Jenkins, Time series analysis: forecasting and control, 1976, series G.
    """

    name: Literal["airline_passengers"] = "airline_passengers"

    def read(self) -> Series:
        import numpy as np

        text = files("rnnexp.data").joinpath("files", "airline_passengers.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        return Series.single(
            np.array([float(row["Passengers"]) for row in rows]),
            column="passengers",
            time=np.array([row["Month"] for row in rows], dtype="datetime64[M]").astype("datetime64[ns]"),
            frequency="MS",
            unit="thousand passengers",
            source="airline_passengers",
        )
