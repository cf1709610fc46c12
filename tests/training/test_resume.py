"""A training that was put down and has gone on is, bit by bit, the one that never was: on every engine, with everything
that can be chosen.

The second half runs on new objects, from a checkpoint on the disk, as in another process.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
import toy
from pairs import cover_pairs, pairs_of

import rnnexp as rx
from rnnexp import optimizers, registry, runner
from rnnexp.errors import ConfigError
from rnnexp.registry import lookup, register
from rnnexp.training import batcher, checkpoint, keeper
from rnnexp.training.compiled import dispatch, ensemble
from rnnexp.training.fit import fit, make_training, run_all
from rnnexp.training.keeper import TrainingStopped
from rnnexp.training.plan import History, TrainingPlan
from rnnexp.training.prepare import use_precision
from rnnexp.training.snapshot import Position, Snapshot
from rnnexp.training.training_state import EpochCallback, TrainingState

BACKEND = os.environ.get("RNNEXP_TESTED_BACKEND", "jax")
ENGINES = ("compiled", "keras") if BACKEND == "jax" else ("keras",)
COUNTER, WHOLE = count(), list[int]()
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
    WHOLE.append(next(COUNTER))
    folder = Path(f"whole-{WHOLE[-1]}").absolute()
    folder.mkdir()
    often = dataclasses.replace(plan.trainer, checkpoint_every_s=0.0)
    history = fit(model, dataset, dataclasses.replace(plan, trainer=often, run_dir=folder))
    kept = reversed(checkpoint.list_newest(folder / keeper.FOLDER))
    return left_of(model, plan, history), [checkpoint.load(path) for path in kept]


def gone_on(make: Make, snapshot: Snapshot, run_dir: Path | None = None) -> Outcome:
    """Train on from a snapshot, which has been on the disk in between."""
    model, dataset, plan = fresh(make)
    folder = Path(f"kept-{next(COUNTER)}").absolute()
    checkpoint.save(folder, snapshot)
    plan = dataclasses.replace(plan, run_dir=run_dir)
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
    assert_same_from(usual(engine, steps_per_execution=1), 0, 1, 2)


@pytest.mark.fault("D2")
@pytest.mark.skipif(BACKEND != "jax", reason="the compiled engine is JAX's")
def test_a_compiled_epoch_in_parts_goes_on_from_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "LONG_S", 0.0)
    make = usual("compiled", batch_size=4, epochs=2)
    expected, seen = whole(make)
    assert [(s.position.epoch, s.position.step) for s in seen[:3]] == [(0, 1), (0, 3), (0, 5)]
    assert [gone_on(make, snapshot).facts() for snapshot in seen[:4]] == [expected.facts()] * 4

    monkeypatch.setattr(ensemble, "LONG_S", 1.0)  # where epochs are thought to be short, this one is finished, too
    assert gone_on(make, seen[1]).facts() == expected.facts()
    anew = dataclasses.replace(seen[1], position=dataclasses.replace(seen[1].position, step=0))
    assert gone_on(make, anew).facts() != expected.facts()


@pytest.mark.fault("D2")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_that_is_stopped_within_its_validation_goes_on(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "LONG_S", 0.0)
    monkeypatch.setattr(dispatch, "PROMPT_S", 0.0)
    make = usual(engine, data=toy.windows(21, val=1100), epochs=2)  # three batches each
    expected, _ = whole(make)
    model, dataset, plan = fresh(make)
    asked = iter([*[None] * (2 if engine == "keras" else 4), "enough"])
    stopped = dataclasses.replace(plan, stop=lambda: next(asked), run_dir=Path.cwd())
    with pytest.raises(TrainingStopped, match="after epoch 0, step 3: enough") as stop:
        fit(model, dataset, stopped)
    assert not asked.__length_hint__()
    assert bool(stop.value.snapshot.part("trained")) is (engine == "keras")
    assert gone_on(make, stop.value.snapshot).facts() == expected.facts()
    assert gone_on(make, without(stop.value.snapshot, "momentum")).facts() != expected.facts()


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
    make = usual("keras", steps_per_execution=1)
    expected, seen = whole(make)
    assert seen[1].position.step == 2
    back = dataclasses.replace(seen[1], position=dataclasses.replace(seen[1].position, step=0))
    assert gone_on(make, back).facts() != expected.facts() == gone_on(make, seen[1]).facts()


@pytest.mark.fault("D3", "D4")
@pytest.mark.parametrize("engine", ENGINES)
def test_without_its_place_in_the_schedule_a_training_is_another_one(engine: str) -> None:
    def make_with(schedule: Any) -> Make:
        return usual(engine, lambda: optimizers.load("sgd")(learning_rate=0.1).build(), schedule=schedule)

    warm_up = lookup("schedule", "warm_up")(warmup_epochs=4)
    make = make_with(warm_up)
    expected, seen = whole(make)
    middle = next(one for one in seen if one.position.epoch in (2, 3) and one.position.step == 0)
    at = middle.position.epoch
    rates = [row["opt/learning_rate"] for row in expected.history.epochs]
    assert rates[0] < rates[2] < rates[4] == rates[5]
    assert gone_on(make, middle).facts() == expected.facts()
    forgetful = SimpleNamespace(factor=lambda epoch, epochs: warm_up.factor(epoch - at, epochs))  # begins anew there
    anew = gone_on(make_with(forgetful), middle)
    assert [row["opt/learning_rate"] for row in anew.history.epochs[at:]] == rates[: 6 - at]
    assert anew.facts() != expected.facts()


@pytest.mark.fault("D1")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [*optimizers.available()][:: 1 if BACKEND == "jax" else 3])
def test_every_optimizer_goes_on(engine: str, name: str) -> None:
    assert_same_from(usual(engine, lambda: optimizers.load(name)(learning_rate=0.01).build(), epochs=3), 0)


@pytest.mark.fault("D4")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
def test_averages_accumulated_gradients_and_clipping_go_on(engine: str) -> None:
    def optimizer() -> Any:
        import keras

        options = {"use_ema": True, "ema_momentum": 0.9, "gradient_accumulation_steps": 2, "clipnorm": 0.1}
        return keras.optimizers.Adam(0.01, **options)

    assert_same_from(usual(engine, optimizer, epochs=3, log_grad_norm=True), 0, 1)


@pytest.mark.fault("D4")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
def test_the_scale_of_a_half_precise_loss_goes_on(engine: str) -> None:
    def make() -> tuple[Any, Any, TrainingPlan]:
        with use_precision("mixed_float16"):
            model = toy.network(dropout=0.3)
        return model, toy.windows(21, val=6), toy.plan(precision="mixed_float16", engine=engine)

    assert_same_from(make, 0, 1)


SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {},
    "cosine": {"warmup_epochs": 2},
    "exponential": {"every": 2},
    "step": {"at": [2, 4]},
    "warm_up": {"warmup_epochs": 4},
}
# Each acts within six epochs in which validation only becomes worse, both before and after a pause in the middle.
CALLBACKS: dict[str, dict[str, Any]] = {
    "checkpoints": {"every": 2, "keep": 2},
    "csv_log": {},
    "early_stopping": {"patience": 4},
    "plateau": {"patience": 1, "cooldown": 1},
}


def test_no_component_is_left_out() -> None:
    assert set(SCHEDULES) == set(registry.names("schedule"))
    assert set(CALLBACKS) == set(registry.names("callback"))
    assert set(MODELS) == set(registry.names("model"))
    assert set(TASKS) == set(registry.names("task"))


@pytest.mark.fault("D4")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
def test_every_schedule_goes_on(engine: str) -> None:
    makes = [usual(engine, schedule=lookup("schedule", name)(**given)) for name, given in SCHEDULES.items()]
    # These are numbers to the compiled program, and to any backend.
    for make in makes if engine == "keras" and BACKEND == "jax" else makes[:: len(makes) - 1]:
        assert_same_from(make, 2)


@pytest.mark.fault("D4")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("names", [*([name] for name in CALLBACKS), list(CALLBACKS)], ids=" and ".join)
def test_every_callback_goes_on(engine: str, names: list[str]) -> None:
    make = usual(engine, data=toy.worsening(), callbacks={name: CALLBACKS[name] for name in names})
    expected, seen = whole(make)
    folder = Path.cwd() / f"whole-{WHOLE[-1]}"
    files = left_in(folder)
    between = [snapshot for snapshot in seen if snapshot.position.step == 0 < snapshot.position.epoch]
    for snapshot in (between[0], between[-1]):  # the folder has what later epochs have left, as after a kill
        assert gone_on(make, snapshot, folder).facts() == expected.facts()
        assert left_in(folder) == files


def left_in(folder: Path) -> dict[str, Any]:
    """Return what callbacks have left in a run folder: rows without times, and the epochs of checkpoints."""
    file = folder / "history.csv"
    rows = csv.DictReader(file.read_text().splitlines()) if file.exists() else []
    untimed = [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows]
    newest = checkpoint.list_newest(folder / "checkpoints", checkpoint.WEIGHTS)[:1]
    return {"rows": untimed, "newest": [path.name for path in newest]}


def test_a_keras_callback_goes_on_with_its_numbers(caplog: pytest.LogCaptureFixture) -> None:
    import keras

    @register("callback")
    def impatient(patience: int = 3) -> keras.callbacks.Callback:
        return keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)

    @register("callback")
    def slower() -> keras.callbacks.Callback:
        return keras.callbacks.ReduceLROnPlateau(patience=1, cooldown=1)

    def make() -> tuple[Any, Any, TrainingPlan]:
        mine = {name: lookup("callback", name)() for name in ("impatient", "slower")}
        plan = toy.plan(epochs=6, restore_best=False, plan={"callbacks": mine})
        return toy.network(dropout=0.3), toy.worsening(), plan

    expected, seen = whole(make)
    at = [snapshot for snapshot in seen if snapshot.position.epoch == 2]
    assert (expected.history.stopped, len(expected.history.epochs)) == ("callback", 4)
    for snapshot in at:
        assert gone_on(make, snapshot).facts() == expected.facts()
    assert gone_on(make, forgetting(at[0], "user/")).facts() != expected.facts()
    assert "no checkpoint can hold" not in caplog.text


def seen_losses(memory: Callable[[], Any], **methods: Any) -> Any:
    """Make a callback that remembers the losses it has seen, and lowers the rate when there are three."""
    import keras

    def init(self: Any) -> None:
        keras.callbacks.Callback.__init__(self)
        self.seen, self.fixed, self.compare = memory(), ("a", "b"), np.less

    def on_epoch_end(self: Any, epoch: int, logs: dict[str, float]) -> None:
        self.seen = [*self.seen, logs["loss"]] if isinstance(self.seen, list) else self.seen
        if not isinstance(self.seen, list):
            self.seen.append(logs["loss"])
        if len(self.seen) == 3:
            self.model.optimizer.learning_rate = 0.001

    return type("Seen", (keras.callbacks.Callback,), {"__init__": init, "on_epoch_end": on_epoch_end, **methods})()


def planned_with(callback: Callable[[], Any]) -> Make:
    @register("callback")
    def lowers() -> Any:
        return callback()

    def make() -> tuple[Any, Any, TrainingPlan]:
        plan = toy.plan(epochs=6, restore_best=False, plan={"callbacks": {"lowers": lookup("callback", "lowers")()}})
        return toy.network(dropout=0.3), toy.windows(21, val=6), plan

    return make


METHODS = {
    "get_state": lambda self: {"seen": list(self.seen)},
    "set_state": lambda self, state: self.seen.extend(state["seen"]),
}


@pytest.mark.fault("D3")
@pytest.mark.parametrize(
    ("memory", "methods", "exact"),
    [(list, {}, True), (deque, {}, False), (deque, METHODS, True)],
    ids=["what can be held", "what cannot", "what it says itself"],
)
def test_a_callback_that_cannot_be_held_is_told_and_one_that_can_goes_on(
    memory: Callable[[], Any], methods: dict[str, Any], exact: bool, caplog: pytest.LogCaptureFixture
) -> None:
    make = planned_with(lambda: seen_losses(memory, **methods))
    expected, seen = whole(make)
    told = [record.getMessage() for record in caplog.records if "no checkpoint can hold" in record.getMessage()]
    assert told == ([] if exact else [told[0]])
    assert all(line.startswith("callbacks.lowers: no checkpoint can hold its `seen`; ") for line in told)
    between = next(one for one in seen if (one.position.epoch, one.position.step) == (2, 0))
    assert (gone_on(make, between).facts() == expected.facts()) is exact


def test_a_callback_of_ours_that_cannot_be_held_is_refused() -> None:
    @register("callback")
    class hoarding(EpochCallback):
        name: Literal["hoarding"] = "hoarding"

        def initial(self) -> dict[str, Any]:
            return {"epochs": 0, "losses": deque()}

        def on_epoch_end(self, training: TrainingState, state: dict[str, Any]) -> None: ...

    with pytest.raises(ConfigError, match=r"callbacks.hoarding: no checkpoint can hold `losses` of what its `initial`"):
        whole(usual("keras", callbacks={"hoarding": {}}))


def forgetting(snapshot: Snapshot, part: str) -> Snapshot:
    arrays = {path: array for path, array in snapshot.arrays.items() if not path.startswith(part)}
    return dataclasses.replace(snapshot, arrays=arrays)


def test_a_callback_whose_memory_is_missing_is_refused() -> None:
    make = usual(ENGINES[-1], callbacks={"early_stopping": {}}, epochs=11)
    snapshot = whole(make)[1][0]
    with pytest.raises(ConfigError, match=r"it holds nothing of callbacks.early_stopping"):
        gone_on(make, forgetting(snapshot, "callbacks/"))


@pytest.mark.fault("B6")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_of_another_training_is_refused_and_nothing_has_changed(engine: str) -> None:
    make, larger = usual(engine), usual(engine, lambda: optimizers.load("sgd")(learning_rate=0.01).build())
    expected, seen = whole(make)
    model, dataset, plan = fresh(make)
    training = make_training(model, dataset, plan)
    for other in (whole(larger)[1][0], dataclasses.replace(seen[0], position=Position("keras", "mine", 1))):
        with pytest.raises(ConfigError, match=r"it is of (another training|engine keras on mine)"):
            training.restore(other)
    history = run_all(training.steps(lambda *_: None))
    assert left_of(model, plan, history).facts() == expected.facts()


LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false", "trainer.epochs=3")
SMALL = ("data.points=70", "data.horizon=2", "data.sequence_length=12", "model.units=[3]", "trainer.batch_size=16")
SEQUENCES = ("data=text_lines", "data.path=lines.txt", "model.embedding_dim=3")
MODELS: dict[str, tuple[str, ...]] = {
    "simple_rnn": (*SMALL, "model.dropout=0.2", "model.recurrent_dropout=0.2", "model.bidirectional=true"),
    "lstm": (*SMALL, "model.units=[3, 2]", "model.dropout=0.2", "model.l2=0.01", "model.layer_norm=true"),
    "gru": (
        *(*SMALL, "model.recurrent_dropout=0.2", "model.skip_connection=true"),
        "model.transformer={heads: 2, dropout: 0.2}",
    ),
    "min_gru": (*SMALL, "model.dropout=0.2", "model.recurrent_dropout=0.2", "model.bidirectional=true"),
    "min_lstm": (*SMALL, "model.recurrent_dropout=0.2", "model.l2=0.01"),
    "slstm": (*SMALL, "model.units=[3, 2]", "model.recurrent_dropout=0.2", "model.l2=0.01"),
    "cnn_lstm": (*SMALL, "model.filters=[3]", "model.dropout=0.2"),
    "lstm_fcn": ("data=adding", "data.examples=40", "data.sequence_length=8", "model.units=[3]",
                 "model.filters=[3, 3]", "model.kernel_sizes=[3, 3]"),
    "cnn_rnn": ("data=moving_digits", "data.pairs=12", "data.size=12", "model.units=[3]", "model.filters=[2]",
                "model.dropout=0.2", "trainer.batch_size=4"),
    "multi_input": ("data=text_and_pulse", "data.examples=40", "model.units=[3]", "model.dropout=0.2",
                    "model.combine=attention", "trainer.batch_size=4"),
    "encoder_decoder": ("data=reverse_digits", "data.examples=80", "model.units=[4]", "model.embedding_dim=3",
                        "model.attention=dot", "model.dropout=0.2", "model.transformer.heads=2"),
}  # fmt: skip
TASKS: dict[str, tuple[str, ...]] = {
    "forecasting": ("model=lstm", *SMALL, "data.layout=sequence", "data.horizon=1"),
    "anomaly": ("model=gru", "data=sensors", "data.path=sensors.csv", "data.target=[a,b]", "data.sequence_length=5",
                "data.split={train: 80, val: 50, test: 50}", "data.false_alarm_rate=0.1", "model.units=[3]"),
    "regression": ("model=gru", "data=adding", "data.examples=40", "data.sequence_length=8", "model.units=[3]"),
    "classification": ("model=gru", *SEQUENCES, "model.units=[3]", "data.buckets=2", "model.dropout=0.2",
                       "trainer.class_weights=balanced", "trainer.batch_size=4",
                       "model.skip_connection=nb_svm"),
    "tagging": ("model=simple_rnn", "data=text_tags", "data.path=tags.conll", "model.units=[3]",
                "model.embedding_dim=3", "model.dropout=0.2", "trainer.batch_size=4"),
    "language_modeling": ("model=gru", "data=corpus", "data.path=book.txt", "data.sequence_length=5",
                          "trainer.batch_size=4", "model.units=[3]", "model.embedding_dim=3", "model.dropout=0.2",
                          "model.transformer={heads: 1, memory: 4}", "optimizer.use_ema=true"),
    "sequence_to_sequence": ("model=encoder_decoder", "data=reverse_digits", "data.examples=80", "model.units=[4]",
                             "model.embedding_dim=3", "model.cell=lstm", "data.buckets=2"),
    "transcription": ("model=gru", "data=npz", "data.path=spelled.npz", "data.lengths=n", "data.task=transcription",
                      "model.units=[3]", "model.bidirectional=true", "model.dropout=0.2", "data.buckets=2",
                      "trainer.batch_size=8"),
}  # fmt: skip
ALL = {**{f"model {name}": (f"model={name}", *words) for name, words in MODELS.items()},
       **{f"task {name}": words for name, words in TASKS.items()}}  # fmt: skip

# What another backend could do in its own way: a layer of Keras, a cell of ours, normalization over batches, a carried
# state, a decoder, and a loss over alignments of sequences of any length.
EACH_KIND = ("model lstm", "task language_modeling", "task sequence_to_sequence", "task transcription")


def composed(*words: str) -> Make:
    Path("book.txt").write_text("it was the best of times, it was the worst of times. " * 6)
    Path("lines.txt").write_text(
        "".join(f"{i % 3 // 2} word{i % 3} word{i % 5}{' and' * (i % 4)}\n" for i in range(30))
    )
    Path("sensors.csv").write_text("a,b\n" + "".join(f"{i % 7},{i % 5 + 0.5}\n" for i in range(180)))
    Path("tags.conll").write_text("".join(f"a X\nb Y\n{'c Y' if i % 2 else 'd X'}\n\n" for i in range(30)))
    x, n = np.random.default_rng(0).normal(size=(30, 9, 2)), np.arange(30) % 5 + 5
    np.savez("spelled.npz", x=x, y=np.array(["ab", "b", "aa"] * 10), n=n)

    def make() -> tuple[Any, Any, TrainingPlan]:
        experiment = rx.compose(*words, *LIGHT, f"backend={BACKEND}")
        device = runner.configure_runtime(experiment, None)
        dataset = runner.load_data(experiment)
        model = runner.build_model(experiment, dataset, device)
        plan = runner.make_plan(experiment, Path("unused").absolute())(dataset.spec)
        return model, dataset, dataclasses.replace(plan, run_dir=None)

    return make


@pytest.mark.fault("D1", "D11")
@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("what", ALL if BACKEND == "jax" else EACH_KIND)
def test_every_model_and_every_task_goes_on(engine: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "MAX_STEPS", 2)
    make = composed(*ALL[what], f"trainer.engine={engine}")
    expected, seen = whole(make)
    for snapshot in (seen[0], seen[len(seen) // 2]):
        assert gone_on(make, snapshot).facts() == expected.facts()


CHOICES: dict[str, list[str]] = {
    "what": [*ALL],
    "optimizer": [*optimizers.available()],
    "schedule": [*SCHEDULES],
    "callback": [*CALLBACKS],
    "engine": [*ENGINES],
}
# All of them take a quarter of an hour: that is for nights, RNNEXP_EVERY_PAIR=1. TensorFlow traces each one anew.
PAIRS = cover_pairs(CHOICES)[:: 1 if os.environ.get("RNNEXP_EVERY_PAIR") else 12 if BACKEND == "jax" else 144]
QUICK = 2  # of them are tried each time, the rest with the whole programs


def test_each_two_components_are_tried_together() -> None:
    found = {pair for row in cover_pairs(CHOICES) for pair in pairs_of(row)}
    every = [(name, value) for name, values in CHOICES.items() for value in values]
    assert found == {frozenset(two) for two in combinations(every, 2) if two[0][0] != two[1][0]}
    assert len(cover_pairs(CHOICES)) <= 1.2 * len(ALL) * len(optimizers.available())


def put_together(row: dict[str, str]) -> Make:
    make_alone = composed(*ALL[row["what"]], f"trainer.engine={row['engine']}", "trainer.epochs=4")

    def make() -> tuple[Any, Any, TrainingPlan]:
        model, dataset, plan = make_alone()
        schedule = lookup("schedule", row["schedule"])(**SCHEDULES[row["schedule"]])
        callback = lookup("callback", row["callback"])(**CALLBACKS[row["callback"]])
        built = optimizers.load(row["optimizer"])(learning_rate=0.01).build()
        changes = {"optimizer": built, "schedule": schedule, "callbacks": {row["callback"]: callback}}
        return model, dataset, dataclasses.replace(plan, **changes)

    return make


@pytest.mark.fault("D1", "D4")
@pytest.mark.parametrize(
    "row",
    [*PAIRS[:QUICK], *(pytest.param(row, marks=pytest.mark.end_to_end) for row in PAIRS[QUICK:])],
    ids=lambda row: ", ".join(row.values()),
)
def test_each_two_components_go_on_together(row: dict[str, str]) -> None:
    make = put_together(row)
    expected, seen = whole(make)
    middle = seen[len(seen) // 2]
    assert gone_on(make, middle, Path.cwd() / f"whole-{WHOLE[-1]}").facts() == expected.facts()


def test_a_language_model_goes_on_within_its_text() -> None:
    make = composed(*TASKS["language_modeling"], "trainer.engine=keras", "trainer.steps_per_execution=2")
    expected, seen = whole(make)
    within = next(snapshot for snapshot in seen if snapshot.position.step)
    assert gone_on(make, within).facts() == expected.facts()
    assert gone_on(make, without(within, "_h", "state")).facts() != expected.facts()


@pytest.mark.fault("D1", "D2")
@pytest.mark.end_to_end
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
@pytest.mark.skipif(BACKEND != "jax", reason="another backend than that of this process")
def test_trainings_go_on_on_another_backend(backend: str) -> None:
    """The whole of this file, in a process of its own."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # What only the compiled engine does is passed over there.
    environment = {**os.environ, "CI": "", "RNNEXP_TESTED_BACKEND": backend, "KERAS_BACKEND": backend}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-m", "end_to_end or not end_to_end", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout[-3000:]
