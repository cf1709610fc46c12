"""What is left of a clip without the order of its frames, and its frames as few numbers: inputs of baselines.

A clip is (time, pixels). Features without order are bit by bit the same for the same frames in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.classification import LogisticModel, make_logistic
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined

Clips = Sequence[np.ndarray]

COMPONENTS = 32  # at most
MOST_FRAMES = 5_000  # from which components are computed
MOST_ITERATIONS = 300
MOST_PRODUCTS = 1e11  # multiplications to fit a logistic regression: some ten seconds of one core


def sort_frames(clip: np.ndarray) -> np.ndarray:
    """Put the frames of a clip in an order that depends on nothing but what they show."""
    return clip[sorted(range(len(clip)), key=lambda place: clip[place].tobytes())]


@dataclass(frozen=True)
class Components:
    """Principal components of frames: `center` (pixels,), `directions` (components, pixels)."""

    center: Numbers
    directions: Numbers

    def __post_init__(self) -> None:
        if self.directions.ndim != 2 or self.center.shape != self.directions.shape[1:] or not self.directions.size:
            raise ValueError("center and directions do not go together")

    def reduce(self, clip: np.ndarray) -> np.ndarray:
        """Return a clip as (time, components)."""
        if clip.shape[1:] != self.center.shape:
            raise Undefined("it was fitted to frames of another size")
        return (clip - self.center) @ self.directions.T


def fit_components(train: Clips) -> Components:
    """Compute them from training frames, of many from some at equal distances. Raises Undefined where all are alike."""
    from sklearn.decomposition import PCA

    frames = np.concatenate(list(train))
    frames = frames[np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).astype(int)].astype(np.float64)
    most = min(COMPONENTS, len(frames) - 1, frames.shape[1])
    if most < 1 or np.ptp(frames, axis=0).max() == 0:
        raise Undefined("all training frames are alike")
    found = PCA(most, svd_solver="randomized", random_state=0).fit(frames)
    return Components(found.mean_, found.components_)


@dataclass(frozen=True)
class Standardized:
    """A logistic regression on features (n, features), which are standardized by `mean` and `scale` (features,)."""

    mean: Numbers
    scale: Numbers
    model: LogisticModel

    def __post_init__(self) -> None:
        if not self.mean.shape == self.scale.shape == self.model.weights.shape[:1] or not self.scale.all():
            raise ValueError("mean, scale and weights do not go together")

    def predict(self, features: np.ndarray) -> np.ndarray:
        if features.shape[1:] != self.mean.shape:
            raise Undefined("it was fitted to frames of another size")
        return self.model.predict((features - self.mean) / self.scale)


def fit_standardized(features: np.ndarray, labels: np.ndarray, classes: int) -> Standardized:
    """Raises Undefined where it would take too long, or where there is one class."""
    from sklearn.linear_model import LogisticRegression

    products = 2.0 * MOST_ITERATIONS * features.size * classes
    if products > MOST_PRODUCTS:
        raise Undefined(f"it would take up to {products:.0e} multiplications to fit it")
    if len(np.unique(labels)) < 2:
        raise Undefined("the training set has one class")
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = np.where(deviation > 1e-9, deviation, 1.0)
    model = LogisticRegression(max_iter=MOST_ITERATIONS, tol=1e-3).fit((features - mean) / scale, labels)
    return Standardized(mean, scale, make_logistic(model, classes))


def stack_features(clips: Clips, features: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([features(one) for one in clips])
