"""What is printed and logged is masked, whoever prints it."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import pytest

from rnnexp.output import MaskedStream, masked_output
from rnnexp.redact import mask


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2secret")


@pytest.mark.fault("I6")
def test_a_secret_that_is_written_in_pieces_is_masked() -> None:
    below = io.StringIO()
    stream = MaskedStream(below)
    for piece in ("with hunter2", "secret\nand", " more"):
        stream.write(piece)
    assert below.getvalue() == "with ***\n"
    stream.flush()
    assert below.getvalue() == "with ***\nand more"


def test_a_line_that_is_drawn_anew_is_passed_on() -> None:
    below = io.StringIO()
    MaskedStream(below).write("epoch 1\repoch 2\r")
    assert below.getvalue() == "epoch 1\repoch 2\r"


@pytest.mark.fault("I6")
def test_print_and_logging_are_masked_within_and_not_after(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = logging.getLogger("tests.output")
    handler = logging.FileHandler(tmp_path / "a.log")
    log.addHandler(handler)
    with masked_output():
        print("out", "hunter2secret")
        print("err hunter2secret", file=sys.stderr)
        try:
            raise ValueError("hunter2secret")
        except ValueError:
            log.exception("failed with %s", "hunter2secret")
    print("after hunter2secret")
    log.warning("after hunter2secret")
    log.removeHandler(handler)
    handler.close()
    out, err = capsys.readouterr()
    assert out == "out ***\nafter hunter2secret\n"
    assert "err ***" in err
    written = (tmp_path / "a.log").read_text()
    assert "failed with ***" in written
    assert "ValueError: ***" in written
    assert written.count("hunter2secret") == 1


def test_blocks_within_each_other_mask_once(capsys: pytest.CaptureFixture[str]) -> None:
    with masked_output(mask), masked_output():
        print("password: letmein")
    assert capsys.readouterr().out == "password: letmein\n"


def half_said() -> None:
    with masked_output():
        print("half a line", end="")
        raise ValueError("wrong")


def test_what_was_held_back_is_said_before_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"):
        half_said()
    assert capsys.readouterr().out == "half a line"


def test_closing_leaves_the_stream_below_open() -> None:
    below = io.StringIO()
    MaskedStream(below).close()
    assert not below.closed
    assert below in (MaskedStream(below), None)
    assert below not in (MaskedStream(io.StringIO()), None)
