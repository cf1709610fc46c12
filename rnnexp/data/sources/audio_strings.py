"""Recordings that are joined into longer ones, whose texts are their labels one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY
from rnnexp.data.labeled import Sequences
from rnnexp.data.source import MAX_DRAWN, Column
from rnnexp.data.sources.audio_folder import AudioRows, audio_folder
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

HISS = 1e-4  # deviation of the samples in a gap: digital silence is heard nowhere else


@register("data")
class audio_strings(audio_folder):
    """Join recordings of short texts, such as digits, into strings: those of a part are of its recordings alone."""

    name: Literal["audio_strings"] = "audio_strings"  # type: ignore[assignment]
    task: Literal["transcription"] = Field("transcription", description="A text to write down.")
    speaker: Column | None = Field(
        None, description="Column of labels that says who speaks: a string is of one speaker. null: of all together."
    )
    shortest: int = Field(1, ge=1, description="Recordings in the shortest string.")
    longest: int = Field(5, ge=1, description="Recordings in the longest string.")
    gap: float = Field(0.1, ge=0, le=10, description="Seconds of faint noise after a recording, at most; random.")
    label_separator: str = Field(
        "",
        description="Text between two labels; a blank for words.",
        json_schema_extra={FORMERLY: "between"},
    )
    train_strings: int = Field(1500, ge=1, le=MAX_DRAWN, description="Strings of the training set.")
    val_strings: int = Field(300, ge=1, le=MAX_DRAWN, description="Strings of the validation set, if there is one.")
    test_strings: int = Field(500, ge=1, le=MAX_DRAWN, description="Strings of the test set, if there is one.")

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = super().check()
        if self.shortest > self.longest:
            problems.append(f"data.shortest: {self.shortest} is more than data.longest={self.longest}")
        if self.speeds:
            problems.append(
                "data.speeds: is of single recordings; leave it out, and draw more strings (data.train_strings)"
            )
        if self.speaker is not None and self.labels is None:
            problems.append("data.speaker: names a column of data.labels, which is null")
        return problems

    def list_columns(self) -> dict[str, Column | None]:
        return {**super().list_columns(), "speaker": self.speaker}

    def read(self) -> Sequences:
        """Read all recordings, share them out, and join those of each part."""
        import numpy as np

        from rnnexp.data.shares import share_out

        place, rows, samples, extractor, notes = self.read_recordings()
        given = np.array(self.list_parts(rows.part or [""] * len(rows.file)))
        labels = np.unique(rows.label, return_inverse=True)[1]
        pieces = share_out(self, given, labels, len(rows.file), np.array(rows.group) if rows.group else None)

        features, texts, parts, told = [], list[str](), list[str](), list[str]()
        for number, (part, own) in enumerate(pieces.items()):
            source = np.random.default_rng([self.seed, number])
            wanted = getattr(self, f"{part}_strings")
            for _ in range(wanted):
                chosen = self._choose(rows, own, source)
                features += extractor.compute(
                    [self._join([samples[index] for index in chosen], extractor.rate, source)]
                )
                texts.append(self.label_separator.join(rows.label[index] for index in chosen))
                parts.append(part)
            told.append(f"{getattr(self, f'{part}_strings'):,} strings of {len(own):,} recordings in the {part} set")
        return Sequences.of(
            features,
            texts,
            channels=self.features.names(),
            parts=np.array(parts),
            place=lambda index: f"string {index + 1} of {place.name}",
            source=place.name,
            notes=(*notes, *told),
            extractor=extractor,
        )

    def _choose(self, rows: AudioRows, own: np.ndarray, source: np.random.Generator) -> np.ndarray:
        """Draw the recordings of a string, of those of a part; each may come more than once."""
        import numpy as np

        if rows.speaker:
            said = np.array(rows.speaker)[own]
            own = own[said == source.choice(np.unique(said))]
        chosen: np.ndarray = source.choice(own, source.integers(self.shortest, self.longest + 1))
        return chosen

    def _join(self, samples: list[np.ndarray], rate: int, source: np.random.Generator) -> np.ndarray:
        import numpy as np

        pieces = list[np.ndarray]()
        for one in samples:
            gap = source.normal(0, HISS, source.integers(0, round(self.gap * rate) + 1))
            pieces += [one, gap.astype(np.float32)]
        return np.concatenate(pieces)
