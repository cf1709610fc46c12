"""The `keras` engine: a loop over epochs around a Keras model's own training and test steps, on any backend."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from time import perf_counter, time
from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.training.backends import make_backend_trainer
from rnnexp.training.backends.base import BackendTrainer, BlockStep, LearningRate
from rnnexp.training.batcher import Batcher, Block, make_scoring_batcher
from rnnexp.training.best_weights import BestWeights, find_not_finite, handle_divergence
from rnnexp.training.class_weights import make_weigher
from rnnexp.training.monitor import choose_default_monitor
from rnnexp.training.penalties import prefix_metrics
from rnnexp.training.plan import History, Listener, TrainingPlan
from rnnexp.training.prepare import prepare
from rnnexp.training.training_state import EpochCallback, TrainingState
from rnnexp.training.user_callbacks import UserCallbacks


class Pass:
    """A part and the backend that goes over it; what comes in the same order every time is
    gathered only once.
    """

    def __init__(self, batcher: Batcher, backend: BackendTrainer, fixed: bool) -> None:
        self.batcher = batcher
        order = batcher.part.indices
        self.kept = [backend.to_device(block) for block in batcher.blocks(order)] if fixed and batcher.small else None

    def blocks(self, order: np.ndarray) -> Iterator[Block]:
        return iter(self.kept) if self.kept else self.batcher.blocks(order)


class KerasTraining:
    """A training by the `keras` engine: any backend, any callback, several steps per dispatch."""

    def __init__(self, model: Any, dataset: Dataset, plan: TrainingPlan) -> None:
        trainer, train = plan.trainer, dataset.parts["train"]
        self.plan, self.epochs = plan, trainer.epochs
        size = len(train) if trainer.batch_size == "full" else min(trainer.batch_size, len(train))
        train = train.side_by_side(size)
        batcher = Batcher(train, dataset.batch, size, weigh=make_weigher(trainer.class_weights, dataset))
        model = prepare(model, plan, batcher.unweighted_sample())
        self.backend = make_backend_trainer(model)
        self.user = UserCallbacks(_built(plan), self.backend, self.epochs)
        batcher = batcher.with_steps(1 if self.user.per_batch else trainer.steps_per_dispatch)
        self.train = Pass(batcher, self.backend, fixed=batcher.one_batch)
        self.val = self._validation(dataset, size)
        self.rate = LearningRate(self.backend, plan.schedule, self.epochs)
        monitor = trainer.monitor or choose_default_monitor(validation=self.val is not None)
        self.state = TrainingState(self.epochs, monitor, self.backend.weights, plan.run_dir)
        keep_best = self.val is not None and trainer.restore_best
        self.best_weights = BestWeights(monitor, keep_best, self.backend.values())
        self.hooks = [c.start() for c in plan.callbacks.values() if isinstance(c, EpochCallback)]

    def _validation(self, dataset: Dataset, size: int) -> Pass | None:
        part = dataset.parts.get("val")
        if not part:
            return None
        return Pass(make_scoring_batcher(part, dataset.batch, size).with_steps("auto"), self.backend, fixed=True)

    def steps(self, listener: Listener) -> Generator[BlockStep, None, History]:
        """Yield the steps of the training; each must have been run when the next is asked for.

        The kept weights are left in the model, also when interrupted.
        """
        begin, history = perf_counter(), list[dict[str, float]]()
        self.user.train_begin(-(-len(self.train.batcher.part) // self.train.batcher.size))
        try:
            while self.state.stop is None and self.state.epoch < self.epochs:
                self.state.epoch += 1
                began = time()
                history.append((yield from self._epoch()))
                self._end_of_epoch()
                reason = listener(self.state.epoch, history[-1:], (began, time()))
                self.state.stop = self.state.stop or reason
            self.user.train_end(self.state.metrics)
        finally:
            self.backend.sync()
            self.backend.restore(self.best_weights.values)
        return History(history, self.best_weights.epoch, self.state.monitor, self.state.stop, perf_counter() - begin)

    def _epoch(self) -> Generator[BlockStep, None, dict[str, float]]:
        epoch, begin = self.state.epoch, perf_counter()
        self.rate.begin(epoch, self.state.rate_factor)
        self.user.epoch_begin(epoch)
        rate = self.rate.in_force()
        order = self.train.batcher.part.order(self.plan.seed, epoch, self.train.batcher.size)
        trained = yield from self._train(order)
        seconds = perf_counter() - begin
        validated = yield from self._validate()
        metrics = prefix_metrics("train", trained) | validated | {"opt/learning_rate": rate}
        if self.plan.grad_norm or self.plan.trainer.grad_norm:
            first = order[: self.train.batcher.size]
            with self.backend.with_zero_states():  # where the first batch begins
                metrics["opt/grad_norm"] = self.backend.grad_norm(self.train.batcher.batch(first))
        metrics["time/epoch_s"] = perf_counter() - begin
        metrics["time/samples_per_s"] = self.train.batcher.part.samples / seconds
        self.state.metrics = metrics
        return metrics

    def _train(self, order: np.ndarray) -> Generator[BlockStep, None, dict[str, float]]:
        self.backend.begin()
        for block in self.train.blocks(order):
            self.user.batch_begin()
            yield BlockStep(self.backend, "train", block)
            self.user.batch_end()
        return self.backend.results()

    def _validate(self) -> Generator[BlockStep, None, dict[str, float]]:
        """Score the validation part, with the averaged weights where the optimizer keeps averages."""
        if self.val is None:
            return {}
        self.backend.swap_averages()
        with self.backend.with_zero_states():
            self.backend.begin()
            for block in self.val.blocks(self.val.batcher.part.indices):
                yield BlockStep(self.backend, "test", block)
            results = self.backend.results()
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
            handle_divergence(state, broken, self.plan.trainer.on_divergence)
            state.stop = "diverged"
            return
        for hook in self.hooks:
            hook(state)
        self.user.epoch_end(state.epoch, state.metrics)
        if self.user.stopped and state.stop is None:
            state.stop = "callback"


def _built(plan: TrainingPlan) -> list[Any]:
    """Build the user's own callbacks; ours need no Keras."""
    return [c.build() for c in plan.callbacks.values() if not isinstance(c, EpochCallback)]
