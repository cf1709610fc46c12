"""Runs that share one compiled program, trained together; each is tracked, scored and ended by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rnnexp import record, runner, tracking
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.training.steppers.on_jax import OnJax
    from rnnexp.training.steppers.stepper import Step
    from rnnexp.training.steppers.together import State

ENGINE = "vectorized"
# What may differ between members: it decides values or the number of epochs, not the compiled program.
_FREE = {
    "": ("name", "seed", "schedule", "callbacks", "tracking", "plugins"),
    "data": ("seed",),
    "optimizer": ("learning_rate",),
    "trainer": ("epochs", "monitor", "restore_best", "on_divergence"),
}

Heard = Callable[[int, "runner.Result | BaseException"], None]


def program(experiment: Experiment) -> str | None:
    """Return what two experiments must have in common to be trained together, None if one must train alone."""
    from rnnexp.training.course import EpochCallback

    own = [c for c in experiment.callbacks.values() if not issubclass(type(c), EpochCallback)]
    optimizer = experiment.optimizer
    averaged = getattr(optimizer, "use_ema", False)
    if own or averaged or experiment.trainer.grad_norm or experiment.trainer.precision != "float32":
        return None
    values = {key: value for key, value in asdict(experiment).items() if key not in _FREE[""]}
    for part in ("data", "optimizer", "trainer"):
        values[part] = {key: value for key, value in values[part].items() if key not in _FREE[part]}
    return json.dumps(values, sort_keys=True, default=str)


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
        number: runner.story(subject, replace(occasion, engine=ENGINE), quiet=True, started=started)
        for number, (subject, occasion) in enumerate(zip(subjects, occasions))
    }
    waiting: dict[int, Step] = {}
    try:
        for number in stories:
            _advance(number, stories, waiting, heard, turn)
        group = subjects[0].stepper.group  # type: ignore[union-attr]
        while waiting:
            kind = next(iter(waiting.values())).kind
            blocks = {number: step.block for number, step in waiting.items() if step.kind == kind}
            group.run(kind, blocks)
            for number in blocks:
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


def _subjects(
    experiments: Sequence[Experiment], occasions: Sequence[record.Occasion], width: int
) -> list[runner.Subject]:
    """Read each distinct data set once, build and compile the network once, and give each member its first weights."""
    from rnnexp.training.epochs import Training
    from rnnexp.training.steppers.together import Group

    first, member = experiments[0], occasions[0].member
    device = runner.configured(first, member.threads if member else None)
    datasets: dict[str, Any] = {}
    for experiment in experiments:
        key = json.dumps(asdict(experiment.data), sort_keys=True, default=str)
        if key not in datasets:
            datasets[key] = runner.loaded(experiment)
    chosen = [datasets[json.dumps(asdict(e.data), sort_keys=True, default=str)] for e in experiments]
    plans = [runner.planned(e, o.run_dir)(d.spec) for e, o, d in zip(experiments, occasions, chosen)]
    model = runner.built(first, chosen[0].spec, device)
    template: Any = Training(model, chosen[0], plans[0]).stepper
    states = [_state(template, experiment) for experiment in experiments]
    group = Group(template, [*states, *states[-1:] * (width - len(states))])
    return [
        runner.Subject(experiment, dataset, model, plan, device, stepper)
        for experiment, dataset, plan, stepper in zip(experiments, chosen, plans, group.members())
    ]


def _state(template: OnJax, experiment: Experiment) -> State:
    """Return what the variables of the compiled model hold before the first step of an experiment."""
    from rnnexp.models import initial
    from rnnexp.training.prepare import seed_random_layers

    model = template.model
    left = initial.draw(model, experiment.seed)
    if left:
        raise ConfigError(f"trained together: the first weights of {', '.join(left)} are drawn by Keras itself")
    seed_random_layers(model, experiment.seed)
    model.optimizer.learning_rate = experiment.optimizer.learning_rate
    template.pull()
    return template.trainable, template.other, template.optimizer
