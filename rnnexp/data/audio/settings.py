"""Which features of a recording a network sees."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from rnnexp.data.splits import NESTED


@dataclass(frozen=True, kw_only=True, config=NESTED)
class Features:
    """Log-mel energies or MFCC of overlapping windows of a recording."""

    kind: Literal["logmel", "mfcc"] = Field(
        "logmel", description="Logarithms of the energies of mel bands, or their cosine transform."
    )
    mels: int = Field(40, ge=2, le=512, description="Mel bands from 20 Hz to half of the rate.")
    coefficients: int = Field(13, ge=1, description="Coefficients of kind mfcc, from the 0th; at most mels.")
    window: float = Field(0.025, gt=0, le=1, description="Seconds of sound in a frame.")
    step: float = Field(0.010, gt=0, le=1, description="Seconds between the starts of two frames.")
    stack: int = Field(
        1, ge=1, le=16, description="Frames that a network sees side by side, as one step: fewer and wider steps."
    )
    normalize: Literal["none", "utterance", "cmn", "cmvn"] = Field(
        "utterance",
        description="Normalization of features. none; utterance: the loudness, by one mean and one "
        "deviation of all bands of a recording; cmn: the mean of each feature, and with it microphone, room and "
        "constant sounds; cmvn: its deviation, too.",
    )

    @property
    def transforms(self) -> bool:
        """Whether the bands are transformed into coefficients."""
        return self.kind == "mfcc"

    def mistakes(self) -> list[str]:
        """List what is wrong between these settings, as `data.features...: message`."""
        if not self.transforms or self.coefficients <= self.mels:
            return []
        few = f"{self.mels} bands give no more coefficients"
        return [f"data.features.coefficients: {self.coefficients} is more than data.features.mels; {few}"]

    def size(self) -> int:
        """Return the features of a step."""
        return (self.coefficients if self.transforms else self.mels) * self.stack

    def names(self) -> tuple[str, ...]:
        """Name the features of a step, those of its first frame first."""
        word, first = ("mfcc", 0) if self.transforms else ("mel", 1)
        names = [f"{word}_{index}" for index in range(first, first + self.size() // self.stack)]
        return (*names, *(f"{name}_{frame}" for frame in range(2, self.stack + 1) for name in names))
