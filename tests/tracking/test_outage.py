"""However the tracking server fails, training goes on, its end is near, and the store is completed later (C1 to C5)."""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.errors import TrackingError
from rnnexp.tracking import pusher, start
from rnnexp.tracking.store import open_store
from tests.tracking.faulty_server import FaultyServer

EPOCHS = 20
FAULTS = ("dead", "500", "503", "429", "401", "403", "404", "html", "hang", "reset", "slow", "lost")
OFTEN = {("hang", "start"), ("401", "start"), ("reset", "end"), ("lost", "start")}
OFTEN |= {(fault, "middle") for fault in ("dead", "500", "html", "slow")}
CASES = [
    pytest.param(fault, when, marks=[] if (fault, when) in OFTEN else pytest.mark.end_to_end)
    for fault in FAULTS
    for when in ("start", "middle", "end")
]


def train(server: FaultyServer, info: Any, when: str = "", fault: str = "", mode: Any = "online") -> None:
    """Log what a training logs while the server fails from some time on."""
    if when == "start":
        server.fail(fault)
    with start(Tracking(uri=server.uri, mode=mode), info) as run:
        for epoch in range(1, EPOCHS + 1):
            if when == "middle" and epoch == EPOCHS // 2:
                assert run.flush(60)
                server.fail(fault)
            run.log_epochs(epoch, [{"train/loss": 1 / epoch, "val/loss": 2 / epoch}], epoch, epoch + 1)
        run.log_text("model_summary.txt", "two layers")
        if when == "end":
            assert run.flush(60)
            server.fail(fault)
        began = time.monotonic()
        run.set_tags({"rnnexp.beats_baseline": "true"})
    if fault and mode == "online":
        assert time.monotonic() - began < 5, "the end waits for the server"


def complete(server: FaultyServer, info: Any) -> None:
    server.heal()
    command, deadline = ["sync", str(info.run_dir), "--uri", server.uri], time.monotonic() + 60
    while (code := main(command)) == TrackingError.exit_code and time.monotonic() < deadline:
        time.sleep(0.2)  # the run's own thread may be storing it
    assert code == 0


def all_stored(server: FaultyServer) -> list[Any]:
    """Return the runs of the server, each with what it has of each epoch; their status is as old as their rows."""
    client = open_store(server.uri)
    found = []
    for run in client.search_runs([one.experiment_id for one in client.search_experiments()]):
        history = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        rows = {key: [(one.step, one.value, one.timestamp) for one in points] for key, points in history.items()}
        found.append((run, rows))
    return found


def stored(server: FaultyServer) -> Any:
    """Return the only run of the server, what it has of each epoch, and its files."""
    client = open_store(server.uri)
    ((run, rows),) = all_stored(server)
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    tags = {key: value for key, value in run.data.tags.items() if key not in ("rnnexp.key", "mlflow.runName")}
    return run.info.status, run.data.params, tags, rows, files


WHOLE_ROWS = {
    "train/loss": [(epoch, 1 / epoch, (epoch + 1) * 1000) for epoch in range(1, EPOCHS + 1)],
    "val/loss": [(epoch, 2 / epoch, (epoch + 1) * 1000) for epoch in range(1, EPOCHS + 1)],
}


@pytest.mark.parametrize(("fault", "when"), CASES)
@pytest.mark.fault("C1", "C2", "C3", "C4")
def test_a_server_that_fails_neither_stops_nor_slows_a_training_and_is_completed_later(
    server: FaultyServer, make_info: Any, fault: str, when: str
) -> None:
    """C1, C2, C3, C4: dead at the start, in the middle, at the end."""
    info = make_info()
    train(server, info, when, fault)
    server.heal()
    for run, rows in all_stored(server):
        assert run.info.status != "FINISHED" or "rnnexp.incomplete" in run.data.tags or rows == WHOLE_ROWS
    complete(server, info)
    status, params, tags, rows, files = stored(server)
    assert (status, rows) == ("FINISHED", WHOLE_ROWS)
    assert params == {"model.units": "[8]", "optimizer.learning_rate": "0.001"}
    assert (tags["rnnexp.outcome"], tags["rnnexp.beats_baseline"]) == ("ok", "true")
    assert files == {"config", "metrics.jsonl", "model_summary.txt"}
    assert "rnnexp.incomplete" not in tags


def test_a_server_that_answers_has_it_all_at_once(
    server: FaultyServer, make_info: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pusher, "PATIENCE_S", 60.0)
    train(server, make_info())
    assert stored(server)[0] == "FINISHED"
    assert stored(server)[3] == WHOLE_ROWS


@pytest.mark.fault("C2")
def test_a_server_that_comes_back_is_completed_by_the_run_itself(server: FaultyServer, make_info: Any) -> None:
    """C2."""
    with start(Tracking(uri=server.uri), make_info()) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        assert run.flush(60)
        server.fail("reset")
        run.log_epochs(2, [{"train/loss": 0.5}], 1.0, 2.0)
        assert not run.flush()
        server.heal()
        run.log_epochs(3, [{"train/loss": 0.25}], 2.0, 3.0)
        assert run.flush(60)
    status, *_, rows, _ = stored(server)
    assert (status, rows) == ("FINISHED", {"train/loss": [(1, 1.0, 1000), (2, 0.5, 2000), (3, 0.25, 3000)]})


