"""A rank that only computes: it trains with the first one, which alone keeps, scores and tracks the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rnnexp.config.settings import Experiment
from rnnexp.runner.assembly import build_model, make_plan
from rnnexp.runner.warm_start import hold_taken, read_start, take_start

RANKS = "several ranks"


def find_ranks_mistakes(experiment: Experiment, backend: str) -> Iterator[str]:
    """Say why several processes cannot train an experiment together on a backend."""
    from rnnexp.training.fit import find_obstacle

    trainer = experiment.trainer
    if backend == "tensorflow":
        yield f"backend: tensorflow given; {RANKS} train on jax or torch"
    if backend == "jax" and trainer.engine == "keras":
        yield f"trainer.engine: keras given; {RANKS} need engine=compiled or auto on jax"
    if trainer.devices not in (1, "all"):
        yield f"trainer.devices: {trainer.devices} given; {RANKS} use all devices that each of them sees: leave it out"
    if obstacle := find_obstacle(trainer, experiment.callbacks):
        yield f"{obstacle}, which {RANKS} cannot do alike; leave it out"
    asked = {
        "ensemble": experiment.ensemble > 1,
        "pretrain": experiment.pretrain is not None,
        "trainer.refit_every": trainer.refit_every is not None,
    }
    yield from (f"{key}: not with {RANKS}, which train one network once" for key, is_asked in asked.items() if is_asked)


def follow(experiment: Experiment, threads: int | None) -> None:
    """Take every step that the first rank takes; nothing is written, and nothing is left of it."""
    from rnnexp import runner
    from rnnexp.training.fit import make_training, run_all
    from rnnexp.training.keeper import share_start

    silent = replace(experiment.trainer, checkpoint_every_s=None)
    experiment = replace(experiment, trainer=silent)
    device = runner.configure_runtime(experiment, threads)
    plan = make_plan(experiment, None)
    dataset = runner.load_data(experiment)
    model = build_model(experiment, dataset, device)
    taken = take_start(read_start(experiment), model, dataset)
    training = make_training(model, dataset, hold_taken(plan(dataset.spec), taken, experiment))
    if snapshot := share_start(None):
        training.restore(snapshot)
    run_all(training.steps(lambda *_: None))
