"""`rnnexp reap`: what has ended without reporting it becomes KILLED in the store, and nothing else does."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from dying_runs import let_die, living

from rnnexp.cli.main import main
from rnnexp.compare import browse
from rnnexp.config.settings import Tracking
from rnnexp.errors import ConfigError
from rnnexp.run_folder import LOCK, claim, hold
from rnnexp.tracking import find, start
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.store import open_store

NOTE = "note: 1 run was killed, and the store shows it as running; mark it with: rnnexp reap"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make an empty database the one in force."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := f"sqlite:///{tmp_path / 'mlflow.db'}")
    return open_store(uri)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "sine" / "one"


def store_all() -> None:
    """Store what runs have left; those that were killed are RUNNING in the store then."""
    assert main(["sync"]) == 0


def stored(client: Any, name: str = "one") -> Any:
    (experiment,) = [one for one in client.search_experiments() if one.name == "sine"]
    (found,) = [run for run in client.search_runs([experiment.experiment_id]) if run.info.run_name == name]
    return found


def ending(client: Any, name: str = "one") -> tuple[str, str | None]:
    run = stored(client, name)
    return run.info.status, run.data.tags.get("rnnexp.outcome")


def reaped(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, str]]:
    """Return verdict and reason of each run, by its name."""
    capsys.readouterr()
    assert main(["reap", "--json", *words]) == 0
    return {one["name"]: (one["verdict"], one["why"]) for one in json.loads(capsys.readouterr().out)}


def rename_host(folder: Path, **about: str) -> None:
    said = json.loads((folder / LOCK).read_text())
    (folder / LOCK).write_text(json.dumps({**said, **about}))


@pytest.mark.fault("A4")
def test_a_run_that_was_killed_is_killed_at_its_last_sign_of_life(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    store_all()
    assert ending(client) == ("RUNNING", None)
    assert main(["reap"]) == 0
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["time"]
    run = stored(client)
    assert ending(client) == ("KILLED", "killed")
    assert run.info.end_time == last > run.info.start_time
    line = rf"{run.info.run_id[:8]} +one +marked KILLED +no process writes to its folder +runs/sine/one"
    assert re.search(line, capsys.readouterr().out)


def test_what_a_dead_run_had_not_stored_is_stored_with_its_end(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    store_all()
    journal = RunJournal(folder)
    journal.rows.append([{"step": 3, "time": stored(client).info.start_time + 5000, "metrics": {"train/loss": 0.125}}])
    assert reaped(capsys) == {"one": ("killed", "no process writes to its folder")}
    assert [point.value for point in client.get_metric_history(journal.stored.run_id, "train/loss")] == [
        0.5,
        0.25,
        0.125,
    ]
    assert stored(client).info.end_time == stored(client).info.start_time + 5000


def test_a_second_time_nothing_is_left_to_do(client: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    let_die(folder)
    store_all()
    assert main(["reap"]) == 0
    before = stored(client).to_dictionary(), (folder / "tracking" / "journal.jsonl").read_bytes()
    capsys.readouterr()
    assert main(["reap"]) == 0
    assert capsys.readouterr().out == "nothing to do: the store takes none of them for running\n"
    assert (stored(client).to_dictionary(), (folder / "tracking" / "journal.jsonl").read_bytes()) == before


@pytest.mark.fault("A14")
@pytest.mark.parametrize("since", ["2001-01-01 00:00:00+0000", "2039-01-01 00:00:00+0000"])
def test_a_run_that_lives_is_left_alone_whatever_the_clock_says(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str], since: str
) -> None:
    with living(folder):
        store_all()
        rename_host(folder, since=since)
        for options in ([], ["one"], ["one", "--force"]):
            assert reaped(capsys, *options) == {"one": ("alive", "a process writes to its folder")}
        assert ending(client) == ("RUNNING", None)
    assert reaped(capsys)["one"][0] == "killed"


@pytest.mark.parametrize("place", ["on this machine", "gone", "of another machine", "of nobody known"])
def test_only_a_run_whose_folder_is_of_this_machine_is_known_to_be_dead(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    let_die(folder)
    store_all()
    why = "no process writes to its folder"
    if place == "gone":
        shutil.rmtree(folder)
        why = f"its folder {folder} is not on this machine, or is gone"
    elif place == "of another machine":
        rename_host(folder, host="node7", boot="its own")
        why = "only node7, which has written to its folder, can tell"
    elif place == "of nobody known":
        (folder / LOCK).unlink()
        why = "its folder does not say which machine has written to it"
    here = place == "on this machine"
    assert reaped(capsys) == {"one": ("killed" if here else "unknown", why)}
    assert ending(client) == (("KILLED", "killed") if here else ("RUNNING", None))
    if not here:
        assert reaped(capsys, "one", "--force") == {"one": ("killed", why)}
    assert ending(client) == ("KILLED", "killed")
    run = stored(client)
    assert run.info.end_time == client.get_metric_history(run.info.run_id, "train/loss")[-1].timestamp


def test_only_what_is_named_may_be_called_dead_by_its_owner(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reap", "--force"]) == 2
    assert "--force: name the run or the sweep that you know to be dead" in capsys.readouterr().err


def test_a_run_is_found_by_its_folder_and_known_to_be_killed(client: Any, folder: Path, tmp_path: Path) -> None:
    let_die(folder)
    with pytest.raises(ConfigError, match=f"no store has the run of this folder; .* `rnnexp sync {folder}` stores it"):
        find.run(None, str(folder))
    store_all()
    found = find.run(None, str(folder))
    assert found.run_id == find.run(None, "one").run_id == stored(client).info.run_id
    assert (found.status, found.outcome) == ("KILLED", "killed")
    assert ending(client) == ("RUNNING", None)  # a control: nothing is written
    with pytest.raises(ConfigError, match="there is no run"):
        find.run(None, str(tmp_path))


def test_a_name_that_nothing_has_is_refused(client: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    let_die(folder)
    store_all()
    assert main(["reap", "onne"]) == 2
    assert "there is no run `onne`; did you mean `one`" in capsys.readouterr().err
    assert ending(client) == ("RUNNING", None)


def test_of_several_dead_runs_only_those_that_are_meant_are_killed(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two, three = folder.with_name("two"), folder.with_name("three")
    let_die(folder, two, three)
    store_all()
    assert set(reaped(capsys, str(folder))) == {"one"}
    assert set(reaped(capsys, stored(client, "two").info.run_id[:12])) == {"two"}
    assert ending(client, "three") == ("RUNNING", None)
    assert set(reaped(capsys, "runs/sine")) == {"three"}
    assert reaped(capsys, "three") == {}


@pytest.mark.fault("A4")
def test_jobs_of_a_sweep_that_is_running_are_left_to_it(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = folder.with_name("sweep")
    jobs = [sweep / "jobs" / "0", sweep / "jobs" / "1"]
    with living(sweep, kind="sweep"):
        let_die(*jobs, sweep="sweep", job="0")
        store_all()
        found = reaped(capsys)
        assert found.pop("sweep") == ("alive", "a process writes to its folder")
        assert found == dict.fromkeys("01", ("alive", "its sweep is running"))
    dead = ("killed", "no process writes to its folder")
    assert reaped(capsys, "sweep") == {"sweep": dead, "0": dead, "1": dead}


def test_members_of_a_group_live_as_long_as_its_process(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [folder.parent / "jobs" / number for number in "012"]
    folder.parent.mkdir(parents=True)
    with living(*jobs, together=folder.parent, sweep="sweep"):
        store_all()
        assert reaped(capsys) == dict.fromkeys("012", ("alive", "a process writes to its folder"))
    assert reaped(capsys) == dict.fromkeys("012", ("killed", "no process writes to its folder"))


def test_a_run_whose_folder_another_has_taken_is_dead(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    store_all()
    name = stored(client).info.run_id
    with claim(folder):  # what was there lies in `earlier-1` now
        assert reaped(capsys, name) == {"one": ("killed", "no process writes to its folder")}
    assert (folder / "earlier-1" / "tracking").is_dir()
    assert ending(client) == ("KILLED", "killed")


def test_an_attempt_that_was_put_aside_is_dead_though_the_next_one_lives(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    store_all()
    folder.rename(folder.with_name("one.attempt1"))
    with hold(folder):
        assert reaped(capsys) == {"one": ("killed", "no process writes to its folder")}


def test_a_run_that_has_ended_behind_the_back_of_the_store_ends_as_what_it_was(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    store_all()
    RunJournal(folder).append("tags", tags={"rnnexp.outcome": "ok"})
    RunJournal(folder).append("end", status="FINISHED", time=stored(client).info.start_time + 9000)
    assert reaped(capsys) == {"one": ("stored", "it has ended as FINISHED")}
    assert ending(client) == ("FINISHED", "ok")


def test_runs_of_other_tools_and_without_a_folder_are_left_alone(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = client.create_run("0", run_name="foreign")
    ours = client.create_run("0", run_name="ours", tags={"rnnexp.version": "1"})
    assert reaped(capsys) == {"ours": ("unknown", "nothing says where its folder is")}
    assert {client.get_run(run.info.run_id).info.status for run in (foreign, ours)} == {"RUNNING"}


def test_a_dead_run_of_an_earlier_version_has_no_journal(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with claim(folder):
        said = json.loads((folder / LOCK).read_text())
    (folder / LOCK).write_text(json.dumps({key: said[key] for key in ("pid", "host", "since")}))
    tags = {"rnnexp.version": "0.1.0", "rnnexp.folder": str(folder)}
    run = client.create_run("0", start_time=1000, run_name="one", tags=tags)
    client.log_metric(run.info.run_id, "train/loss", 0.5, timestamp=7000)
    client.log_metric(run.info.run_id, "val/loss", 0.5, timestamp=5000)
    assert reaped(capsys) == {"one": ("killed", "no process writes to its folder")}
    ended = client.get_run(run.info.run_id)
    assert (ended.info.status, ended.info.end_time, ended.data.tags["rnnexp.outcome"]) == ("KILLED", 7000, "killed")


def test_a_dead_run_that_no_store_has_seen_is_killed_in_its_folder(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    why = "no process writes to its folder; store it with: rnnexp sync runs/sine/one"
    assert reaped(capsys) == {"one": ("killed", why)}
    assert reaped(capsys) == {}
    store_all()
    assert ending(client) == ("KILLED", "killed")


def test_a_store_that_cannot_be_reached_is_named_and_no_run_is_touched(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    let_die(folder)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert main(["reap", "--uri", "http://127.0.0.1:9"]) == 5
    assert "http://127.0.0.1:9" in capsys.readouterr().err
    assert RunJournal(folder).ended is None


@pytest.mark.fault("A4")
def test_runs_shows_a_dead_run_as_killed_and_leaves_the_store_as_it_is(
    client: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown() -> tuple[str, bool]:
        capsys.readouterr()
        assert main(["runs"]) == 0
        told = capsys.readouterr().out
        return " ".join(re.findall("running|killed", told.splitlines()[1])), NOTE in told

    with living(folder):
        store_all()
        assert shown() == ("running", False)
    before = (tmp_path / "mlflow.db").read_bytes(), (folder / "tracking" / "journal.jsonl").read_bytes()
    assert shown() == ("killed", True)
    assert ((tmp_path / "mlflow.db").read_bytes(), (folder / "tracking" / "journal.jsonl").read_bytes()) == before
    assert main(["reap"]) == 0
    assert shown() == ("killed", False)


def test_a_sweep_shows_its_dead_jobs_as_killed(client: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = folder.with_name("sweep")
    with living(sweep, kind="sweep", folder=str(sweep)):
        store_all()
        parent = stored(client, "sweep").info.run_id
        let_die(sweep / "jobs" / "0", parent=parent, sweep="sweep", job="0")
        store_all()
        assert main(["runs"]) == 0
        assert re.search(r"sweep .* running: 1 running", capsys.readouterr().out)
    assert main(["runs"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"sweep .* killed: 1 killed", told)
    assert "note: 2 runs were killed, and the store shows them as running; mark them with: rnnexp reap" in told
    assert main(["compare"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"1 killed", told)
    assert NOTE in told


def test_before_its_pages_are_shown_the_store_is_told(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    @contextmanager
    def server(_uri: str, _port: int) -> Iterator[subprocess.Popen[bytes]]:
        seen.append(ending(client)[0])
        yield subprocess.Popen(["true"])

    monkeypatch.setattr(browse, "server", server)
    with living(folder):
        store_all()
        assert main(["ui", "--no-browser"]) == 0
        assert "ended without reporting it" not in capsys.readouterr().err
    assert main(["ui", "--no-browser"]) == 0
    assert re.search(r"ended without reporting it.*\n.*\n\w+ +one +marked KILLED", capsys.readouterr().err)
    assert seen == ["RUNNING", "KILLED"]


def test_pages_of_a_store_that_may_only_be_read_are_shown_all_the_same(
    client: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    let_die(folder)
    store_all()
    monkeypatch.setattr(browse, "server", lambda *_: nullcontext(subprocess.Popen(["true"])))
    connection = sqlite3.connect(folder.parents[2] / "mlflow.db")
    connection.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'it may only be read'); END"
    )
    connection.close()
    assert main(["ui", "--no-browser"]) == 0
    assert "runs that were killed may be shown as running: sqlite://" in capsys.readouterr().err


def test_reading_a_folder_that_may_only_be_read_is_enough_to_show_it(
    client: Any, folder: Path, without_override: None, capsys: pytest.CaptureFixture[str]
) -> None:
    let_die(folder)
    store_all()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    capsys.readouterr()
    assert main(["runs"]) == 0
    assert NOTE in capsys.readouterr().out
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("closed", ["runs", "runs/sine/one", "runs/sine/one/tracking", "runs/sine/one/run.lock"])
def test_a_folder_that_may_not_be_read_is_left_alone(
    client: Any, folder: Path, without_override: None, capsys: pytest.CaptureFixture[str], closed: str
) -> None:
    let_die(folder)
    store_all()
    mode = Path(closed).stat().st_mode
    Path(closed).chmod(0)
    verdict, _ = reaped(capsys, stored(client).info.run_id)["one"]
    assert main(["runs"]) == 0
    assert NOTE not in capsys.readouterr().out
    Path(closed).chmod(mode)
    assert verdict in ("unknown", "alive")
    assert ending(client) == ("RUNNING", None)


def test_a_killed_run_that_goes_on_and_ends_is_what_it_ends_as(client: Any, folder: Path, make_info: Any) -> None:
    """As the run of a sweep does that is started again."""
    let_die(folder)
    store_all()
    assert main(["reap"]) == 0
    run_id = stored(client).info.run_id
    info = make_info(run_name="one", run_dir=folder, key=run_id)
    with start(Tracking(), info):
        pass
    assert ending(client) == ("FINISHED", "ok")
    assert main(["reap"]) == 0
    assert ending(client) == ("FINISHED", "ok")
    connection = sqlite3.connect(folder.parents[2] / "mlflow.db")
    assert connection.execute("SELECT COUNT(*) FROM runs").fetchone() == (1,)
    connection.close()
