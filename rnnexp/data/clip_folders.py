"""Clips as folders of images, read by Pillow: a folder that holds images is one clip, in the order of their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.clips import Clips, refuse_mistakes
from rnnexp.data.sources.sequence_folder import check_part
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.errors import DataError, count, did_you_mean
from rnnexp.task import has_step_labels

IMAGES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
DEEP = "I;16"  # Pillow's mode of 16 bits
MODES = {"1": "L", "L": "L", "LA": "L", DEEP: DEEP, "P": "RGB", "RGB": "RGB", "RGBA": "RGB"}
ASKED = {"grayscale": "L", "rgb": "RGB"}
NAMED = {"L": "grayscale", "RGB": "RGB", DEEP: "grayscale of 16 bits"}


@dataclass(frozen=True)
class _ClipList:
    """What is to be read: the images of each clip, and what is known of it."""

    clips: list[list[Path]]
    places: list[str]
    labels: list[Any]
    parts: list[str]
    groups: list[str] | None
    notes: tuple[str, ...] = ()


def read_folder(folder: Path, source: Any) -> Clips:
    """Read the clips of a folder with their labels; every mistake in the images is said at once, by file."""
    if source.labels is None:
        listed = _list_by_folder(folder)
    else:
        listed = _list_by_table(folder, source, stepwise=has_step_labels(source.task))
    clips = read_images(listed.clips, source.color_mode)
    return Clips(clips, listed.places, listed.labels, folder.name, listed.parts, listed.groups, listed.notes)


def find_clips(folder: Path) -> list[list[Path]]:
    """List the images of each folder, at any depth, that holds some, in the order of their names."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_order)
        images = [Path(place, name) for name in sorted(names, key=_order) if is_image(name)]
        found += [images] if images else []
    return found


def is_image(name: str) -> bool:
    return name.lower().endswith(IMAGES) and not name.startswith(".")


