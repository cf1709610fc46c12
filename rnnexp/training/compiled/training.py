"""A training by the compiled engine, with the same beginning, end and words as one by the `keras` engine."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from rnnexp.data.dataset import Dataset
from rnnexp.errors import ConfigError
from rnnexp.training.backends.base import is_seed_state, to_decimal
from rnnexp.training.backends.jax import JaxTrainer
from rnnexp.training.best_weights import handle_divergence, warn_of_death
from rnnexp.training.compiled.batch_plan import BatchPlan, make_batch_plan
from rnnexp.training.compiled.devices import make_placement
from rnnexp.training.compiled.ensemble import Ensemble, MemberSpec, Widths
from rnnexp.training.compiled.kept_program import KeptProgram
from rnnexp.training.compiled.member import Member, Rows
from rnnexp.training.compiled.program import Program
from rnnexp.training.compiled.program_settings import CALLBACK, NOT_FINITE, ProgramSettings, select_pure_callbacks
from rnnexp.training.keeper import Cadence, Keeper
from rnnexp.training.monitor import BestValue, choose_default_monitor
from rnnexp.training.plan import History, Listener, TrainingPlan
from rnnexp.training.prepare import prepare, seed_random_layers
from rnnexp.training.snapshot import Position, Snapshot, fill, flatten, list_named, make_columns, name_lists
from rnnexp.training.training_state import EpochCallback, HeldCallbacks, State, TrainingState, Weights


@dataclass(frozen=True)
class Advance:
    """What a training asks for: its ensemble to train on for a while."""

    ensemble: Ensemble

    def run(self) -> None:
        self.ensemble.advance()


@dataclass(frozen=True)
class Restored:
    """What a snapshot holds for one training, checked."""

    state: Any
    best: Mapping[str, Any]
    callbacks: dict[str, State]
    snapshot: Snapshot


class CompiledTraining:
    """One training, alone or in an ensemble with others; `member` is its place in one that exists already."""

    def __init__(self, model: Any, dataset: Dataset, plan: TrainingPlan, member: Member | None = None) -> None:
        self.plan = plan
        self.member = member or make_single_member(model, dataset, plan)
        self.backend = self.member.ensemble.program.backend
        monitor = self.member.ensemble.program.settings.monitor
        self.state = TrainingState(plan.trainer.epochs, monitor, None, plan.run_dir)
        self.best_value = BestValue(monitor)
        late = {key: c for key, c in plan.callbacks.items() if isinstance(c, EpochCallback) and c.late}
        self.callbacks = HeldCallbacks(late)
        self.keeper = Keeper(plan, self.member.ensemble.cadence)
        self.history: list[dict[str, float]] = []
        self.begin, self.before = perf_counter(), 0.0  # and the seconds before that

    def steps(self, listener: Listener) -> Generator[Advance, None, History]:
        """Ask for the training to go on until it has ended; leave the kept weights in the model, whatever happens."""
        self.begin, member = perf_counter() - self.before, self.member
        try:
            while member.running and self.state.stop is None:
                yield Advance(member.ensemble)
                if rows := member.rows:
                    for row in rows:
                        self.history.append(row)
                        warn_of_death(self.history)
                    self._look_back(rows)
                    first = self.state.epoch - len(rows) + 1
                    reason = listener(first, rows, member.span) or self._stopped()
                    self.state.stop = self.state.stop or reason
                if member.running and self.state.stop is None:
                    self.keeper.look(self, member.ensemble.turn)
            member.stop()
            if self.state.stop != "diverged":
                self.keeper.finish(self)
        finally:
            self.fill_model()
        seconds = perf_counter() - self.begin
        return History(self.history, member.kept_epoch, self.state.monitor, self.state.stop, seconds)

    def snapshot(self) -> Snapshot:
        """Return where the training stands; to be asked between two of its steps."""
        ensemble, best = self.member.ensemble, self.best_value
        loose = {"history": make_columns(self.history), "callbacks": self.callbacks.tree()}
        numbers = {"best": best.best, "best_epoch": best.best_epoch, "waited": best.epochs}
        position = Position(
            *("compiled", "jax", self.state.epoch, ensemble.step, ensemble.epoch, self.state.stop),
            seconds=perf_counter() - self.begin,
            run=self.plan.note(),
        )
        return Snapshot(flatten({"state": self._named_state(), "best": numbers, **loose}), position)

    def _named_state(self) -> Any:
        ensemble = self.member.ensemble
        return name_lists(ensemble.snapshot(self.member.index), ensemble.program.names)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of the same training, before the first step; ConfigError, and nothing has changed,
        if it is of another one. Members of an ensemble are restored together: `restore_together`.
        """
        restore_together([self], [snapshot])

    def read(self, snapshot: Snapshot) -> Restored:
        """Check a snapshot; nothing changes."""
        snapshot.position.require("compiled", "jax")
        best = self.best_value
        template = {"state": self._named_state(), "best": {"best": best.best, "best_epoch": 0, "waited": 0}}
        tree = fill(template, snapshot.arrays, besides=("history", "callbacks"))
        state = list_named(tree["state"], self.member.ensemble.program.names)
        return Restored(state, tree["best"], self.callbacks.read(snapshot.part("callbacks")), snapshot)

    def adopt(self, restored: Restored) -> None:
        """Take over what is this training's alone."""
        position, best = restored.snapshot.position, self.best_value
        self.member.restore(position.epoch, restored.state)
        best.best, best.best_epoch = float(restored.best["best"]), int(restored.best["best_epoch"])
        best.epochs = int(restored.best["waited"])
        self.callbacks.states, self.history = restored.callbacks, restored.snapshot.rows()
        self.state.epoch, self.state.stop, self.before = position.epoch, position.stop, position.seconds
        self.state.metrics = self.history[-1] if self.history else {}

    def fill_model(self) -> None:
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
            if member.code in NOT_FINITE and state.epoch == member.epoch:
                break  # of an epoch that was not finished there may be no value to monitor
            state.is_best = self.best_value.update(state.metrics[state.monitor], state.epoch)
            if state.epoch == member.epoch:
                state.weights = lambda: self._weights("last")
            elif state.epoch == member.best_epoch:
                state.weights = lambda: self._weights(self._best())
            else:
                state.weights = None
            self.callbacks.on_epoch_end(state)

    def _best(self) -> str:
        return "kept" if self.member.ensemble.program.settings.keep_best else "best_weights"

    def _weights(self, key: str) -> Weights:
        pairs = zip(self.backend.variables, self.member.weights(key))
        return {variable.path: value for variable, value in pairs if not is_seed_state(variable)}

    def _stopped(self) -> str | None:
        """Say why the program has stopped this training, if it has."""
        code = self.member.code
        if code in NOT_FINITE:
            step = self.member.ensemble.step
            handle_divergence(self.state, NOT_FINITE[code], self.plan.trainer.on_divergence, step)
            return "diverged"
        if code >= CALLBACK:
            return [*self.member.ensemble.program.settings.callbacks.values()][code - CALLBACK].name
        return None


