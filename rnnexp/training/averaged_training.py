"""The trainings of networks that are averaged, side by side: to whoever listens they are one.

On the compiled engine they are rows of one program, on the other they take their steps in turn. Each keeps its own best
weights and stops by itself; what is heard of an epoch are means over those that were still trained.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.errors import ConfigError
from rnnexp.models.averaging import list_members, list_seeds
from rnnexp.training.keeper import Cadence, Keeper
from rnnexp.training.keras_training import KerasTraining
from rnnexp.training.plan import History, Listener, Rows, Span, TrainingPlan
from rnnexp.training.snapshot import Position, Snapshot, make_columns, select_below

RUNNING, ENDED, ABOUT = "running", "ended", "about"  # the parts of a snapshot

Steps = Generator[Any, None, History]


@dataclass
class EndedMember:
    """What is left of a training: its weights, and what it has told."""

    weights: list[np.ndarray]
    history: History


class MemberKeeper:
    """What a member asks when it could be put down: it notes where it stands if a checkpoint of all is wanted."""

    def __init__(self, whole: AveragedTraining, place: int) -> None:
        self.whole, self.place = whole, place

    def look(self, training: Any, turn: int) -> None:
        self.whole.note(self.place, training)

    def require_running(self, turn: int) -> None:
        """Go on: all of them end together, where all of them can be put down."""

    def finish(self, training: Any) -> None:
        """Write nothing: what is left of a member is in the checkpoints of all."""


@dataclass
class Heard:
    """Rows of epochs, by member, until all that are still trained have come so far."""

    rows: dict[int, list[dict[str, float]]] = field(default_factory=dict)
    span: Span = (0.0, 0.0)

    def take(self, running: Sequence[int], done: int) -> list[dict[str, float]]:
        """Return the means of the epochs after the first `done` ones that are whole."""
        told = {place: len(rows) for place, rows in self.rows.items()}
        last = min([told.get(place, 0) for place in running] or [max(told.values(), default=0)])
        epochs = [[rows[epoch] for rows in self.rows.values() if epoch < len(rows)] for epoch in range(done, last)]
        return [compute_means(epoch) for epoch in epochs]


def compute_means(rows: Rows) -> dict[str, float]:
    """Return the mean of each metric that all have, and the time of all together."""
    keys = [key for key in rows[0] if all(key in row for row in rows)]
    found = {key: float(np.mean([row[key] for row in rows])) for key in keys}
    return found | ({"time/epoch_s": sum(row["time/epoch_s"] for row in rows)} if "time/epoch_s" in found else {})


class AveragedTraining:
    """The training of all networks that `model` averages, by the engine that has been chosen."""

    def __init__(self, model: Any, dataset: Dataset, plan: TrainingPlan, engine: str) -> None:
        self.model, self.dataset, self.plan, self.engine = model, dataset, plan, engine
        self.networks = list_members(model)
        self.keeper = Keeper(plan, Cadence(plan.trainer.checkpoint_every_s, plan.stop))
        self.turn, self.history, self.reason = 0, [], None  # type: int, list[dict[str, float]], str | None
        self.begin, self.before = perf_counter(), 0.0
        self.heard = Heard()
        self.noted: dict[int, Snapshot] = {}  # in this turn
        self.ended: dict[int, EndedMember] = {}
        self.trainings = self._make(range(len(self.networks)), {})

    def _make(self, places: Sequence[int], later: Mapping[int, int]) -> dict[int, Any]:
        """Make the trainings of some members; a program is as wide as that of all."""
        plans, networks = self._make_plans(), [_open(network) for network in self.networks]
        chosen = [plans[place] for place in places]
        made: Sequence[Any] = []
        if self.engine == "compiled" and places:
            from rnnexp.training.compiled.ensemble import Widths
            from rnnexp.training.compiled.training import train_side_by_side

            widths = Widths(len(networks), dict(later))
            made = train_side_by_side([networks[place] for place in places], self.dataset, chosen, widths)
        elif places:
            made = [KerasTraining(networks[place], self.dataset, plans[place]) for place in places]
        for place, training in zip(places, made):
            training.keeper = MemberKeeper(self, place)
        return dict(zip(places, made))

    def _make_plans(self) -> list[TrainingPlan]:
        """Give each member its seed and an optimizer of its own; none writes anything, or asks when to stop."""
        optimizer, trainer = self.plan.optimizer, replace(self.plan.trainer, checkpoint_every_s=None)
        alone = replace(self.plan, trainer=trainer, run_dir=None, stop=None)
        return [
            replace(alone, seed=seed, optimizer=type(optimizer).from_config(optimizer.get_config()))
            for seed in list_seeds(self.plan.seed, len(self.networks))
        ]

    def steps(self, listener: Listener) -> Generator[Any, None, History]:
        """Ask for the steps of all members until each has ended; leave the kept weights in the model, whatever happens.

        Then the averaged network is validated.
        """
        self.begin = perf_counter() - self.before
        runs = {place: one.steps(partial(self._hear, place)) for place, one in self.trainings.items()}
        try:
            steps = self._advance(runs)
            while runs:
                yield from steps
                self.turn, self.noted = self.turn + 1, {}
                steps = self._advance(runs)
                self._tell(listener, [*runs])
                if runs and self.noted.keys() == runs.keys():
                    self.keeper.look(self, self.turn)
        finally:
            for place, run in runs.items():
                run.close()
                self._end(place, History([], 0, "", None, 0.0))
            for place, member in self.ended.items():
                self.networks[place].set_weights(member.weights)
        self.keeper.finish(self)
        return self._summarize((yield from self._validate()))

    def _advance(self, runs: dict[int, Steps]) -> list[Any]:
        """Let each member go on to its next step, or its end; return the steps that are to be taken."""
        steps = []
        for place in list(runs):
            try:
                steps.append(next(runs[place]))
            except StopIteration as end:
                del runs[place]
                self._end(place, end.value)
        return steps[:1] if self.engine == "compiled" else steps  # there one step is that of all

    def _end(self, place: int, history: History) -> None:
        weights = self.trainings[place].backend.model.get_weights()  # its kept ones, until another one ends
        self.ended[place] = EndedMember(weights, history)

    def _hear(self, place: int, first: int, rows: Rows, span: Span) -> str | None:
        if self.reason is None:  # what is trained until all have heard of the end counts no more
            self.heard.rows.setdefault(place, []).extend(rows)
            self.heard.span = span
        return self.reason

    def _tell(self, listener: Listener, running: Sequence[int]) -> None:
        done = len(self.history)
        if rows := self.heard.take(running, done):
            self.history += rows
            self.reason = listener(done + 1, rows, self.heard.span) or self.reason

    def note(self, place: int, training: Any) -> None:
        """Keep where a member stands if all are to be put down now, or a checkpoint of all is due."""
        if any(self.keeper.cadence.ask(self.turn)):
            self.noted[place] = training.snapshot()
        else:
            self.noted[place] = Snapshot({}, Position("", "", 0))

    def _validate(self) -> Generator[Any, None, dict[str, float]]:
        import keras

        trainer = replace(self.plan.trainer, checkpoint_every_s=None)
        plan = replace(self.plan, optimizer=keras.optimizers.SGD(), callbacks={}, schedule=None, run_dir=None)
        validating = KerasTraining(_open(self.model), self.dataset, replace(plan, trainer=trainer, stop=None))
        return (yield from validating.validate())

    def _summarize(self, validated: Mapping[str, float]) -> History:
        members = [self.ended[place].history for place in sorted(self.ended)]
        best = [member.best for member in members]
        kept = compute_means(best) if all(best) else {}
        reasons = [member.stopped for member in members]
        stopped = self.reason or ("diverged" if "diverged" in reasons else reasons[0] if len({*reasons}) == 1 else None)
        epoch = round(float(np.mean([member.best_epoch for member in members]))) if all(best) else 0
        seconds = perf_counter() - self.begin
        return History(self.history, epoch, members[0].monitor, stopped, seconds, members, {**kept, **validated})

    def snapshot(self) -> Snapshot:
        """Return where all members stand that have been noted in this turn, and what is left of the others."""
        arrays = _name_columns("history", self.history)
        about: dict[str, Any] = {"members": len(self.networks), RUNNING: {}, ENDED: {}, "later": self._list_widths()}
        running = {place: one for place, one in self.noted.items() if place not in self.ended}
        for place, one in running.items():
            arrays |= {f"{RUNNING}/{place}/{path}": array for path, array in one.arrays.items()}
            arrays |= _name_columns(f"heard/{place}", self.heard.rows.get(place, []))
            about[RUNNING][place] = asdict(one.position)
        for place, member in self.ended.items():
            arrays |= {f"{ENDED}/{place}/weights/{at:04d}": array for at, array in enumerate(member.weights)}
            arrays |= _name_columns(f"heard/{place}", member.history.epochs)
            about[ENDED][place] = {**vars(member.history), "epochs": None, "members": None, "kept": None}
        arrays[ABOUT] = np.array(json.dumps(about))
        first = next((one.position for one in running.values()), None)
        position = Position(
            *(self._label, self._backend, len(self.history), first.step if first else 0, len(self.history)),
            seconds=perf_counter() - self.begin,
            run=self.plan.note(),
        )
        return Snapshot(arrays, position)

    @property
    def _label(self) -> str:
        return f"{self.engine}, averaged"

    @property
    def _backend(self) -> str:
        import keras

        return str(keras.backend.backend())

    def _list_widths(self) -> dict[int, int]:
        group = next((one.member.ensemble for one in self.trainings.values() if self.engine == "compiled"), None)
        return dict(group.widths.later) if group else {}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of the same members, before the first step; ConfigError if it is of others."""
        snapshot.position.require(self._label, self._backend)
        try:
            about = json.loads(str(snapshot.arrays[ABOUT]))
            if about["members"] != len(self.networks):
                raise ConfigError(f"it is of {about['members']} members, this training is of {len(self.networks)}")
            running = {int(place): Position(**position) for place, position in about[RUNNING].items()}
            later = {int(after): width for after, width in about["later"].items()}
            ended = {int(place): _read_ended(snapshot, int(place), known) for place, known in about[ENDED].items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"it is not of networks that are averaged: {error!r}") from None
        places = sorted(running)
        trainings = self._make(places, later)
        parts = [Snapshot(snapshot.part(f"{RUNNING}/{place}"), running[place]) for place in places]
        if self.engine == "compiled" and places:
            from rnnexp.training.compiled.training import restore_together

            restore_together([trainings[place] for place in places], parts)
        else:
            for place, part in zip(places, parts):
                trainings[place].restore(part)
        self.trainings, self.ended, self.history = trainings, ended, snapshot.rows()
        self.heard.rows = {place: _read_rows(snapshot, place) for place in (*places, *ended)}
        self.before = snapshot.position.seconds


def _open(network: Any) -> Any:
    """Return a model of the very same layers, to be compiled: what is compiled is saved with it."""
    import keras

    return keras.Model(network.input, network.output, name=network.name)


def _name_columns(path: str, rows: Rows) -> dict[str, np.ndarray]:
    """Return the rows that are whole: of an epoch in which a loss was infinite there is but a part."""
    whole = [row for row in rows if row.keys() >= rows[0].keys()]
    return {f"{path}/{key}": array for key, array in make_columns(whole).items()}


def _read_rows(snapshot: Snapshot, place: int) -> list[dict[str, float]]:
    columns = {key: array.tolist() for key, array in snapshot.part(f"heard/{place}").items()}
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def _read_ended(snapshot: Snapshot, place: int, known: Mapping[str, Any]) -> EndedMember:
    weights = select_below(snapshot.arrays, f"{ENDED}/{place}/weights")
    history = History(**{**known, "epochs": _read_rows(snapshot, place), "members": (), "kept": {}})
    return EndedMember([weights[key] for key in sorted(weights)], history)
