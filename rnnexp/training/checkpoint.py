"""Snapshots on disk: one folder each, whole or absent, checked before it is believed, read without running any code.

checkpoints/state-000012-00000340/state.npz      arrays, stored as they are: the training after 12 epochs and 340 steps
checkpoints/state-000012-00000340/meta.json      format, versions, position
checkpoints/state-000012-00000340/MANIFEST.json  bytes and SHA-256 of both, written last
checkpoints/epoch-000012/...                     the same of weights alone, as `callbacks.checkpoints` keeps them
checkpoints/best.json                            which of these is the best so far
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rnnexp import strict
from rnnexp.disk import flush, put_whole, write_whole
from rnnexp.errors import ConfigError
from rnnexp.models.weights import DAMAGES, read_shapes
from rnnexp.runtime.machine import find_version
from rnnexp.training.snapshot import KINDS, Position, Snapshot

FORMAT = 2
ARRAYS, META, MANIFEST = "state.npz", "meta.json", "MANIFEST.json"
STATES, WEIGHTS = "state-", "epoch-"  # what folders are called
TEMPORARY = ".tmp-"
POSITION = "position"  # among the arrays of a packed snapshot


def save(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot so that a visible checkpoint is always whole. Raises OSError if the disk does not take it."""

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        with (unfinished / ARRAYS).open("wb") as file:
            np.savez(file, allow_pickle=False, **snapshot.arrays)
            os.fsync(file.fileno())
        meta = {"format": FORMAT, "made_by": _find_versions(), "position": asdict(snapshot.position)}
        write_json(unfinished / META, meta)
        write_json(unfinished / MANIFEST, {name: _measure_file(unfinished / name) for name in (ARRAYS, META)})

        flush(unfinished)

    put_whole(folder, write)
    flush(folder.parent)


def load(folder: Path) -> Snapshot:
    """Read a checkpoint back; ConfigError names the file that is damaged, hostile, or of a later version.

    Nothing is unpickled, and no more memory is taken than its files have bytes.
    """
    manifest = strict.read_json(folder, MANIFEST)
    for name in (ARRAYS, META):
        with strict.open_file(folder, name) as file:
            found = _measure(file)
        if manifest.get(name) != found:
            raise ConfigError(f"{folder / name}: is not as it was written: {MANIFEST} says otherwise")
    meta = strict.read_json(folder, META)
    if meta.get("format") != FORMAT:
        raise ConfigError(
            f"{folder / META}: is of format {strict.shorten(meta.get('format'))}, made by "
            f"{strict.shorten(meta.get('made_by'))}; this version reads format {FORMAT}"
        )
    position = Position(**vars(strict.checked(Position, meta.get("position"), folder / META)))
    read_shapes(folder, ARRAYS, KINDS)
    with strict.open_file(folder, ARRAYS) as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                return Snapshot(dict(archive), position)
        except DAMAGES as error:
            raise ConfigError(f"{folder / ARRAYS}: cannot be read: {strict.shorten(error)}") from None


def pack(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes, for another process of the same training."""
    position = np.array(json.dumps(asdict(snapshot.position)))
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **{POSITION: position}, **snapshot.arrays)
    return packed.getvalue()


def unpack(packed: bytes) -> Snapshot:
    """Return what `pack` was given."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        arrays = dict(archive)
    return Snapshot(arrays, Position(**json.loads(str(arrays.pop(POSITION)))))


def save_weights(root: Path, epoch: int, weights: Mapping[str, np.ndarray], metrics: Mapping[str, float]) -> Path:
    """Write the weights of an epoch, by variable path, and its metrics."""
    folder = root / f"{WEIGHTS}{epoch:06d}"
    arrays = {f"weights/{path}": array for path, array in weights.items()}
    arrays |= {f"metrics/{name}": np.array(value, np.float64) for name, value in metrics.items()}
    save(folder, Snapshot(arrays, Position("", "", epoch)))
    return folder


def load_weights(folder: Path) -> tuple[int, dict[str, np.ndarray], dict[str, float]]:
    """Return epoch, weights by variable path, and metrics that `save_weights` has written."""
    snapshot = load(folder)
    metrics = {name: float(value) for name, value in snapshot.part("metrics").items()}
    return snapshot.position.epoch, snapshot.part("weights"), metrics


def mark_best(root: Path, name: str, epoch: int) -> None:
    """Note which checkpoint is the best so far."""
    write_json(root / "best.json", {"folder": name, "epoch": epoch})


def name_state(position: Position) -> str:
    """Name the folder of a whole snapshot: names sort as trainings go on."""
    return f"{STATES}{position.epoch:06d}-{position.step:08d}"


def list_newest(root: Path, prefix: str = STATES) -> list[Path]:
    """List the checkpoints below a folder, the newest first."""
    return sorted((path for path in root.glob(f"{prefix}*") if path.is_dir()), reverse=True)


def prune(root: Path, keep: int, prefix: str, best: Path | None = None) -> None:
    """Delete all but the newest `keep` checkpoints and the best one: each is out of sight before it is not whole."""
    for folder in list_newest(root, prefix)[keep:]:
        if folder != best:
            hidden = root / f"{TEMPORARY}{os.getpid()}-old-{folder.name}"
            with suppress(OSError):  # it is tried again with the next one
                folder.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)


def remove_unfinished(root: Path) -> None:
    """Delete what processes that are gone have left unfinished; nothing else begins as it does."""
    for path in root.glob(f"{TEMPORARY}*"):
        pid = path.name.removeprefix(TEMPORARY).partition("-")[0]
        if pid.isdecimal() and path.is_dir() and not path.is_symlink() and not is_alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def is_alive(pid: int) -> bool:
    """Say whether another process of this machine has a number; one of another container is not seen."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    except OverflowError:
        return False
    return pid != os.getpid()


def write_json(path: Path, values: Mapping[str, object]) -> None:
    write_whole(path, json.dumps(values, indent=1, allow_nan=False))


def _measure_file(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        return _measure(file)


def _measure(file: BinaryIO) -> dict[str, object]:
    sha, size = hashlib.sha256(), 0
    while part := file.read(2**20):
        sha.update(part)
        size += len(part)
    return {"bytes": size, "sha256": sha.hexdigest()}


def _find_versions() -> dict[str, str]:
    return {package: find_version(package) or "unknown" for package in ("rnnexp", "keras", "numpy")}
