"""Runs that share one compiled program, trained together; each is tracked, scored and ended by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnexp import runner, tracking
from rnnexp.config.loss_names import find_quantiles
from rnnexp.config.settings import Experiment, Tracking
from rnnexp.errors import ConfigError
from rnnexp.runner.context import RunContext
from rnnexp.runner.groups import GroupStore
from rnnexp.runner.program_key import select_runtime_scalars
from rnnexp.runner.regroup import split_group, take_up_group
from rnnexp.runner.unfinished import WIDTH, add_note
from rnnexp.runner.warm_start import hold_taken, read_start, take_start
from rnnexp.runtime import interrupts
from rnnexp.stopping import Interrupted

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.models.transfer import TrainedWeights
    from rnnexp.runtime import Runtime
    from rnnexp.training.compiled.batch_plan import BatchPlan
    from rnnexp.training.compiled.ensemble import MemberSpec, Widths
    from rnnexp.training.compiled.program import Program
    from rnnexp.training.fit import TrainingStep
    from rnnexp.training.plan import TrainingPlan

OnEnd = Callable[[int, "runner.Result | BaseException"], None]
RunSteps = dict[int, "Generator[TrainingStep, None, runner.Result]"]


def run_vectorized(
    experiments: Sequence[Experiment],
    contexts: Sequence[RunContext],
    on_end: OnEnd,
    turn: Callable[[int], None],
    store: GroupStore | None = None,
) -> None:
    """Train experiments of one program key on JAX, each on its own context.

    `on_end` gets the number of each that ends, with its result or what it failed with; `turn` is told whose turn it
    is before a member speaks (to a log). Those whose data differ in shape, and more than memory holds, are trained
    one group after the other; `store` remembers the groups. Raises what goes wrong before the first step of a group.
    """
    from rnnexp.training.compiled.ensemble import Widths

    started = time.perf_counter()
    store = store or GroupStore()
    for common in _prepare_common(experiments, contexts):
        members = {one.number: one for one in common.members}
        keys = {number: one.batch_plan.signature() for number, one in members.items()}
        for group, present in store.assign(keys, common.max_members):
            widths = Widths(len(group.numbers), dict(group.widths), partial(store.save_widths, group))
            waiting = {members[number].index: members[number] for number in present}
            for part in split_group({index: one.experiment for index, one in waiting.items()}, contexts, turn):
                chosen = [waiting[index] for index in part]
                prepared = {one.index: run for one, run in zip(chosen, _prepare_runs(common, chosen, widths))}
                placed = take_up_group(prepared, {index: contexts[index] for index in prepared}, turn)
                runs = {
                    index: runner.run_steps(prepared[index], context, quiet=True, started=started)
                    for index, context in placed.items()
                }
                _interleave(runs, experiments[0].tracking, on_end, turn)


def _interleave(runs: RunSteps, settings: Tracking, on_end: OnEnd, turn: Callable[[int], None]) -> None:
    """Let runs go on side by side until all have come to their end; what ends together is written together."""
    waiting: dict[int, TrainingStep | None] = dict.fromkeys(runs)
    try:
        while waiting:
            step = next(iter(waiting.values()))
            if step:
                _take_step(step, runs, waiting)
            ended: dict[int, runner.Result | BaseException] = {}
            for number in list(waiting):
                turn(number)
                outcome = _advance(runs[number])
                if isinstance(outcome, (runner.Result, BaseException)):
                    del waiting[number]
                    ended[number] = outcome
                else:
                    waiting[number] = outcome
            if ended:
                tracking.flush(settings, interrupted=interrupts.ending.reason is not None)
            for number, result in _select_told(ended):
                turn(number)
                on_end(number, result)
        if interrupts.ending.reason is not None:
            raise Interrupted(interrupts.ending.reason)
    except KeyboardInterrupt:
        for number, run in runs.items():  # each tells MLflow that it was killed
            turn(number)
            with suppress(BaseException):
                run.throw(KeyboardInterrupt())
        raise
    finally:
        tracking.flush(settings, interrupted=interrupts.ending.reason is not None)


def _select_told(ended: Mapping[int, runner.Result | BaseException]) -> list[tuple[int, runner.Result | BaseException]]:
    """Leave out what ends with its process: it is run again."""
    return [one for one in ended.items() if isinstance(one[1], runner.Result) or interrupts.ending.reason is None]


def _take_step(step: TrainingStep, runs: RunSteps, waiting: Iterable[int]) -> None:
    """Run a step of all; what ends it (memory, for one) ends every run that waits for it."""
    try:
        step.run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        for number in waiting:
            with suppress(BaseException):
                runs[number].throw(error)
        raise


def _advance(run: Generator[TrainingStep, None, runner.Result]) -> TrainingStep | runner.Result | BaseException:
    """Let a member go on to its next step, its end, or its failure, which does not stop the others."""
    from rnnexp.training.keeper import TrainingStopped

    try:
        return next(run)
    except StopIteration as end:
        result: runner.Result = end.value
        return result
    except TrainingStopped as stop:
        return stop
    except KeyboardInterrupt as stop:
        if interrupts.ending.reason is None:
            raise
        return stop  # the others go on to where they can be put down
    except BaseException as error:  # sys.exit() of a plugin among them
        return error


@dataclass(frozen=True)
class _LoadedRun:
    """One of those that are trained together, with what its program is made of.

    index: its place among those that were given;  number: of its job
    """

    index: int
    number: int
    experiment: Experiment
    dataset: Dataset
    plan: TrainingPlan
    batch_plan: BatchPlan


@dataclass(frozen=True)
class _Common:
    """What all members share, and how many of them memory holds."""

    device: Runtime
    model: Any
    members: list[_LoadedRun]
    max_members: int


def _prepare_common(
    experiments: Sequence[Experiment], contexts: Sequence[RunContext]
) -> Generator[_Common, None, None]:
    """Read each distinct data set once, and build a network once for those that ask for the same.

    A seed that splits the data may change the vocabulary, or the classes, and with them the network.
    """
    first, member = experiments[0], contexts[0].member
    device = runner.configure_runtime(first, member.threads if member else None)
    tracking.warm_up(first.tracking)
    left = _load_runs(experiments, contexts)
    while left:
        spec = left[0].dataset.spec
        members = [one for one in left if one.dataset.spec == spec]
        left = [one for one in left if one.dataset.spec != spec]
        model = runner.build_model(first, members[0].dataset, device)
        size = members[0].batch_plan.estimate_bytes(model)
        yield _Common(device, model, members, max(1, device.memory // size))


def _prepare_runs(common: _Common, members: Sequence[_LoadedRun], widths: Widths) -> list[runner.PreparedRun]:
    """Compile the network and give each member its first weights."""
    from rnnexp.training.compiled.ensemble import Ensemble
    from rnnexp.training.compiled.training import CompiledTraining, make_member_spec, make_program
    from rnnexp.training.keeper import Cadence
    from rnnexp.training.prepare import prepare

    first, model = members[0], common.model
    plans = [add_note(one.plan, one.dataset, **{WIDTH: widths.first}) for one in members]
    start, batches = read_start(first.experiment), first.batch_plan.train
    taken = take_start(start, model, first.dataset, quiet=False)
    plan = hold_taken(first.plan, taken, first.experiment)
    trained = prepare(model, plan, batches.unweighted_sample(), batches.steps_of_epoch)
    different = _find_varying([select_runtime_scalars(one.experiment) for one in common.members])
    shared = make_program(trained, first.batch_plan, first.plan, traced=different)

    def specify(one: _LoadedRun) -> MemberSpec:
        scalars = _select(select_runtime_scalars(one.experiment), different)
        return make_member_spec(_initial_state(model, shared, one, start), one.batch_plan, one.plan, scalars)

    cadence = Cadence(first.plan.trainer.checkpoint_every_s, interrupts.ending)
    ensemble = Ensemble(shared, [specify(one) for one in members], widths, cadence)
    ensemble.prepare()
    places = zip(members, plans, ensemble.members)
    made = [CompiledTraining(model, one.dataset, plan, member) for one, plan, member in places]
    return [
        runner.PreparedRun(one.experiment, one.dataset, model, own.plan, common.device, training=own, start=taken)
        for one, own in zip(members, made)
    ]


def _load_runs(experiments: Sequence[Experiment], contexts: Sequence[RunContext]) -> list[_LoadedRun]:
    from rnnexp.training.compiled.batch_plan import make_batch_plan

    datasets: dict[str, Dataset] = {}
    members: list[_LoadedRun] = []
    for index, (experiment, context) in enumerate(zip(experiments, contexts)):
        asked = [asdict(experiment.data), find_quantiles(experiment.loss)]
        key = json.dumps(asked, sort_keys=True, default=str)
        if key not in datasets:
            datasets[key] = runner.load_data(experiment)
        dataset = datasets[key]
        plan = replace(runner.make_plan(experiment, context.run_dir)(dataset.spec), stop=context.ending)
        number = context.member.number if context.member else index
        members.append(_LoadedRun(index, number, experiment, dataset, plan, make_batch_plan(dataset, plan)))
    return members


def _find_varying(settings: Sequence[Mapping[str, float]]) -> list[str]:
    return [key for key, value in settings[0].items() if any(other[key] != value for other in settings)]


def _select(settings: Mapping[str, float], keys: Sequence[str]) -> dict[str, float]:
    return {key: settings[key] for key in keys}


def _initial_state(model: Any, shared: Program, member: _LoadedRun, start: TrainedWeights | None) -> Any:
    """Return what a member starts from: what the variables of the compiled model would hold for it alone."""
    from rnnexp.models.build import draw_weights, find_given_weights
    from rnnexp.training.prepare import seed_random_layers

    seed = member.experiment.seed
    architecture = member.experiment.model
    left = draw_weights(architecture, model, seed, find_given_weights(architecture, member.dataset))
    if left:
        raise ConfigError(f"trained together: the weights of {', '.join(left)} are initialized by Keras itself")
    take_start(start, model, member.dataset)
    seed_random_layers(shared.model, seed)
    shared.backend.pull()
    return shared.initial()
