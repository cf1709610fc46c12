"""Sweeps as the sweep runner leaves them, made through MLflow's own client."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

import rnnexp as rx
from rnnexp.config.flat import flat_params
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import plain_values
from rnnexp.tracking import names
from rnnexp.tracking.store import artifact_root, open_store

BASELINES = {"linear": 0.1136, "persistence": 0.14}


composed = cache(rx.compose)  # the same few settings again and again


@dataclass(frozen=True)
class Job:
    """One job: what it was given, how it ended, and its validation losses by epoch."""

    overrides: tuple[str, ...]
    losses: Sequence[float]
    rmse: float = 0.12
    outcome: str = "ok"
    status: str = "FINISHED"


@dataclass
class Made:
    """A sweep that has been made: where it is, and its children's run ids by job number."""

    uri: str
    name: str
    run_id: str
    children: dict[int, list[str]] = field(default_factory=dict)


def make_sweep(uri: str, name: str, varied: Sequence[str], jobs: Mapping[int, Sequence[Job]], **tags: str) -> Made:
    """Create a parent run and its children; several jobs of one number are attempts, one after the other."""
    client = open_store(uri)
    experiment = client.get_experiment_by_name("sine")
    number = experiment.experiment_id if experiment else client.create_experiment("sine", artifact_root(uri, "sine"))
    parent = client.create_run(number, run_name=name, tags=sweep_tags(name, varied) | tags)
    made = Made(uri, name, parent.info.run_id)
    for job, attempts in jobs.items():
        for attempt in attempts:
            run_id = add_child(client, number, made, job, attempt, varied)
            made.children.setdefault(job, []).append(run_id)
    losses = [min(one.losses) for attempts in jobs.values() for one in attempts if one.outcome == "ok"]
    if losses:
        client.log_metric(made.run_id, "best/val/loss", min(losses))
    client.set_terminated(made.run_id, "FINISHED")
    return made


def sweep_tags(name: str, varied: Sequence[str]) -> dict[str, str]:
    return {
        "rnnexp.version": "0.1.0",
        "rnnexp.kind": "sweep",
        "rnnexp.sweep": name,
        "rnnexp.objective": "best/val/loss",
        "rnnexp.direction": "minimize",
        "rnnexp.varied": ",".join(varied),
        "rnnexp.command": f"rnnexp train -m experiment=sine_lstm {' '.join(varied)}",
        "rnnexp.folder": f"/runs/{name}",
    }


def add_child(client: Any, experiment: str, made: Made, number: int, job: Job, varied: Sequence[str]) -> str:
    """Create one job's run with its parameters, metrics and configuration."""
    config = composed("experiment=sine_lstm", *job.overrides)
    tags = {
        "mlflow.parentRunId": made.run_id,
        "mlflow.source.git.commit": "0123456789abcdef",
        "mlflow.source.git.dirty": "false",
        "rnnexp.version": "0.1.0",
        "rnnexp.sweep": made.name,
        "rnnexp.varied": ",".join(varied),
        "rnnexp.job": str(number),
        "rnnexp.outcome": job.outcome,
        "rnnexp.config_hash": config_hash(config),
        "rnnexp.data_digest": f"digest-{config.data.seed}",
        "rnnexp.group": config.name,
        "rnnexp.backend": "jax",
        "rnnexp.best_baseline": "linear",
    }
    run_id = str(client.create_run(experiment, run_name=f"{config.model.name}-{number}", tags=tags).info.run_id)
    log(client, run_id, names.params(flat_params(config)), job)
    text = yaml.safe_dump(plain_values(config), sort_keys=False, allow_unicode=True)
    client.log_text(run_id, text, "config/config.yaml")
    if job.outcome == "failed":
        client.log_text(run_id, "Traceback ...\nValueError: <b>no</b> data\n", "error.txt")
    client.set_terminated(run_id, job.status)
    return run_id


def log(client: Any, run_id: str, params: Mapping[str, str], job: Job) -> None:
    """Log parameters, a curve, and for a job that has ended well what is logged at the end."""
    from mlflow.entities import Metric, Param

    points = [Metric("val/loss", loss, epoch, epoch) for epoch, loss in enumerate(job.losses, start=1)]
    final = {} if job.outcome in ("failed", "killed") else final_metrics(job)
    points += [Metric(key, value, 1, 0) for key, value in final.items()]
    client.log_batch(run_id, metrics=points, params=[Param(key, value) for key, value in params.items()])


def final_metrics(job: Job) -> dict[str, float]:
    best = min(job.losses)
    return {
        "best/val/loss": best,
        "best/epoch": float(job.losses.index(best) + 1),
        "test/rmse": job.rmse,
        "skill/rmse": 1 - job.rmse / BASELINES["linear"],
        **{f"baseline/{name}/rmse": score for name, score in BASELINES.items()},
    }


def curve(best: float, epochs: int = 5) -> list[float]:
    """Fall to `best` in the last epoch but one, then rise a little: the last value is not the best."""
    return [best * (1 + 2 / epoch) for epoch in range(1, epochs - 1)] + [best, best * 1.1]


SEEDS = (0, 1, 2, 3)
# Validation loss of each setting, and by how much its seeds differ: gru with the larger rate is best, the
# smaller rate is within its noise, lstm is worse.
LEVELS = {("gru", 0.01): 0.0100, ("gru", 0.001): 0.0101, ("lstm", 0.01): 0.0150, ("lstm", 0.001): 0.0200}
WOBBLE = {("gru", 0.01): (0, 2, -1, 1), ("gru", 0.001): (2, -1, 1, -1), ("lstm", 0.01): (1, 3, 0, 2)}


def typical_jobs() -> dict[int, list[Job]]:
    """Return 16 jobs of four settings; job 15 failed, job 3 was killed and run again."""
    jobs: dict[int, list[Job]] = {}
    for number, (setting, seed) in enumerate(itertools.product(LEVELS, SEEDS)):
        loss = LEVELS[setting] + 0.0002 * WOBBLE.get(setting, (0, 1, 2, 3))[seed]
        overrides = (f"model={setting[0]}", f"optimizer.learning_rate={setting[1]}", f"seed={seed}")
        jobs[number] = [Job(overrides, curve(loss), rmse=loss * 10 + 0.01)]
    jobs[3].insert(0, Job(jobs[3][0].overrides, [1.0, 0.5], outcome="killed", status="KILLED"))
    jobs[15] = [Job(jobs[15][0].overrides, [1.0], outcome="failed", status="FAILED")]
    return jobs


VARIED = ("model", "optimizer.learning_rate", "seed")
