"""Episodes as a dataset: an example is where one begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recurrent_policy.loss import PLAYED
from recurrent_policy.maze import FEATURES, FORWARD, begin_episodes, move, observe
from rnnexp.data.dataset import WHOLE, Dataset, Part, Predictions, Summary, digest
from rnnexp.data.shares import share_out
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

    from recurrent_policy.source import t_maze

EPISODE = "episode"


@dataclass(frozen=True)
class EpisodePipeline:
    """What a trained policy takes: `steps` observations at most."""

    steps: int

    def inputs(self, table: DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return observations (n, steps, features) of a table with a row per step, and the number of steps of each."""
        if absent := [name for name in (EPISODE, *FEATURES[:2]) if name not in table.columns]:
            raise DataError(f"there is no column `{absent[0]}`, but {', '.join(map(str, table.columns))}")
        groups = [own[[*FEATURES[:2]]].to_numpy(np.float32) for _, own in table.groupby(EPISODE, sort=False)]
        lengths = np.array([len(own) for own in groups])
        if not len(groups) or lengths.max() > self.steps:
            raise DataError(f"there must be episodes of 1 to {self.steps} steps")
        past = np.zeros((len(groups), self.steps, len(FEATURES)), np.float32)
        for row, own in enumerate(groups):
            past[row, : len(own)] = np.column_stack([own, np.ones(len(own))])
        return past, lengths

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these episodes; an empty string if it is."""
        return "" if spec.inputs["past"].shape == (self.steps, len(FEATURES)) else "the network is for other episodes"

    def to_json(self) -> dict[str, Any]:
        return {"steps": self.steps}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> EpisodePipeline:
        from rnnexp import strict

        found: EpisodePipeline = strict.checked(cls, saved, "the preprocessing of episodes")
        return found


@dataclass(frozen=True, kw_only=True)
class EpisodeDataset(Dataset):
    """Episodes by their signs `cue` (n,), in a corridor of `length`."""

    cue: np.ndarray
    length: int

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put returns (n,) beside the best ones, which are 1."""
        return Predictions(np.asarray(outputs, np.float64), np.ones(len(outputs)))

    def list_cues(self, part: str) -> np.ndarray:
        return self.cue[self.parts[part].indices]

    def example(self) -> DataFrame:
        """Return the first two steps of an episode, as a served model takes them."""
        import pandas

        rows = self.parts["train"].arrays["past"][self.parts["train"].indices[0], :2]
        return pandas.DataFrame({EPISODE: [1, 1], **{name: rows[:, place] for place, name in enumerate(FEATURES[:2])}})


def load(source: t_maze) -> EpisodeDataset:
    """Share out the episodes, those of either sign alike."""
    cue = source.read()
    pieces = share_out(source, None, (cue > 0).astype(np.int32), len(cue))
    return _make_dataset(source, cue, pieces, "test" if "test" in pieces else "train")


def apply(source: t_maze, pipeline: EpisodePipeline, spec: TaskSpec) -> EpisodeDataset:
    """Return the episodes of a source as one part."""
    made = _make_dataset(source, source.read(), {WHOLE: np.arange(source.episodes, dtype=np.int32)}, WHOLE)
    if made.spec.inputs != spec.inputs:
        raise DataError(f"episodes of {source.steps} steps; the policy was trained on those of {pipeline.steps}")
    return made


def gather_batch(arrays: Mapping[str, Any], indices: Any) -> tuple[Any, Any, None]:
    """Return observations on the straight way to the junction, and zeros for what playing will tell."""
    return arrays["past"][indices], arrays["y"][indices], None


def _make_dataset(source: t_maze, cue: np.ndarray, pieces: Mapping[str, np.ndarray], scored: str) -> EpisodeDataset:
    arrays = {"past": _walk_straight(cue, source), "y": np.zeros((len(cue), source.steps, len(PLAYED)), np.float32)}
    return EpisodeDataset(
        spec=source.outline(),
        parts={name: Part(arrays, indices) for name, indices in pieces.items()},
        batch=gather_batch,
        summary=Summary(
            source.name, len(cue), 1, {name: len(own) for name, own in pieces.items()}, digest(source, cue), unit=""
        ),
        scored=scored,
        scaling=EpisodePipeline(source.steps).to_json(),
        cue=cue,
        length=source.length,
    )


def _walk_straight(cue: np.ndarray, source: t_maze) -> np.ndarray:
    state, seen = begin_episodes(np, cue), []
    for step in range(source.steps):
        seen.append(observe(np, state, step, source.length))
        state, _ = move(np, state, np.full(len(cue), FORWARD), source.length, is_last=step == source.steps - 1)
    return np.stack(seen, axis=1).astype(np.float32)
