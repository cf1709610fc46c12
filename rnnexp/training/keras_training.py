"""The `keras` engine: a loop over epochs around a Keras model's own training and test steps, on any backend."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.runtime.process_group import Rank
from rnnexp.training.backends import make_backend_trainer
from rnnexp.training.backends.base import BackendTrainer, BlockStep, LearningRate, select_norms
from rnnexp.training.batcher import Batcher, Block, make_scoring_batcher
from rnnexp.training.best_weights import BestWeights, find_not_finite, handle_divergence, warn_of_death
from rnnexp.training.class_weights import make_weigher
from rnnexp.training.keeper import Cadence, Keeper, StopAsked
from rnnexp.training.monitor import choose_default_monitor
from rnnexp.training.penalties import prefix_metrics
from rnnexp.training.plan import PROMPT_S, History, Listener, TrainingPlan
from rnnexp.training.prepare import prepare
from rnnexp.training.returned import require_callback
from rnnexp.training.snapshot import Position, Snapshot, Tree, fill, flatten, make_columns, name_variables
from rnnexp.training.training_state import EpochCallback, HeldCallbacks, TrainingState
from rnnexp.training.user_callbacks import UserCallbacks


class Pass:
    """A part and the backend that goes over it; what comes in the same order every time is
    gathered only once.
    """

    def __init__(self, batcher: Batcher, backend: BackendTrainer, fixed: bool) -> None:
        self.batcher = batcher
        order = batcher.part.indices
        self.kept = [backend.to_device(block) for block in batcher.blocks(order)] if fixed and batcher.small else None

    def blocks(self, order: np.ndarray, first: int = 0) -> Iterator[Block]:
        return iter(self.kept[first:]) if self.kept else self.batcher.blocks(order, first)


@dataclass
class TrainingPass:
    """How far an epoch has come: gradient steps and seconds of them, and what they gave if all are done.

    broken: it has been given up before its last step, since a loss was beyond all bounds
    """

    step: int = 0
    seconds: float = 0.0
    results: dict[str, float] | None = None
    broken: bool = False


class KerasTraining:
    """A training by the `keras` engine: any backend, any callback, several steps per dispatch.

    rank: which of several processes this is that train together; None: it trains alone
    """

    def __init__(self, model: Any, dataset: Dataset, plan: TrainingPlan, rank: Rank | None = None) -> None:
        trainer, train = plan.trainer, dataset.parts["train"]
        self.plan, self.epochs = plan, trainer.epochs
        size = len(train) if trainer.batch_size == "full" else min(trainer.batch_size, len(train))
        train = train.side_by_side(size)
        batcher = Batcher(train, dataset.batch, size, weigh=make_weigher(trainer.class_weights, dataset))
        model = prepare(model, plan, batcher.unweighted_sample(), batcher.steps_of_epoch)
        self.backend = make_backend_trainer(model, rank)
        self.user = UserCallbacks(_built(plan), self.backend, self.epochs)
        batcher = batcher.with_steps(1 if self.user.per_batch else trainer.steps_per_execution)
        self.train = Pass(batcher, self.backend, fixed=batcher.one_batch)
        self.val = self._validation(dataset, size)
        self.rate = LearningRate(self.backend, plan.schedule, self.epochs)
        monitor = trainer.monitor or choose_default_monitor(validation=self.val is not None)
        self.state = TrainingState(self.epochs, monitor, self.backend.weights, plan.run_dir)
        keep_best = self.val is not None and trainer.restore_best
        self.best_weights = BestWeights(monitor, keep_best, self.backend.values())
        self.callbacks = HeldCallbacks({k: c for k, c in plan.callbacks.items() if isinstance(c, EpochCallback)})
        self.keeper = Keeper(plan, Cadence(trainer.checkpoint_every_s, plan.stop))
        self.history: list[dict[str, float]] = []
        self.pass_ = TrainingPass()
        self.restored: Snapshot | None = None
        self.drawing = self.backend.drawing_state()
        self.begin, self.turn = perf_counter(), 0

    def _validation(self, dataset: Dataset, size: int) -> Pass | None:
        part = dataset.parts.get("val")
        if not part:
            return None
        return Pass(make_scoring_batcher(part, dataset.batch, size).with_steps("auto"), self.backend, fixed=True)

    def steps(self, listener: Listener) -> Generator[BlockStep, None, History]:
        """Yield the steps of the training; each must have been run when the next is asked for.

        The kept weights are left in the model, also when interrupted.
        """
        self.begin = perf_counter() - (self.restored.position.seconds if self.restored else 0.0)
        self.backend.set_drawing_state(self.drawing)  # whatever others have drawn since
        self.user.train_begin(self.train.batcher.steps_of_epoch)
        if self.restored:
            self.user.set_state(self.restored.part("user"), self.pass_.step)
            self.backend.set_drawing_state(self.drawing)
        try:
            yield from self._epochs(listener)
            if self.state.stop != "diverged":
                self.keeper.finish(self)
            self.user.train_end(self.state.metrics)
        finally:
            self.backend.sync()
            self.backend.restore(self.best_weights.values)
        seconds = perf_counter() - self.begin
        return History(self.history, self.best_weights.epoch, self.state.monitor, self.state.stop, seconds)

    def _epochs(self, listener: Listener) -> Generator[BlockStep, None, None]:
        while self.state.stop is None and self.state.epoch < self.epochs:
            began = time()
            try:
                self.history.append((yield from self._epoch(self.state.epoch + 1)))
            except StopAsked:
                self._look()  # which says so, with everything as it was before the validation
            self._end_of_epoch()
            self.pass_ = TrainingPass()
            warn_of_death(self.history)
            reason = listener(self.state.epoch, self.history[-1:], (began, time()))
            self.state.stop = self.state.stop or reason
            if self.state.stop is None and self.state.epoch < self.epochs:
                self._look()

    def _look(self) -> None:
        self.turn += 1
        self.keeper.look(self, self.turn)

    def _epoch(self, epoch: int) -> Generator[BlockStep, None, dict[str, float]]:
        pass_, began = self.pass_, perf_counter() - self.pass_.seconds
        self.rate.begin(epoch, self.state.rate_factor)
        if pass_.step == 0:
            self.user.epoch_begin(epoch)
        rate = self.rate.in_force()
        order = self.train.batcher.part.order(self.plan.seed, epoch, self.train.batcher.size)
        if pass_.results is None:
            pass_.results = yield from self._train(order, pass_)
            pass_.seconds = perf_counter() - began
        validated = {} if pass_.broken else (yield from self.validate())
        metrics = prefix_metrics("train", pass_.results) | validated | {"opt/learning_rate": rate}
        wanted = self.plan.grad_norm or self.plan.trainer.log_grad_norm
        if wanted and not pass_.broken:
            first = order[: self.train.batcher.size]
            with self.backend.with_zero_states():  # where the first batch begins
                norms = self.backend.grad_norms(self.train.batcher.batch(first))
            metrics |= {name: float(norm) for name, norm in select_norms(norms, wanted).items()}
        metrics["time/epoch_s"] = perf_counter() - began
        metrics["time/samples_per_s"] = self.train.batcher.part.samples / pass_.seconds
        self.state.epoch, self.state.metrics = epoch, metrics
        return metrics

    def _train(self, order: np.ndarray, pass_: TrainingPass) -> Generator[BlockStep, None, dict[str, float]]:
        began, seen = perf_counter() - pass_.seconds, pass_.seconds
        if pass_.step == 0:
            self.backend.begin()
        for block in self.train.blocks(order, pass_.step):
            self.user.batch_begin()
            yield BlockStep(self.backend, "train", block)
            self.user.batch_end()
            pass_.step += block.steps
            pass_.seconds = perf_counter() - began
            if pass_.seconds - seen >= PROMPT_S:  # not after each block: the losses are waited for
                seen = pass_.seconds
                pass_.broken = find_not_finite(prefix_metrics("train", self.backend.results())) is not None
                if pass_.broken:
                    break
            self._look()
        return self.backend.results()

    def validate(self) -> Generator[BlockStep, None, dict[str, float]]:
        """Score the validation part, with the averaged weights where the optimizer keeps averages."""
        if self.val is None:
            return {}
        self.backend.swap_averages()
        try:
            with self.backend.undone_by(StopAsked), self.backend.with_zero_states():
                self.backend.begin()
                for block in self.val.blocks(self.val.batcher.part.indices):
                    yield BlockStep(self.backend, "test", block)
                    self.turn += 1
                    self.keeper.require_running(self.turn)
                results = self.backend.results()
        finally:
            self.backend.swap_averages()
        return prefix_metrics("val", results)

    def _end_of_epoch(self) -> None:
        state = self.state
        broken = find_not_finite(state.metrics)
        try:
            if broken is None:
                value = state.value(state.monitor, "trainer.monitor")
                state.is_best = self.best_weights.update(state.epoch, value, self.backend.values)
        except FloatingPointError:
            broken = "a weight"
        if broken is not None:
            step = self.pass_.step if self.pass_.broken else 0
            handle_divergence(state, broken, self.plan.trainer.on_divergence, step)
            state.stop = "diverged"
            return
        self.callbacks.on_epoch_end(state)
        self.user.epoch_end(state.epoch, state.metrics)
        if self.user.stopped and state.stop is None:
            state.stop = "callback"

    def snapshot(self) -> Snapshot:
        """Return where the training stands; to be asked between two of its steps."""
        user, trained = self.user.state(), self.pass_.results or {}
        loose = {"history": make_columns(self.history), "trained": trained, "callbacks": self.callbacks.tree()}
        position = Position(
            *("keras", self.backend.name, self.state.epoch, self.pass_.step, self.state.epoch, self.state.stop),
            seconds=perf_counter() - self.begin,
            run=self.plan.note(),
        )
        return Snapshot(flatten({**self._tree(), **loose, "user": user}), position)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of the same training, before the first step; ConfigError, and nothing has changed,
        if it is of another one.
        """
        position = snapshot.position
        position.require("keras", self.backend.name)
        tree = fill(self._tree(), snapshot.arrays, besides=("history", "trained", "callbacks", "user"))
        self.callbacks.states = self.callbacks.read(snapshot.part("callbacks"))
        self.backend.set_state(tree["backend"])
        self.drawing = tree["backend"]["drawing"]
        best, course = tree["best"], tree["course"]
        self.best_weights.restore([*tree["kept"].values()], {name: value.item() for name, value in best.items()})
        self.rate.current, self.state.rate_factor = float(course["rate"]), float(course["factor"])
        self.history = snapshot.rows()
        self.state.epoch, self.state.stop = position.epoch, position.stop
        self.state.metrics = self.history[-1] if self.history else {}
        trained = {name: float(value) for name, value in snapshot.part("trained").items()}
        self.pass_ = TrainingPass(position.step, float(course["seconds"]), trained or None)
        self.restored = snapshot

    def _tree(self) -> Tree:
        best = self.best_weights
        return {
            "backend": self.backend.state(),
            "kept": dict(zip(name_variables(self.backend.variables), best.values)),
            "best": best.numbers(),
            "course": {"rate": self.rate.current, "factor": self.state.rate_factor, "seconds": self.pass_.seconds},
        }


def _built(plan: TrainingPlan) -> dict[str, Any]:
    """Build the user's own callbacks; ours need no Keras."""
    own = {key: callback for key, callback in plan.callbacks.items() if not isinstance(callback, EpochCallback)}
    return {key: require_callback(key, callback.build()) for key, callback in own.items()}
