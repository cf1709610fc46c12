"""Trainings that share one program are put down and go on together, each to the bits that it would have had."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import toy

from rnnexp.errors import ConfigError
from rnnexp.registry import lookup
from rnnexp.training import checkpoint
from rnnexp.training.compiled import dispatch, ensemble
from rnnexp.training.compiled.batch_plan import make_batch_plan
from rnnexp.training.compiled.ensemble import Ensemble
from rnnexp.training.compiled.training import CompiledTraining, make_member_spec, make_program, restore_together
from rnnexp.training.fit import fit
from rnnexp.training.keeper import Cadence, TrainingStopped
from rnnexp.training.plan import History
from rnnexp.training.prepare import prepare, seed_random_layers
from rnnexp.training.snapshot import Snapshot

EPOCHS = {0: 6, 1: 5, 2: 6}


def make(folder: Path, cadence: Cadence, cell: str = "SimpleRNN") -> list[CompiledTraining]:
    """Make a group of three: other seeds, one of fewer epochs, one that stops early."""
    import keras

    keras.utils.clear_session(free_memory=False)
    model, data = toy.network(dropout=0.3, cell=cell), toy.worsening()
    plans = [
        toy.plan(
            epochs=epochs,
            seed=seed,
            checkpoint_every_s=60.0,
            plan={"run_dir": folder / str(seed), "callbacks": callbacks(seed)},
        )
        for seed, epochs in EPOCHS.items()
    ]
    batches = make_batch_plan(data, plans[0])
    trained = prepare(model, plans[0], batches.train.unweighted_sample())
    program = make_program(trained, batches, plans[0], traced=[])
    specs = []
    for plan in plans:
        seed_random_layers(trained, plan.seed)
        program.backend.pull()
        specs.append(make_member_spec(program.initial(), batches, plan))
    members = Ensemble(program, specs, cadence=cadence).members
    return [CompiledTraining(model, data, plan, member) for plan, member in zip(plans, members)]


def callbacks(seed: int) -> dict[str, Any]:
    return {"early_stopping": lookup("callback", "early_stopping")(patience=4 if seed == 2 else 9)}


Ends = dict[int, tuple[Any, ...]]


def train(trainings: Sequence[CompiledTraining]) -> Ends:
    """Step all of them together; return history and weights of each, or what it was stopped by."""
    ended: Ends = {}
    running: dict[int, Generator[Any, None, History]] = {
        number: training.steps(lambda *_: None) for number, training in enumerate(trainings)
    }
    while running:
        steps = {}
        for number, generator in list(running.items()):
            try:
                steps[number] = next(generator)
            except StopIteration as end:
                ended[number] = facts(end.value, trainings[number])
                del running[number]
            except TrainingStopped as stopped:
                ended[number] = (stopped,)
                del running[number]
        if steps:
            next(iter(steps.values())).run()
    return ended


def facts(history: History, training: CompiledTraining) -> tuple[Any, ...]:
    untimed = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in history.epochs]
    weights = [array.tobytes() for key in ("kept", "last") for array in training.member.weights(key)]
    return untimed, history.best_epoch, history.stopped, weights


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 2)


def put_down(folder: Path, asks: int) -> list[Snapshot]:
    left = iter([None] * (asks - 1))
    ended = train(make(folder, Cadence(None, lambda: next(left, "enough"))))
    assert all(isinstance(end[0], TrainingStopped) for end in ended.values())
    kept = [checkpoint.list_newest(folder / str(seed) / "checkpoints")[0] for seed in EPOCHS]
    return [checkpoint.load(path) for path in kept]


def differing(one: Ends, other: Mapping[int, Any]) -> list[int]:
    return [number for number in EPOCHS if one[number] != other[number]]


@pytest.mark.fault("D1")
@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.end_to_end)], ids=["epochs", "steps"])
def test_members_of_a_group_go_on_together(long: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if long:
        monkeypatch.setattr(ensemble, "LONG_S", 0.0)
        monkeypatch.setattr(dispatch, "PROMPT_S", 0.0)  # each step is a call of its own, and validation with the end
    expected = train(make(tmp_path / "whole", Cadence(None)))
    assert [len(expected[number][0]) for number in EPOCHS] == [6, 5, 5]
    snapshots = put_down(tmp_path / "stopped", 7 if long else 2)
    assert {(one.position.company, one.position.step) for one in snapshots} == {(1, 3) if long else (2, 0)}
    trainings = make(tmp_path / "again", Cadence(None))
    restore_together(trainings, snapshots)
    assert differing(train(trainings), expected) == []
    swapped = make(tmp_path / "swapped", Cadence(None))
    restore_together(swapped, [snapshots[1], snapshots[0], snapshots[2]])
    assert differing(train(swapped), expected) == [0, 1]


def test_what_was_kept_at_different_moments_is_refused(tmp_path: Path) -> None:
    first, second = put_down(tmp_path / "first", 1), put_down(tmp_path / "second", 2)
    trainings = make(tmp_path / "again", Cadence(None))
    before = trainings[0].member.ensemble.state
    with pytest.raises(ConfigError, match=r"not been kept at the same moment: \[\(1, 0\), \(2, 0\)\]"):
        restore_together(trainings, [first[0], *second[1:]])
    assert trainings[0].member.ensemble.state is before


def test_a_group_on_a_gpu_is_trained_without_a_kernel_that_cannot_be_vectorized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(make(tmp_path / "cpu", Cadence(None), "LSTM"))
    trainings = make(tmp_path / "gpu", Cadence(None), "LSTM")
    monkeypatch.setattr(importlib.import_module("keras.src.backend.jax.rnn"), "_is_gpu_available", lambda: True)
    assert differing(train(trainings), expected) == []
    with pytest.raises(
        (AttributeError, RuntimeError), match="compute_rnn_workspace_reserve_space_sizes"
    ):  # alone it is cuDNN's
        fit(toy.network(cell="LSTM"), toy.windows(24), toy.plan())
