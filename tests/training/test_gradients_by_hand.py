"""Our engines train LSTM and GRU with the backward pass by hand; a user's own training and predicting do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

from rnnexp.models import recurrent_gradients
from rnnexp.models.build import build
from rnnexp.registry import lookup
from rnnexp.training.backends.jax import JaxTrainer
from rnnexp.training.compiled.batch_plan import make_batch_plan
from rnnexp.training.compiled.ensemble import Ensemble
from rnnexp.training.compiled.training import make_member_spec, make_program
from rnnexp.training.fit import fit
from rnnexp.training.plan import History
from rnnexp.training.prepare import prepare

CELLS = ("lstm", "gru")
CLOSE = 2e-5  # relative, of the losses after a few epochs


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the layers whose inner loop is computed by hand, as it happens."""
    seen: list[str] = []
    run = recurrent_gradients.run_inner_loop

    def noted(layer: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(layer.name)
        return run(layer, *args, **kwargs)

    monkeypatch.setattr(recurrent_gradients, "run_inner_loop", noted)
    return seen


def network(cell: str, **settings: Any) -> Any:
    return build(lookup("model", cell)(units=[3], **settings), toy.windows().spec, seed=0)


def train(cell: str, engine: str) -> History:
    return fit(network(cell), toy.windows(val=9), toy.plan(engine=engine, seed=1))


@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize("cell", CELLS)
def test_both_engines_train_so_and_come_to_the_same_losses(
    loops: list[str], monkeypatch: pytest.MonkeyPatch, cell: str, engine: str
) -> None:
    by_hand = train(cell, engine)
    assert set(loops) == {f"{cell}_1"}
    loops.clear()
    monkeypatch.setattr(recurrent_gradients, "is_covered", lambda layer: False)
    derived = train(cell, engine)
    assert loops == []
    for name in ("train/loss", "val/loss"):
        losses = [[epoch[name] for epoch in history.epochs] for history in (by_hand, derived)]
        np.testing.assert_allclose(*losses, rtol=CLOSE)
        assert abs(losses[0][0] / losses[0][-1] - 1) > 100 * CLOSE  # they learn


@pytest.mark.end_to_end
def test_trainings_side_by_side_keep_keras_s_own(loops: list[str]) -> None:
    plan, data = toy.plan(epochs=1), toy.windows()
    batches = make_batch_plan(data, plan)
    program = make_program(prepare(network("lstm"), plan, batches.train.unweighted_sample()), batches, plan, traced=[])
    loops.clear()
    for members, expected in ((2, set()), (1, {"lstm_1"})):
        Ensemble(program, [make_member_spec(program.initial(), batches, plan)] * members).prepare()
        assert set(loops) == expected


def test_a_users_own_training_and_predicting_are_untouched(loops: list[str]) -> None:
    model, data = network("gru"), toy.windows()
    fit(model, data, toy.plan(epochs=1))
    loops.clear()
    x, y, _ = data.batch(data.parts["train"].arrays, np.arange(8))
    model.fit(x, y, verbose=0)
    model.predict(x, verbose=0)
    model(x)
    assert loops == []
    assert type(model.layers[1]).inner_loop is not recurrent_gradients.run_inner_loop


def test_gradient_norms_are_computed_so_too(loops: list[str]) -> None:
    plan, data = toy.plan(), toy.windows()
    x, y, _ = batch = data.batch(data.parts["train"].arrays, np.arange(8))
    trainer = JaxTrainer(prepare(network("lstm"), plan, (x, y)))
    found = trainer.grad_norms(batch[:2])
    assert loops
    assert float(found["opt/grad_norm"]) > 0


@pytest.mark.end_to_end
def test_keras_s_own_tests_of_its_layers_pass_as_without_it(tmp_path: Path) -> None:
    script = Path(__file__).with_name("keras_tests.py")
    told = {}
    for kind in ("own", "by_hand"):
        command = [sys.executable, str(script), kind]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900, check=True)
        told[kind] = json.loads(done.stdout.splitlines()[-1])
    assert told["own"]["loops"] == 0
    assert told["by_hand"]["loops"] > 40
    assert len(told["own"]["passed"]) > 30
    assert {**told["own"], "loops": None} == {**told["by_hand"], "loops": None}
