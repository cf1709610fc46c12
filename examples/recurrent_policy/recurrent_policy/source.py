"""Where episodes begin: the signs of as many T-mazes."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from recurrent_policy.maze import ACTIONS, FEATURES
from rnnexp import register
from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import InputSpec, TaskSpec


@register("data")
class t_maze(ExampleSource):
    """T-mazes, half of them with the sign for left."""

    task: ClassVar[str] = "maze_policy"
    repeats: ClassVar[tuple[str, ...]] = ("seed", "fold")

    name: Literal["t_maze"] = "t_maze"
    length: int = Field(10, ge=1, description="Steps of the corridor.")
    max_steps: int | None = Field(None, ge=2, description="Steps that an episode may have; null: 2 * length + 2.")
    episodes: int = Field(640, ge=6, description="Episodes of all parts; those of training are played in every epoch.")

    @property
    def steps(self) -> int:
        return self.max_steps or 2 * self.length + 2

    def read(self) -> np.ndarray:
        """Return the signs (episodes,), -1 for left and 1 for right."""
        return np.where(np.arange(self.episodes) % 2, 1.0, -1.0).astype(np.float32)

    def outline(self) -> TaskSpec:
        """Return what is asked of a model: at each step a score for each action, and the return that it expects."""
        past = InputSpec((self.steps, len(FEATURES)))
        return TaskSpec(
            self.task, {"past": past}, (len(ACTIONS) + 1,), per_step=True, targets=(*ACTIONS, "value"), loss="ppo"
        )

    def check(self) -> list[str]:
        if self.steps > self.length:
            return super().check()
        wrong = f"data.max_steps: {self.steps} given; the end of a corridor of {self.length} is reached after more"
        return [*super().check(), wrong]
