"""What of a run the store does not hold yet, and the command that stores it."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rnnexp.errors import TrackingError
from rnnexp.redact import redact, without_user
from rnnexp.tracking import store
from rnnexp.tracking.journal import RunJournal

log = logging.getLogger("rnnexp")


def tell_unstored(journals: Sequence[RunJournal]) -> None:
    """Say what of ended runs is not in the store yet, and how it gets there."""
    for journal in journals:
        if what := journal.unstored():
            journal.sync()
            where = f"{(journal.begun or {}).get('uri', '')}"
            command = write_sync(journal.folder, where)
            log.warning("tracking: %s: %s not there yet; store it with: %s", where, what, command)


def write_sync(folder: Path, where: str) -> str:
    """Write the command that stores the runs of a folder at `where`, an address without secrets.

    Who has to say who he is does so by MLflow's own variables: the command does not know the password.
    """
    relative = os.path.relpath(folder)
    words = ["rnnexp", "sync", str(folder) if relative.startswith("..") else relative]
    in_force = ""
    with suppress(TrackingError):
        in_force = redact(store.tracking_uri(None))
    if where == in_force:
        return shlex.join(words)
    address = without_user(where)
    told = shlex.join([*words, "--uri", address])
    return told if address == where else f"{told}  (with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD set)"
