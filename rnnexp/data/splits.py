"""Which rows belong to training, validation and test: always in time order, never shuffled for series."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from pydantic.dataclasses import dataclass

from rnnexp.data.series import Series
from rnnexp.errors import DataError

if TYPE_CHECKING:
    import numpy as np

# `strict` on the class would refuse the plain mapping that YAML gives for this nested group.
NESTED = ConfigDict(extra="forbid", allow_inf_nan=False)
Bound = StrictInt | StrictFloat | StrictStr


@dataclass(frozen=True, kw_only=True, config=NESTED)
class Split:
    """Sizes of the three parts: all fractions, all row counts, or the last date of each part, inclusive."""

    train: Bound | None = Field(
        0.7,
        description="Training set: a fraction, number of rows or last date; null takes the rows before val and test.",
    )
    val: Bound | None = Field(
        0.15, description="Validation set: a fraction, a number of rows, its last date; 0 or null for none."
    )
    test: Bound | None = Field(
        0.15, description="Test set: a fraction, a number of rows, its last date; null takes what is left."
    )
    gap: StrictInt = Field(0, ge=0, description="Rows left out between two parts.")

    def kind(self) -> str | None:
        """Return `fractions`, `counts` or `dates`; None if they are mixed. A zero goes with any of them."""
        words = {float: "fractions", int: "counts", str: "dates"}
        kinds = {words[type(bound)] for bound in (self.train, self.val, self.test) if bound}
        return kinds.pop() if len(kinds) == 1 else None

    def mistakes(self) -> list[str]:
        """List what is wrong with the three sizes, as `data.split...: message`."""
        if empty := [name for name in ("train", "val", "test") if getattr(self, name) == ""]:
            accepted = "give a fraction, a number of rows, a date, or null"
            return [f"data.split.{name}: nothing follows the `=`; {accepted}" for name in empty]
        kind = self.kind()
        if kind is None:
            given = f"train={self.train!r}, val={self.val!r}, test={self.test!r}"
            dates = "the last ones: train=2024-10-31, val=2024-12-31, test=null for what is left"
            return [f"data.split: {given}: give all fractions, all numbers of rows, or all dates ({dates})"]
        checks = {"fractions": self._fraction_mistakes, "counts": self._count_mistakes, "dates": self._dates}
        return self._empty_parts() + self._open_parts(kind) + checks[kind]()

    def _empty_parts(self) -> list[str]:
        hint = "use `split: none` to train on everything"
        none = self.train is not None and not self.train
        problems = [f"data.split.train: {self.train!r} leaves nothing to train on"] if none else []
        return problems + ([f"data.split.test: 0 leaves nothing to score; {hint}"] if self.test == 0 else [])

    def _open_parts(self, kind: str) -> list[str]:
        """Only numbers of rows, counted from the end of a series, say where an open training part ends."""
        if self.train is not None or (kind == "counts" and self.test):
            return []
        return ["data.split.train: null goes with numbers of rows for val and test"]

    def _fraction_mistakes(self) -> list[str]:
        parts = {"train": self.train or 0.0, "val": self.val or 0.0, "test": self.test}
        wrong = [
            f"data.split.{name}: {value} is not a fraction from 0 to 1"
            for name, value in parts.items()
            if value is not None and not 0 <= float(value) <= 1
        ]
        total = sum(float(value) for value in parts.values() if value is not None)
        if wrong or abs(total - 1) < 1e-6 or (self.test is None and total < 1):
            return wrong
        return [f"data.split: the fractions add up to {total:g}, not to 1"]

    def _count_mistakes(self) -> list[str]:
        parts = {"train": self.train, "val": self.val, "test": self.test}
        below = {name: value for name, value in parts.items() if isinstance(value, int) and value < 0}
        return [f"data.split.{name}: {value} is not a number of rows" for name, value in below.items()]

    def _dates(self) -> list[str]:
        ends, problems = [], []
        for name, text in (("train", self.train), ("val", self.val), ("test", self.test)):
            try:
                ends += [after(str(text))] if text else []
            except ValueError:
                problems.append(f"data.split.{name}: `{text}` is not a date such as 2024-12-31")
        if not problems and any(early >= late for early, late in itertools.pairwise(ends)):
            problems = ["data.split: the last dates of train, val and test must come one after another"]
        return problems


def after(text: str) -> np.datetime64:
    """Return the first instant after a date as written: 2024-12 ends with December, 2024-12-31 with a day."""
    import numpy as np

    date = np.datetime64(text.strip().replace(" ", "T", 1))
    if np.isnat(date):
        raise ValueError(text)
    return (date + 1).astype("datetime64[ns]")


def borders(source: Any, series: Series) -> dict[str, np.ndarray]:
    """Cut every series into its parts; with `folds` the rows before the test part are cut again.

    Returns the rows of each part: name -> (series, 2), first and after the last, over all series.
    Raises DataError if dates are asked for and there are none, or a series has too few rows for the counts.
    """
    import numpy as np

    cuts = []
    for label, first, last in zip(series.ids, series.offsets[:-1], series.offsets[1:]):
        clock = None if series.time is None else series.time[first:last]
        parts = _cut(source.split, int(last - first), clock, label)
        cuts.append({name: first + np.array(rows) for name, rows in _fold(source, parts).items()})
    return {name: np.stack([cut[name] for cut in cuts]) for name in cuts[0]}


def _cut(split: Any, length: int, time: np.ndarray | None, label: str) -> dict[str, tuple[int, int]]:
    if split == "none":
        return {"train": (0, length)}
    sizes = {"counts": _by_counts, "dates": _by_dates, "fractions": _by_fractions}[split.kind()]
    ends = sizes(split, length, time, label)
    starts = {"train": 0, "val": ends["train"] + split.gap}
    starts["test"] = (ends["val"] if split.val else ends["train"]) + split.gap
    names = [name for name in ("train", "val", "test") if name != "val" or split.val]
    return {name: (min(starts[name], ends[name]), ends[name]) for name in names}


def _by_fractions(split: Split, length: int, _time: object, _label: str) -> dict[str, int]:
    train, val = float(split.train or 0), float(split.val or 0)
    # 0.29 * 100 is 28.999999999999996: without the hair a row would be lost to rounding.
    return {"train": int(length * train + 1e-9), "val": int(length * (train + val) + 1e-9), "test": length}


def _by_counts(split: Split, length: int, _time: object, label: str) -> dict[str, int]:
    held_out = split.gap + int(split.val) if split.val else 0
    train = _what_is_left(split, length, held_out, label) if split.train is None else int(split.train)
    val = train + held_out
    test = length if split.test is None else val + split.gap + int(split.test)
    if test > length or val > length:
        raise DataError(f"data.split asks for {max(test, val)} rows; series `{label}` has {length}")
    return {"train": train, "val": val, "test": test}


def _what_is_left(split: Split, length: int, held_out: int, label: str) -> int:
    rest = held_out + split.gap + int(split.test or 0)
    if rest >= length:
        raise DataError(
            f"data.split leaves nothing to train on: {rest} rows are held out; series `{label}` has {length}"
        )
    return length - rest


def _by_dates(split: Split, length: int, time: np.ndarray | None, label: str) -> dict[str, int]:
    if time is None:
        raise DataError(f"data.split is given in dates, but series `{label}` has none: give data.time, or row counts")
    row = {n: int(time.searchsorted(after(str(t)))) for n, t in vars(split).items() if isinstance(t, str)}
    return {"train": row["train"], "val": row.get("val", row["train"]), "test": row.get("test", length)}


def _fold(source: Any, parts: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Replace train and val by one rolling-origin fold: training grows, the block after it is held out."""
    if source.folds is None:
        return parts
    rows = parts["val" if "val" in parts else "train"][1]
    block = rows // (source.folds + 1)
    cut = rows - (source.folds + 1 - source.fold) * block
    held_out = (min(cut + source.split.gap, cut + block), cut + block)
    return {"train": (0, cut), "val": held_out, "test": parts["test"]}
