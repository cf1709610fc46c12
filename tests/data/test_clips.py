"""Clips of images are read in order, and every mistake in them is said at once, by file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rnnexp.data.clip_arrays import read_clips
from rnnexp.data.labeled import Sequences
from rnnexp.data.sources.frames import frames
from rnnexp.data.sources.moving_digits import moving_digits
from rnnexp.errors import DataError
from rnnexp.tasks import load

HEIGHT, WIDTH = 3, 4


def picture(value: int, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "L") -> Image.Image:
    return Image.new(mode, size, value if mode == "L" else (value, 2 * value, 3 * value))


def write_clips(folder: Path, frames_of: dict[str, int], mode: str = "L") -> None:
    """Write the frames of clips, of which number n has the value n."""
    for clip, count in frames_of.items():
        (folder / clip).mkdir(parents=True)
        for number in range(1, count + 1):
            picture(number, mode=mode).save(folder / clip / f"{number}.png")


def read(folder: Path, **settings: object) -> Sequences:
    return frames(path=str(folder), **settings).read()  # type: ignore[arg-type]


def test_a_folder_gives_its_clips_with_the_labels_that_their_folders_are_called(tmp_path: Path) -> None:
    write_clips(tmp_path, {"run/a": 11, "walk/b": 2, "walk/c": 3})
    found = read(tmp_path)
    assert (found.frame, found.scale) == ((HEIGHT, WIDTH, 1), 255)
    assert found.targets.tolist() == ["run", "walk", "walk"]
    assert found.lengths().tolist() == [11, 2, 3]
    assert found.one(0)[:, 0].tolist() == list(range(1, 12))  # 10.png does not come before 2.png
    assert found.place(1) == str(tmp_path / "walk" / "b")


def test_colors_are_kept_or_turned_into_what_is_asked_for(tmp_path: Path) -> None:
    write_clips(tmp_path, {"x/a": 2, "y/b": 2}, mode="RGB")
    assert read(tmp_path).one(0)[1, :3].tolist() == [2, 4, 6]
    gray = read(tmp_path, color_mode="grayscale")
    assert gray.frame == (HEIGHT, WIDTH, 1)
    x = np.array([[np.full((HEIGHT, WIDTH, 3), (2, 4, 6), np.uint8)]])
    np.savez(tmp_path / "a.npz", x=x)
    assert read_clips(tmp_path / "a.npz", "x", "grayscale").ravel()[0] == gray.one(0)[1, 0] == 4


def test_a_table_says_of_each_image_its_label_and_of_each_clip_part_and_group(tmp_path: Path) -> None:
    write_clips(tmp_path, {"a": 2, "b": 3})
    rows = ["a/2.png,up,p,test", "a/1.png,down,p,test", *(f"b/{number}.png,up,q,train" for number in (1, 2, 3))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,who,part", *rows]))
    found = read(tmp_path, task="tagging", labels="labels.csv", groups="who", part="part")
    assert np.asarray(found.step_targets).tolist() == ["down", "up", "up", "up", "up"]
    assert np.asarray(found.groups).tolist() == ["p", "q"]
    assert np.asarray(found.parts).tolist() == ["test", "train"]


def test_every_mistake_is_said_at_once_by_file(tmp_path: Path) -> None:
    write_clips(tmp_path, {"x/a": 2, "y/b": 2})
    picture(1, (9, 9)).save(tmp_path / "x" / "a" / "2.png")
    (tmp_path / "y" / "b" / "1.png").write_text("no image")
    picture(1, mode="RGB").save(tmp_path / "y" / "b" / "2.png")
    with pytest.raises(DataError, match=r"3 mistakes in the images") as error:
        read(tmp_path)
    for line in (
        "a/2.png: is 9 x 9 pixels; 1.png of",
        "b/1.png: cannot be read as PNG or JPEG",
        "2.png: is RGB; 1.png",
    ):
        assert line in str(error.value)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    write_clips(tmp_path, {"x/a": 1, "y/b": 1})
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x" / "a" / "1.png")
    content = (tmp_path / "x" / "a" / "1.png").read_bytes()
    (tmp_path / "x" / "a" / "1.png").write_bytes(content[:45])
    with pytest.raises(DataError, match=r"a/1\.png: (is damaged|cannot be read)"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("folders", "row", "said"),
    [
        ({"x": 2}, None, r"x: holds images itself, such as 1\.png; each clip is a folder of a label"),
        ({}, None, r"holds no images \(PNG, JPEG\)"),
        ({"x/one": 1}, "x/ones,up", r"labels\.csv, line 2: there is no folder `x/ones`.*did you mean `one`"),
        ({"x/a": 1}, "..,up", r"`\.\.` lies outside of"),
        ({"x/a": 1}, "x/a,", r"line 2: the label is empty"),
    ],
    ids=["a label without clips", "no images", "a clip that is not there", "a clip outside", "no label"],
)
def test_a_folder_that_holds_something_else_is_refused(
    tmp_path: Path, folders: dict[str, int], row: str | None, said: str
) -> None:
    (tmp_path / "it").mkdir()
    write_clips(tmp_path / "it", folders)
    (tmp_path / "it" / "labels.csv").write_text(f"file,label\n{row}\n")
    with pytest.raises(DataError, match=said):
        read(tmp_path / "it", **({} if row is None else {"labels": "labels.csv"}))


@pytest.mark.parametrize(
    ("arrays", "settings", "said"),
    [
        (
            {"y": np.zeros((4, 3))},
            {},
            r"`y` must be \(4,\), a label for each clip.*data.task=tagging takes one",
        ),
        ({"y": np.zeros(4)}, {"task": "tagging"}, r"`y` must be \(4, 3\), a label for each frame"),
        ({"y": np.zeros(4), "n": np.array([1, 2, 3, 9])}, {"lengths": "n"}, r"whole numbers from 1 to 3"),
        ({"x": np.full((4, 3, 2, 2), 7.0), "y": np.zeros(4)}, {}, r"values from 7 to 7; images are whole numbers"),
        ({"x": np.zeros((4, 3, 2)), "y": np.zeros(4)}, {}, r"must be \(n, time, height, width\)"),
    ],
    ids=["labels of frames", "labels of clips", "too long", "no image", "no clips"],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], settings: dict[str, object], said: str
) -> None:
    np.savez(tmp_path / "a.npz", **{"x": np.zeros((4, 3, 2, 2), np.uint8), **arrays})
    with pytest.raises(DataError, match=said):
        read(tmp_path / "a.npz", **settings)


def test_settings_that_do_not_go_together_are_said() -> None:
    assert len(frames(path="clips", task="tagging", groups="who").check()) == 2
    assert len(frames(path="clips.npz", labels="labels.csv").check()) == 1
    assert frames(path="clips", groups="who", labels="labels.csv").check() == []


def test_a_network_is_fed_frames_from_0_to_1_with_a_mask_where_clips_differ_in_length() -> None:
    dataset = load(moving_digits(pairs=10, size=12))
    x, _, _ = dataset.batch(dataset.parts["train"].arrays, dataset.parts["train"].indices)
    assert (float(x["past"].min()), float(x["past"].max())) == (0, 1)
    assert dataset.spec.inputs["past"].frame == (12, 12, 1)
    assert set(x["mask"].sum(axis=1)) <= {6, 7, 8, 9}


def test_each_moving_digit_is_there_forwards_and_backwards_in_the_same_part() -> None:
    dataset = load(moving_digits(pairs=12, size=12))
    for part in dataset.parts.values():
        assert part.indices[::2].tolist() == (part.indices[1::2] - 1).tolist()
    sequences = dataset.sequences
    for one, other in ((0, 1), (6, 7)):
        assert sequences.targets[one] != sequences.targets[other]
        np.testing.assert_array_equal(sequences.one(one), sequences.one(other)[::-1])
        assert not np.array_equal(sequences.one(one), sequences.one(other))
