"""Progress on a terminal, in a log, and where nothing can be shown."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from rnnexp.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="rnnexp"):
        yield caplog


def train(progress: Progress, epochs: int) -> None:
    with progress:
        for epoch in range(1, epochs + 1):
            progress.update(epoch, {"train/loss": 1 / epoch, "val/loss": abs(epoch - 3) + 0.5})


def test_short_epochs_share_a_line(lines: pytest.LogCaptureFixture) -> None:
    train(Progress(1000, stream=io.StringIO(), clock=Clock(0.001)), 1000)
    assert [line.split()[1] for line in lines.messages] == ["1/1000", "1000/1000"]


def test_long_epochs_have_a_line_each(lines: pytest.LogCaptureFixture) -> None:
    train(Progress(4, stream=io.StringIO(), clock=Clock(30)), 4)
    assert len(lines.messages) == 4
    assert lines.messages[3] == "epoch 4/4  train/loss 0.25  val/loss 1.5  best 0.5 (epoch 3)"
    assert "left" in lines.messages[2]


def test_the_time_left_follows_the_pace_after_the_compilation(lines: pytest.LogCaptureFixture) -> None:
    now = 0.0
    with Progress(101, stream=io.StringIO(), clock=lambda: now) as progress:
        now = 600.0
        for epoch in range(1, 51):  # what the first call has trained is told at once
            progress.update(epoch, {"train/loss": 0.5})
        for epoch in range(51, 53):
            now += 12.0
            progress.update(epoch, {"train/loss": 0.5})
    told = [line.rpartition("  ")[2] for line in lines.messages]
    assert told == ["best 0.5 (epoch 1)", "0:10:00 left", "0:09:48 left"]


def test_a_line_for_each_so_manyth_epoch_if_that_is_asked_for(lines: pytest.LogCaptureFixture) -> None:
    train(Progress(10, print_every=4, stream=io.StringIO(), clock=Clock(30)), 10)
    assert [line.split()[1] for line in lines.messages] == ["1/10", "4/10", "8/10", "10/10"]


def test_lines_that_are_asked_for_stand_above_a_bar_and_in_the_file(caplog: pytest.LogCaptureFixture) -> None:
    terminal = Terminal()
    with caplog.at_level(logging.INFO, logger="train"):
        train(Progress(6, print_every=3, stream=terminal), 6)
    assert [line.split()[1] for line in caplog.messages] == ["1/6", "3/6", "6/6"]
    assert all(f"epoch {number}/6" in terminal.getvalue() for number in (1, 3, 6))
    other = Terminal()
    train(Progress(6, stream=other), 6)
    assert "epoch 3/6" not in other.getvalue()


def test_a_training_that_ends_early_shows_its_last_epoch(lines: pytest.LogCaptureFixture) -> None:
    train(Progress(1000, stream=io.StringIO(), clock=Clock(0.001)), 7)
    assert lines.messages[-1].startswith("epoch 7/1000")


def test_quiet_says_nothing(lines: pytest.LogCaptureFixture) -> None:
    terminal = Terminal()
    train(Progress(3, quiet=True, stream=terminal), 3)
    assert (lines.messages, terminal.getvalue()) == ([], "")


@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_terminal_gets_a_bar_and_the_log_file_lines(
    lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with lines.at_level(logging.INFO, logger="train"):
        train(Progress(3, stream=terminal), 3)
    assert "3/3" in terminal.getvalue()
    assert {record.name for record in lines.records} == {"train"}  # whose lines are not printed
    assert [line.split()[1] for line in lines.messages] == ["1/3", "3/3"]


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    shown = {}
    for wanted in ("", "1"):
        monkeypatch.setenv("NO_COLOR", wanted)
        terminal = Terminal()
        train(Progress(3, stream=terminal), 3)
        shown[wanted] = "\x1b[3" in terminal.getvalue()
    assert shown == {"": True, "1": False}


def test_a_dumb_terminal_gets_lines(lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    train(Progress(2, stream=terminal), 2)
    assert (len(lines.messages), terminal.getvalue()) == (2, "")


def test_a_notebook_gets_lines_and_keeps_no_empty_bars(
    lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    notebook = Terminal()
    train(Progress(2, stream=notebook), 2)
    assert (len(lines.messages), notebook.getvalue(), capsys.readouterr().out) == (2, "", "")
    monkeypatch.undo()
    monkeypatch.setenv("TERM", "xterm")
    train(Progress(2, stream=notebook), 2)
    assert "2/2" in notebook.getvalue()


def test_a_closed_stream_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    closed, closing = Terminal(), Terminal()
    closed.close()
    train(Progress(2, stream=closed), 2)
    with Progress(2, stream=closing) as progress:
        closing.close()
        progress.update(1, {"train/loss": 1.0})
    assert progress.epoch == 1
