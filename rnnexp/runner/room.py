"""What a run needs of its disk, and what it says where the disk has ended it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.config.settings import Experiment
from rnnexp.disk import ADVICE, DISK_FULL, MB, require_room
from rnnexp.tracking import find_database
from rnnexp.training.training_state import EpochCallback

if TYPE_CHECKING:
    from rnnexp.training.plan import History

WITHOUT_WEIGHTS = MB  # texts, tables and pictures of a small run; an empty database takes as much
IN_CHECKPOINT = 4  # copies of the weights: the last and the best ones, and what Adam remembers of each
ROW_BYTES, POINTS_BYTES = 300, 1200  # of an epoch in the journal, and in a database
MAX_COUNTED = 10_000  # epochs: a larger number is mostly a limit that nobody expects to be reached


def refuse_full_disk(experiment: Experiment, model: Any, folder: Path) -> None:
    """Raise ResourceError where a run would not fit: its checkpoints, its model twice, its journal, a local store."""
    from rnnexp.training.keeper import KEEP

    weights = 4 * int(model.count_params())
    trainer, callbacks = experiment.trainer, experiment.callbacks.values()
    copies = 2 + sum(each.copies(trainer.epochs) for each in callbacks if isinstance(each, EpochCallback))
    if trainer.checkpoint_every_s is not None:
        copies += (KEEP + 1) * IN_CHECKPOINT  # one is in the making
    epochs = min(trainer.epochs, MAX_COUNTED)
    needed = WITHOUT_WEIGHTS + copies * weights + epochs * ROW_BYTES
    if _shares_disk(find_database(experiment.tracking), folder):
        needed += WITHOUT_WEIGHTS + 2 * weights + epochs * POINTS_BYTES
    require_room(folder, needed, "the run needs about")


def _shares_disk(database: Path | None, folder: Path) -> bool:
    try:
        return database is not None and os.stat(database.parent).st_dev == os.stat(folder).st_dev
    except OSError:  # which the store will tell
        return False


def explain_stop(history: History, folder: Path) -> str | None:
    """Say why a training has stopped whose checkpoints the disk did not take; None for any other."""
    if history.stopped != DISK_FULL:
        return None
    epochs = len(history.epochs)
    return f"{folder}/checkpoints: the disk does not take them, so training has stopped after epoch {epochs}; {ADVICE}"
