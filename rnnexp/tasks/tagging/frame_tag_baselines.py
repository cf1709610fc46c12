"""Labels of frames without a network: by the frame alone, with what its clip shows in no order, or with its neighbors.

All are fitted to training clips, each (time, pixels) from 0 to 1, and the labels (frames,), and predict probabilities
(frames, labels).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnnexp.evaluation import classification
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.tasks.frame_features import (
    Clips,
    Components,
    Standardized,
    fit_components,
    fit_standardized,
    sort_frames,
)

Sight = Literal["frame", "clip", "neighbors"]


@dataclass(frozen=True)
class MajorityLabel:
    """Gives every frame one label: `shares` (labels,)."""

    shares: Numbers

    def predict(self, asked: Clips) -> np.ndarray:
        return np.tile(self.shares, (sum(map(len, asked)), 1))


def fit_majority_label(labels: np.ndarray, classes: int) -> MajorityLabel:
    return MajorityLabel(classification.majority(labels, classes).shares)


@dataclass(frozen=True)
class FrameTagger:
    """Logistic regression on the principal components of a frame.

    sight: what it sees: the frame alone; the mean and deviation of the clip's frames, too; or those before and after
    """

    sight: Sight
    components: Components
    model: Standardized

    def predict(self, asked: Clips) -> np.ndarray:
        return self.model.predict(_describe_frames(asked, self.components, self.sight))


def fit_frame_tagger(train: Clips, labels: np.ndarray, classes: int, sight: Sight) -> FrameTagger:
    components = fit_components(train)
    features = _describe_frames(train, components, sight)
    return FrameTagger(sight, components, fit_standardized(features, labels, classes))


def _describe_frames(clips: Clips, components: Components, sight: Sight) -> np.ndarray:
    return np.concatenate([_describe(one, components, sight) for one in clips])


def _describe(clip: np.ndarray, components: Components, sight: Sight) -> np.ndarray:
    course = components.reduce(clip)
    if sight == "frame":
        return course
    if sight == "clip":
        whole = components.reduce(sort_frames(clip))
        beside = np.tile(np.concatenate([whole.mean(axis=0), whole.std(axis=0)]), (len(course), 1))
        return np.hstack([course, beside])
    wide = np.pad(course, [(1, 1), (0, 0)], mode="edge")
    return np.hstack([course, wide[:-2], wide[2:]])
