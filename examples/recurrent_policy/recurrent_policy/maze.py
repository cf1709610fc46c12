"""The T-maze (Bakker, Reinforcement learning with long short-term memory, 2002): a sign at the start of a corridor says
which way to turn at its end.

All functions take many episodes at once, and work on NumPy's arrays and on JAX's, traced ones too.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

FORWARD, LEFT, RIGHT = range(3)
ACTIONS = ("forward", "left", "right")
FEATURES = ("cue", "junction", "inside")
STANDING = -0.05  # for a step of the corridor that does not lead forward
RIGHT_TURN, OTHER_END = 1.0, -1.0


class State(NamedTuple):
    """cue: -1 for left, 1 for right;  position: steps from the start;  live: whether it goes on. All (n,)."""

    cue: Any
    position: Any
    live: Any


def begin_episodes(xp: ModuleType, cue: Any) -> State:
    return State(cue, xp.zeros(cue.shape, xp.int32), xp.ones(cue.shape, bool))


def observe(xp: ModuleType, state: State, step: Any, length: Any) -> Any:
    """Return what is seen before this step, (n, 3); the cue is shown before the first one alone."""
    shown = xp.where(step == 0, state.cue, 0.0)
    junction = xp.where(state.position == length, 1.0, 0.0)
    return xp.stack([shown, junction, xp.ones_like(junction)], axis=-1) * state.live[:, None]


def move(xp: ModuleType, state: State, action: Any, length: Any, is_last: Any) -> tuple[State, Any]:
    """Return the state after an action (n,), and its reward: every action at the junction ends the episode, and so does
    the last step that an episode may have.
    """
    at_end = state.position == length
    turn = xp.where(state.cue > 0, RIGHT, LEFT)
    ended = at_end | is_last
    reward = xp.where(at_end & (action == turn), RIGHT_TURN, xp.where(ended, OTHER_END, 0.0))
    reward = xp.where(~ended & (action != FORWARD), STANDING, reward) * state.live
    position = state.position + xp.where((action == FORWARD) & ~at_end, 1, 0)
    return State(state.cue, position, state.live & ~ended), reward
