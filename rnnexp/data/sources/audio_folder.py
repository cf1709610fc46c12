"""Recordings in a folder or a zip archive, with labels by sub-folder or in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.audio.settings import Features
from rnnexp.data.labeled import Sequences
from rnnexp.data.located import Encoded
from rnnexp.data.source import STAY_TOGETHER, Column, RecordingSource
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.errors import DataError, did_you_mean
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

    from rnnexp.data.audio.extractor import FeatureExtractor
    from rnnexp.data.audio.reading import Open

PARTS = ("train", "val", "test")


def make_features() -> Features:
    return Features()  # type: ignore[call-arg]  # mypy's pydantic plugin takes the defaults for missing


@register("data")
class audio_folder(Encoded, RecordingSource):
    """Read recordings (WAV, FLAC, OGG), and feed their log-mel energies or MFCC, a frame a step."""

    name: Literal["audio_folder"] = "audio_folder"
    path: str = Field(description="Folder, or zip archive, of recordings; looked up here, then in root.")
    labels: str | None = Field(
        None,
        description="Table with a row per recording, within path or looked up as it is. null: the sub-folder in which "
        "a recording lies is its label, below train, val and test if these are the first ones.",
    )
    file: Column = Field("file", description="Column of labels that names the recording, within path.")
    label: Column = Field("label", description="Column of labels that holds the label, or the number to predict.")
    part: Column | None = Field(
        None,
        description="Column of labels that says train, val or test; empty cells and null leave it to split. Where no "
        "row says val, split takes it from train.",
    )
    groups: Column | None = Field(
        None, description=f"Column of labels with the group of each recording {STAY_TOGETHER}"
    )
    rate: int | None = Field(
        None, ge=1_000, le=384_000, description="Samples per second; others are resampled. null: the most frequent one."
    )
    features: Features = Field(default_factory=make_features, description="What a network sees of a recording.")
    speeds: list[float] = Field(
        default_factory=list,
        description="Augmentation: speeds of additional copies of each recording, such as [0.9, 1.1], in the "
        "training set alone (Ko et al., 2015).",
    )
    task: Literal["regression", "classification", "transcription"] = Field(
        "classification", description="Numbers to predict, labels to choose from, or a text to write down."
    )

    def label_key(self) -> str:
        return "data.label"

    def gives(self) -> set[str]:
        return {"test"} if self.part is not None else set()

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        alone = [key for key in ("part", "groups") if self.labels is None and getattr(self, key) is not None]
        return [
            *super().check(),
            *self.features.mistakes(),
            *(f"data.{key}: names a column of data.labels, which is null" for key in alone),
            *(
                f"data.speeds: {speed} is no other speed from 0.5 to 2"
                for speed in self.speeds
                if not 0.5 <= speed <= 2 or speed == 1
            ),
        ]

    def fill_extractor(self, extractor: FeatureExtractor | None) -> audio_folder:
        """Return the source that reads recordings as a trained model needs them."""
        if extractor is None:
            return self
        return replace(self, rate=extractor.rate, features=extractor.features)  # type: ignore[call-arg]

    def read(self) -> Sequences:
        """Read all recordings, and compute their features."""
        import numpy as np

        from rnnexp.data.audio.reading import convert_rate

        place, rows, samples, extractor, notes = self.read_recordings()

        def copies(index: int) -> list[np.ndarray]:
            return extractor.compute(
                convert_rate(samples[index], round(100 * speed), 100).clip(-1, 1) for speed in self.speeds
            )

        return Sequences.of(
            extractor.compute(samples),
            [self.target(label, rows.places[index]) for index, label in enumerate(rows.label)],
            channels=self.features.names(),
            parts=np.array(self.list_parts(rows.part or [""] * len(rows.file))),
            groups=np.array(rows.group) if rows.group else None,
            place=lambda index: str(place / rows.file[index]),
            source=place.name,
            notes=notes,
            extractor=extractor,
            copies=copies if self.speeds else None,
        )

    def read_recordings(self) -> tuple[Path, AudioRows, list[np.ndarray], FeatureExtractor, tuple[str, ...]]:
        """Find the recordings and their labels, and read all; also return what computes their features, and notes."""
        from rnnexp.data.audio.extractor import FeatureExtractor
        from rnnexp.data.audio.files import find_recordings
        from rnnexp.data.audio.reading import read_recordings

        place = self.find_place()
        recordings = find_recordings(place)
        rows = self.read_rows(place, recordings)
        samples, rate, notes = read_recordings([(str(place / name), recordings[name]) for name in rows.file], self.rate)
        return place, rows, samples, FeatureExtractor(rate, self.features), (*rows.notes, *notes)

    def find_place(self) -> Path:
        """Find the folder or the archive."""
        from rnnexp.data.tables.locate import locate_folder

        if self.is_folder(self.path):
            return locate_folder(self.path, self.root_folder(), self.origin)
        return self.locate(self.path)[0]

    def is_folder(self, path: str) -> bool:
        """Say whether a setting names a folder: of recordings, not an archive."""
        return path == self.path and Path(path).suffix.lower() != ".zip"

    def list_parts(self, said: list[str]) -> list[str]:
        """Leave the training rows to `split` where it has a validation part to take from them."""
        if "val" in said or self.split == "none":
            return said
        return ["" if part == "train" else part for part in said]

    def list_columns(self) -> dict[str, Column | None]:
        """Return the columns of the table of labels by what they say; None where no setting names one."""
        return {"file": self.file, "label": self.label, "part": self.part, "group": self.groups}

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that the table of labels has not."""
        from rnnexp.data.tables.table import find_absent_columns

        if self.labels is not None:
            file = self._find_labels(self.find_place(), self.labels)
            yield from find_absent_columns(file, Layout(encoding=self.encoding), self._want()[1].list_asked())

    def _find_labels(self, place: Path, labels: str) -> Path:
        """Find the table of labels: beside the recordings, or as any other file."""
        return place / labels if (place / labels).is_file() else self.locate(labels)[0]

    def _want(self) -> tuple[list[str], Wanted]:
        """Return what the columns of the table of labels say, and what is read of it."""
        given = {name: column for name, column in self.list_columns().items() if column is not None}
        keys = ", ".join(f"data.{'groups' if name == 'group' else name}" for name in given)
        return [*given], Wanted(time=tuple(given.values()), targets=(), time_key=keys)

    def read_rows(self, place: Path, recordings: Mapping[str, Open]) -> AudioRows:
        """Read the table of labels, or take the sub-folders; all rows that cannot be used are told at once."""
        from rnnexp.data.audio.reading import join_mistakes
        from rnnexp.data.tables.table import read_table

        if self.labels is None:
            return list_by_folder(place, recordings)
        file = self._find_labels(place, self.labels)
        given, wanted = self._want()
        table = read_table(file, Layout(encoding=self.encoding), wanted)
        texts = {name: list(column.fillna("").astype(str)) for name, column in zip(given, table.time)}
        places = [f"{file}, line {line}" for line in table.places.number]
        cells = zip(*texts.values())
        mistakes = [find_mistake(where, dict(zip(texts, row)), recordings) for where, row in zip(places, cells)]
        if told := [mistake for mistake in mistakes if mistake]:
            raise DataError(join_mistakes(told, "row"))
        unnamed = len(recordings) - len({*texts["file"]})
        notes = [f"{unnamed} of {len(recordings)} recordings are not named by {file.name} and left out"]
        return AudioRows(places=places, notes=notes * (unnamed > 0), **texts)


