"""Runs that share one compiled program, trained together; each is tracked, scored and ended by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnexp import record, runner, tracking
from rnnexp.company import Company
from rnnexp.config.settings import Experiment, Tracking
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.runtime import Runtime
    from rnnexp.training.engine.ensemble import Widths
    from rnnexp.training.engine.layout import Layout
    from rnnexp.training.engine.program import Program
    from rnnexp.training.fit import Step
    from rnnexp.training.plan import Plan

# What may differ between members: it decides values or the number of epochs, not the compiled program; of data what a
# source `repeats`.
_FREE = {
    "": ("name", "seed", "schedule", "callbacks", "tracking", "plugins"),
    "optimizer": ("learning_rate",),
    "trainer": ("epochs", "on_divergence", "engine"),
}
# Numbers that a program can take as inputs, as long as they are there (not 0 or null) in all of its members.
_HELD_IN_MODEL = ("dropout", "recurrent_dropout", "l1", "l2")
_NOT_HELD = ("learning_rate", "clipvalue")  # the one is a variable already, the other Keras hands on to XLA as it is

Heard = Callable[[int, "runner.Result | BaseException"], None]
Stories = dict[int, "Generator[Step, None, runner.Result]"]


def program(experiment: Experiment) -> str | None:
    """Return what two experiments must have in common to be trained together, None if one must train alone."""
    from rnnexp.training.carried import CarriedCallback
    from rnnexp.training.engine.choice import choose

    if choose(experiment.trainer, experiment.callbacks, "jax")[0] != "compiled":
        return None
    values = {key: value for key, value in asdict(experiment).items() if key not in _FREE[""]}
    for part in ("data", "optimizer", "trainer"):
        free = experiment.data.repeats if part == "data" else _FREE[part]
        values[part] = {key: value for key, value in values[part].items() if key not in free}
    values["data"] = {key: "number" if type(value) is float else value for key, value in values["data"].items()}
    for key in held(experiment):
        part, name = key.split(".")
        values[part][name] = "positive"
    watching = {k: (c.name, c.monitor) for k, c in experiment.callbacks.items() if isinstance(c, CarriedCallback)}
    return json.dumps({**values, "callbacks": watching}, sort_keys=True, default=str)


def held(experiment: Experiment) -> dict[str, float]:
    """Return the settings that can be inputs of a program, by their dotted names."""
    model, optimizer = asdict(experiment.model), asdict(experiment.optimizer)
    own = _HELD_IN_MODEL if type(experiment.model).__module__.startswith("rnnexp.") else ()
    found = {f"model.{key}": model[key] for key in own if key in model}
    found |= {f"optimizer.{key}": value for key, value in optimizer.items() if key not in _NOT_HELD}
    return {key: value for key, value in found.items() if type(value) is float and value > 0}


def run_together(
    experiments: Sequence[Experiment],
    occasions: Sequence[record.Occasion],
    heard: Heard,
    turn: Callable[[int], None],
    company: Company | None = None,
) -> None:
    """Train experiments of one `program` on JAX, each on its own occasion.

    `heard` gets the number of each that ends, with its result or what it failed with; `turn` is told whose turn it
    is before a member speaks (to a log). Those whose data differ in shape, and more than memory holds, are trained
    one group after the other; `company` remembers the groups. Raises what goes wrong before the first step.
    """
    from rnnexp.training.engine.ensemble import Widths

    started = time.perf_counter()
    stage = _stage(experiments, occasions)
    company = company or Company()
    numbers = {one.number: index for index, one in enumerate(stage.members)}
    keys = {one.number: one.layout.signature() for one in stage.members}
    for group, present in company.sort(keys, stage.most):
        indices = [numbers[number] for number in present]
        widths = Widths(len(group.numbers), dict(group.widths), partial(company.remember, group))
        subjects = _subjects(stage, [stage.members[index] for index in indices], widths)
        stories = {
            index: runner.story(subject, occasions[index], quiet=True, started=started)
            for index, subject in zip(indices, subjects)
        }
        _tell(stories, experiments[0].tracking, heard, turn)


def _tell(stories: Stories, settings: Tracking, heard: Heard, turn: Callable[[int], None]) -> None:
    """Let stories go on side by side until all have come to their end; what ends together is written together."""
    waiting: dict[int, Step | None] = dict.fromkeys(stories)
    try:
        while waiting:
            step = next(iter(waiting.values()))
            if step:
                _run(step, stories, waiting)
            ended: dict[int, runner.Result | BaseException] = {}
            for number in list(waiting):
                turn(number)
                told = _further(stories[number])
                if isinstance(told, (runner.Result, BaseException)):
                    del waiting[number]
                    ended[number] = told
                else:
                    waiting[number] = told
            if ended:
                tracking.flush(settings)
            for number, result in ended.items():
                turn(number)
                heard(number, result)
    except KeyboardInterrupt:
        for number, story in stories.items():  # each tells MLflow that it was killed
            turn(number)
            with suppress(BaseException):
                story.throw(KeyboardInterrupt())
        raise
    finally:
        tracking.flush(settings)


def _run(step: Step, stories: Stories, waiting: Iterable[int]) -> None:
    """Run a step of all; what ends it (memory, for one) ends every run that waits for it."""
    try:
        step.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        for number in waiting:
            with suppress(BaseException):
                stories[number].throw(error)
        raise


def _further(story: Generator[Step, None, runner.Result]) -> Step | runner.Result | BaseException:
    """Let a member go on to its next step, its end, or its failure, which does not stop the others."""
    try:
        return next(story)
    except StopIteration as end:
        result: runner.Result = end.value
        return result
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() of a plugin among them
        return error


@dataclass(frozen=True)
class _Member:
    """One of those that are trained together, with what its program is made of."""

    number: int
    experiment: Experiment
    dataset: Dataset
    plan: Plan
    layout: Layout


@dataclass(frozen=True)
class _Stage:
    """What all members share, and how many of them memory holds."""

    device: Runtime
    model: Any
    members: list[_Member]
    most: int


def _stage(experiments: Sequence[Experiment], occasions: Sequence[record.Occasion]) -> _Stage:
    """Read each distinct data set once, and build the network once."""
    first, member = experiments[0], occasions[0].member
    device = runner.configured(first, member.threads if member else None)
    tracking.warm_up(first.tracking)
    members = _members(experiments, occasions)
    model = runner.built(first, members[0].dataset, device)
    size = members[0].layout.bytes_of_member(model)
    return _Stage(device, model, members, max(1, device.memory // size))


def _subjects(stage: _Stage, members: Sequence[_Member], widths: Widths) -> list[runner.Subject]:
    """Compile the network and give each member its first weights."""
    from rnnexp.training.engine.compiled import CompiledTraining, entrant, program_of
    from rnnexp.training.engine.ensemble import Ensemble
    from rnnexp.training.prepare import prepare

    first, model = members[0], stage.model
    trained = prepare(model, first.plan, first.layout.train.own())
    different = _different([held(one.experiment) for one in stage.members])
    shared = program_of(trained, first.layout, first.plan, held=different)
    entrants = [
        entrant(_state(model, shared, one), one.layout, one.plan, _chosen(held(one.experiment), different))
        for one in members
    ]
    ensemble = Ensemble(shared, entrants, widths)
    ensemble.prepare()
    trainings = [CompiledTraining(model, one.dataset, one.plan, seat) for one, seat in zip(members, ensemble.seats)]
    return [
        runner.Subject(one.experiment, one.dataset, model, one.plan, stage.device, training)
        for one, training in zip(members, trainings)
    ]


def _members(experiments: Sequence[Experiment], occasions: Sequence[record.Occasion]) -> list[_Member]:
    from rnnexp.training.engine.layout import layout

    datasets: dict[str, Dataset] = {}
    members: list[_Member] = []
    for index, (experiment, occasion) in enumerate(zip(experiments, occasions)):
        key = json.dumps(asdict(experiment.data), sort_keys=True, default=str)
        if key not in datasets:
            datasets[key] = runner.loaded(experiment)
        dataset = datasets[key]
        plan = runner.planned(experiment, occasion.run_dir)(dataset.spec)
        number = occasion.member.number if occasion.member else index
        if members and dataset.spec != members[0].dataset.spec:
            raise ConfigError(
                f"trained together: the data of job {number} ask for another network than the first one's"
            )
        members.append(_Member(number, experiment, dataset, plan, layout(dataset, plan)))
    return members


def _different(settings: Sequence[Mapping[str, float]]) -> list[str]:
    return [key for key, value in settings[0].items() if any(other[key] != value for other in settings)]


def _chosen(settings: Mapping[str, float], keys: Sequence[str]) -> dict[str, float]:
    return {key: settings[key] for key in keys}


def _state(model: Any, shared: Program, member: _Member) -> Any:
    """Return what a member starts from: what the variables of the compiled model would hold for it alone."""
    from rnnexp.models.build import draw
    from rnnexp.training.prepare import seed_random_layers

    seed = member.experiment.seed
    left = draw(member.experiment.model, model, seed, member.dataset.vectors)
    if left:
        raise ConfigError(f"trained together: the first weights of {', '.join(left)} are drawn by Keras itself")
    seed_random_layers(shared.model, seed)
    shared.stepper.pull()
    return shared.initial()