@pytest.mark.parametrize("answer", ["missing", None])
@pytest.mark.fault("C3")
def test_what_a_server_makes_late_and_once_more_is_in_its_trash_once_the_run_has_ended(
    answer: str | None, server: FaultyServer, make_info: Any
) -> None:
    """It does what nobody waits for any more after the run has been asked for anew."""
    if answer:
        server.fail("reset", only="POST /api/2.0/mlflow/runs/create")
    with start(Tracking(uri=server.uri), make_info()) as run:
        assert run.flush() == (answer is None)
        assert server.met or answer is None
        server.heal()
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        assert run.flush(60)
        ((made, _),) = all_stored(server)
        key = {"rnnexp.key": made.data.tags["rnnexp.key"]}
        late = open_store(server.uri).create_run(made.info.experiment_id, tags=key)
        other = open_store(server.uri).create_run(made.info.experiment_id, tags={"rnnexp.key": "another"})
    left = {one.info.run_id for one, _ in all_stored(server)}
    assert left == {made.info.run_id, other.info.run_id, *([] if answer else [late.info.run_id])}


@pytest.mark.fault("C1", "I6")
def test_a_server_that_is_down_is_told_once_with_the_command_that_completes_it(
    make_info: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """C1, and the address is shown without the password in it."""
    with start(Tracking(uri="http://ada:hunter2secret@127.0.0.1:9"), make_info()) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
    assert run.run_id is None
    assert caplog.text.count("does not answer") == 1
    assert "http://***@127.0.0.1:9: the run not there yet; store it with: rnnexp sync runs/one" in caplog.text
    assert "hunter2" not in caplog.text
    assert [path for path in run.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()] == []


@pytest.mark.fault("C1")
def test_strict_mode_refuses_to_begin_without_the_store(server: FaultyServer, make_info: Any) -> None:
    from rnnexp.errors import TrackingError

    server.fail("500")
    with pytest.raises(TrackingError, match="does not answer"):
        train(server, make_info(), mode="strict")


@pytest.mark.fault("C3")
def test_strict_mode_fails_if_the_store_is_gone_at_the_end(
    server: FaultyServer, make_info: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C3."""
    from rnnexp.errors import TrackingError
    from rnnexp.tracking import run as tracked

    monkeypatch.setattr(tracked, "STRICT_PATIENCE_S", 2.0)
    with pytest.raises(TrackingError, match=r"the run cannot be stored: .*(500|it takes too long)"):
        train(server, make_info(), "end", "500", "strict")


@pytest.mark.fault("C4")
def test_runs_that_end_one_after_the_other_share_the_patience(server: FaultyServer, make_info: Any) -> None:
    """H: a process with many runs does not wait for a hanging server at the end of each."""
    server.fail("hang")
    began = time.monotonic()
    for number in range(5):
        train(server, make_info(run_dir=Path(f"runs/{number}")))
    assert time.monotonic() - began < 6


@pytest.mark.fault("C4")
def test_an_interrupt_is_heard_at_once_whatever_the_server_does(
    server: FaultyServer, make_info: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A5, C4: here with a patience that nobody has."""
    import _thread
    import threading

    monkeypatch.setattr(pusher, "PATIENCE_S", 60.0)
    server.fail("hang")
    info, began = make_info(), time.monotonic()
    threading.Timer(1.0, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        train(server, info)
    assert time.monotonic() - began < 10
    complete(server, info)
    assert stored(server)[0] == "FINISHED"


SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130}
HEARD = [(fault, number) for fault in ("hang", "dead", "slow", "500") for number in SIGNALS]
LONG = ("data.points=60", "model.units=[2]", "trainer.epochs=1000000", "tracking.figures=false")


@pytest.mark.end_to_end
@pytest.mark.parametrize(("fault", "number"), HEARD)
@pytest.mark.fault("C4", "C17")
def test_a_signal_is_heard_in_time_and_the_command_that_is_told_completes_the_run(
    server: FaultyServer, tmp_path: Path, fault: str, number: signal.Signals
) -> None:
    server.delay = 5.0
    server.fail(fault)
    patient = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_HTTP")}
    environment = {**patient, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "rnnexp", "train", *LONG, f"tracking.uri={server.uri}"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size for path in tmp_path.glob("runs/*/*/metrics.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    began = time.monotonic()
    said, _ = process.communicate(timeout=120)
    assert (process.returncode, time.monotonic() - began < 10) == (SIGNALS[number], True)
    (told,) = re.findall(r"store it with: rnnexp (.*)", said)
    server.heal()
    assert main(shlex.split(told)) == 0
    ((run, rows),) = all_stored(server)
    assert (run.info.status, run.data.tags["rnnexp.outcome"]) == ("KILLED", "killed")
    (path,) = tmp_path.glob("runs/*/*/metrics.jsonl")
    assert len(rows["val/loss"]) == len(path.read_text().splitlines()) > 0


@pytest.mark.fault("C4")
def test_what_a_proxy_says_is_not_told_epoch_by_epoch(
    server: FaultyServer, make_info: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "rnnexp"):
        train(server, make_info(), "start", "html")
    assert len([one for one in caplog.records if one.name == "rnnexp" and one.levelno >= logging.WARNING]) == 2
