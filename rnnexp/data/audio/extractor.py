"""How recordings become the steps that a network sees: kept with the model, so that training and serving share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data.audio.settings import Features
from rnnexp.errors import DataError

EXAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class FeatureExtractor:
    """Features of recordings at a rate in Hz."""

    rate: int
    features: Features

    def compute(self, recordings: Iterable[np.ndarray]) -> list[np.ndarray]:
        """Return the features (frames, size) of recordings, each samples (n,) from -1 to 1 at the rate."""
        from rnnexp.data.audio.features import compute_features

        return [compute_features(one, self.rate, self.features) for one in recordings]

    def serve(self, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the features of samples (n, 1) as a program sends them; DataError names what are no samples."""
        for number, one in enumerate(rows, start=1):
            self._refuse(f"recording {number}", np.asarray(one))
        return self.compute(np.asarray(one).reshape(-1) for one in rows)

    def _refuse(self, name: str, one: np.ndarray) -> None:
        wanted = f"the model takes samples (time, 1) from -1 to 1 at {self.rate:,} Hz"
        if one.ndim > 2 or one.size != len(one) or not one.size:
            raise DataError(f"{name} has the shape {one.shape}; {wanted}")
        if not np.isfinite(one).all():
            raise DataError(f"{name}: sample {int(np.argmin(np.isfinite(one))) + 1} is not finite")
        if np.abs(one).max() > 2:
            raise DataError(f"{name} has samples up to {np.abs(one).max():.5g}; {wanted}: divide 16 bits by 32768")

    def example(self) -> Any:
        """Return two recordings such as a served model takes, (2, samples, 1): faint noise, nobody's voice."""
        noise = np.random.default_rng(0).normal(0, 0.01, (2, round(EXAMPLE_SECONDS * self.rate), 1))
        return np.clip(noise, -1, 1)
