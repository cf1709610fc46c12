"""The `keras` engine: a loop over epochs around a Keras model's own training and test steps, on any backend."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from time import perf_counter, time
from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.training.class_weights import weigher
from rnnexp.training.course import Course, EpochCallback
from rnnexp.training.feed import Block, Feed, scoring
from rnnexp.training.history import History
from rnnexp.training.keeper import Keeper, diverged, not_finite
from rnnexp.training.listener import Listener
from rnnexp.training.monitor import default_monitor
from rnnexp.training.penalties import named
from rnnexp.training.plan import Plan
from rnnexp.training.prepare import prepare
from rnnexp.training.rate import Rate
from rnnexp.training.steppers import stepper_for
from rnnexp.training.steppers.stepper import Step, Stepper
from rnnexp.training.user_callbacks import UserCallbacks


class Pass:
    """A part and the stepper that goes over it; what comes in the same order every time is
    gathered only once.
    """

    def __init__(self, feed: Feed, stepper: Stepper, fixed: bool) -> None:
        self.feed = feed
        order = feed.part.indices
        self.kept = [stepper.place(block) for block in feed.blocks(order)] if fixed and feed.small else None

    def blocks(self, order: np.ndarray) -> Iterator[Block]:
        return iter(self.kept) if self.kept else self.feed.blocks(order)


class KerasTraining:
    """A training by the `keras` engine: any backend, any callback, several steps per dispatch."""

    def __init__(self, model: Any, dataset: Dataset, plan: Plan) -> None:
        trainer, train = plan.trainer, dataset.parts["train"]
        self.plan, self.epochs = plan, trainer.epochs
        size = len(train) if trainer.batch_size == "full" else min(trainer.batch_size, len(train))
        train = train.side_by_side(size)
        feed = Feed(train, dataset.batch, size, weigh=weigher(trainer.class_weights, dataset))
        model = prepare(model, plan, feed.own())
        self.stepper = stepper_for(model)
        self.user = UserCallbacks(_built(plan), self.stepper, self.epochs)
        feed = feed.in_blocks_of(1 if self.user.per_batch else trainer.steps_per_dispatch)
        self.train = Pass(feed, self.stepper, fixed=feed.one_batch)
        self.val = self._validation(dataset, size)
        self.rate = Rate(self.stepper, plan.schedule, self.epochs)
        monitor = trainer.monitor or default_monitor(validation=self.val is not None)
        self.course = Course(self.epochs, monitor, self.stepper.weights, plan.run_dir)
        keep_best = self.val is not None and trainer.restore_best
        self.keeper = Keeper(monitor, keep_best, self.stepper.values())
        self.hooks = [c.start() for c in plan.callbacks.values() if isinstance(c, EpochCallback)]

    def _validation(self, dataset: Dataset, size: int) -> Pass | None:
        part = dataset.parts.get("val")
        if not part:
            return None
        return Pass(scoring(part, dataset.batch, size).in_blocks_of("auto"), self.stepper, fixed=True)

    def steps(self, listener: Listener) -> Generator[Step, None, History]:
        """Yield the steps of the training; each must have been run when the next is asked for.

        The kept weights are left in the model, also when interrupted.
        """
        begin, history = perf_counter(), list[dict[str, float]]()
        self.user.train_begin(-(-len(self.train.feed.part) // self.train.feed.size))
        try:
            while self.course.stop is None and self.course.epoch < self.epochs:
                self.course.epoch += 1
                began = time()
                history.append((yield from self._epoch()))
                self._end_of_epoch()
                reason = listener(self.course.epoch, history[-1:], (began, time()))
                self.course.stop = self.course.stop or reason
            self.user.train_end(self.course.metrics)
        finally:
            self.stepper.sync()
            self.stepper.restore(self.keeper.values)
        return History(history, self.keeper.epoch, self.course.monitor, self.course.stop, perf_counter() - begin)

    def _epoch(self) -> Generator[Step, None, dict[str, float]]:
        epoch, begin = self.course.epoch, perf_counter()
        self.rate.begin(epoch, self.course.rate_factor)
        self.user.epoch_begin(epoch)
        rate = self.rate.in_force()
        order = self.train.feed.part.order(self.plan.seed, epoch, self.train.feed.size)
        trained = yield from self._train(order)
        seconds = perf_counter() - begin
        validated = yield from self._validate()
        metrics = named("train", trained) | validated | {"opt/learning_rate": rate}
        if self.plan.grad_norm or self.plan.trainer.grad_norm:
            first = order[: self.train.feed.size]
            with self.stepper.at_rest():  # where the first batch begins
                metrics["opt/grad_norm"] = self.stepper.grad_norm(self.train.feed.batch(first))
        metrics["time/epoch_s"] = perf_counter() - begin
        metrics["time/samples_per_s"] = self.train.feed.part.samples / seconds
        self.course.metrics = metrics
        return metrics

    def _train(self, order: np.ndarray) -> Generator[Step, None, dict[str, float]]:
        self.stepper.begin()
        for block in self.train.blocks(order):
            self.user.batch_begin()
            yield Step(self.stepper, "train", block)
            self.user.batch_end()
        return self.stepper.results()

    def _validate(self) -> Generator[Step, None, dict[str, float]]:
        """Score the validation part, with the averaged weights where the optimizer keeps averages."""
        if self.val is None:
            return {}
        self.stepper.swap_averages()
        with self.stepper.at_rest():
            self.stepper.begin()
            for block in self.val.blocks(self.val.feed.part.indices):
                yield Step(self.stepper, "test", block)
            results = self.stepper.results()
        self.stepper.swap_averages()
        return named("val", results)

    def _end_of_epoch(self) -> None:
        course = self.course
        broken = not_finite(course.metrics)
        try:
            if broken is None:
                value = course.value(course.monitor, "trainer.monitor")
                course.is_best = self.keeper.see(course.epoch, value, self.stepper.values)
        except FloatingPointError:
            broken = "a weight"
        if broken is not None:
            diverged(course, broken, self.plan.trainer.on_divergence)
            course.stop = "diverged"
            return
        for hook in self.hooks:
            hook(course)
        self.user.epoch_end(course.epoch, course.metrics)
        if self.user.stopped and course.stop is None:
            course.stop = "callback"


def _built(plan: Plan) -> list[Any]:
    """Build the user's own callbacks; ours need no Keras."""
    return [c.build() for c in plan.callbacks.values() if not isinstance(c, EpochCallback)]
