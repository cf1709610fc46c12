"""Train a model on a dataset, by the engine that fits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from rnnexp.data.dataset import Dataset
from rnnexp.models.averaging import list_members
from rnnexp.runtime import process_group
from rnnexp.training.plan import History, Listener, Rows, Span, TrainingPlan
from rnnexp.training.pure_callback import PureCallback
from rnnexp.training.snapshot import Snapshot

if TYPE_CHECKING:
    from rnnexp.config.settings import Trainer
    from rnnexp.training.compiled.kept_program import KeptProgram
    from rnnexp.training.keeper import Keeper

log = logging.getLogger("rnnexp")
T = TypeVar("T")
Engine = Literal["keras", "compiled"]


class TrainingStep(Protocol):
    """Work that a training asks for, to be run by whoever goes through its steps."""

    def run(self) -> None: ...


class Training(Protocol):
    """One training of one model, from its compilation to the weights it ends with.

    It asks for its steps instead of taking them, so that trainings which share a program can be stepped together.
    """

    def steps(self, listener: Listener) -> Generator[TrainingStep, None, History]: ...

    @property
    def keeper(self) -> Keeper: ...

    def snapshot(self) -> Snapshot: ...

    def restore(self, snapshot: Snapshot) -> None: ...


def choose_engine(trainer: Trainer, callbacks: Mapping[str, Any], backend: str) -> tuple[Engine, str | None]:
    """Return the engine, and why it is not the one that was wished for (`auto` wishes for speed on JAX)."""
    if trainer.engine == "keras" or (trainer.engine == "auto" and backend != "jax"):
        return "keras", None
    obstacle = f"it needs backend=jax, not {backend}" if backend != "jax" else find_obstacle(trainer, callbacks)
    return ("compiled", None) if obstacle is None else ("keras", f"not the compiled engine: {obstacle}")


def find_obstacle(trainer: Trainer, callbacks: Mapping[str, Any]) -> str | None:
    watched = {"trainer.monitor": trainer.monitor}
    for key, callback in callbacks.items():
        if isinstance(callback, PureCallback):
            watched[f"callbacks.{key}.monitor"] = callback.monitor
        elif not getattr(callback, "late", False):
            return f"callbacks.{key} may do anything after each epoch"
    timed = [key for key, monitor in watched.items() if monitor and monitor.startswith("time/")]
    return f"{timed[0]} watches the clock" if timed else None


def make_training(model: Any, dataset: Dataset, plan: TrainingPlan, kept: KeptProgram | None = None) -> Training:
    """Return a training by the engine that `trainer.engine` and the callbacks allow; `kept` holds what was compiled for
    this network before.
    """
    import keras

    engine, reason = choose_engine(plan.trainer, plan.callbacks, keras.backend.backend())
    if reason:
        log.info("engine keras: %s", reason)
    if list_members(model):
        from rnnexp.training.averaged_training import AveragedTraining

        return AveragedTraining(model, dataset, plan, engine)
    if engine == "compiled":
        from rnnexp.training.compiled.training import CompiledTraining, make_single_member

        return CompiledTraining(model, dataset, plan, make_single_member(model, dataset, plan, kept))
    from rnnexp.training.keras_training import KerasTraining

    return KerasTraining(model, dataset, plan, process_group.current)


def fit(
    model: Any,
    dataset: Dataset,
    plan: TrainingPlan,
    listener: Callable[[int, dict[str, float]], str | None] | None = None,
    snapshot: Snapshot | None = None,
) -> History:
    """Train `model` (built, not compiled) in place; `listener` hears (1-based epoch, metrics)
    of each epoch, and may answer with a reason to stop, which the history then names.

    With validation the model ends with the weights of the best monitored epoch, otherwise with the last
    one's. The order of the examples is one permutation per epoch, a function of (seed, epoch) alone; a part
    that is a single batch keeps its own order. From a `snapshot` it goes on as if it had never been put down. Raises
    ConfigError for a monitor that is not logged, or a snapshot of another training, DivergedError if the loss is not
    finite and `trainer.on_divergence` is `fail`, TrainingStopped if `plan.stop` gives a reason.
    """

    def heard(first: int, rows: Rows, _: Span) -> str | None:
        answers = [listener(epoch, metrics) for epoch, metrics in enumerate(rows, start=first)] if listener else []
        return next((answer for answer in answers if answer), None)

    training = make_training(model, dataset, plan)
    if snapshot is not None:
        training.restore(snapshot)
    return run_all(training.steps(heard))


def validate(model: Any, dataset: Dataset, plan: TrainingPlan) -> dict[str, float]:
    """Return what an epoch would log of the validation part with the weights that a model has; nothing without one."""
    import keras

    from rnnexp.training.keras_training import KerasTraining

    # An optimizer that averages would put other weights into the place of those that were kept.
    plan = replace(plan, optimizer=keras.optimizers.SGD(), callbacks={}, schedule=None, run_dir=None)
    return run_all(KerasTraining(model, dataset, plan).validate())


def run_all(steps: Generator[TrainingStep, None, T]) -> T:
    """Run steps by themselves, one after the other, and return what their training returns."""
    try:
        while True:
            step = next(steps)
            try:
                step.run()
            except BaseException as error:
                steps.throw(error)  # a training puts its weights in order when it is interrupted
    except StopIteration as end:
        result: T = end.value
        return result
