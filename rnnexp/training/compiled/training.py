"""A training by the compiled engine, with the same beginning, end and words as one by the `keras` engine."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from rnnexp.data.dataset import Dataset
from rnnexp.training.backends.base import is_seed_state
from rnnexp.training.backends.jax import JaxTrainer
from rnnexp.training.best_weights import handle_divergence
from rnnexp.training.compiled.batch_plan import Layout, layout
from rnnexp.training.compiled.ensemble import Ensemble, Entrant
from rnnexp.training.compiled.member import Rows, Seat
from rnnexp.training.compiled.program import BROKEN, CALLBACK, Program, Rules
from rnnexp.training.history import History
from rnnexp.training.learning_rate import to_decimal
from rnnexp.training.listener import Listener
from rnnexp.training.monitor import BestValue, choose_default_monitor
from rnnexp.training.plan import TrainingPlan
from rnnexp.training.prepare import prepare
from rnnexp.training.pure_callback import PureCallback
from rnnexp.training.training_state import EpochCallback, TrainingState, Weights


@dataclass(frozen=True)
class Advance:
    """What a training asks for: its ensemble to train on for a while."""

    ensemble: Ensemble

    def run(self) -> None:
        self.ensemble.advance()


class CompiledTraining:
    """One training, alone or in an ensemble with others; `seat` is its place in one that exists already."""

    def __init__(self, model: Any, dataset: Dataset, plan: TrainingPlan, seat: Seat | None = None) -> None:
        self.plan = plan
        self.seat = seat or alone(model, dataset, plan)
        self.backend = self.seat.ensemble.program.backend
        monitor = self.seat.ensemble.program.rules.monitor
        self.state = TrainingState(plan.trainer.epochs, monitor, None, plan.run_dir)
        self.best_value = BestValue(monitor)
        late = [c for c in plan.callbacks.values() if isinstance(c, EpochCallback) and c.late]
        self.hooks = [callback.start() for callback in late]

    def steps(self, listener: Listener) -> Generator[Advance, None, History]:
        """Ask for the training to go on until it has ended; leave the kept weights in the model, whatever happens."""
        begin, history, seat = perf_counter(), list[dict[str, float]](), self.seat
        try:
            while seat.running and self.state.stop is None:
                yield Advance(seat.ensemble)
                rows = seat.rows
                history += rows
                self._look_back(rows)
                self.state.stop = listener(self.state.epoch - len(rows) + 1, rows, seat.span) or self._stopped()
            seat.stop()
        finally:
            self.restore()
        return History(history, seat.kept_epoch, self.state.monitor, self.state.stop, perf_counter() - begin)

    def restore(self) -> None:
        """Put the kept weights into the model, which the members of an ensemble share."""
        for variable, value in zip(self.backend.variables, self.seat.weights("kept")):
            variable.assign(value)
        if self.seat.ensemble.single:
            for variable, value in zip(self.backend.model.optimizer.variables, self.seat.optimizer()):
                variable.assign(value)

    def _look_back(self, rows: Rows) -> None:
        """Let callbacks see the epochs that have been trained."""
        seat, state = self.seat, self.state
        first = state.epoch + 1
        for state.epoch, state.metrics in enumerate(rows, start=first):
            state.is_best = self.best_value.update(state.metrics[state.monitor], state.epoch)
            if seat.code in BROKEN and state.epoch == seat.epoch:
                break
            if state.epoch == seat.epoch:
                state.weights = lambda: self._weights("last")
            elif state.epoch == seat.best_epoch:
                state.weights = lambda: self._weights(self._best())
            else:
                state.weights = None
            for hook in self.hooks:
                hook(state)

    def _best(self) -> str:
        return "kept" if self.seat.ensemble.program.rules.keep_best else "best_weights"

    def _weights(self, key: str) -> Weights:
        pairs = zip(self.backend.variables, self.seat.weights(key))
        return {variable.path: value for variable, value in pairs if not is_seed_state(variable)}

    def _stopped(self) -> str | None:
        """Say why the program has stopped this training, if it has."""
        code = self.seat.code
        if code in BROKEN:
            handle_divergence(self.state, BROKEN[code], self.plan.trainer.on_divergence)
            return "diverged"
        if code >= CALLBACK:
            return [*self.seat.ensemble.program.rules.callbacks.values()][code - CALLBACK].name
        return None


def alone(model: Any, dataset: Dataset, plan: TrainingPlan) -> Seat:
    """Compile a model (built, not compiled) and give it an ensemble of its own."""
    cut = layout(dataset, plan)
    model = prepare(model, plan, cut.train.unweighted_sample())
    program = program_of(model, cut, plan, held=[])
    ensemble = Ensemble(program, [entrant(program.initial(), cut, plan)])
    ensemble.prepare()
    return ensemble.seats[0]


def program_of(model: Any, cut: Layout, plan: TrainingPlan, held: list[str]) -> Program:
    """Return the program that trains a compiled model, with the settings `held` as inputs."""
    from rnnexp.training.compiled.traced_positive import targets

    trainer, validated = plan.trainer, cut.val is not None
    places = targets(model) if held else {}
    keep_best = validated and trainer.restore_best
    best_too = any(isinstance(c, EpochCallback) and c.weights_of_best() for c in plan.callbacks.values())
    rules = Rules(
        monitor=trainer.monitor or choose_default_monitor(validated),
        keep_best=keep_best,
        best_too=best_too and not keep_best,
        grad_norm=plan.grad_norm or trainer.grad_norm,
        callbacks=carried(plan.callbacks),
        held={key: places[key] for key in held},
        bounds=cut.train.part.bounds,
    )
    return Program(JaxTrainer(model), cut.gather(), rules)


def entrant(state: Any, cut: Layout, plan: TrainingPlan, scalars: Mapping[str, float] | None = None) -> Entrant:
    """Describe one training to an ensemble, from its first state on."""
    epochs, schedule = plan.trainer.epochs, plan.schedule
    base = to_decimal(float(plan.optimizer.learning_rate))
    every = [c.weights_every() for c in plan.callbacks.values() if isinstance(c, EpochCallback)]
    return Entrant(
        state=state,
        layout=cut,
        seed=plan.seed,
        rates=[base * (schedule.factor(e, epochs) if schedule else 1.0) for e in range(1, epochs + 1)],
        numbers={key: callback.numbers() for key, callback in carried(plan.callbacks).items()},
        scalars=dict(scalars or {}),
        weights_every=min((number for number in every if number), default=None),
    )


def carried(callbacks: Mapping[str, Any]) -> dict[str, PureCallback]:
    return {key: callback for key, callback in callbacks.items() if isinstance(callback, PureCallback)}
