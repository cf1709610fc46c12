"""Asking a live run or sweep to end: a file in its folder, so that it works from any machine that sees the folder."""

from __future__ import annotations

import getpass
import logging
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

STOP = "stop"  # in the folder of what is to end: who has asked for it; in a sweep's folder `stop-3` is for job 3
STOPPED = "stopped"  # the same once it has been heard
ANEW = ("resume=never", "--new", "hydra.sweeper.new=true")  # words of a command that begins anew each time
POLL_S = 0.5

log = logging.getLogger("rnnexp")


class Interrupted(KeyboardInterrupt):
    """Somebody wants the work of this process to end where nothing of it could be kept."""


class Ending:
    """Why some work is to end, None as long as nobody wants that: what works in chunks asks between them.

    words:    who wants it;  above: an ending that is of this work, too;  look: is asked for words as well
    is_asked: whether the work asks, so that it need not be broken into
    """

    def __init__(self, above: Ending | None = None, look: Callable[[], str | None] = lambda: None) -> None:
        self.above, self.look = above, look
        self.words: str | None = None
        self.is_asked = False

    @property
    def reason(self) -> str | None:
        return self.words or self.look() or (self.above.reason if self.above else None)

    def __call__(self) -> str | None:
        self._mark(True)
        return self.reason

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Hold work that asks now and then, from the first time on; who was too late for the last time is heard."""
        try:
            yield
        finally:
            self._mark(False)
        if self.reason is not None:
            raise Interrupted(self.reason)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Have what interrupts the block tell who wants that: a signal says no more than how it was heard."""
        try:
            yield
        except KeyboardInterrupt as stop:
            if (reason := self.reason) and (isinstance(stop, Interrupted) or not stop.args):
                stop.args = (reason,)
            raise

    def _mark(self, is_asked: bool) -> None:
        self.is_asked = is_asked
        if self.above:
            self.above._mark(is_asked)


def make_resuming(command: str) -> str:
    """Return the command that goes on with what a command has begun."""
    return " ".join(word for word in command.split(" ") if word not in ANEW)


def name_resuming(command: str) -> str:
    """Say by what somebody who has typed a command goes on with what it has begun."""
    left_out = [word for word in command.split(" ") if word in ANEW]
    return " without ".join(["the same command", *([" ".join(left_out)] if left_out else [])])


def request_stop(folder: Path, job: int | None = None) -> Path:
    """Leave word that a run, a sweep or one of its jobs is to end; it is seen whole or not at all."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry in passwd
        user = "somebody"
    words = f"stopped by `rnnexp stop` ({user} on {platform.node()}, {datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z})"
    path = folder / (STOP if job is None else f"{STOP}-{job}")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(words, encoding="utf-8")
    beside.replace(path)
    return path


def read_stop(folder: Path) -> str | None:
    """Return why the run in a folder is to end; empty if it is hopeless beside others; None if it is not to."""
    return _read(folder / STOP)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def take_job_requests(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield the jobs of a sweep that are to end, with why, each once."""
    for path in sorted(folder.glob(f"{STOP}-*")):
        number = path.name.removeprefix(f"{STOP}-")
        with suppress(OSError):
            words = path.read_text(encoding="utf-8", errors="replace").strip()
            path.unlink()
            if number.isdecimal() and words:
                yield int(number), words


@contextmanager
def heed_stop(folder: Path, ending: Ending) -> Iterator[None]:
    """Within the block let an ending know once `rnnexp stop` has left word in a folder.

    What was meant for somebody who worked there before is overlooked, and what is heard here is not for the work after.
    """
    for path in (folder / STOP, folder / STOPPED, *folder.glob(f"{STOP}-*")):
        path.unlink(missing_ok=True)
    done = threading.Event()
    is_main = threading.current_thread() is threading.main_thread()  # no other can be interrupted
    listener = threading.Thread(target=_listen, args=(folder, ending, is_main, done), name="rnnexp stop", daemon=True)
    listener.start()
    try:
        yield
    finally:
        done.set()
        listener.join()
        if ending.words and ending.words == _read(folder / STOPPED):
            ending.words = None


def _listen(folder: Path, ending: Ending, is_main: bool, done: threading.Event) -> None:
    while not done.wait(POLL_S):
        if words := read_stop(folder):
            with suppress(OSError):
                (folder / STOP).replace(folder / STOPPED)
            log.warning("%s", words)
            ending.words = words
            if is_main and not ending.is_asked:
                _interrupt()
            return


def _interrupt() -> None:
    """Interrupt the main thread by the signal that it heeds: a shell lets what runs behind it ignore Ctrl-C."""
    main = threading.main_thread().ident
    for number in (signal.SIGINT, signal.SIGTERM):
        if main is not None and callable(signal.getsignal(number)):
            signal.pthread_kill(main, number)
            return
