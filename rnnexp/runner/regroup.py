"""A group of runs that was ended before its time goes on from the newest moment that its members have kept.

What is trained as one is at the same epoch: members without a checkpoint are trained by themselves, from their start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError
from rnnexp.run_folder import set_aside
from rnnexp.runner.context import RunContext
from rnnexp.runner.unfinished import (
    WIDTH,
    Unfinished,
    find_own,
    load_newest,
    make_origin,
    place_at,
    require_data,
    write_origin,
)

if TYPE_CHECKING:
    from rnnexp.runner import PreparedRun
    from rnnexp.training.snapshot import Snapshot

Moment = tuple[int, int]  # epochs of the group, and gradient steps of the next one

log = logging.getLogger("rnnexp")


def split_group(
    experiments: Mapping[int, Experiment], contexts: Sequence[RunContext], turn: Callable[[int], None]
) -> list[list[int]]:
    """Return the numbers of those that have a checkpoint to go on from, and of those that have none.

    Each part is trained by itself, so that one that starts anew does not take the others back to their beginning.
    """
    gone_on: list[int] = []
    anew: list[int] = []
    for number, experiment in experiments.items():
        turn(number)
        (gone_on if find_own(contexts[number].run_dir, experiment) else anew).append(number)
    return [part for part in (gone_on, anew) if part]


def take_up_group(
    prepared: Mapping[int, PreparedRun], contexts: Mapping[int, RunContext], turn: Callable[[int], None]
) -> dict[int, RunContext]:
    """Take the runs of a group, by their numbers, to where they were put down, and return what each is told of that.

    They start anew if they have no moment in common; what they have left is set aside then. Raises DataError or
    ConfigError if the data or the code of one are not what they were.
    """
    found: dict[int, Unfinished] = {}
    for number, context in contexts.items():
        turn(number)
        if own := find_own(context.run_dir, prepared[number].experiment):
            require_data(own, prepared[number].dataset)
            found[number] = own
    at = _restore_newest(prepared, found)
    for number, context in contexts.items():
        turn(number)
        if number in at:
            log.info("%s", at[number].describe())
        else:
            if number in found:
                log.warning("the group starts again from epoch 1: its members have no checkpoint of the same step")
            set_aside(context.run_dir)
        write_origin(context.run_dir, make_origin(prepared[number].experiment), at_once=False)
    return {number: replace(context, unfinished=at.get(number)) for number, context in contexts.items()}


def _restore_newest(prepared: Mapping[int, PreparedRun], found: Mapping[int, Unfinished]) -> dict[int, Unfinished]:
    """Take all runs to the newest moment that they have in common, and say where that is; nothing if there is none."""
    from rnnexp.training.compiled.training import restore_together

    if found.keys() != prepared.keys():
        return {}
    trainings = [run.training for run in prepared.values() if run.training]
    width = trainings[0].plan.note()[WIDTH]
    kept = {number: _list_moments(own, width) for number, own in found.items()}
    for moment in sorted(set.intersection(*map(set, kept.values())), reverse=True):
        chosen = {number: own[moment] for number, own in kept.items()}
        try:
            restore_together(trainings, list(chosen.values()))
        except ConfigError as error:
            log.warning("the checkpoints after %d epochs and %d steps are left out: %s", *moment, error)
            continue
        placed = ((number, place_at(found[number].folder, one.position)) for number, one in chosen.items())
        return {number: replace(own, changed=found[number].changed) for number, own in placed}
    return {}


def _list_moments(unfinished: Unfinished, width: int) -> dict[Moment, Snapshot]:
    """Return the usable checkpoints of a run that was trained in a group of this width."""
    usable = ((one, one.position) for one in load_newest(unfinished.folder))
    return {(at.company, at.step): one for one, at in usable if at.run.get(WIDTH) == width}
