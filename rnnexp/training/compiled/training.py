"""A training by the compiled engine, with the same beginning, end and words as one by the `keras` engine."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from rnnexp.data.dataset import Dataset
from rnnexp.training.backends.base import is_seed_state, to_decimal
from rnnexp.training.backends.jax import JaxTrainer
from rnnexp.training.best_weights import handle_divergence
from rnnexp.training.compiled.batch_plan import BatchPlan, make_batch_plan
from rnnexp.training.compiled.ensemble import Ensemble, MemberSpec
from rnnexp.training.compiled.member import Member, Rows
from rnnexp.training.compiled.program import CALLBACK, NOT_FINITE, Program, ProgramSettings
from rnnexp.training.monitor import BestValue, choose_default_monitor
from rnnexp.training.plan import History, Listener, TrainingPlan
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
    """One training, alone or in an ensemble with others; `member` is its place in one that exists already."""

    def __init__(self, model: Any, dataset: Dataset, plan: TrainingPlan, member: Member | None = None) -> None:
        self.plan = plan
        self.member = member or make_single_member(model, dataset, plan)
        self.backend = self.member.ensemble.program.backend
        monitor = self.member.ensemble.program.settings.monitor
        self.state = TrainingState(plan.trainer.epochs, monitor, None, plan.run_dir)
        self.best_value = BestValue(monitor)
        late = [c for c in plan.callbacks.values() if isinstance(c, EpochCallback) and c.late]
        self.hooks = [callback.start() for callback in late]

    def steps(self, listener: Listener) -> Generator[Advance, None, History]:
        """Ask for the training to go on until it has ended; leave the kept weights in the model, whatever happens."""
        begin, history, member = perf_counter(), list[dict[str, float]](), self.member
        try:
            while member.running and self.state.stop is None:
                yield Advance(member.ensemble)
                rows = member.rows
                history += rows
                self._look_back(rows)
                reason = listener(self.state.epoch - len(rows) + 1, rows, member.span) or self._stopped()
                self.state.stop = self.state.stop or reason
            member.stop()
        finally:
            self.restore()
        return History(history, member.kept_epoch, self.state.monitor, self.state.stop, perf_counter() - begin)

    def restore(self) -> None:
        """Put the kept weights into the model, which the members of an ensemble share."""
        for variable, value in zip(self.backend.variables, self.member.weights("kept")):
            variable.assign(value)
        if self.member.ensemble.single:
            for variable, value in zip(self.backend.model.optimizer.variables, self.member.optimizer()):
                variable.assign(value)

    def _look_back(self, rows: Rows) -> None:
        """Let callbacks see the epochs that have been trained."""
        member, state = self.member, self.state
        first = state.epoch + 1
        for state.epoch, state.metrics in enumerate(rows, start=first):
            state.is_best = self.best_value.update(state.metrics[state.monitor], state.epoch)
            if member.code in NOT_FINITE and state.epoch == member.epoch:
                break
            if state.epoch == member.epoch:
                state.weights = lambda: self._weights("last")
            elif state.epoch == member.best_epoch:
                state.weights = lambda: self._weights(self._best())
            else:
                state.weights = None
            for hook in self.hooks:
                hook(state)

    def _best(self) -> str:
        return "kept" if self.member.ensemble.program.settings.keep_best else "best_weights"

    def _weights(self, key: str) -> Weights:
        pairs = zip(self.backend.variables, self.member.weights(key))
        return {variable.path: value for variable, value in pairs if not is_seed_state(variable)}

    def _stopped(self) -> str | None:
        """Say why the program has stopped this training, if it has."""
        code = self.member.code
        if code in NOT_FINITE:
            handle_divergence(self.state, NOT_FINITE[code], self.plan.trainer.on_divergence)
            return "diverged"
        if code >= CALLBACK:
            return [*self.member.ensemble.program.settings.callbacks.values()][code - CALLBACK].name
        return None


def make_single_member(model: Any, dataset: Dataset, plan: TrainingPlan) -> Member:
    """Compile a model (built, not compiled) and give it an ensemble of its own."""
    batch_plan = make_batch_plan(dataset, plan)
    model = prepare(model, plan, batch_plan.train.unweighted_sample())
    program = make_program(model, batch_plan, plan, traced=[])
    ensemble = Ensemble(program, [make_member_spec(program.initial(), batch_plan, plan)])
    ensemble.prepare()
    return ensemble.members[0]


def make_program(model: Any, batch_plan: BatchPlan, plan: TrainingPlan, traced: list[str]) -> Program:
    """Return the program that trains a compiled model, with the settings `traced` as inputs."""
    from rnnexp.training.compiled.traced_positive import find_scalars

    trainer, validated = plan.trainer, batch_plan.val is not None
    places = find_scalars(model) if traced else {}
    keep_best = validated and trainer.restore_best
    track_best = any(isinstance(c, EpochCallback) and c.weights_of_best() for c in plan.callbacks.values())
    settings = ProgramSettings(
        monitor=trainer.monitor or choose_default_monitor(validated),
        keep_best=keep_best,
        track_best=track_best and not keep_best,
        grad_norm=plan.grad_norm or trainer.grad_norm,
        callbacks=select_pure_callbacks(plan.callbacks),
        traced={key: places[key] for key in traced},
        bounds=batch_plan.train.part.bounds,
    )
    return Program(JaxTrainer(model), batch_plan.gather(), settings)


def make_member_spec(
    state: Any, batch_plan: BatchPlan, plan: TrainingPlan, scalars: Mapping[str, float] | None = None
) -> MemberSpec:
    """Describe one training to an ensemble, from its first state on."""
    epochs, schedule = plan.trainer.epochs, plan.schedule
    base = to_decimal(float(plan.optimizer.learning_rate))
    every = [c.weights_every() for c in plan.callbacks.values() if isinstance(c, EpochCallback)]
    return MemberSpec(
        state=state,
        batch_plan=batch_plan,
        seed=plan.seed,
        rates=[base * (schedule.factor(e, epochs) if schedule else 1.0) for e in range(1, epochs + 1)],
        numbers={key: callback.numbers() for key, callback in select_pure_callbacks(plan.callbacks).items()},
        scalars=dict(scalars or {}),
        weights_every=min((number for number in every if number), default=None),
    )


def select_pure_callbacks(callbacks: Mapping[str, Any]) -> dict[str, PureCallback]:
    return {key: callback for key, callback in callbacks.items() if isinstance(callback, PureCallback)}
