"""`rnnexp sync` completes a store from the folders of runs, once and for all."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import subprocess
import sys
from base64 import b64encode
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.errors import ConfigError
from rnnexp.tracking import Data, push, start
from rnnexp.tracking.journal import ENTRIES, STORED, RunJournal
from rnnexp.tracking.sync import find_journals
from rnnexp.tracking.target import Target
from rnnexp.tracking.unstored import write_sync
from tests.tracking.faulty_server import running

OFFLINE = Tracking(mode="offline")
TABLES = ("runs", "metrics", "latest_metrics", "params", "tags", "datasets", "inputs", "input_tags", "experiments")


@pytest.fixture
def database(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an empty database the one in force."""
    from rnnexp.tracking.store import open_store

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    open_store(uri)
    return uri


def rows(uri: str) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        found = {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}
    connection.close()
    return found


def log_run(info: Any, settings: Tracking = OFFLINE) -> Any:
    with start(settings, info) as run:
        for epoch in range(1, 11):
            run.log_epochs(epoch, [{"train/loss": 1 / epoch, "val/loss": 2 / epoch}], epoch, epoch + 1)
        run.log_data(Data("train", "d" * 40, "sine", 98, ("value",)))
        run.log_text("model_summary.txt", "two layers")
        run.log_summary({"test/rmse": 14.5})
        run.set_tags({"rnnexp.beats_baseline": "true"})
    return run


def test_a_run_that_was_kept_offline_is_stored_as_if_it_had_been_online(
    database: str, make_info: Any, tmp_path: Path
) -> None:
    log_run(make_info(run_dir=tmp_path / "runs" / "online"), Tracking(uri=f"sqlite:///{tmp_path / 'online.db'}"))
    log_run(make_info(run_dir=tmp_path / "runs" / "offline"))
    assert rows(database)["runs"] == []
    assert main(["sync", "runs/offline"]) == 0
    online, offline = rows(f"sqlite:///{tmp_path / 'online.db'}"), rows(database)
    assert {table: len(found) for table, found in offline.items()} == {t: len(found) for t, found in online.items()}
    assert [row[:2] for row in offline["metrics"]] == [row[:2] for row in online["metrics"]]
    assert len(offline["metrics"]) == 21


@pytest.mark.fault("C5")
def test_twice_is_once(database: str, make_info: Any) -> None:
    """C5."""
    log_run(make_info())
    assert main(["sync"]) == 0
    first = rows(database)
    assert main(["sync", "all"]) == 0
    assert rows(database) == first
    for name in (STORED, "run.json"):  # what says how much is stored is lost
        (make_info().run_dir / name).unlink()
    assert main(["sync", "one"]) == 0
    assert rows(database) == first
    assert len(first["runs"]) == 1


@pytest.mark.parametrize("done", range(12))
@pytest.mark.fault("C5")
def test_what_was_stored_in_part_is_completed(database: str, make_info: Any, tmp_path: Path, done: int) -> None:
    """C5: the process that stored it was killed after some of its steps, told or not."""
    log_run(make_info(run_dir=Path("runs/whole")))
    other = f"sqlite:///{tmp_path / 'other.db'}"
    main(["sync", "whole", "--to", other])
    Path("runs/whole", STORED).unlink()
    journal = RunJournal(Path("runs/whole"))
    run = push.TargetRun(Target(database), journal)
    for operation in islice(run.operations(), done):
        with push.transaction(Path("mlflow.db").absolute()) as connection:
            if operation.write:
                operation.write(connection)
        if operation.write is None:
            operation.ask()
        if done % 2:  # else it was killed before it could note that
            run.advance(operation)
            journal.save()
    assert main(["sync", "whole"]) == 0
    assert _comparable(rows(database)) == _comparable(rows(other))


@pytest.mark.parametrize("stored", ["nothing", "the first part", "the first part, untold"])
@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.fault("C5")
def test_a_run_that_is_gone_on_with_is_one_run_however_much_of_it_was_stored_before(
    database: str, make_info: Any, times: int, stored: str
) -> None:
    """C5: of a process that was killed the store may know nothing yet when the next one goes on with its run."""
    log_run(make_info())
    key = (RunJournal(make_info().run_dir).begun or {})["key"]
    if stored != "nothing":
        assert main(["sync"]) == 0
    if stored.endswith("untold"):
        (make_info().run_dir / STORED).unlink()
    for _ in range(1, times):
        log_run(make_info(key=key))
    assert main(["sync"]) == 0
    found = rows(database)
    assert [row[0] for row in found["runs"]] == [key]
    assert "FINISHED" in found["runs"][0]
    assert {row[0] for row in found["tags"] if row[0] == "rnnexp.key"} == set()


