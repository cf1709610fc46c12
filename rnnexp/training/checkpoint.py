"""Checkpoints on disk: one folder per epoch, whole or absent, readable without running any code.

checkpoints/epoch-000012/weights.npz   arrays by variable path
checkpoints/epoch-000012/meta.json     format, epoch, metrics
checkpoints/best.json                  which folder is the best so far
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rnnexp.disk import put_whole, write_whole

FORMAT = 1
PREFIX = "epoch-"


def save(root: Path, epoch: int, weights: Mapping[str, np.ndarray], metrics: Mapping[str, float], best: bool) -> Path:
    """Write one checkpoint under a temporary name, then rename it: a visible checkpoint is always whole."""
    final = root / f"{PREFIX}{epoch:06d}"

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        with (unfinished / "weights.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **weights)
            os.fsync(file.fileno())
        _write_json(unfinished / "meta.json", {"format": FORMAT, "epoch": epoch, "metrics": dict(metrics)})

    put_whole(final, write)
    if best:
        _write_json(root / "best.json", {"folder": final.name, "epoch": epoch})
    return final


def load(folder: Path) -> tuple[int, dict[str, np.ndarray], dict[str, float]]:
    """Return (epoch, weights by variable path, metrics) of one checkpoint; pickled content is refused."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
        return meta["epoch"], dict(arrays), meta["metrics"]


def prune(root: Path, keep: int, best: Path | None) -> None:
    """Delete all but the newest `keep` checkpoints and the best one."""
    newest_first = sorted(root.glob(f"{PREFIX}*"), reverse=True)
    for folder in newest_first[keep:]:
        if folder != best:
            shutil.rmtree(folder)


def _write_json(path: Path, values: Mapping[str, object]) -> None:
    write_whole(path, json.dumps(values, indent=1))
