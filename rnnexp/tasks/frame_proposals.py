"""The experiments that are proposed for clips of images: a folder of pictures, or arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.clips import SIZES
from rnnexp.data.sources.npz import array
from rnnexp.errors import DataError, count
from rnnexp.tasks.requests import Draft

TABLES = (".csv", ".tsv")
NAMES = (("x", "y"), ("inputs", "targets"), ("clips", "labels"), ("data", "labels"), ("videos", "labels"), ("X", "y"))
LENGTHS = ("lengths", "length", "n_frames")
OWNERS = ("groups", "group", "subject", "person", "speaker", "patient")
FILE = ("file", "image", "clip", "path", "filename")
LABEL = ("label", "class", "tag", "target")


@dataclass(frozen=True)
class FrameFiles:
    """Settings of `data=frames`, why, and whether each frame has a label."""

    settings: dict[str, Any]
    stepwise: bool
    seen: str
    reasons: dict[str, str] = field(default_factory=dict)


def propose_frames(path: str, stepwise: bool) -> Draft | None:
    """Propose an experiment for clips with a label each, or one for each frame; None if a path holds none of these."""
    found = find_frames(path)
    if found is None or found.stepwise != stepwise:
        return None
    question = (
        f"Which label does each {'frame' if stepwise else 'clip'} have, and does it take the order of the frames?"
    )
    return Draft([found.seen], question, {"data": "frames", "model": "cnn_rnn"}, found.settings, found.reasons)


def find_frames(path: str) -> FrameFiles | None:
    """Look at a path; None if it holds no labeled clips of images."""
    place = Path(path).expanduser()
    if place.is_dir():
        return _find_in_folder(path, place)
    return _find_in_archive(path, place) if place.suffix == ".npz" and place.is_file() else None


def _find_in_archive(path: str, file: Path) -> FrameFiles | None:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            names = list(archive)
    except (OSError, ValueError, EOFError):
        return None
    pair = next((both for both in NAMES if {*both} <= {*names}), None)
    if pair is None:
        return None
    try:
        x, y = (array(file, name) for name in pair)
    except DataError:
        return None
    images = x.ndim == 5 and x.shape[-1] in SIZES.values() or x.ndim == 4 and x.shape[-1] not in SIZES.values()
    if not images or y.shape not in (x.shape[:1], x.shape[:2]):
        return None
    settings: dict[str, Any] = {"path": path}
    settings |= {key: name for key, name, usual in zip(("inputs", "targets"), pair, ("x", "y")) if name != usual}
    reasons: dict[str, str] = {}
    stepwise = y.shape == x.shape[:2]
    if stepwise:
        settings["task"] = "tagging"
        reasons["task"] = f"`{pair[1]}` holds a label for each frame"
    whole = {name: found for name in names if name not in pair and (found := array(file, name)).shape == (len(x),)}
    _name_array(settings, reasons, whole, "lengths", LENGTHS, "how many frames of each clip count")
    _name_array(settings, reasons, whole, "groups", OWNERS, "all clips of one are in one set")
    size = " x ".join(map(str, x.shape[2:4]))
    clips = f"{count(len(x), 'clip')} of up to {count(x.shape[1], 'frame')} of {size} pixels"
    seen = f"{path}: {clips}, {len(np.unique(y))} labels"
    return FrameFiles(settings, stepwise, seen, reasons)


def _name_array(settings: Any, reasons: Any, arrays: Any, key: str, names: tuple[str, ...], why: str) -> None:
    if name := next((name for name in arrays if name.lower() in names), None):
        settings[key], reasons[key] = name, why


def _find_in_folder(path: str, folder: Path) -> FrameFiles | None:
    from rnnexp.data.clip_folders import find_clips

    clips = find_clips(folder)
    if not clips:
        return None
    images = sum(map(len, clips))
    what = f"{path}: {count(images, 'image')} in {count(len(clips), 'folder')}"
    if (found := _find_table(path, folder, what)) is not None:
        return found
    if any(len(one[0].relative_to(folder).parts) < 3 for one in clips):
        return None
    labels = {one[0].relative_to(folder).parts[0] for one in clips}
    reasons = {"path": f"the {len(labels)} folders in it are the labels, and the folders of images in them the clips"}
    return FrameFiles({"path": path}, False, f"{what}, a clip each", reasons)


def _find_table(path: str, folder: Path, what: str) -> FrameFiles | None:
    """Look for a table one of whose columns names folders of images, or images."""
    for table in sorted(child for child in folder.iterdir() if child.suffix in TABLES and child.is_file()):
        names, columns = _read_head(table)
        named = [i for i, cells in enumerate(columns) if cells and all((folder / cell).exists() for cell in cells)]
        named = [i for i in named if all(columns[i])]
        label = next((i for i, name in enumerate(names) if name.lower() in LABEL), None)
        if not named or label is None:
            continue
        stepwise = (folder / columns[named[0]][0]).is_file()
        settings: dict[str, Any] = {"path": path, "labels": table.name}
        settings |= {"task": "tagging"} if stepwise else {}
        chosen = (("file", named[0]), ("label", label))
        settings |= {key: names[i] for key, i in chosen if names[i] != key}
        owner = next((name for name in names if name.lower() in OWNERS), None)
        settings |= {"groups": owner} if owner else {}
        reasons = {"labels": f"its column {names[named[0]]} names {'images' if stepwise else 'folders of images'}"}
        return FrameFiles(settings, stepwise, f"{what}, with the labels of {table.name}", reasons)
    return None


def _read_head(table: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    from rnnexp.data.tables.dialect import examine
    from rnnexp.data.tables.layout import Layout

    try:
        dialect = examine(table, Layout())
    except DataError:
        return (), []
    rows = [cells for _, cells in dialect.sample if len(cells) == len(dialect.names)]
    return dialect.names, [[cell.strip() for cell in column] for column in zip(*rows)]
