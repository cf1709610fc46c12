"""What a command asks for, as it was typed, and the run that it goes on with.

That is found, and held, before Hydra makes a folder for another one.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Quote, QuotedString

from rnnexp.config import compose
from rnnexp.data.located import refuse_absent
from rnnexp.redact import redact, redact_words

if TYPE_CHECKING:
    from rnnexp.runner.unfinished import Unfinished


class Taken:
    """What has been found for the run of this process; None if it is a new one."""

    run: Unfinished | None = None


@contextmanager
def find_unfinished(overrides: list[str], config_dir: str | None) -> Iterator[list[str]]:
    """Hold the folder of the unfinished run that a command asks for again; yield what has Hydra work in it."""
    from rnnexp.runner.unfinished import take_up

    experiment, place, is_run = compose.read_with_place(overrides, config_dir)
    refuse_absent(experiment.data)  # before Hydra makes a folder
    with take_up(experiment, place, print, is_run=is_run) as Taken.run:
        folder = QuotedString(str(Taken.run.folder), Quote.single).with_quotes() if Taken.run else ""
        yield [f"hydra.run.dir={folder}"] if folder and not is_run else []


def command_line() -> str:
    """Return the command as it was typed, to be kept with the run."""
    program = Path(sys.argv[0]).name if sys.argv else "rnnexp"
    words = ["rnnexp" if program == "__main__.py" else program, *sys.argv[1:]]
    return redact(shlex.join(redact_words(words)))
