"""Signals that ask this process to end: a training ends between two chunks, with a checkpoint; anything else at once.

The first signal is noted where a training asks for it, and raised where none does. A thread sees to it that the process
has ended in time, even if it is in the middle of a compilation, which Python cannot interrupt; a second signal ends it
at once.
"""

from __future__ import annotations

import builtins
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from rnnexp.stopping import Ending, Interrupted

HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_S = 9.0  # from a signal to the end, whatever the process is about
DEAF_S = 3.0  # of them while nothing can be kept and Python does not come to hear it
LAST_ACTS_S = 2.0  # for what is done at the last moment
STOPPED = 130  # the exit code of what `rnnexp stop` has ended

ending = Ending()  # of all that this process does
_last_acts: list[Callable[[], object]] = []
_heeded: list[Signals] = []


class Signals:
    """What has been heard; `code` is the exit code of a process that ends because of it."""

    def __init__(self, numbers: Sequence[int], grace_s: float) -> None:
        self.numbers, self.grace_s = numbers, grace_s
        self.first: int | None = None
        self._is_heard = False

    @property
    def code(self) -> int:
        return STOPPED if self.first is None else 128 + self.first

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal, or raise Interrupted if nobody would ask; of any but the first the other thread takes care."""
        if self._is_heard:
            return
        self._is_heard, self.first = True, self.first or number
        words = signal.Signals(self.first).name
        ending.words = ending.words or words
        if not ending.is_asked:
            raise Interrupted(words)

    def watch(self, pipe: int) -> None:
        """End the process at a second signal, or when it has not come to its end in time after the first."""
        began = None
        while True:
            waits = None if began is None else began + self._patience() - time.monotonic()
            if waits is not None and waits <= 0:
                self._leave()
            if not select.select([pipe], [], [], waits)[0]:
                continue  # it may have been heard in the meantime, which takes longer
            data = os.read(pipe, 64)
            if not data:
                os.close(pipe)
                return
            for number in filter(self.numbers.__contains__, data):
                if began is not None:
                    self._leave()
                self.first, began = self.first or number, time.monotonic()

    def _patience(self) -> float:
        return self.grace_s if self._is_heard or ending.is_asked else min(DEAF_S, self.grace_s)

    def _leave(self) -> None:
        print("\nrnnexp: ended at once; what was not yet on the disk is lost", file=sys.stderr)
        acts = threading.Thread(target=_act, daemon=True)
        acts.start()
        acts.join(LAST_ACTS_S)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(self.code)


@contextmanager
def heed_signals(numbers: Sequence[int] = HEEDED, grace_s: float = GRACE_S) -> Iterator[Signals]:
    """Within the block heed signals, but for those that are ignored (nohup); in a thread or a notebook none."""
    may = threading.current_thread() is threading.main_thread() and not hasattr(builtins, "__IPYTHON__")
    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers if may}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    signals = Signals(tuple(before), grace_s)
    if not before:
        yield signals
        return
    pipe, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    threading.Thread(target=signals.watch, args=(pipe,), name="rnnexp signals", daemon=True).start()
    earlier = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    for number in before:
        signal.signal(number, signals.handle)
    _heeded.append(signals)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(earlier)
        os.close(wakeup)
        _heeded.remove(signals)
        ending.words = None


def find_exit_code() -> int:
    """Return the exit code of a process that has been asked to end."""
    return _heeded[-1].code if _heeded else STOPPED


def _act() -> None:
    for act in reversed(_last_acts):
        with suppress(Exception):
            act()


@contextmanager
def run_last(act: Callable[[], object]) -> Iterator[None]:
    """Within the block do something before the process is ended at once."""
    _last_acts.append(act)
    try:
        yield
    finally:
        _last_acts.remove(act)
