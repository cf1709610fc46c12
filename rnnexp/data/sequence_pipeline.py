"""Raw sequences in, a padded batch out: what training and serving share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp import strict
from rnnexp.data import padding
from rnnexp.data.audio.extractor import FeatureExtractor
from rnnexp.data.recordings import Windows, cut
from rnnexp.data.source import WindowSize
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.data.target_scaling import TargetScaling
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from rnnexp.data.labeled import Sequences
    from rnnexp.data.source import SequenceSource

KIND = "sequences"


@dataclass(frozen=True)
class SequencePipeline:
    """What serving a model of independent sequences needs to know of its data.

    channels:        names, in the order of the arrays
    mean, deviation: of each channel over the training part; empty without a scaler
    length:          of every sequence; None where it varies, and a mask goes with a batch
    window:          by which sequences are cut, whose windows vote; None: they are fed whole
    recording, time: columns of a long table that name a recording and order its rows; None: it reads no such table
    extractor: what turns samples of sound into sequences; None: sequences are what it is given
    frame:           height, width and channels of the image that each step is, laid out flat; None where it is none.
                     Such have no names of channels
    scale:           of a frame: the raw value that is fed as 1
    targets:         how numbers to predict are scaled; None: they are as they were read
    """

    channels: tuple[str, ...]
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    length: int | None = None
    window: WindowSize | None = None
    recording: tuple[str, ...] | None = None
    time: tuple[str, ...] | None = None
    extractor: FeatureExtractor | None = None
    frame: tuple[int, int, int] | None = None
    scale: float = 1.0
    targets: TargetScaling | None = None

    @property
    def past(self) -> InputSpec:
        """What a network takes at each step."""
        size = math.prod(self.frame) if self.frame else len(self.channels)
        return InputSpec((self.length, size), frame=self.frame)

    def cut(self, sequences: Sequence[np.ndarray]) -> Windows:
        """Return the windows of raw sequences, for each of which a network answers."""
        return cut([len(one) for one in sequences], self.window)

    def list_windows(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return these windows in the units in which a network sees them."""
        return [self.scaled(one) for one in self.cut(sequences).split_all(sequences)]

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Scale raw values (steps, channels)."""
        if self.frame:
            return np.asarray(values, np.float32) / np.float32(self.scale)
        return (values - np.array(self.mean)) / np.array(self.deviation) if self.mean else values

    def inputs(self, sequences: Sequence[np.ndarray]) -> Any:
        """Return what a network takes for the windows of raw sequences (time, channels), whose order is kept.

        Raises DataError naming the sequence that has other channels, another length or a value that is not finite.
        """
        for index, one in enumerate(sequences, start=1):
            self._refuse(index, np.asarray(one))
        values = self.scaled(np.concatenate([np.asarray(one, np.float64) for one in sequences]))
        windows = self.cut(sequences)
        arrays = padding.lay_windows(values, windows.begin, windows.length)
        gather = padding.whole_inputs if self.length else padding.masked_inputs
        return gather(arrays, np.arange(len(windows)))

    def _refuse(self, index: int, one: np.ndarray) -> None:
        size = self.past.shape[1]
        if one.ndim != 2 or one.shape[1] != size:
            raise DataError(f"sequence {index} has the shape {one.shape}; the model takes (time, {size})")
        if len(one) == 0 or not self.fits(len(one)):
            wanted = f"sequences of {self.explain_length()}" if self.length else "at least 1"
            raise DataError(f"sequence {index} has {len(one)} steps; the model takes {wanted}")
        bad = np.argwhere(~np.isfinite(one))
        if len(bad):
            step, channel = bad[0]
            where = f"frame {step + 1}" if self.frame else f"step {step + 1}, channel `{self.channels[channel]}`"
            raise DataError(f"sequence {index}, {where} is not finite")

    def fits(self, steps: int) -> bool:
        """Say whether a sequence of so many steps is as long as the network needs."""
        return not self.length or steps == self.length or (self._cuts and steps > self.length)

    def explain_length(self) -> str:
        """Say how many steps a sequence needs, where not any number will do."""
        return f"{self.length} steps{' or more' if self._cuts else ''}"

    @property
    def _cuts(self) -> bool:
        """Whether what is longer gives windows of the `length`."""
        return self.window is not None and self.window[0] == self.length

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        lists = {key: list(value) for key, value in asdict(self).items() if isinstance(value, tuple)}
        sound = {} if self.extractor is None else {"extractor": asdict(self.extractor)}
        scaled = ({"scale": self.scale} if self.frame else {}) | (
            {"targets": self.targets.to_json()} if self.targets else {}
        )
        return {"kind": KIND, "length": self.length, **lists, **sound, **scaled}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> SequencePipeline:
        """Rebuild a pipeline from what `to_json` wrote."""
        found: SequencePipeline = strict.checked(cls, saved, "the preprocessing")
        scaled = len(found.mean) in (0, len(found.channels)) and all(found.deviation)
        if found.frame and (min(found.frame) < 1 or not found.scale > 0 or found.channels or found.mean):
            raise DataError("`frame`, `scale` and `channels` do not go together: it is damaged")
        if len(found.mean) != len(found.deviation) or not scaled or not (found.channels or found.frame):
            raise DataError("`mean` and `deviation` do not fit the channels: it is damaged")
        if found.window and (min(found.window) < 1 or (found.length or 1) > found.window[0]):
            raise DataError("`window` does not fit the `length`: it is damaged")
        if found.targets and (flaw := found.targets.find_flaw()):
            raise DataError(f"{flaw}: it is damaged")
        return found

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these sequences; an empty string if it is."""
        masked = {} if self.length else {"mask": InputSpec((None,), "bool")}
        own = {"past": self.past, **masked}
        if spec.inputs != own or (spec.steps and not self.frame):
            return "the network is for other sequences"
        return self.targets.find_flaw(spec) if self.targets else ""


def fitted(values: np.ndarray, channels: tuple[str, ...], length: int | None) -> tuple[SequencePipeline, list[str]]:
    """Fit the scaler `standard` to the training steps (steps, channels); say which channels are constant there."""
    flat = values.min(axis=0) == values.max(axis=0)
    mean, deviation = values.mean(axis=0), np.where(flat, 1.0, values.std(axis=0))
    notes = [f"channel `{channels[i]}` is constant in the training set: divided by 1" for i in np.flatnonzero(flat)]
    return SequencePipeline(channels, tuple(mean.tolist()), tuple(deviation.tolist()), length), notes


def fit_pipeline(
    source: SequenceSource, sequences: Sequences, windows: Windows, train: np.ndarray
) -> tuple[SequencePipeline, list[str]]:
    """Fit the scaler to the steps of the training windows, each of which counts once."""
    lengths = windows.length
    alike = sequences.extractor is None and (lengths == lengths[0]).all()  # a recording that comes later has any length
    length = int(lengths[0]) if alike else None
    own = {key: getattr(sequences, key) for key in ("recording", "time", "extractor")} | {"window": windows.size}
    if source.scaler == "none":
        own |= {"frame": sequences.frame, "scale": sequences.scale}
        return SequencePipeline(sequences.channels, length=length, **own), []
    values = sequences.values[windows.find_steps(train)].astype(np.float64)
    pipeline, notes = fitted(values, sequences.channels, length)
    return replace(pipeline, **own), notes
