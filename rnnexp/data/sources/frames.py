"""Clips of images with a label each, or a label for each image: a folder of pictures, or arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.labeled import Sequences
from rnnexp.data.located import Encoded
from rnnexp.data.source import STAY_TOGETHER, Column, SequenceSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.registry import register, settings
from rnnexp.task import has_step_labels

if TYPE_CHECKING:
    from rnnexp.data.clips import Clips

UNKNOWN_FRAME = (UNKNOWN_SIZE, UNKNOWN_SIZE, UNKNOWN_SIZE)


@settings
class FrameSource(SequenceSource):
    """Clips of images of one size, grayscale or RGB, whose values are fed from 0 to 1."""

    task: Literal["classification", "tagging"] = Field(  # type: ignore[assignment]
        "classification", description="A label for each clip, or (tagging) one for each of its frames."
    )
    scaler: Literal["none"] = Field("none", description="Frames are always scaled to [0, 1]; this key has no effect.")

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        past, stepwise = InputSpec((None, UNKNOWN_SIZE), frame=UNKNOWN_FRAME), has_step_labels(self.task)
        return TaskSpec(
            self.task,
            {"past": past} | ({"mask": InputSpec((None,), "bool")} if stepwise else {}),
            (UNKNOWN_SIZE,),
            outputs="logits",
            per_step=stepwise,
            sees_future=stepwise,
            targets=("label",),
            loss="cross_entropy",
            metrics=("accuracy",),
        )


@register("data")
class frames(Encoded, FrameSource):
    """Read a folder of images (PNG, JPEG), one sub-folder per clip, or the arrays of an `.npz` file."""

    name: Literal["frames"] = "frames"
    path: str = Field(description="Folder of images, or an .npz file; looked up here, then in root.")
    labels: str | None = Field(
        None,
        description="Table of labels within the folder, with a row per clip, for tagging a row per image. null: the "
        "first sub-folder is the label, path/LABEL/CLIP/0001.png.",
    )
    file: Column = Field("file", description="Column of labels that names the folder of a clip, for tagging an image.")
    label: Column = Field("label", description="Column of labels that holds the label.")
    inputs: str = Field("x", description="Array of the .npz file, (n, time, height, width, channels) or without them.")
    targets: str = Field("y", description="Its labels: (n,), for tagging (n, time).")
    lengths: str | None = Field(None, description="Its array (n,) of how many frames of each clip count; null: all.")
    groups: Column | None = Field(
        None, description=f"Column of labels, or array (n,), with the group of each clip {STAY_TOGETHER}"
    )
    part: Column | None = Field(
        None, description="Column of labels, or array (n,), that says train, val or test; empty leaves it to split."
    )
    color_mode: Literal["auto", "grayscale", "rgb"] = Field(
        "auto", description="What images are read as; auto keeps what they are, all alike."
    )

    def label_key(self) -> str:
        if self._is_archive:
            return "data.targets"
        return "data.label" if self.labels else "data.path"

    def gives(self) -> set[str]:
        return {"test"} if self.part is not None else set()

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems, named = super().check(), [key for key in ("groups", "part") if getattr(self, key) is not None]
        if not self._is_archive and self.labels is None:
            if has_step_labels(self.task):
                problems.append("data.labels: a value is needed: the table with a row per image, or an .npz file")
            problems += [f"data.labels: a value is needed, too: the table with the column data.{key}" for key in named]
        if self._is_archive and self.labels is not None:
            problems.append(f"data.labels: `{self.labels}` given; the labels of an .npz file are data.targets")
        return problems

    def read(self) -> Sequences:
        """Read all images or arrays; every mistake in them is said at once, by file."""
        found = self._read_clips()
        return found.gather(stepwise=has_step_labels(self.task))

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that the table of labels has not."""
        from rnnexp.data.clip_folders import find_absent_columns
        from rnnexp.data.tables.locate import locate_folder

        if self.labels is not None and not self._is_archive:
            yield from find_absent_columns(locate_folder(self.path, self.root_folder(), self.origin), self)

    def _read_clips(self) -> Clips:
        if self._is_archive:
            from rnnexp.data.clip_arrays import read_archive

            (file,) = self.locate(self.path)
            return read_archive(file, self)
        from rnnexp.data.clip_folders import read_folder
        from rnnexp.data.tables.locate import locate_folder

        return read_folder(locate_folder(self.path, self.root_folder(), self.origin), self)

    def is_folder(self, path: str) -> bool:
        """Say whether a setting names a folder: of images, not an archive of arrays."""
        return path == self.path and not self._is_archive

    @property
    def _is_archive(self) -> bool:
        return self.path.endswith(".npz")
