"""Files of the UCR and UEA archives: a header of `@` lines, then one case per line.

Channels are separated by ":", the values of a channel by ",", the label comes last. Source: the format's description
in Bagnall et al., The UEA multivariate time series classification archive, 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnexp.data.tables.files import opened, unchanged
from rnnexp.errors import DataError

SHOWN = 60


@dataclass
class Header:
    """What the `@` lines say; `labels` empty where the file lists none, `numbers` where they are to be predicted."""

    labeled: bool = True
    numbers: bool = False
    labels: tuple[str, ...] = ()
    dimensions: int | None = None
    length: int | None = None


@dataclass(frozen=True)
class Cases:
    """The cases of one file: arrays (time, channels), labels as they are written, and the line of each.

    header: which says whether the labels are classes, or numbers to predict
    """

    file: Path
    sequences: list[np.ndarray]
    labels: list[str]
    lines: list[int]
    header: Header

    def place(self, index: int) -> str:
        return f"{self.file}, line {self.lines[index]}"


def read_ts(file: Path, encoding: str = "utf-8", labeled: bool = True) -> Cases:
    """Read a file strictly; DataError names the line of whatever is ragged, missing or not a number.

    labeled: whether labels are needed; without them, cases of an unlabeled file get an empty one
    """
    header = Header()
    cases = Cases(file, [], [], [], header)
    with unchanged(file), opened(file, encoding) as stream:
        for number, line in _meaningful(stream):
            if line.startswith("@"):
                _note(header, line, f"{file}, line {number}")
                continue
            sequence, label = _case(line, header, f"{file}, line {number}")
            cases.sequences.append(sequence)
            cases.labels.append(label)
            cases.lines.append(number)
            _refuse_other_shape(cases)
    if not cases.sequences:
        raise DataError(f"{file}: there are no cases below the header; is this a .ts file?")
    if labeled and not header.labeled:
        raise DataError(f"{file}: its header says that there are no labels (@classLabel false)")
    return cases


def _meaningful(stream: object) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, start=1):  # type: ignore[arg-type, var-annotated]
        text = line.strip()
        if text and not text.startswith(("#", "%")) and text.lower() != "@data":
            yield number, text


def _note(header: Header, line: str, where: str) -> None:
    key, *values = line[1:].split()
    key = key.lower()
    true = bool(values) and values[0].lower() == "true"
    if key == "targetlabel" and true:
        header.labeled = header.numbers = True
    elif key in ("classlabel", "targetlabel") and not header.numbers:  # of which a file may have both
        header.labeled, header.labels = true, tuple(values[1:])
    elif key == "timestamps" and true:
        raise DataError(f"{where}: @timeStamps true is not supported; write the values alone")
    elif key in ("dimensions", "dimension", "serieslength"):
        setattr(header, "length" if key == "serieslength" else "dimensions", _whole(values, where))
    elif key == "univariate" and true:
        header.dimensions = 1


def _whole(values: list[str], where: str) -> int:
    if len(values) != 1 or not values[0].isdigit():
        raise DataError(f"{where}: a whole number is needed, not `{' '.join(values)}`")
    return int(values[0])


def _case(line: str, header: Header, where: str) -> tuple[np.ndarray, str]:
    channels = line.split(":")
    label = channels.pop().strip() if header.labeled else ""
    if header.labels and label not in header.labels:
        raise DataError(f"{where}: the label `{label[:SHOWN]}` is not one of {', '.join(header.labels)} (@classLabel)")
    if not channels:
        raise DataError(f"{where}: there is no `:` between values and label: {line[:SHOWN]}")
    rows = [_numbers(text, channel, where) for channel, text in enumerate(channels, start=1)]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        given = ", ".join(str(len(row)) for row in rows)
        raise DataError(f"{where}: the channels of a case must be equally long; they have {given} values")
    return np.stack(rows, axis=1), label


def _numbers(text: str, channel: int, where: str) -> np.ndarray:
    cells = text.split(",")
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        at, cell = next((i, cell) for i, cell in enumerate(cells, start=1) if not _is_number(cell))
    what = "is missing" if cell.strip() in ("?", "") else f"`{cell.strip()[:SHOWN]}` is not a number"
    raise DataError(f"{where}: channel {channel}, value {at} {what}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _refuse_other_shape(cases: Cases) -> None:
    """Compare the last case with the header and with the first one."""
    last, where, header = cases.sequences[-1], cases.place(-1), cases.header
    said = header.dimensions or cases.sequences[0].shape[1]
    if last.shape[1] != said:
        raise DataError(f"{where}: {last.shape[1]} channels; there should be {said}")
    if header.length and len(last) != header.length:
        raise DataError(f"{where}: {len(last)} steps; the header says @seriesLength {header.length}")
