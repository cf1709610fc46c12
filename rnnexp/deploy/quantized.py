"""What fewer bits make of an exported network: its size, its error and its time beside those of float32."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rnnexp.errors import ConfigError
from rnnexp.models.bundle import Bundle
from rnnexp.models.exporter import FileExporter

CALLS, WARM_UP = 300, 20
FULL = "float32"


@dataclass(frozen=True)
class StoredNetwork:
    """A network with its weights stored in one way: bytes, the largest difference from Keras, microseconds a call."""

    weights: str
    size: int
    difference: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Quantized:
    """Both ways, float32 first; how many weights are stored in fewer bits and how many are not, in which arrays."""

    stored: tuple[StoredNetwork, StoredNetwork]
    fewer: int
    kept: int
    kept_arrays: int
    largest_kept: int


def compare_quantized(
    path: Path, chosen: FileExporter, trained: Bundle, check: Callable[..., float], one: Any
) -> Quantized:
    """Write the network in float32, too, and compare; ConfigError if quantization has left it as it was.

    check: tells the largest difference of a function from Keras, given a tolerance
    one:   the inputs of one example
    """
    found = chosen.list_weights(path)
    kept = [size for dtype, size in found if dtype == FULL]
    with TemporaryDirectory() as folder:
        plain, whole = replace(chosen, quantize="none"), Path(folder) / path.name
        plain.export(whole, trained)
        if len(kept) == len(found) or path.stat().st_size >= whole.stat().st_size:
            raise ConfigError(
                f"--quantize {chosen.quantize}: the file would be no smaller, its largest array of weights has "
                f"{max((size for _, size in found), default=0):,} numbers; nothing is written: leave --quantize out"
            )
        stored = []
        for name, way, file in ((FULL, plain, whole), (chosen.quantize, chosen, path)):
            predict = way.load(file)
            difference, times = check(predict, way.tolerance), measure_calls(partial(predict, one))
            stored.append(StoredNetwork(name, file.stat().st_size, difference, *times))
    total = sum(size for _, size in found)
    return Quantized((stored[0], stored[1]), total - sum(kept), sum(kept), len(kept), max(kept, default=0))


def measure_calls(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the median of the time of a call and its 99th percentile, in microseconds."""
    taken = []
    for _ in range(WARM_UP + CALLS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    p50, p99 = np.percentile(taken[WARM_UP:], (50, 99)) * 1e6
    return float(p50), float(p99)
