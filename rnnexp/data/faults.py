"""Faults that are put into clean series, so that it is known which rows, and which sensor, a detector should name."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["spike", "level_shift", "drift", "stuck", "noise_burst", "lost_season", "swapped_sensors"]
NESTED = ConfigDict(extra="forbid", allow_inf_nan=False)
SEASON = 24  # rows before a lost season of which the mean is kept, where the data have no season


@dataclass(frozen=True, kw_only=True, config=NESTED)
class Faults:
    """Faults that are drawn and put into the test part, one after the other, each in one sensor.

    A spike is one row; a level shift and a drift, which grows from 0, are added; a stuck sensor repeats its first
    value; a noise burst adds normal noise; a lost season is the mean of the season before, with the noise of single
    changes; swapped sensors show each other's values.
    """

    kinds: list[Kind] = Field(
        default_factory=lambda: [kind for kind in get_args(Kind) if kind != "swapped_sensors"],
        min_length=1,
        description="Which kinds of faults.",
    )
    each: int = Field(4, ge=1, description="Faults of each kind, in each series.")
    size: float = Field(2.0, gt=0, description="How large, in standard deviations of the sensor's training rows.")
    shortest: int = Field(24, ge=2, description="Rows of the shortest fault, but for a spike.")
    longest: int = Field(48, ge=2, description="Rows of the longest fault.")

    def mistakes(self) -> list[str]:
        """List the mistakes between fields, as `data.faults.key: message`."""
        if self.shortest <= self.longest:
            return []
        return [f"data.faults.shortest: {self.shortest} is more than data.faults.longest={self.longest}"]


@plain_dataclass(frozen=True)
class Fault:
    """What is wrong with a sensor, given by its column, from row `first` up to and without row `end`."""

    name: str
    sensor: int
    first: int
    end: int


@plain_dataclass(frozen=True)
class Clean:
    """Series as they are: a table, of which the first `columns` are sensors, and the rows (series, 2) of its parts."""

    table: np.ndarray
    train: np.ndarray
    test: np.ndarray
    columns: int
    season: int | None = None


def draw_faults(settings: Faults, clean: Clean, seed: int) -> tuple[np.ndarray, list[Fault]]:
    """Return a copy of the table with faults in the test part, and where these are, in order of rows.

    Raises DataError where the faults have no room, or there are no two sensors to swap.
    """
    import numpy as np

    if clean.columns < 2 and "swapped_sensors" in settings.kinds:
        raise DataError("data.faults.kinds: swapped_sensors needs two sensors in data.target; there is one")
    faulty, generator, found = clean.table.copy(), np.random.default_rng(seed), []
    for own, (first, end) in zip(clean.train, clean.test):
        known = clean.table[own[0] : own[1], : clean.columns]
        for fault in _place(settings, (int(first), int(end)), clean.columns, generator):
            rows, sensor = slice(fault.first, fault.end), fault.sensor
            if fault.name == "swapped_sensors":
                other = (sensor + int(generator.integers(1, clean.columns))) % clean.columns
                faulty[rows, [sensor, other]] = clean.table[rows, [other, sensor]]
            else:
                before = clean.table[max(0, fault.first - (clean.season or SEASON)) : fault.first, sensor]
                values = clean.table[rows, sensor]
                faulty[rows, sensor] = _spoil(fault.name, values, before, known[:, sensor], settings.size, generator)
            found.append(fault)
    return faulty, sorted(found, key=lambda fault: fault.first)


def _place(settings: Faults, rows: tuple[int, int], sensors: int, generator: np.random.Generator) -> list[Fault]:
    """Draw one fault in each of equal stretches of rows, behind a pause as long as the longest fault."""
    kinds = [kind for kind in settings.kinds for _ in range(settings.each)]
    first, end = rows
    stretch, pause = (end - first) // len(kinds), settings.longest
    if stretch < 2 * settings.longest:
        raise DataError(
            f"data.faults: {len(kinds)} faults of up to {count(settings.longest, 'row')}, and as many between them, "
            f"need {2 * settings.longest * len(kinds):,} rows of the test set, which has {end - first:,}; "
            "make it larger, or data.faults.each or data.faults.longest smaller"
        )
    placed = []
    for place, chosen in enumerate(generator.permutation(len(kinds))):
        kind = kinds[chosen]
        length = 1 if kind == "spike" else int(generator.integers(settings.shortest, settings.longest + 1))
        begin = first + place * stretch + pause + int(generator.integers(0, stretch - pause - length + 1))
        placed.append(Fault(kind, int(generator.integers(sensors)), begin, begin + length))
    return placed


def _spoil(
    kind: str, values: np.ndarray, before: np.ndarray, known: np.ndarray, size: float, generator: np.random.Generator
) -> np.ndarray:
    """Return what a faulty sensor shows in the place of values (n,), behind those `before`; `known` tell its spread."""
    import numpy as np

    sign, noise = generator.choice([-1.0, 1.0]), generator.normal(size=len(values))
    height = size * (float(known.std()) or 1.0)
    if kind == "stuck":
        return np.full(len(values), values[0])
    if kind == "lost_season":
        return np.asarray(before.mean() + noise * float(np.diff(known).std()) / 2**0.5)
    grown = np.arange(1, len(values) + 1) / len(values)
    added = {"spike": sign, "level_shift": sign, "drift": sign * grown, "noise_burst": noise}
    return np.asarray(values + height * added[kind])