def _comparable(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Leave out ids that are drawn, and when an experiment was made."""
    kept = {table: rows for table, rows in found.items() if table not in ("datasets", "inputs", "input_tags")}
    kept["experiments"] = [row[:2] for row in kept["experiments"]]
    return kept | {table: [(len(found[table]),)] for table in ("datasets", "inputs", "input_tags")}


@pytest.mark.fault("C5")
def test_a_server_whose_answer_was_lost_has_one_run(
    tmp_path: Path, make_info: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5: it had made the run, and its word of that did not arrive."""
    from rnnexp.tracking.store import open_store

    with running(tmp_path, monkeypatch) as server:
        log_run(make_info(), Tracking(uri=server.uri, mode="offline"))
        for after in range(3):  # requests that change something: experiment, run, parameters
            server.fail("lost", after)
            assert main(["sync", "one", "--uri", server.uri]) == 5
        server.heal()
        assert main(["sync", "one", "--uri", server.uri]) == 0
        client = open_store(server.uri)
        runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
        assert [run.info.status for run in runs] == ["FINISHED"]
        assert len(client.get_metric_history(runs[0].info.run_id, "val/loss")) == 10


def test_another_address_has_to_be_named(
    database: str, make_info: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_run(make_info())
    other = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    assert main(["sync"]) == 5
    assert (
        f"its runs go to {database}, and {other} is in force; to store it there: --to {other}"
        in capsys.readouterr().out
    )
    assert not Path("other.db").exists()
    assert main(["sync", "--to", other]) == 0
    assert len(rows(other)["metrics"]) == 21
    assert rows(database)["metrics"] == []


def test_the_command_that_is_told_names_the_address_only_if_another_is_in_force(
    database: str, make_info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    log_run(make_info(), Tracking(mode="offline", uri=other))
    assert write_sync(tmp_path / "runs" / "one", database) == "rnnexp sync runs/one"
    told = write_sync(tmp_path / "runs" / "one", other)
    assert main(shlex.split(told)[1:]) == 0
    assert len(rows(other)["runs"]) == 1
    assert rows(database)["runs"] == []


@pytest.mark.fault("I6")
def test_an_address_is_shown_without_its_password(
    make_info: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_run(make_info(), Tracking(uri="http://ada:hunter2secret@127.0.0.1:9", mode="offline"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://bob:swordfish77@127.0.0.1:9/x")
    assert main(["sync"]) == 5
    said = capsys.readouterr()
    assert "go to http://***@127.0.0.1:9, and http://***@127.0.0.1:9/x is in force" in said.out
    assert said.out.splitlines()[0].endswith('--to "$MLFLOW_TRACKING_URI"')
    assert not any(word in said.out + said.err for word in ("hunter2", "swordfish"))


@pytest.mark.fault("I6")
def test_the_command_that_is_told_works_without_the_password_that_it_does_not_show(
    tmp_path: Path, make_info: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path, monkeypatch) as server:
        address = server.uri.replace("http://", "http://ada:hunter2secret@")
        log_run(make_info(), Tracking(uri=address, mode="offline"))
        told = write_sync(make_info().run_dir, str((RunJournal(make_info().run_dir).begun or {})["uri"]))
        command, _, hint = told.partition("  (")
        assert command == f"rnnexp sync runs/one --uri {server.uri}"
        assert hint == "with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD set)"
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2secret")
        assert main(shlex.split(command)[1:]) == 0
        assert server.users == {f"Basic {b64encode(b'ada:hunter2secret').decode()}"}
        assert main(["sync", "one", "--uri", address]) == 0
        assert len(server.requests) == server.requests.index("POST /api/2.0/mlflow/runs/update") + 1


@pytest.mark.fault("C5")
def test_a_run_that_goes_on_is_stored_so_far(database: str, make_info: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """C5: while it is running."""
    with start(OFFLINE, make_info()) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        assert main(["sync"]) == 0
        assert "it has not ended" in capsys.readouterr().out
        assert len(rows(database)["metrics"]) == 1
        run.log_epochs(2, [{"train/loss": 0.5}], 1.0, 2.0)
    assert main(["sync"]) == 0
    assert len(rows(database)["metrics"]) == 2
    assert [row[6] for row in rows(database)["runs"]] == ["FINISHED"]


@pytest.mark.fault("C15")
def test_what_the_store_refuses_is_tagged_until_it_takes_it(database: str, make_info: Any, client: Any) -> None:
    from rnnexp.tracking.store import open_store

    log_run(make_info())
    summary = make_info().run_dir / "model_summary.txt"
    summary.rename("elsewhere.txt")
    assert main(["sync"]) == 5
    own = open_store(database)
    (run,) = own.search_runs([one.experiment_id for one in own.search_experiments()])
    assert (run.info.status, run.data.tags["rnnexp.incomplete"]) == ("FINISHED", "1 refused")
    Path("elsewhere.txt").rename(summary)
    assert main(["sync"]) == 0
    run = own.get_run(run.info.run_id)
    assert (run.info.status, "rnnexp.incomplete" in run.data.tags) == ("FINISHED", False)


def test_children_follow_their_sweep(database: str, make_info: Any) -> None:
    from rnnexp.tracking.store import open_store

    parent = log_run(make_info(run_dir=Path("runs/sweeps/s"), run_name="s"))
    log_run(make_info(run_dir=Path("runs/sweeps/s/jobs/0"), parent=parent.key))
    assert [one.folder.name for one in find_journals("s")] == ["s", "0"]
    assert main(["sync", "s"]) == 0
    client = open_store(database)
    runs = client.search_runs(["1"], "tags.`mlflow.parentRunId` LIKE '%'")
    assert [run.data.tags["mlflow.parentRunId"] for run in runs] == [parent.key]


def test_an_unknown_run_is_answered_with_what_there_is(make_info: Any) -> None:
    log_run(make_info(run_name="airline"))
    with pytest.raises(ConfigError, match=r"no run `airlin` below ./runs; did you mean `airline`\?"):
        find_journals("airlin")


def test_a_torn_line_of_a_killed_process_costs_that_line_alone(database: str, make_info: Any) -> None:
    """A1."""
    info = make_info()
    with start(OFFLINE, info) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        with (info.run_dir / "metrics.jsonl").open("a") as file:
            file.write('{"step": 2, "ti')
    RunJournal(info.run_dir).rows.append([{"step": 3, "time": 3000, "metrics": {"train/loss": 0.3}}])
    assert main(["sync"]) == 0
    assert [row[4] for row in sorted(rows(database)["metrics"], key=lambda row: row[4])] == [1, 3]


def test_json_says_what_has_become_of_each_run(
    database: str, make_info: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    log_run(make_info())
    assert main(["sync", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["complete"], found["added"]) == ("lstm-u8-lr1e-3-a1b2", True, True)


KILLED = """
import os, signal, sys
from pathlib import Path
from rnnexp.config.settings import Tracking
from rnnexp.tracking import RunInfo, push, start

left = int(sys.argv[1])
advance = push.TargetRun.advance

def die(self, operation):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    advance(self, operation)

push.TargetRun.advance = die
info = RunInfo("sine", "one", {"a": 1}, {}, "", "", "test/rmse", False, Path("runs/one"))
with start(Tracking(), info) as run:
    for epoch in range(1, 201):
        run.log_epochs(epoch, [{"train/loss": 1 / epoch}], 5.0, 6.0)
    run.log_text("note.txt", "hello")
"""


@pytest.mark.end_to_end
@pytest.mark.parametrize("operations", [0, 1, 3, 6])
@pytest.mark.fault("C5")
def test_a_process_that_is_killed_while_it_stores_loses_nothing_that_it_has_logged(
    database: str, operations: int
) -> None:
    """C5."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(operations)], env=environment, check=False)
    assert done.returncode == -9
    logged = Path("runs/one/metrics.jsonl").read_text().count("\n")
    assert main(["sync"]) == 0
    assert len(rows(database)["metrics"]) == logged > 0
    assert len(rows(database)["runs"]) == 1
    assert (Path("runs/one") / ENTRIES).exists()


MILLION = """
import resource
from pathlib import Path
from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.tracking import RunInfo, start
from rnnexp.tracking.store import open_store

open_store(f"sqlite:///{Path.cwd() / 'mlflow.db'}")
info = RunInfo("sine", "one", {"a": 1}, {}, "", "", "test/rmse", False, Path("runs/one"))
with start(Tracking(mode="offline"), info) as run:
    for first in range(1, 50_001, 1000):
        epochs = range(first, first + 1000)
        run.log_epochs(first, [{f"train/m{n}": 1 / epoch for n in range(20)} for epoch in epochs], 5, 6)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert main(["sync"]) == 0
print("MB", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.end_to_end
@pytest.mark.fault("C14")
def test_a_million_points_are_stored_in_little_memory(database: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", MILLION], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.rpartition("MB ")[2]) < 200  # all of them at once would take a GB
    with sqlite3.connect("mlflow.db") as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT step) FROM metrics").fetchone() == (
            1_000_000,
            50_000,
        )
    connection.close()
