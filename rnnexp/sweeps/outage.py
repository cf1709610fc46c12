"""Files of the data that go away while a sweep runs: no job has failed for want of them, and the sweep waits for them.

A drive is unmounted, or a server of files no longer answers. What a job misses is looked for once it has failed:
between a look before it and its reading they could still go.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnexp.config.parse import parse
from rnnexp.data.fingerprint import list_named
from rnnexp.data.located import list_lost
from rnnexp.errors import DataError, RnnexpError
from rnnexp.redact import redact
from rnnexp.stopping import name_resuming
from rnnexp.sweeps.state import State
from rnnexp.sweeps.task import read_outcome

LOST = "files of its data have gone"


def find_lost_files(mapping: Mapping[str, Any], error: BaseException | None = None) -> str:
    """Return a line for each file that a job misses of its data, after the error that it has ended in; "" for none."""
    try:
        source = parse(mapping).data
    except RnnexpError:  # its plugin cannot be imported any more, which it has failed by
        return ""
    return redact("\n".join(list_lost(source, error)))


def find_missed(mapping: Mapping[str, Any], folder: Path, state: State) -> str:
    """Return which files of its data the job in a folder has missed that were there when its sweep began; "" for none.

    A sampler may choose some that never were.
    """
    if state.inputs.keys().isdisjoint(list_named(mapping["data"])):
        return ""
    outcome = read_outcome(folder)
    return outcome.lost if outcome else find_lost_files(mapping)  # a process that was killed could not say so


def make_outage(folder: Path, lost: str, command: str, failures: str) -> DataError:
    """Make the error of a sweep that waits for its files; `failures` are those of other jobs, "" without any."""
    again = name_resuming(command)
    told = "\n".join(f"  {line}" for line in lost.splitlines())
    text = f"the sweep {folder}: {LOST} while it ran:\n{told}\n  bring them back; {again} then runs what is missing"
    return DataError("\n".join(filter(None, [text, failures])))
