"""However the tracking server fails, a sweep's jobs start and end well, and the store is completed later."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from sweeping import TINY, jobs, rnnexp, run, start, wait_for

from rnnexp.cli.main import main
from rnnexp.errors import TrackingError
from rnnexp.tracking import pusher
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.store import open_store
from rnnexp.tracking.sync import find_journals
from tests.tracking.faulty_server import FaultyServer

Row = tuple[str, int, float, int]
MODES: dict[str, dict[str, Any]] = {
    "local": {"n_jobs": 2, "threads": 1, "vectorize": False},
    "serial": {"name": "serial"},
    "vectorized": {"name": "vectorized"},
}
FAULTS = ("dead", "hang", "reset", "slow", "lost", "401", "403", "404", "429", "500", "503", "html")
# How many requests that change something are let through: none, those of the sweep's run, some of its jobs', most.
WHEN = {"start": 0, "begun": 3, "middle": 9, "end": 20}
LOCAL = (
    "hydra/launcher=local",
    "hydra.launcher.n_jobs=2",
    "hydra.launcher.threads=1",
    "hydra.launcher.vectorize=false",
)
AS_USERS_HAVE_IT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
OFTEN = {("serial", "500", "middle")}
CASES = [
    pytest.param(mode, fault, when, marks=[] if (mode, fault, when) in OFTEN else pytest.mark.end_to_end)
    for number, fault in enumerate(FAULTS)
    for at, mode in enumerate(MODES)
    if at != number % 3 or fault == "dead" or (mode, fault) == ("serial", "500")  # two ways of working for each fault
    for when in {list(WHEN)[(number + at) % 4]: 0, **({"start": 0} if fault == "dead" else {})}
]


def logged(journal: RunJournal) -> list[Row]:
    """Return the rows that a run has written down."""
    lines = [json.loads(line) for line in (journal.folder / "metrics.jsonl").read_text().splitlines()]
    return sorted((key, line["step"], value, line["time"]) for line in lines for key, value in line["metrics"].items())


def stored(client: Any, run_id: str) -> list[Row]:
    keys = client.get_run(run_id).data.metrics
    rows = [(key, one) for key in keys for one in client.get_metric_history(run_id, key)]
    return sorted((key, one.step, one.value, one.timestamp) for key, one in rows)


def all_runs(server: FaultyServer) -> list[Any]:
    client = open_store(server.uri)
    return list(client.search_runs([one.experiment_id for one in client.search_experiments()]))


def assert_whole(server: FaultyServer, folder: Path, runs: int) -> None:
    """Check that the store has each run of a sweep once, with every row, parameter and file, below its sweep."""
    client, journals = open_store(server.uri), find_journals(str(folder))
    known = {one.info.run_id: one for one in all_runs(server)}
    assert len(known) == len(journals) == runs
    parent, *children = [known[str(journal.stored.run_id)] for journal in journals]
    assert {one.data.tags["mlflow.parentRunId"] for one in children} == {parent.info.run_id}
    for journal in journals:
        found, begun = known[str(journal.stored.run_id)], journal.begun or {}
        assert stored(client, found.info.run_id) == logged(journal) != []
        assert (found.info.status, found.data.tags["rnnexp.outcome"]) == ("FINISHED", "ok")
        assert found.data.params == begun["params"]
        assert "rnnexp.incomplete" not in found.data.tags
        assert "metrics.jsonl" in {item.path for item in client.list_artifacts(found.info.run_id)}


def complete(server: FaultyServer, folder: Path) -> None:
    command, deadline = ["sync", str(folder), "--uri", server.uri], time.monotonic() + 60
    while (code := main(command)) == TrackingError.exit_code and time.monotonic() < deadline:
        time.sleep(0.2)  # this process may still be storing it
    assert code == 0


def assert_no_run_is_said_to_be_more_than_it_is(server: FaultyServer, folder: Path) -> None:
    """Check that what the store calls FINISHED has all its rows, or a tag that says that it has not."""
    client, journals = open_store(server.uri), {str(one.stored.run_id): one for one in find_journals(str(folder))}
    for found in all_runs(server):
        if found.info.status == "FINISHED" and "rnnexp.incomplete" not in found.data.tags:
            assert stored(client, found.info.run_id) == logged(journals[found.info.run_id])


@pytest.mark.parametrize(("mode", "fault", "when"), CASES)
@pytest.mark.fault("C1", "C2", "C3", "C4")
def test_a_sweep_whose_server_fails_ends_well_and_is_completed_by_sync(
    server: FaultyServer, rehearsed: None, mode: str, fault: str, when: str
) -> None:
    server.fail(fault, WHEN[when])
    folder = run(*TINY, f"tracking.uri={server.uri}", "seed=0,1", launcher=MODES[mode])
    assert [job.status for job in jobs(folder).values()] == ["done", "done"]
    assert server.met
    server.heal()
    assert_no_run_is_said_to_be_more_than_it_is(server, folder)
    for _ in range(2):
        complete(server, folder)
        assert_whole(server, folder, 3)


@pytest.mark.fault("C1", "H7")
def test_the_same_command_again_stores_what_an_outage_has_left(
    server: FaultyServer, rehearsed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (*TINY, f"tracking.uri={server.uri}", "seed=0,1")
    server.fail("dead")
    folder = run(*lines, launcher=MODES["serial"])
    said = capsys.readouterr()
    assert "rnnexp compare" not in said.out  # it would find nothing
    assert (said.out + said.err).count("Retrying") == 0
    began = (folder / "jobs.jsonl").read_bytes()
    assert run(*lines) == folder
    assert "rnnexp compare" not in capsys.readouterr().out
    server.heal()
    monkeypatch.setattr(pusher, "PATIENCE_S", 60.0)
    pusher._get_pusher.cache_clear()  # as in a process of its own
    assert run(*lines) == folder
    assert "rnnexp compare" in capsys.readouterr().out
    assert (folder / "jobs.jsonl").read_bytes() == began
    assert_whole(server, folder, 3)


WHOLE = ("plugins=[toys]", "data.points=100", "model.units=[2]", "trainer.epochs=4", "trainer.batch_size=full")
SLOWLY = ("callbacks.trouble.seconds=0.3",)


@pytest.mark.end_to_end
@pytest.mark.parametrize("fault", ["hang", "dead", "slow"])
@pytest.mark.fault("C1", "C4")
def test_a_whole_sweep_with_models_and_pictures_is_completed_by_the_command_that_it_tells(
    server: FaultyServer, fault: str
) -> None:
    """With the patience, the number of attempts and the time for an answer that users have."""
    server.delay = 5.0
    server.fail(fault)
    done = rnnexp(*WHOLE, f"tracking.uri={server.uri}", "seed=0,1", *LOCAL, **AS_USERS_HAVE_IT)
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (0, False)
    told = re.findall(r"store them with: rnnexp (.*)", done.stdout + done.stderr)
    server.heal()
    assert main(shlex.split(told[-1])) == 0
    (folder,) = Path("runs/sweeps").iterdir()
    assert_whole(server, folder, 3)


@pytest.mark.end_to_end
@pytest.mark.fault("C4", "H5")
def test_a_sweep_hears_a_signal_in_time_while_its_server_hangs_and_goes_on_later(server: FaultyServer) -> None:
    server.fail("hang")
    lines = (*TINY, f"tracking.uri={server.uri}", "trainer.epochs=30", *SLOWLY, "seed=0,1", *LOCAL)
    process = start(*lines, **AS_USERS_HAVE_IT)
    wait_for(lambda: all(Path(path).stat().st_size for path in rows_of_jobs()) and len(rows_of_jobs()) == 2)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    said, _ = process.communicate(timeout=120)
    assert (process.returncode, time.monotonic() - began < 10) == (143, True)
    assert "the same command resumes it" in said
    server.heal()
    assert rnnexp(*lines, **AS_USERS_HAVE_IT).returncode == 0
    (folder,) = Path("runs/sweeps").iterdir()
    complete(server, folder)
    assert [one.info.status for one in all_runs(server)] == ["FINISHED"] * 3, "each job has gone on as the same run"


def rows_of_jobs() -> list[Path]:
    return list(Path().glob("runs/sweeps/*/jobs/?/metrics.jsonl"))
