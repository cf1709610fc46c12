"""A training that is killed goes on, from whole checkpoints alone, to the bits of one that nobody killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp.training import keeper
from tests.kills.__main__ import run, states


@pytest.mark.fault("D2")
@pytest.mark.end_to_end
def test_killed_trainings_end_with_the_same_bits(tmp_path: Path) -> None:
    assert run(4, 0, tmp_path) == []
    assert [len(states(tmp_path / name)) for name in "01"] == [keeper.KEEP] * 2


@pytest.mark.fault("D3")
@pytest.mark.end_to_end
def test_a_training_that_ends_otherwise_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.kills.__main__.finish", lambda folder, engine: folder.name)
    monkeypatch.setattr("tests.kills.__main__.kill", lambda *_: "epoch 1, step 0")
    assert run(3, 0, tmp_path) == ["training 0, compiled: ends otherwise"]
