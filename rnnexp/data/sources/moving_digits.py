"""Digits that move on a circle: every clip is there forwards in one class and backwards in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.labeled import Sequences
from rnnexp.data.sources.frames import FrameSource
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

CLASSES = ("clockwise", "counterclockwise")
DIGITS = 1797  # images that scikit-learn has
SIDE = 8  # pixels of an image of a digit
TURN = (0.25, 0.75)  # share of the circle that a clip covers
RADII = (2.0, 4.0)  # pixels: where in the frame a digit is tells nothing of where it goes
GRAY = 255


@register("data")
class moving_digits(FrameSource):
    """Handwritten digits that move on an arc: which way round?

    Of each digit there is one clip, and the same clip backwards in the other class; the two are always in one part.
    Whatever does not depend on the order of the frames, such as their mean, is right about exactly one of the two.
    Where the circle lies in the frame is drawn, too, so that neither the first nor the last frame tells.
    Images: the test part of the optical digits of Alpaydin and Kaynak, 1998, as scikit-learn ships it.
    """

    task: Literal["classification"] = Field("classification", description="Direction in which a digit moves.")

    name: Literal["moving_digits"] = "moving_digits"
    pairs: int = Field(400, ge=10, le=DIGITS, description="Digits, each of which moves in one clip and its reversal.")
    min_frames: int = Field(6, ge=3, description="Frames of the shortest clips.")
    max_frames: int = Field(9, ge=3, description="Frames of the longest clips.")
    size: int = Field(20, ge=12, le=128, description="Pixels of a side of a frame.")
    noise: float = Field(0.0, ge=0, le=1, description="Deviation of the noise of each pixel, from 0 to 1.")

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`."""
        wrong = self.min_frames > self.max_frames
        return [*super().check(), *[f"data.min_frames: {self.min_frames} is more than data.max_frames"] * wrong]

    def read(self) -> Sequences:
        import numpy as np
        from sklearn.datasets import load_digits

        from rnnexp.data.clips import Clips

        generator = np.random.default_rng(self.seed)
        images = load_digits().images / 16.0
        drawn = images[generator.permutation(len(images))[: self.pairs]]
        clips = [self._move(digit, generator) for digit in drawn]
        both = [one for clip in clips for one in (clip, clip[::-1])]
        return Clips(
            both,
            [f"digit {i // 2}{' backwards' * (i % 2)}" for i in range(len(both))],
            list(CLASSES) * self.pairs,
            self.name,
            groups=[str(i // 2) for i in range(len(both))],
        ).gather(stepwise=False)

    def _move(self, digit: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return a clip (time, size, size, 1) of a digit that moves clockwise, of 8 bits."""
        import numpy as np

        frames = int(generator.integers(self.min_frames, self.max_frames + 1))
        start, turn = generator.uniform(0, 2 * np.pi), 2 * np.pi * generator.uniform(*TURN)
        angles = start + turn * np.linspace(0, 1, frames)  # rows are counted downwards: a growing angle is clockwise
        room = (self.size - SIDE) / 2
        radius = min(generator.uniform(*RADII), room)
        x, y = room + generator.uniform(-1, 1, 2) * (room - radius)  # of the middle of the circle
        left = np.round(x + radius * np.cos(angles)).astype(int)
        top = np.round(y + radius * np.sin(angles)).astype(int)
        clip = np.zeros((frames, self.size, self.size))
        for frame, row, column in zip(clip, top, left):
            frame[row : row + SIDE, column : column + SIDE] = digit
        clip += generator.normal(0, self.noise, clip.shape) if self.noise else 0
        return np.round(np.clip(clip, 0, 1) * GRAY).astype(np.uint8)[..., None]
