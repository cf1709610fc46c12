"""Clips in the arrays of an `.npz` file; pickled objects are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.clips import SIZES, Clips, refuse_mistakes, settle_values
from rnnexp.data.sources.npz import array
from rnnexp.data.sources.sequence_folder import check_part
from rnnexp.errors import DataError
from rnnexp.task import has_step_labels

LUMA = np.array([299, 587, 114]) / 1000  # of red, green and blue, as Pillow's mode L (ITU-R 601-2)


def read_archive(file: Path, source: Any) -> Clips:
    """Read clips and their labels; every array that does not fit is named."""
    x = read_clips(file, source.inputs, source.color_mode)
    y, stepwise = array(file, source.targets), has_step_labels(source.task)
    wanted: tuple[int, ...] = x.shape[:2] if stepwise else x.shape[:1]
    problems = []
    if y.shape != wanted:
        each = "frame" if stepwise else "clip"
        hint = "; data.task=tagging takes one for each frame" if y.shape == x.shape[:2] else ""
        problems.append(f"{file}: `{source.targets}` must be {wanted}, a label for each {each}, not {y.shape}{hint}")
    ends = np.full(len(x), x.shape[1]) if source.lengths is None else array(file, source.lengths)
    if ends.shape != (len(x),) or ends.dtype.kind not in "iu" or (ends > x.shape[1]).any() or (ends < 1).any():
        problems.append(f"{file}: `{source.lengths}` must be ({len(x)},) whole numbers from 1 to {x.shape[1]}")
    named = {key: _read_names(file, getattr(source, key), len(x), problems) for key in ("groups", "part")}
    refuse_mistakes(problems)
    return Clips(
        [one[:end] for one, end in zip(x, ends)],
        [f"{file}, clip {i}" for i in range(len(x))],
        [own[:end] for own, end in zip(y, ends)] if stepwise else list(y),
        file.name,
        [check_part(part, f"{file}, clip {i}") for i, part in enumerate(named["part"] or ())],
        named["groups"],
    )


def read_clips(file: Path, name: str, color_mode: str = "auto") -> np.ndarray:
    """Read an array of clips, (n, time, height, width, channels)."""
    x = array(file, name)
    x = x[..., None] if x.ndim == 4 else x
    if x.ndim != 5 or x.shape[-1] not in SIZES.values() or not x.size:
        raise DataError(
            f"{file}: `{name}` must be (n, time, height, width), or with 1 or 3 channels at the end, not {x.shape}"
        )
    x = settle_values(x, f"{file}: `{name}`")
    channels = int(x.shape[-1])
    wanted = SIZES.get(color_mode, channels)
    if wanted > channels:
        return np.repeat(x, wanted, axis=-1)
    if wanted < channels:
        gray = (x @ LUMA)[..., None]
        return gray.astype(np.float32) if x.dtype.kind == "f" else np.round(gray).astype(x.dtype)
    return x


def _read_names(file: Path, name: Any, clips: int, problems: list[str]) -> list[str] | None:
    """Return the groups or parts (n,) of clips as texts; None where no array is named."""
    if name is None:
        return None
    found = array(file, str(name))
    if found.shape != (clips,) or found.dtype.kind not in "iubU":
        problems.append(f"{file}: `{name}` must be ({clips},) whole numbers or texts, one for each clip")
        return None
    return [str(one) for one in found]
