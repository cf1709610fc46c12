"""Standard input, output and error as they may be handed to us: closed, full, a pipe that nobody reads, in ASCII."""

from __future__ import annotations

import io
import logging
import os
import select
import sys
from contextlib import suppress


class _Lenient(io.FileIO):
    """A file whose first failure is kept and whose later output is dropped: a full disk must not end a training."""

    failure: OSError | None = None

    def write(self, data: object) -> int:
        if self.failure is None:
            try:
                return super().write(data)  # type: ignore[arg-type]
            except BlockingIOError:
                raise
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes  # type: ignore[arg-type]


def guard() -> None:
    """Open what is closed, so that no file of ours gets its number, and make printing unable to raise."""
    logging.raiseExceptions = False  # a log on a full disk would print a traceback for each line
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = _guarded(1, sys.stdout), _guarded(2, sys.stderr)


def _guarded(number: int, before: io.TextIOWrapper | object | None) -> io.TextIOWrapper:
    encoding = getattr(before, "encoding", None) or "utf-8"
    if before is not None:
        with suppress(OSError, ValueError):
            before.flush()  # type: ignore[attr-defined]
    raw = _Lenient(number, "w", closefd=False)
    lines = number == 2 or raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=lines, write_through=number == 2
    )


def is_read() -> bool:
    """Tell whether somebody still reads standard output: a pipe such as `| head` ends before what writes to it."""
    look = select.poll()
    with suppress(OSError, ValueError):
        look.register(sys.stdout.fileno(), 0)
        return not look.poll(0)
    return True


def finish(code: int) -> int:
    """Write what is left and return the exit code: 6 instead of 0 if output was lost, but not to a closed pipe."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
        failure = getattr(getattr(getattr(stream, "buffer", None), "raw", None), "failure", None)
        if failure is not None and not isinstance(failure, BrokenPipeError) and code == 0:
            print(f"rnnexp: what was printed is lost: {failure.strerror}", file=sys.stderr)
            code = 6
    return code
