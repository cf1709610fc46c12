"""Clips of images that a trained model is asked about: of an `.npz` file, of a folder of images, or in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.clips import find_scale
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.errors import DataError, count

COLORS = {1: "grayscale", 3: "rgb"}


def read_frames(
    path: Path, pipeline: SequencePipeline, changes: Mapping[str, Any]
) -> tuple[list[np.ndarray], list[str]]:
    """Return clips (time, pixels) as the model was trained on them, and where each is from.

    path: an .npz file; a folder of images, which are one clip; or of such folders at any depth
    """
    frame: Any = pipeline.frame
    if path.suffix == ".npz" and path.is_file():
        from rnnexp.data.clip_arrays import read_clips

        clips: Sequence[np.ndarray] = list(read_clips(path, str(changes.get("inputs", "x")), COLORS[frame[-1]]))
        places = [f"clip {number}" for number in range(len(clips))]
    elif path.is_dir():
        from rnnexp.data.clip_folders import find_clips, read_images

        found = find_clips(path)
        if not found:
            raise DataError(f"{path}: holds no images (PNG, JPEG)")
        clips = read_images(found, COLORS[frame[-1]])
        places = [str(images[0].parent.relative_to(path)) for images in found]
        places = [place if place != "." else path.name for place in places]
    else:
        raise DataError(f"{path}: clips of images are read from an .npz file, or a folder of images (PNG, JPEG)")
    wrong = [place for place, clip in zip(places, clips) if clip.shape[1:] != frame]
    if wrong:
        shape = next(clip.shape[1:] for clip in clips if clip.shape[1:] != frame)
        raise DataError(
            f"{path}: {wrong[0]} has frames of {shape}, and the model takes {frame}: height, width and channels "
            f"({count(len(wrong), 'such clip')})"
        )
    unit = pipeline.scale / find_scale(clips[0])
    return [one.reshape(len(one), -1) * unit for one in clips], places


def flatten_frames(rows: Any, frame: tuple[int, int, int]) -> Any:
    """Return clips in memory, one array or a list of them, with each frame laid out flat; what is flat stays.

    Raises DataError for frames of another size.
    """
    if isinstance(rows, (list, tuple)) or getattr(rows, "dtype", None) == np.dtype(object):
        return [_flatten(one, 1, frame) for one in rows]
    return _flatten(rows, 2, frame)


def _flatten(values: Any, first: int, frame: tuple[int, int, int]) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("clips must be arrays of numbers (time, height, width, channels)") from None
    shape = array.shape[first:]
    if len(shape) < 2:
        return array
    if shape != frame and (*shape, 1) != frame:
        raise DataError(f"the frames are {shape}; the model takes {frame}: height, width and channels")
    return array.reshape(*array.shape[:first], -1)
