"""What a rehearsal measures: how long an epoch takes, apart from what is compiled for the first one."""

from __future__ import annotations

from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.runner.trial import try_run

WORDS = ("data.points=80", "model.units=[3]")


@pytest.mark.parametrize("epochs", [1, 5])
def test_an_epoch_is_timed_without_compilation_however_few_there_are(epochs: int) -> None:
    found = try_run(rx.compose(*WORDS, f"trainer.epochs={epochs}"), epochs=2)
    assert found.first_epoch_s is not None
    assert found.epoch_s is not None
    assert 0 < 3 * found.epoch_s < found.first_epoch_s
    assert list(Path.cwd().iterdir()) == []


def test_nothing_is_timed_unless_it_is_asked_for() -> None:
    found = try_run(rx.compose(*WORDS))
    assert (found.first_epoch_s, found.epoch_s) == (None, None)
    assert found.parameters == 64
    assert found.validated
