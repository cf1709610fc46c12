"""A command that is killed goes on when it is typed again, to the bits of one that nobody killed."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rnnexp.runner.unfinished import Origin, write_origin
from rnnexp.training import checkpoint
from rnnexp.training.snapshot import Position, Snapshot
from tests.kills.__main__ import TRAINED, deal, try_out
from tests.kills.combinations import DATA, ROWS, words_of
from tests.kills.command import MOMENTS, Command, Left

# All of them take a quarter of an hour: that is for nights, RNNEXP_EVERY_KILL=1, or python -m tests.kills.
EVERY = os.environ.get("RNNEXP_EVERY_KILL")
TRIED, KILLS = (ROWS, TRAINED) if EVERY else (ROWS[:1], TRAINED[:1])
SOUND = Left({"w": b"1"}, {"test/rmse": 0.5}, {"predictions.csv": b"1"}, {"train/loss": [1, 2]}, ["FINISHED", "KILLED"])


@pytest.mark.fault("A1", "A2", "D2")
@pytest.mark.end_to_end
@pytest.mark.parametrize("row", TRIED, ids=", ".join)
def test_a_killed_command_ends_with_the_same_bits(tmp_path: Path, row: tuple[str, ...]) -> None:
    assert try_out(tmp_path, words_of(row), KILLS, random.Random(0)) == []


@pytest.mark.fault("D3")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": {"w": b"2"}}, "weights"),
        ({"metrics": {"test/rmse": 0.5}}, None),
        ({"metrics": {"test/rmse": 0.5 + 1e-15}}, "metrics"),
        ({"tables": {}}, "tables"),
        ({"steps": {"train/loss": [1, 2, 3]}}, "steps"),
    ],
)
def test_a_command_that_ends_otherwise_is_found(change: dict[str, object], told: str | None) -> None:
    assert replace(SOUND, **change).differs(SOUND) == ([told] if told else [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"steps": {"train/loss": [1, 1, 2]}}, ["train/loss has a step twice"]),
        ({"statuses": ["FINISHED", "RUNNING"]}, ["the runs are FINISHED, RUNNING"]),
        ({"statuses": ["FINISHED", "FINISHED"]}, ["the runs are FINISHED, FINISHED"]),
        ({"statuses": []}, ["the runs are not there"]),
    ],
)
def test_runs_that_are_not_as_they_should_be_are_found(change: dict[str, object], told: list[str]) -> None:
    assert replace(SOUND, **change).flaws() == told


@dataclass(frozen=True)
class Stand(Command):
    """A command that does what a shell is told."""

    def start(self) -> subprocess.Popen[bytes]:
        self.log.write_text("epoch 1/2 ")
        return subprocess.Popen(["sh", "-c", self.words[0]])


@pytest.mark.parametrize(
    ("script", "is_over", "in_time"),
    [("exec sleep 60", False, True), ("exec sleep 60", True, False), ("exit 0", False, False)],
)
def test_a_kill_is_in_time_while_the_run_has_not_come_to_its_end(
    tmp_path: Path, script: str, is_over: bool, in_time: bool
) -> None:
    """The process may still be there when its run is over: the same words begin another one then."""
    (tmp_path / "runs/sine/one").mkdir(parents=True)
    write_origin(tmp_path / "runs/sine/one", Origin("abc", {}, {}, {}, is_over))
    moment = "storing" if script == "exit 0" else "training"  # the first has no sign here
    assert Stand(tmp_path, (script,)).kill(moment, random.Random(0), 0.0) == in_time


def test_a_command_that_fails_by_itself_was_not_killed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit code 3: epoch 1/2"):
        Stand(tmp_path, ("exit 3",)).kill("storing", random.Random(0))


@pytest.mark.parametrize(
    ("said", "stop", "seen"),
    [("epoch 7/9 ", None, False), ("epoch 9/9 ", None, True), ("epoch 7/9 ", "early_stopping", True)],
)
def test_a_training_that_was_stopped_early_is_at_its_evaluation(
    tmp_path: Path, said: str, stop: str | None, seen: bool
) -> None:
    position = Position("keras", "0", 7, stop=stop)
    checkpoint.save(tmp_path / "runs/sine/one/checkpoints" / checkpoint.name_state(position), Snapshot({}, position))
    assert MOMENTS["evaluation"](tmp_path, said) == seen


def test_kills_are_dealt_to_all_moments_and_choices_to_all_rows() -> None:
    dealt = deal(20, random.Random(0))
    assert {moment for group in dealt for moment in group} == {*MOMENTS}
    assert sum(map(len, dealt)) == 20
    assert {row[0] for row in ROWS} == {*DATA}
    assert len({*ROWS}) == 12
