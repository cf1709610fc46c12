"""`rnnexp init` tells clips of images from other arrays and folders, and what their labels are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rnnexp.tasks import load, propose
from rnnexp.tasks.frame_proposals import find_frames

CLIPS = np.random.default_rng(0).integers(0, 255, (20, 3, 4, 5), np.uint8)
LENGTH = np.full(20, 2)
HALF = np.array(["a", "b"] * 10)


def settled(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the source that is proposed, and its settings, with which the data are read."""
    from rnnexp.registry import lookup

    draft = propose(str(path), {})
    settings = {key: value for key, value in draft.data.items() if key != "path"}
    load(lookup("data", draft.defaults["data"])(path=str(path), **settings))
    return draft.defaults["data"], settings


@pytest.mark.parametrize(
    ("arrays", "settings"),
    [
        ({"x": CLIPS, "y": HALF}, {}),
        ({"clips": CLIPS[..., None], "labels": HALF}, {"inputs": "clips", "targets": "labels"}),
        ({"x": CLIPS, "y": HALF, "subject": np.arange(20) // 2}, {"groups": "subject"}),
        (
            {"x": CLIPS, "y": np.resize(HALF, (20, 3)), "lengths": np.full(20, 2)},
            {"task": "tagging", "lengths": "lengths"},
        ),
    ],
    ids=["gray", "named", "of persons", "of frames"],
)
def test_arrays_of_clips_are_recognized(
    tmp_path: Path, arrays: dict[str, np.ndarray], settings: dict[str, Any]
) -> None:
    np.savez(tmp_path / "it.npz", **arrays)
    assert settled(tmp_path / "it.npz") == ("frames", settings)


def write_images(folder: Path, names: list[str]) -> None:
    for name, pixels in zip(names, CLIPS.reshape(-1, 4, 5)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


def test_folders_of_images_are_recognized_with_and_without_a_table(tmp_path: Path) -> None:
    write_images(tmp_path / "one", [f"{'ab'[i % 2]}/c{i}/{j}.png" for i in range(12) for j in range(2)])
    assert settled(tmp_path / "one") == ("frames", {})
    names = [f"c{i}/{j}.png" for i in range(12) for j in range(2)]
    write_images(tmp_path / "two", names)
    table = tmp_path / "two" / "tags.csv"
    table.write_text("file,label\n" + "".join(f"{name},{'ab'[i % 2]}\n" for i, name in enumerate(names)))
    assert settled(tmp_path / "two") == ("frames", {"labels": "tags.csv", "task": "tagging"})
    table.write_text("file,class\n" + "".join(f"c{i},{'ab'[i % 2]}\n" for i in range(12)))
    assert settled(tmp_path / "two") == ("frames", {"labels": "tags.csv", "label": "class"})


def test_other_arrays_and_folders_are_no_clips(tmp_path: Path) -> None:
    np.savez(tmp_path / "it.npz", x=np.zeros((9, 5, 2)), y=np.zeros(9))
    assert find_frames(str(tmp_path / "it.npz")) is None
    (tmp_path / "it.txt").write_text("1 a\n")
    assert find_frames(str(tmp_path)) is None
