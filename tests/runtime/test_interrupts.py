"""Signals are heeded within a block of the main thread, once; nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from rnnexp.runtime import interrupts
from rnnexp.runtime.interrupts import HEEDED, ending, find_exit_code, heed_signals
from rnnexp.stopping import Interrupted

LONG_S = 600.0
DEAF = """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
from rnnexp.runtime.interrupts import ending, heed_signals, run_last
with heed_signals(grace_s={grace_s}), ending.asked(), run_last(lambda: print("last words", flush=True)):
    ending()
    print("ready", flush=True)
    time.sleep(60)
    time.sleep(60)
"""


@contextmanager
def disposed(handler: Any, *numbers: signal.Signals) -> Iterator[None]:
    """Be a process that was started with these dispositions, whatever the tests were started with."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@pytest.fixture(autouse=True)
def heedful() -> Iterator[None]:
    with disposed(signal.SIG_DFL, *HEEDED):
        yield


def work_that_asks(number: signal.Signals, code: int) -> None:
    with heed_signals(grace_s=LONG_S), ending.asked():
        assert ending() is None
        os.kill(os.getpid(), number)
        assert ending() == number.name
        assert find_exit_code() == code


def other_work(number: signal.Signals) -> None:
    with heed_signals(grace_s=LONG_S):
        os.kill(os.getpid(), number)
        threading.Event().wait(10)
        pytest.fail("it was not broken into")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_work_that_asks_is_told_and_anything_else_is_broken_into(number: signal.Signals, code: int) -> None:
    with pytest.raises(Interrupted, match=number.name):
        work_that_asks(number, code)
    with pytest.raises(Interrupted, match=number.name):
        other_work(number)
    assert ending() is None


def count_open() -> int:
    """Count the descriptors of this process once those that watched signals have let go of theirs."""
    for thread in threading.enumerate():
        if thread.name == "rnnexp signals":
            thread.join(10)
    return len(os.listdir("/dev/fd"))


def test_handlers_and_descriptors_are_as_they_were() -> None:
    before = count_open()
    with heed_signals(grace_s=LONG_S) as signals:
        assert {signal.getsignal(number) for number in HEEDED} == {signals.handle}
    assert {signal.getsignal(number) for number in HEEDED} == {signal.SIG_DFL}
    assert signal.set_wakeup_fd(-1) == -1
    assert count_open() == before


def test_what_is_ignored_stays_ignored() -> None:
    with disposed(signal.SIG_IGN, signal.SIGHUP), heed_signals(grace_s=LONG_S) as signals:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signals.numbers == (signal.SIGTERM, signal.SIGINT)


def test_in_a_thread_and_in_a_notebook_nothing_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def look() -> None:
        with heed_signals(grace_s=LONG_S) as signals:
            seen.append((signals.numbers, {signal.getsignal(number) for number in HEEDED}))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(10)
    monkeypatch.setattr("builtins.__IPYTHON__", True, raising=False)
    look()
    assert seen == [((), {signal.SIG_DFL})] * 2


def test_what_is_heard_late_has_the_time_of_what_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    signals, left = interrupts.Signals((signal.SIGTERM,), LONG_S), threading.Event()
    deaf, heard, times = 0.01, threading.Event(), iter([0.01, LONG_S])

    def patience(_: Any) -> float:
        time_left = next(times)
        if time_left > deaf:
            heard.set()
        return time_left

    monkeypatch.setattr(interrupts, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(interrupts.Signals, "_patience", patience)
    monkeypatch.setattr(interrupts.Signals, "_leave", lambda _: left.set() or sys.exit())
    pipe, wakeup = os.pipe()
    thread = threading.Thread(target=signals.watch, args=(pipe,), daemon=True)
    thread.start()
    os.write(wakeup, bytes([signal.SIGTERM]))
    assert heard.wait(60)
    os.close(wakeup)
    thread.join(60)
    assert not left.is_set()


@pytest.mark.parametrize(
    ("grace_s", "numbers", "code"),
    [(LONG_S, (signal.SIGTERM, signal.SIGINT), 143), (0.3, (signal.SIGHUP,), 129)],
    ids=["a second signal", "out of time"],
)
def test_a_process_that_does_not_come_to_hear_it_is_ended(
    grace_s: float, numbers: tuple[signal.Signals, ...], code: int
) -> None:
    command = [sys.executable, "-c", DEAF.format(grace_s=grace_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in numbers:
            process.send_signal(number)
            threading.Event().wait(0.2)  # two that come at once may be one
        said, told = process.communicate(timeout=60)
    assert process.returncode == code
    assert said == "last words\n"
    assert "ended at once; what was not yet on the disk is lost" in told
