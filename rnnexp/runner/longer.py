"""A run that is gone on with by its name: with more epochs or patience than it had, if that is asked for."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnexp.config.parse import parse, plain_values
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError
from rnnexp.redact import redact
from rnnexp.runner.unfinished import Origin, Unfinished, compare_origins, make_origin, read_origin, read_unfinished

EPOCHS, EARLY = "trainer.epochs", "early_stopping"
PATHS = ("data.path", "data.root")
ALLOWED = "trainer.epochs, the patience of early stopping, tracking.*, data.path and data.root may"


def apply_changes(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """Return an experiment with other values. Raises ConfigError with every key that would make another run of it."""
    values = copy.deepcopy(plain_values(experiment))
    problems = [
        f"{key}: cannot change in the middle of a run, only {ALLOWED}; for another run: rnnexp train"
        for key in changes
        if not _may_change(key, values)
    ]
    if problems:
        raise ConfigError(*problems)
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = values
        for parent in parents:
            place = place[parent]
        place[last] = value
    return parse(values)


def _may_change(key: str, values: Mapping[str, Any]) -> bool:
    first, *rest = key.split(".")
    if first == "callbacks" and len(rest) == 2 and rest[1] == "patience":
        return (values["callbacks"].get(rest[0]) or {}).get("name") == EARLY
    return key == EPOCHS or (first == "tracking" and len(rest) == 1) or (key in PATHS and rest[0] in values["data"])


def take_up_again(folder: Path, before: Experiment, now: Experiment) -> Unfinished:
    """Return the run in a folder, which the caller holds, to go on as `now` says; `before` is as it was so far.

    Raises ConfigError if nothing is left to do, or nothing to go on with; DataError if its data have changed.
    """
    origin, found = read_origin(folder), read_unfinished(folder)
    if found is None or origin is None:
        raise ConfigError(
            f"{folder}: has no usable checkpoint to resume from (one is kept every trainer.checkpoint_every_s, and at "
            "the end of a single run unless that is null); train it again from the start: rnnexp train"
        )
    _refuse_nothing_to_do(found, before, now, is_over=origin.is_over)
    current = make_origin(now)
    if now.data != before.data and _list_digests(current) == _list_digests(origin):  # the same files elsewhere
        current, found = replace(current, data=origin.data), replace(found, noted={})
    changed = [*_list_changes(before, now), *compare_origins(folder, origin, current)]
    return replace(found, changed=changed, reopens=found.stop == EARLY)


def _list_digests(origin: Origin) -> list[str]:
    return sorted(digest for files in origin.data.values() for digest in files.values())


def _refuse_nothing_to_do(found: Unfinished, before: Experiment, now: Experiment, *, is_over: bool) -> None:
    """Raise ConfigError where a run would go on for no epoch, or for less than it has done."""
    epochs, done = now.trainer.epochs, found.epoch
    if now.ensemble > 1 and (epochs, now.callbacks) != (before.trainer.epochs, before.callbacks):
        raise ConfigError(
            f"{found.folder.name} is an ensemble, and of networks that have ended only the weights are kept: "
            "resume it without more epochs, or train a new run with more: rnnexp train"
        )
    if epochs < done:
        raise ConfigError(f"{EPOCHS}: {epochs} given; {found.folder.name} has done {done} already, give more")
    if found.stop == EARLY:
        patience = {key: c.patience for key, c in now.callbacks.items() if c.name == EARLY}
        given = {key: c.patience for key, c in before.callbacks.items() if c.name == EARLY}
        if any(patience[key] <= given[key] for key in patience):
            keys = ", ".join(f"callbacks.{key}.patience (now {value})" for key, value in patience.items())
            raise ConfigError(
                f"{found.folder.name} was stopped early after epoch {done}, and would be at once again; to resume it, "
                f"give more of {keys}"
            )
    elif found.stop is not None:
        raise ConfigError(f"{found.folder.name} was ended after epoch {done}: {found.stop}; it cannot be resumed")
    if is_over and epochs == done:
        raise ConfigError(f"{found.folder.name} has ended after epoch {done}; to train on: {EPOCHS}=N above it")


def _list_changes(before: Experiment, now: Experiment) -> list[str]:
    """Say which settings of the training have changed, and what a schedule makes of that."""
    told = []
    if now.trainer.epochs != before.trainer.epochs:
        told.append(f"{EPOCHS} {now.trainer.epochs} (was {before.trainer.epochs})")
    for key, callback in now.callbacks.items():
        if callback.name == EARLY and callback != before.callbacks[key]:
            told.append(f"callbacks.{key}.patience {callback.patience} (was {before.callbacks[key].patience})")
    for name in ("path", "root"):
        paths = [getattr(one.data, name, None) for one in (now, before)]
        if paths[0] != paths[1]:
            told.append(redact(f"data.{name} {paths[0]} (was {paths[1]})"))
    return told


def has_other_rates(before: Experiment, now: Experiment, done: int) -> bool:
    """Say whether a schedule would have given other learning rates to the epochs that are done."""
    schedule, spans = now.schedule, (before.trainer.epochs, now.trainer.epochs)
    if schedule is None or spans[0] == spans[1]:
        return False
    return any(schedule.factor(epoch, spans[0]) != schedule.factor(epoch, spans[1]) for epoch in range(1, done + 1))
