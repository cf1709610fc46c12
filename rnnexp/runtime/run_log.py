"""What a run says while a program trains it: printed as on the command line, and added to the log in its folder."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnexp.redact import redact

FILE = "train.log"

_log = logging.getLogger("rnnexp")
_lock = threading.Lock()
_runs: dict[int, _Console] = {}  # by the threads in which they are trained, side by side


class _Masked(logging.Formatter):
    """Masks secrets: what is printed in a notebook is kept with it."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Console(logging.Handler):
    """Stands in for the program's own logging: hands on what that would hear, and prints the rest unless `quiet`."""

    def __init__(self, quiet: bool, *, is_command: bool) -> None:
        super().__init__()
        self.setFormatter(_Masked())
        self.quiet, self.level_before, self.propagate_before = quiet, _log.level, _log.propagate
        root = logging.getLogger()
        listens = root.hasHandlers() and not is_command
        self._root, self._heard = root, _log.getEffectiveLevel() if listens else sys.maxsize

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= self._heard:
            self._root.callHandlers(record)
        elif not self.quiet:
            print(self.format(record), flush=True)


@contextmanager
def write_log(folder: Path, quiet: bool = False, *, is_command: bool = False) -> Iterator[None]:
    """Within the block add what this thread's run says to the log in its folder, and print it unless `quiet`.

    A program that has set up its own logging hears there what it asks for, unless it `is_command`, which prints all.
    """
    mine = threading.get_ident()
    file = logging.FileHandler(folder / FILE, encoding="utf-8")
    file.setFormatter(_Masked("[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"))
    file.addFilter(lambda record: record.thread == mine or record.thread not in _runs)
    _enter(mine, quiet, is_command)
    try:
        _log.addHandler(file)
        yield
    finally:
        _log.removeHandler(file)
        file.close()
        _leave(mine)


def _enter(thread: int, quiet: bool, is_command: bool) -> None:
    """Let everything be heard; of several runs the first one sees to that."""
    with _lock:
        console = next(iter(_runs.values()), None)
        if console is None:
            console = _Console(quiet, is_command=is_command)
            _log.addHandler(console)
            _log.propagate = False
            _log.setLevel(logging.INFO)
        console.quiet &= quiet
        _runs[thread] = console


def _leave(thread: int) -> None:
    """Put the logger back as it was once the last run has ended."""
    with _lock:
        console = _runs.pop(thread)
        if not _runs:
            _log.removeHandler(console)
            _log.setLevel(console.level_before)
            _log.propagate = console.propagate_before
