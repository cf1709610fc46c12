"""Runs that share one compiled program, trained together; each is tracked, scored and ended by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rnnexp import record, runner, tracking
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.training.engine.layout import Layout
    from rnnexp.training.engine.program import Program
    from rnnexp.training.fit import Step
    from rnnexp.training.plan import Plan

# What may differ between members: it decides values or the number of epochs, not the compiled program.
_FREE = {
    "": ("name", "seed", "schedule", "callbacks", "tracking", "plugins"),
    "data": ("seed", "fold"),
    "optimizer": ("learning_rate",),
    "trainer": ("epochs", "on_divergence", "engine"),
}
# Numbers that a program can take as inputs, as long as they are there (not 0 or null) in all of its members.
_HELD_IN_MODEL = ("dropout", "recurrent_dropout", "l1", "l2")

Heard = Callable[[int, "runner.Result | BaseException"], None]


def program(experiment: Experiment) -> str | None:
    """Return what two experiments must have in common to be trained together, None if one must train alone."""
    from rnnexp.training.carried import CarriedCallback
    from rnnexp.training.engine.choice import choose

    if choose(experiment.trainer, experiment.callbacks, "jax")[0] != "compiled":
        return None
    values = {key: value for key, value in asdict(experiment).items() if key not in _FREE[""]}
    for part in ("data", "optimizer", "trainer"):
        values[part] = {key: value for key, value in values[part].items() if key not in _FREE[part]}
    values["data"] = {key: "number" if type(value) is float else value for key, value in values["data"].items()}
    for key in held(experiment):
        part, name = key.split(".")
        values[part][name] = "positive"
    watching = {k: (c.name, c.monitor) for k, c in experiment.callbacks.items() if isinstance(c, CarriedCallback)}
    return json.dumps({**values, "callbacks": watching}, sort_keys=True, default=str)


def held(experiment: Experiment) -> dict[str, float]:
    """Return the settings that can be inputs of a program, by their dotted names."""
    from rnnexp.models.recurrent import RecurrentModel

    model, optimizer = asdict(experiment.model), asdict(experiment.optimizer)
    own = _HELD_IN_MODEL if type(experiment.model).__module__.startswith("rnnexp.") else ()
    own = own if isinstance(experiment.model, RecurrentModel) else ()
    found = {f"model.{key}": model[key] for key in own}
    found |= {f"optimizer.{key}": value for key, value in optimizer.items() if key != "learning_rate"}
    return {key: value for key, value in found.items() if type(value) is float and value > 0}


def run_together(
    experiments: Sequence[Experiment],
    occasions: Sequence[record.Occasion],
    heard: Heard,
    turn: Callable[[int], None],
    width: int = 0,
) -> None:
    """Train experiments of one `program` on JAX, each on its own occasion.

    `heard` gets the number of each that ends, with its result or what it failed with; `turn` is told whose turn it
    is before a member speaks (to a log). The last bit of a result may depend on how many are trained together: a
    group that lacks members which it once had is filled up to `width`. Raises what goes wrong before the first step.
    """
    started = time.perf_counter()
    tracking.warm_up(experiments[0].tracking)
    subjects = _subjects(experiments, occasions, width)
    stories = {
        number: runner.story(subject, occasion, quiet=True, started=started)
        for number, (subject, occasion) in enumerate(zip(subjects, occasions))
    }
    waiting: dict[int, Step] = {}
    try:
        for number in stories:
            _advance(number, stories, waiting, heard, turn)
        while waiting:
            next(iter(waiting.values())).run()
            for number in list(waiting):
                _advance(number, stories, waiting, heard, turn)
    except KeyboardInterrupt:
        for number, told in stories.items():  # each tells MLflow that it was killed
            turn(number)
            with suppress(BaseException):
                told.throw(KeyboardInterrupt())
        raise


def _advance(
    number: int,
    stories: dict[int, Generator[Step, None, runner.Result]],
    waiting: dict[int, Step],
    heard: Heard,
    turn: Callable[[int], None],
) -> None:
    """Let a member go on to its next step; one that fails does not stop the others."""
    waiting.pop(number, None)
    turn(number)
    try:
        waiting[number] = next(stories[number])
    except StopIteration as end:
        heard(number, end.value)
    except KeyboardInterrupt:
        raise
    except Exception as error:
        heard(number, error)


@dataclass(frozen=True)
class _Member:
    """One of those that are trained together, with what its program is made of."""

    experiment: Experiment
    dataset: Dataset
    plan: Plan
    layout: Layout


def _subjects(
    experiments: Sequence[Experiment], occasions: Sequence[record.Occasion], width: int
) -> list[runner.Subject]:
    """Read each distinct data set once, build and compile the network once, and give each member its first weights."""
    from rnnexp.training.engine.compiled import CompiledTraining, entrant, program_of
    from rnnexp.training.engine.ensemble import Ensemble, Widths
    from rnnexp.training.prepare import prepare

    first, member = experiments[0], occasions[0].member
    device = runner.configured(first, member.threads if member else None)
    members = _members(experiments, occasions)
    model = runner.built(first, members[0].dataset.spec, device)
    prepare(model, members[0].plan, members[0].layout.train.sample())
    different = _different([held(experiment) for experiment in experiments])
    shared = program_of(model, members[0].layout, members[0].plan, held=different)
    entrants = [
        entrant(_state(shared, one.experiment), one.layout, one.plan, _chosen(held(one.experiment), different))
        for one in members
    ]
    ensemble = Ensemble(shared, entrants, Widths(width))
    ensemble.prepare()
    return [
        runner.Subject(
            one.experiment, one.dataset, model, one.plan, device, CompiledTraining(model, one.dataset, one.plan, seat)
        )
        for one, seat in zip(members, ensemble.seats)
    ]


def _members(experiments: Sequence[Experiment], occasions: Sequence[record.Occasion]) -> list[_Member]:
    from rnnexp.training.engine.layout import layout

    datasets: dict[str, Dataset] = {}
    members = []
    for experiment, occasion in zip(experiments, occasions):
        key = json.dumps(asdict(experiment.data), sort_keys=True, default=str)
        if key not in datasets:
            datasets[key] = runner.loaded(experiment)
        dataset = datasets[key]
        plan = runner.planned(experiment, occasion.run_dir)(dataset.spec)
        members.append(_Member(experiment, dataset, plan, layout(dataset, plan)))
    return members


def _different(settings: Sequence[Mapping[str, float]]) -> list[str]:
    return [key for key, value in settings[0].items() if any(other[key] != value for other in settings)]


def _chosen(settings: Mapping[str, float], keys: Sequence[str]) -> dict[str, float]:
    return {key: settings[key] for key in keys}


def _state(shared: Program, experiment: Experiment) -> Any:
    """Return what a member starts from: what the variables of the compiled model would hold for it alone."""
    from rnnexp.models import initial
    from rnnexp.training.prepare import seed_random_layers

    model = shared.model
    left = initial.draw(model, experiment.seed)
    if left:
        raise ConfigError(f"trained together: the first weights of {', '.join(left)} are drawn by Keras itself")
    seed_random_layers(model, experiment.seed)
    shared.stepper.pull()
    return shared.initial()
