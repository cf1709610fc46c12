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

FORMAT = 1
PREFIX = "epoch-"


def save(root: Path, epoch: int, weights: Mapping[str, np.ndarray], metrics: Mapping[str, float], best: bool) -> Path:
    """Write one checkpoint under a temporary name, then rename it: a visible checkpoint is always whole."""
    root.mkdir(parents=True, exist_ok=True)
    final = root / f"{PREFIX}{epoch:06d}"
    unfinished = root / f".tmp-{os.getpid()}-{final.name}"
    unfinished.mkdir()
    with (unfinished / "weights.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **weights)
        _flush(file.fileno())
    _write_json(unfinished / "meta.json", {"format": FORMAT, "epoch": epoch, "metrics": dict(metrics)})
    if final.exists():
        shutil.rmtree(final)
    unfinished.rename(final)
    if best:
        _write_json(root / ".tmp-best.json", {"folder": final.name, "epoch": epoch})
        (root / ".tmp-best.json").replace(root / "best.json")
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
    with path.open("w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)
        file.flush()
        _flush(file.fileno())


def _flush(descriptor: int) -> None:
    """Have a file on the disk before its folder gets its final name: it could be empty otherwise."""
    os.fsync(descriptor)
