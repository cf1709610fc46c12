"""Policies that learn by playing: the maze, the loss, the training step, what is said of a run, and its resumption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp.cli.main import main

EXAMPLE, PLUGIN = "recurrent_policy", "recurrent_policy"
QUICK = (
    "plugins=[recurrent_policy]",
    "experiment=t_maze",
    "data.length=3",
    "data.episodes=40",
    "data.split={train: 16, val: 12, test: 12}",
    "trainer.batch_size=8",
    "trainer.epochs=2",
    "model.units=4",
    "model.passes=2",
    "tracking=off",
)


def walk(actions: list[int], cue: float, length: int = 2) -> tuple[list[list[float]], list[float]]:
    """Return what is seen before each action of one episode, and the rewards."""
    from recurrent_policy.maze import begin_episodes, move, observe

    state, seen, rewards = begin_episodes(np, np.array([cue])), [], []
    for step, action in enumerate(actions):
        seen.append(observe(np, state, step, length)[0].tolist())
        state, reward = move(np, state, np.array([action]), length, is_last=step == len(actions) - 1)
        rewards.append(float(reward[0]))
    return seen, rewards


def test_the_sign_is_seen_once_and_tells_the_turn_that_pays() -> None:
    seen, rewards = walk([0, 0, 2, 0], cue=1.0)
    assert seen == [[1, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 0]]
    assert rewards == [0, 0, 1, 0]
    assert walk([0, 0, 1, 0], cue=1.0)[1] == [0, 0, -1, 0]
    assert walk([1, 0, 0, 1], cue=-1.0)[1] == [-0.05, 0, 0, 1]
    assert walk([1, 1, 1], cue=-1.0)[1] == [-0.05, -0.05, -1]


def test_the_loss_is_that_of_the_paper() -> None:
    from recurrent_policy.loss import ppo

    scores = np.log(np.array([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]]))
    predicted = np.concatenate([scores, [[[0.5], [9.0]]]], axis=-1).astype("float32")
    played = np.array([[[0, np.log(0.25), 2.0, 1.0, 1.0], [1, 0.0, 5.0, 5.0, 0.0]]], "float32")
    entropy = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25))
    expected = -1.2 * 2.0 + 0.5 * 0.5**2 - 0.01 * entropy  # the ratio of 2 is clipped at 1.2
    found = np.asarray(ppo()(played, predicted))
    assert found == pytest.approx(expected, rel=1e-5)
    assert np.asarray(ppo(clip=0.5)(played, predicted)) == pytest.approx(expected - 0.3 * 2, rel=1e-5)


def test_a_policy_is_trained_scored_and_asked(capsys: pytest.CaptureFixture[str]) -> None:
    result = rx.run(*QUICK, quiet=True)
    assert {"test/episode_return", "test/sampled_return", "baseline/random/episode_return"} <= result.metrics.keys()
    assert result.metrics["baseline/always_left/episode_return"] == 0.0
    for epoch in result.history.epochs:
        assert epoch["val/loss"] == pytest.approx(-epoch["val/return"])
    assert (result.run_dir / "model" / "model.keras").is_file() or [*result.run_dir.rglob("*.keras")]
    pd.DataFrame({"episode": [1, 1], "cue": [1, 0], "junction": [0, 0]}).to_csv("seen.csv", index=False)
    assert main(["predict", str(result.run_dir), "seen.csv", "--plugins", "recurrent_policy"]) == 0
    assert "p(forward)" in capsys.readouterr().out


@pytest.mark.end_to_end
def test_only_a_memory_learns_where_to_turn() -> None:
    own = ("data.length=6", "data.episodes=320", "data.split={train: 160, val: 80, test: 80}", "model.units=16")
    more = ("model.passes=8", "trainer.epochs=12", "trainer.batch_size=32")
    found = {
        memory: rx.run(*QUICK, *own, *more, f"model.memory={memory}", quiet=True).metrics["test/episode_return"]
        for memory in ("gru", "none")
    }
    assert found["gru"] > 0.9
    assert found["none"] < 0.2


@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ["compiled", "keras"])
def test_a_training_goes_on_to_the_same_bits(engine: str, resumes: Callable[..., Any]) -> None:
    whole, resumed = resumes(*QUICK, f"trainer.engine={engine}", "trainer.epochs=3", pause=1)
    assert all(np.array_equal(one, other) for one, other in zip(whole, resumed, strict=True))
    other, _ = resumes(*QUICK, f"trainer.engine={engine}", "trainer.epochs=3", "seed=1", pause=1)
    assert not all(np.array_equal(one, two) for one, two in zip(whole, other, strict=True))


@pytest.mark.end_to_end
def test_a_sweep_is_ranked_by_what_policies_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in QUICK if word != "tracking=off"]
    assert main(["train", "-m", *words, "model.memory=gru,none"]) == 0
    assert main(["compare"]) == 0
    assert "test/episode_return" in capsys.readouterr().out