def _order(name: str) -> list[tuple[int, str]]:
    """Order names as people do: 2.png before 10.png."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def _list_by_folder(folder: Path) -> _ClipList:
    clips = find_clips(folder)
    if not clips:
        raise DataError(f"{folder}: holds no images (PNG, JPEG); each clip is a folder: {folder}/LABEL/CLIP/0001.png")
    depths = [len(one[0].relative_to(folder).parts) for one in clips]
    shallow = [one[0] for one, depth in zip(clips, depths) if depth < 3]
    refuse_mistakes(
        [f"{one.parent}: holds images itself, such as {one.name}; each clip is a folder of a label" for one in shallow]
    )
    labels = [one[0].relative_to(folder).parts[0] for one in clips]
    return _ClipList(clips, [str(one[0].parent) for one in clips], labels, [], None)


def _list_by_table(folder: Path, source: Any, stepwise: bool) -> _ClipList:
    from rnnexp.data.tables.table import read_table

    file = folder / str(source.labels)
    if not file.is_file():
        raise DataError(f"{file}: there is no such table of labels (data.labels)")
    given, wanted = _want(source)
    table = read_table(file, Layout(encoding=source.encoding), wanted)
    texts = {name: list(column.fillna("").astype(str)) for name, column in zip(given, table.time)}
    lines = [f"{file}, line {number}" for number in table.places.number]
    problems, rows = list[str](), list[tuple[Path, int]]()
    for index, (name, label, line) in enumerate(zip(texts["file"], texts["label"], lines)):
        place = folder / name
        problem = "the label is empty" if not label else _find_mistake(folder, place, name, stepwise)
        problems += [f"{line}: {problem}"] if problem else []
        rows.append((place, index))
    refuse_mistakes(problems)
    clips = _gather_frames(rows) if stepwise else [(_list_images(place), [index]) for place, index in rows]
    first = [own[0] for _, own in clips]
    labels = [[texts["label"][i] for i in own] if stepwise else texts["label"][own[0]] for _, own in clips]
    left = len(find_clips(folder)) - len(clips)
    return _ClipList(
        [images for images, _ in clips],
        [str(images[0].parent) for images, _ in clips],
        labels,
        [check_part(texts["part"][i], lines[i]) for i in first] if "part" in texts else [],
        [texts["groups"][i] for i in first] if "groups" in texts else None,
        (f"{count(left, 'folder')} of images not named in {file.name}: left out",) if left > 0 else (),
    )


def find_absent_columns(folder: Path, source: Any) -> list[str]:
    """Say of each column that the settings name and that the table of labels has not."""
    from rnnexp.data.tables import table

    file = folder / str(source.labels)
    return table.find_absent_columns(file, Layout(encoding=source.encoding), _want(source)[1].list_asked())


def _want(source: Any) -> tuple[list[str], Wanted]:
    """Return what the columns of the table of labels say, and what is read of it."""
    columns = {"file": source.file, "label": source.label, "part": source.part, "groups": source.groups}
    given = {name: column for name, column in columns.items() if column is not None}
    keys = ", ".join(f"data.{name}" for name in given)
    return [*given], Wanted(time=tuple(given.values()), targets=(), time_key=keys)


def _find_mistake(folder: Path, place: Path, name: str, stepwise: bool) -> str:
    there = name and (place.is_file() if stepwise else place.is_dir())
    if not there:
        near = [child.name for child in place.parent.iterdir()] if place.parent.is_dir() else []
        return f"there is no {'image' if stepwise else 'folder'} `{name}` in {folder}{did_you_mean(place.name, near)}"
    if not place.resolve().is_relative_to(folder.resolve()):
        return f"`{name}` lies outside of {folder}"
    if not stepwise and not _list_images(place):
        return f"`{name}` holds no image (PNG, JPEG)"
    return ""


def _list_images(place: Path) -> list[Path]:
    return sorted((one for one in place.iterdir() if is_image(one.name)), key=lambda one: _order(one.name))


def _gather_frames(rows: Sequence[tuple[Path, int]]) -> list[tuple[list[Path], list[int]]]:
    """Put the images of one folder together, in the order of their names, each with its row of the table."""
    found: dict[Path, list[tuple[Path, int]]] = {}
    for image, index in rows:
        found.setdefault(image.parent, []).append((image, index))
    ordered = [sorted(own, key=lambda one: _order(one[0].name)) for own in found.values()]
    return [([image for image, _ in own], [index for _, index in own]) for own in ordered]


def read_images(clips: Sequence[Sequence[Path]], color_mode: str = "auto") -> list[np.ndarray]:
    """Read clips (time, height, width, channels), all of the size and the colors of the first image.

    DataError has every image that is none, of another size, or, with `auto`, of other colors.
    """
    problems = list(_check_images([image for one in clips for image in one], color_mode))
    refuse_mistakes(problems)
    found = [_read_clip(one, color_mode, problems) for one in clips]
    refuse_mistakes(problems)
    return found


def _check_images(images: Sequence[Path], color_mode: str) -> Iterator[str]:
    """Look at the head of each image."""
    first: tuple[Any, str] | None = None
    for image in images:
        try:
            with _open(image) as opened:
                size, mode = opened.size, MODES.get(opened.mode, "")
        except _list_errors() as error:
            yield f"{image}: cannot be read as PNG or JPEG: {error}"
            continue
        if not mode:
            yield f"{image}: has colors of an unknown kind; save it as grayscale or RGB"
            continue
        mode = ASKED.get(color_mode, mode)
        first = first or (size, mode)
        if size != first[0]:
            is_, other = (f"{width} x {height}" for width, height in (size, first[0]))
            yield f"{image}: is {is_} pixels; {images[0].name} of {images[0].parent} is {other}: bring all to one size"
        elif mode != first[1]:
            alike = f"{images[0].name} of {images[0].parent} is {NAMED[first[1]]}"
            yield f"{image}: is {NAMED[mode]}; {alike}: set data.color_mode to grayscale or rgb"


def _read_clip(images: Sequence[Path], color_mode: str, problems: list[str]) -> np.ndarray:
    frames = []
    for image in images:
        try:
            with _open(image) as opened:
                mode = ASKED.get(color_mode, MODES[opened.mode])
                pixels = np.asarray(opened if opened.mode == mode else opened.convert(mode))
                frames.append(pixels[..., None] if pixels.ndim == 2 else pixels)
        except _list_errors() as error:
            problems.append(f"{image}: is damaged: {error}")
    return np.stack(frames) if frames else np.zeros((0, 0, 0, 0), np.uint8)


def _open(image: Path) -> Any:
    from PIL import Image

    return Image.open(image, formats=FORMATS)


def _list_errors() -> tuple[type[Exception], ...]:
    from PIL import Image

    return OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError
