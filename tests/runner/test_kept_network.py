"""A network that is kept for the next run gives it what a network of its own would have given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runner
from rnnexp.runner import kept_network
from rnnexp.runner.context import Membership
from rnnexp.runner.kept_network import KeptNetwork
from rnnexp.training.compiled import dispatch, kept_program

LIGHT = ("data.points=120", "trainer.epochs=3", "tracking=off", "tracking.figures=false")
RANDOM = (*LIGHT, "model=simple_rnn", "model.units=[4]", "model.dropout=0.3")
WITH_MEMORY = (*LIGHT, "model=lstm", "model.units=[5,3]", "optimizer.use_ema=true")
REGRESSION = (*LIGHT, "model=gru", "model.units=[4]", "model.skip_connection=ridge", "data.noise=0.1")
OTHER_NUMBERS = ("seed=7", "data.seed=4", "optimizer.learning_rate=0.02", "schedule=cosine")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which networks are built and which programs are traced."""
    seen: list[str] = []
    build, make = kept_network.build_model, dispatch.Dispatch.__init__

    def noted(*given: Any) -> Any:
        seen.append("network")
        return build(*given)

    def noted_program(self: Any, *given: Any) -> None:
        seen.append("program")
        make(self, *given)

    monkeypatch.setattr(kept_network, "build_model", noted)
    monkeypatch.setattr(dispatch.Dispatch, "__init__", noted_program)
    return seen


def train(folder: Path, kept: KeptNetwork | None, *words: str) -> dict[str, Any]:
    """Run an experiment in a new folder and return all of its numbers but times."""
    folder = folder / str(len(list(folder.iterdir())))
    folder.mkdir()
    result = runner.run(rx.compose(*words), folder, member=Membership("test", None, 0, kept=kept))
    rows = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in result.history.epochs]
    scores = {key: value for key, value in result.metrics.items() if not key.startswith("time/")}
    with np.load(next(folder.rglob("weights.npz"))) as file:
        weights = {key: file[key].tobytes() for key in file.files}
    return {"rows": rows, "scores": scores, "weights": weights, "answers": result.predictions.predicted.tobytes()}


@pytest.mark.parametrize(
    "words", [RANDOM, *(pytest.param(words, marks=pytest.mark.end_to_end) for words in (WITH_MEMORY, REGRESSION))]
)
def test_the_next_run_with_other_numbers_takes_network_and_program_over_bit_by_bit(
    tmp_path: Path, made: list[str], words: tuple[str, ...]
) -> None:
    kept = KeptNetwork()
    first = train(tmp_path, kept, *words)
    second = train(tmp_path, kept, *words, *OTHER_NUMBERS)
    assert made == ["network", "program"]
    assert second == train(tmp_path, None, *words, *OTHER_NUMBERS)
    assert all(second[key] != first[key] for key in first)


@pytest.mark.parametrize(
    ("other", "built"),
    [
        pytest.param("model.units=[3]", ["network", "program"], marks=pytest.mark.end_to_end),
        pytest.param("trainer.epochs=2", ["program"], marks=pytest.mark.end_to_end),
        pytest.param("data.points=100", ["network", "program"], marks=pytest.mark.end_to_end),
    ],
)
def test_what_is_part_of_a_network_or_its_program_is_made_anew(
    tmp_path: Path, made: list[str], other: str, built: list[str]
) -> None:
    kept = KeptNetwork()
    train(tmp_path, kept, *RANDOM)
    found = train(tmp_path, kept, *RANDOM, other)
    assert made == ["network", "program", *built]
    assert found == train(tmp_path, None, *RANDOM, other)


@pytest.mark.end_to_end
def test_the_program_of_much_data_is_not_kept(tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_program, "MAX_BYTES", 100)
    kept = KeptNetwork()
    train(tmp_path, kept, *RANDOM)
    found = train(tmp_path, kept, *RANDOM, "seed=1")
    assert made == ["network", "program", "program"]
    assert found == train(tmp_path, None, *RANDOM, "seed=1")
