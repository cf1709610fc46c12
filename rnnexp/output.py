"""What a command says, masked on its way out: MLflow, Hydra and the libraries below them print as they like."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from rnnexp.redact import redact


class MaskedStream:
    """A text stream that masks whole lines; what else is asked of it, the stream below answers."""

    def __init__(self, stream: TextIO, conceal: Callable[[str], str] = redact) -> None:
        self._stream, self._conceal, self._held = stream, conceal, ""

    def write(self, text: str) -> int:
        """Pass on the lines that are complete: a secret may come in several pieces."""
        self._held += text
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        if end:
            self._pass_on(end)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._pass_on(len(self._held))
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream below open: a handler of a log may close what it was given, long after the block."""
        self.flush()

    def _pass_on(self, end: int) -> None:
        said, self._held = self._held[:end], self._held[end:]
        if said:
            self._stream.write(self._conceal(said))

    def __eq__(self, other: object) -> bool:
        """Be the stream below to who asks: a handler closes what it does not take for standard error any more."""
        return other is self or other is self._stream

    def __hash__(self) -> int:
        return hash(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class MaskedRecord(logging.LogRecord):
    """A record of a log whose message and traceback are masked, whatever handler writes them."""

    _trace: str | None = None

    def getMessage(self) -> str:
        return redact(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        return self._trace

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._trace = redact(text) if text else text


@contextmanager
def masked_output(conceal: Callable[[str], str] = redact) -> Iterator[None]:
    """Mask what is printed and logged within the block; `conceal` is for what goes to standard output."""
    before, factory = (sys.stdout, sys.stderr), logging.getLogRecordFactory()
    masked: list[Any] = [_masked(sys.stdout, conceal), _masked(sys.stderr, redact)]
    sys.stdout, sys.stderr = masked
    logging.setLogRecordFactory(MaskedRecord)
    try:
        yield
        _flush(masked)
    except BaseException:
        with suppress(OSError, ValueError):  # the first error is the one to be told
            _flush(masked)
        raise
    finally:
        sys.stdout, sys.stderr = before
        logging.setLogRecordFactory(factory)


def _masked(stream: Any, conceal: Callable[[str], str]) -> Any:
    """Leave a closed stream, and one that is masked already."""
    return stream if stream is None or isinstance(stream, MaskedStream) else MaskedStream(stream, conceal)


def _flush(streams: list[Any]) -> None:
    for stream in streams:
        if stream is not None:
            stream.flush()


@contextmanager
def hide_warnings(name: str) -> Iterator[None]:
    """Let a log tell errors only."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
