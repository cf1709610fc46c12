"""Classifiers of clips that need no network; the first three see the frames of a clip in no order.

All are fitted to training clips, each (time, pixels) from 0 to 1, and their classes (n,), and predict probabilities
(n, classes). Of a task that needs the order of the frames, those without it find out nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnexp.tasks.classification.minirocket import MiniRocket, fit_minirocket
from rnnexp.tasks.frame_features import (
    Clips,
    Components,
    Standardized,
    fit_components,
    fit_standardized,
    sort_frames,
    stack_features,
)

SHORTEST = 9  # frames that MiniRocket needs: clips are repeated at their end up to these


@dataclass(frozen=True)
class MeanFrame:
    """Logistic regression on the mean of all frames, and if `deviates` on the deviation of each pixel."""

    deviates: bool
    model: Standardized

    def predict(self, asked: Clips) -> np.ndarray:
        return self.model.predict(_average(asked, self.deviates))


def fit_mean_frame(train: Clips, labels: np.ndarray, classes: int, deviates: bool = False) -> MeanFrame:
    return MeanFrame(deviates, fit_standardized(_average(train, deviates), labels, classes))


def _average(clips: Clips, deviates: bool) -> np.ndarray:
    def average(clip: np.ndarray) -> np.ndarray:
        values = sort_frames(clip).astype(np.float64)
        return np.concatenate([values.mean(axis=0), values.std(axis=0)]) if deviates else values.mean(axis=0)

    return stack_features(clips, average)


@dataclass(frozen=True)
class FrameComponents:
    """Logistic regression on mean, deviation, minimum and maximum of each principal component over the frames."""

    components: Components
    model: Standardized

    def predict(self, asked: Clips) -> np.ndarray:
        return self.model.predict(_summarize(asked, self.components))


def fit_frame_components(train: Clips, labels: np.ndarray, classes: int) -> FrameComponents:
    components = fit_components(train)
    return FrameComponents(components, fit_standardized(_summarize(train, components), labels, classes))


def _summarize(clips: Clips, components: Components) -> np.ndarray:
    def summarize(clip: np.ndarray) -> np.ndarray:
        course = components.reduce(sort_frames(clip))
        return np.concatenate([course.mean(axis=0), course.std(axis=0), course.min(axis=0), course.max(axis=0)])

    return stack_features(clips, summarize)


@dataclass(frozen=True)
class FrameRocket:
    """MiniRocket on the principal components of the frames, in order."""

    components: Components
    rocket: MiniRocket

    def predict(self, asked: Clips) -> np.ndarray:
        return self.rocket.predict([_lengthen(self.components.reduce(one)) for one in asked])


def fit_frame_rocket(train: Clips, labels: np.ndarray, classes: int) -> FrameRocket:
    components = fit_components(train)
    courses = [_lengthen(components.reduce(one)) for one in train]
    return FrameRocket(components, fit_minirocket(courses, labels, classes))


def _lengthen(course: np.ndarray) -> np.ndarray:
    return np.pad(course, [(0, max(0, SHORTEST - len(course))), (0, 0)], mode="edge")