@dataclass(frozen=True)
class AudioRows:
    """What is said of each recording: its path within the folder, its label, its part and whose it is."""

    file: list[str]
    label: list[str]
    places: list[str]
    part: list[str] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    speaker: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_mistake(where: str, row: Mapping[str, str], recordings: Mapping[str, Open]) -> str:
    """Return why a row of the table of labels cannot be used; "" if it can."""
    if row["file"] not in recordings:
        near = did_you_mean(row["file"], recordings) if len(recordings) < 1_000 else ""
        return f"{where}: there is no recording `{row['file'][:100]}`{near}"
    if not row["label"]:
        return f"{where}: the label is empty"
    if row.get("part", "") not in ("", *PARTS):
        return f"{where}: the part `{row['part'][:60]}` is not one of {', '.join(PARTS)}"
    return f"{where}: the group is empty (data.groups)" if row.get("group") == "" else ""


def list_by_folder(place: Path, recordings: Mapping[str, Open]) -> AudioRows:
    """Take the sub-folder for the label of a recording, below one for each part if there are such."""
    from rnnexp.data.audio.reading import join_mistakes

    folders = {name: Path(name).parts[:-1] for name in recordings}
    in_parts = {parts[0] if parts else "" for parts in folders.values()} <= {*PARTS}
    depth = 1 if in_parts else 0
    loose = [name for name, parts in folders.items() if len(parts) <= depth]
    if loose:
        mend = "sort them into a folder for each label, or name a table of labels with data.labels"
        told = [f"{place / name}: lies in no sub-folder that is its label; {mend}" for name in loose]
        raise DataError(join_mistakes(told, "recording"))
    labels = [parts[depth] for parts in folders.values()]
    part = [parts[0] for parts in folders.values()] if in_parts else []
    return AudioRows([*recordings], labels, [str(place / name) for name in recordings], part)
