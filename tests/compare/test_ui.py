"""`rnnexp ui`: the right page of the right store, on a free port, gone at Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sweep_maker import Made

from rnnexp.cli.main import main
from rnnexp.compare import browse, find
from rnnexp.errors import ConfigError, TrackingError

BASE = "http://127.0.0.1:5000"


def queried(page: str) -> dict[str, list[str]]:
    return {key: json.loads(values[0]) for key, values in parse_qs(page.partition("?")[2]).items()}


def test_the_address_compares_the_best_runs_the_best_first(made: Made) -> None:
    sweep = find.sweep(made.uri)
    page = browse.address(BASE, sweep)
    assert page.startswith(f"{BASE}/#/compare-runs?runs=%5B%22")
    runs = queried(page)["runs"]
    losses = {run.run_id: run.metrics["best/val/loss"] for run in sweep.children if "best/val/loss" in run.metrics}
    assert [losses[run] for run in runs] == sorted(losses.values())
    assert queried(page)["experiments"] == [sweep.parent.experiment_id]


def test_no_more_runs_are_compared_than_the_page_can_take(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "MOST_RUNS", 3)
    assert len(queried(browse.address(BASE, find.sweep(made.uri)))["runs"]) == 3


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_refused_if_it_was_asked_for(
    taken: int, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ui", "--uri", made.uri, "--port", str(taken), "--no-browser"]) == 2
    assert f"--port: {taken} is in use" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="70000 is no port"):
        browse.free_port(70000)


def test_the_next_free_port_is_found_else(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "FIRST_PORT", taken)
    assert taken < browse.free_port(None) < taken + browse.PORTS
    monkeypatch.setattr(browse, "PORTS", 1)
    with pytest.raises(ConfigError, match="give one with --port"):
        browse.free_port(None)


@pytest.mark.end_to_end
def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(TrackingError, match=r"does not start; the end of its log:\n[\s\S]*nodb"),
        browse.server("nodb://x", browse.free_port(None)),
    ):
        pass


def test_a_store_on_a_server_needs_no_server(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote store has its pages already: the address is printed, nothing is started."""
    monkeypatch.setattr(find, "sweeps", lambda uri: [])
    monkeypatch.setattr(browse, "server", None)
    assert main(["ui", "--uri", "http://tracking.example:5000", "--no-browser"]) == 0


@pytest.mark.fault("I10")
@pytest.mark.end_to_end
def test_the_pages_are_served_until_ctrl_c(made: Made) -> None:
    command = [sys.executable, "-m", "rnnexp", "ui", made.name, "--uri", made.uri, "--no-browser", "--json"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert started.stdout is not None
    try:
        lines = iter(started.stdout.readline, "")
        shown = json.loads(next(lines))
        assert shown["sweep"] == made.name
        with urllib.request.urlopen(shown["server"], timeout=30) as page:
            assert b"<title>MLflow</title>" in page.read()
        assert urlsplit(shown["server"]).hostname == "127.0.0.1"
        foreign = urllib.request.Request(shown["server"], headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(foreign, timeout=30)
        port = int(shown["server"].rpartition(":")[2])
        assert not browse._is_free(port)
    finally:
        started.send_signal(signal.SIGINT)
        output, errors = started.communicate(timeout=30)
    assert (started.returncode, errors.splitlines()[-1]) == (0, "stopped")
    assert browse._is_free(port)
