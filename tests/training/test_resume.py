"""A training that was put down and has gone on is, bit by bit, the one that never was: on every engine, with everything
that can be chosen.

The second half runs on new objects, from a checkpoint on the disk, as in another process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

from rnnexp import optimizers
from rnnexp.registry import lookup
from rnnexp.training import checkpoint, keeper
from rnnexp.training.compiled import ensemble
from rnnexp.training.fit import fit
from rnnexp.training.keeper import TrainingStopped
from rnnexp.training.plan import History, TrainingPlan
from rnnexp.training.snapshot import Snapshot

ENGINES = ("compiled", "keras")
COUNTER = count()
Make = Callable[[], tuple[Any, Any, TrainingPlan]]  # new objects: a network, its data, what is planned


@dataclass(frozen=True)
class Outcome:
    """All that is left of a training."""

    history: History
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]

    def facts(self) -> list[Any]:
        history = self.history
        untimed = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in history.epochs]
        arrays = [array.tobytes() for array in (*self.weights, *self.optimizer)]
        return [repr(untimed), history.best_epoch, history.stopped, history.monitor, arrays]


def left_of(model: Any, plan: TrainingPlan, history: History) -> Outcome:
    import keras

    weights = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    return Outcome(history, weights, [keras.ops.convert_to_numpy(variable) for variable in plan.optimizer.variables])


def fresh(make: Make) -> tuple[Any, Any, TrainingPlan]:
    """Make everything anew, with other numbers in Keras's names and other random numbers than before."""
    import keras

    keras.utils.clear_session(free_memory=False)
    for _ in range(next(COUNTER) % 3):
        keras.layers.Dropout(0.5)
    np.random.seed(next(COUNTER))
    return make()


def whole(make: Make) -> tuple[Outcome, list[Snapshot]]:
    """Train to the end; return what is left, and where the training stood between any two chunks."""
    model, dataset, plan = fresh(make)
    folder = Path(f"whole-{next(COUNTER)}").absolute()
    often = dataclasses.replace(plan.trainer, checkpoint_every_s=0.0)
    history = fit(model, dataset, dataclasses.replace(plan, trainer=often, run_dir=folder))
    kept = reversed(checkpoint.list_newest(folder / keeper.FOLDER))
    return left_of(model, plan, history), [checkpoint.load(path) for path in kept]


def gone_on(make: Make, snapshot: Snapshot) -> Outcome:
    """Train on from a snapshot, which has been on the disk in between."""
    model, dataset, plan = fresh(make)
    folder = Path(f"kept-{next(COUNTER)}").absolute()
    checkpoint.save(folder, snapshot)
    return left_of(model, plan, fit(model, dataset, plan, snapshot=checkpoint.load(folder)))


def assert_same_from(make: Make, *moments: int) -> None:
    """Assert that nothing is left of a pause after so many chunks."""
    expected, seen = whole(make)
    for moment in moments:
        assert gone_on(make, seen[moment]).facts() == expected.facts()


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a compiled program do two epochs at a time, however fast the machine is, and every checkpoint be kept."""
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 2)
    monkeypatch.setattr(keeper, "KEEP", 1000)
    monkeypatch.setattr(keeper, "SHARE", 1e9)


def usual(engine: str, optimizer: Any = None, **trainer: Any) -> Make:
    """A training with everything at once: dropout, validation, several batches and a smaller last one."""
    named = trainer.pop("callbacks", {})
    schedule = trainer.pop("schedule", None)
    data, dropout = trainer.pop("data", toy.windows(21, val=6)), trainer.pop("dropout", 0.3)

    def make() -> tuple[Any, Any, TrainingPlan]:
        settings = {"epochs": 6, "engine": engine, **trainer}
        plan = {"callbacks": {k: lookup("callback", k)(**v) for k, v in named.items()}, "schedule": schedule}
        built = optimizer() if optimizer else None
        return toy.network(dropout=dropout), data, toy.plan(built, plan=plan, **settings)

    return make


@pytest.mark.fault("D1", "D2")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_pause_between_any_two_chunks_leaves_nothing_behind(engine: str) -> None:
    assert_same_from(usual(engine, steps_per_dispatch=1), 0, 1, 2)


@pytest.mark.fault("D2")
def test_a_compiled_epoch_in_parts_goes_on_from_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "LONG_S", 0.0)
    make = usual("compiled", batch_size=4, epochs=2)
    expected, seen = whole(make)
    assert [(s.position.epoch, s.position.step) for s in seen[:3]] == [(0, 1), (0, 3), (0, 5)]
    assert [gone_on(make, snapshot).facts() for snapshot in seen[:4]] == [expected.facts()] * 4


@pytest.mark.fault("D2")
def test_a_training_that_is_stopped_within_its_validation_goes_on() -> None:
    make = usual("keras", data=toy.windows(21, val=600), epochs=2)  # two batches
    expected, _ = whole(make)
    model, dataset, plan = fresh(make)
    asked = iter([None, None, "enough"])
    stopped = dataclasses.replace(plan, stop=lambda: next(asked), run_dir=Path.cwd())
    with pytest.raises(TrainingStopped, match="after epoch 0, step 3: enough") as stop:
        fit(model, dataset, stopped)
    assert stop.value.snapshot.part("trained")
    assert gone_on(make, stop.value.snapshot).facts() == expected.facts()


def without(snapshot: Snapshot, *parts: str) -> Snapshot:
    """Put zeros in the place of some arrays of a snapshot: of those whose path has one of `parts`."""
    hit = [path for path in snapshot.arrays if any(part in path for part in parts)]
    assert hit
    arrays = {path: np.zeros_like(a) if path in hit else a for path, a in snapshot.arrays.items()}
    return dataclasses.replace(snapshot, arrays=arrays)


@pytest.mark.fault("D3")
@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_part_of_its_state_a_training_is_another_one(engine: str) -> None:
    patient = {"early_stopping": {"patience": 4, "min_delta": 10.0}}
    make = usual(engine, data=toy.worsening(), callbacks=patient)
    expected, seen = whole(make)
    middle = seen[len(seen) // 2]
    assert gone_on(make, middle).facts() == expected.facts()
    for part in ("seed_generator_state", "momentum", "kept", "history", "waited"):
        assert gone_on(make, without(middle, part)).facts() != expected.facts(), part


@pytest.mark.fault("D3")
def test_without_its_place_in_the_order_a_training_is_another_one() -> None:
    make = usual("keras", steps_per_dispatch=1)
    expected, seen = whole(make)
    assert seen[1].position.step == 2
    back = dataclasses.replace(seen[1], position=dataclasses.replace(seen[1].position, step=0))
    assert gone_on(make, back).facts() != expected.facts() == gone_on(make, seen[1]).facts()


@pytest.mark.fault("D1")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", optimizers.available())
def test_every_optimizer_goes_on(engine: str, name: str) -> None:
    assert_same_from(usual(engine, lambda: optimizers.load(name)(learning_rate=0.01).build(), epochs=3), 0)