def restore_together(trainings: Sequence[CompiledTraining], snapshots: Sequence[Snapshot]) -> None:
    """Take all members of one ensemble, in its order, to where they have been; ConfigError, and nothing has changed, if
    one of the snapshots is of another training, or of another moment than the first.

    A training that has ended is restored alone: the others have gone on without it.
    """
    read = [training.read(snapshot) for training, snapshot in zip(trainings, snapshots, strict=True)]
    moments = {(snapshot.position.company, snapshot.position.step) for snapshot in snapshots}
    if len(moments) > 1:
        raise ConfigError(f"these have not been kept at the same moment: {sorted(moments)}, epochs and steps")
    trainings[0].member.ensemble.restore([one.state for one in read], *moments.pop())
    for training, restored in zip(trainings, read):
        training.adopt(restored)


def make_single_member(model: Any, dataset: Dataset, plan: TrainingPlan, kept: KeptProgram | None = None) -> Member:
    """Compile a model (built, not compiled) and give it an ensemble of its own; `kept` is what was compiled of it."""
    batch_plan = make_batch_plan(dataset, plan)
    dispatch = kept.renew(batch_plan, plan.seed) if kept else None
    if dispatch is None:
        model = prepare(model, plan, batch_plan.train.unweighted_sample(), batch_plan.train.steps_of_epoch)
    program = dispatch.program if dispatch else make_program(model, batch_plan, plan, traced=[])
    cadence = Cadence(plan.trainer.checkpoint_every_s, plan.stop)
    spec = make_member_spec(program.initial(), batch_plan, plan)
    ensemble = Ensemble(program, [spec], cadence=cadence, dispatch=dispatch)
    ensemble.prepare()
    if kept:
        kept.keep(ensemble.dispatch, batch_plan)
    return ensemble.members[0]


def train_side_by_side(
    networks: Sequence[Any], dataset: Dataset, plans: Sequence[TrainingPlan], widths: Widths
) -> list[CompiledTraining]:
    """Return a training for each network, from its weights on; all leave theirs in the first one when they end."""
    first, plan = networks[0], plans[0]
    weights = [network.get_weights() for network in networks]
    batch_plan = make_batch_plan(dataset, plan)
    trained = prepare(first, plan, batch_plan.train.unweighted_sample(), batch_plan.train.steps_of_epoch)
    program = make_program(trained, batch_plan, plan, traced=[])
    specs = []
    for own, one in zip(weights, plans):
        trained.set_weights(own)
        seed_random_layers(trained, one.seed)
        program.backend.pull()
        specs.append(make_member_spec(program.initial(), batch_plan, one))
    ensemble = Ensemble(program, specs, widths, Cadence(None))
    ensemble.prepare()
    return [CompiledTraining(first, dataset, one, member) for one, member in zip(plans, ensemble.members)]


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
        grad_norm=plan.grad_norm or trainer.log_grad_norm,
        callbacks=select_pure_callbacks(plan.callbacks),
        traced={key: places[key] for key in traced},
        pieces=batch_plan.pieces,
        bounds=batch_plan.train.part.bounds,
    )
    placement = make_placement(trainer.devices, batch_plan.train.size)
    return Program(JaxTrainer(model), batch_plan.gather(), settings, placement)


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
