"""A file counts as stored only where the store shows it, whatever has answered to it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.errors import TrackingError
from rnnexp.tracking import pusher, start, uploads
from rnnexp.tracking.files import add_files
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.model import ModelPlace, SavedModel
from rnnexp.tracking.query import Wanted, select
from rnnexp.tracking.store import open_store
from tests.tracking.faulty_server import FaultyServer

FILES = "/api/2.0/mlflow-artifacts/artifacts"
PUT, LISTING = f"PUT {FILES}", f"GET {FILES}"
SAID_TO_BE_THERE = ("html", "empty", "json", "cut")  # answers of 200 to a file that is not there then
FAULTS = (*SAID_TO_BE_THERE, "dead", "hang", "reset", "slow", "lost", "401", "403", "404", "429", "500", "503")
KEPT = {"config/config.yaml": b"units: 8\n", "figures/gr\xf6\xdfe.png": b"\x89PNG", "notes.txt": b"two layers"}
WHOLE = KEPT.keys() | {"metrics.jsonl", "train.log"}
# Three files and what is written down at the end; `after` so many of them are sent well.
MOMENTS = [(PUT, after) for after in range(5)] + [(LISTING, after) for after in range(3)]
OFTEN = {("html", PUT, 0), ("cut", PUT, 2), ("lost", PUT, 1)}
# Each fault meets two moments, and each moment several faults.
CHOSEN = {(fault, *MOMENTS[(3 * number + at) % 8]) for number, fault in enumerate(FAULTS) for at in (0, 5)}
CASES = [
    pytest.param(*case, marks=[] if case in OFTEN else pytest.mark.end_to_end)
    for case in sorted(CHOSEN | OFTEN)
    if case[:2] != ("cut", LISTING)
]


def test_each_fault_and_each_moment_are_among_the_cases() -> None:
    cases = [case.values for case in CASES]
    assert {fault for fault, *_ in cases} == set(FAULTS)
    assert {(only, after) for _, only, after in cases} == set(MOMENTS)


def log_run(server: FaultyServer, info: Any) -> None:
    with start(Tracking(uri=server.uri), info) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 0.0, 1.0)
        for name, content in KEPT.items():
            (run.folder / name).parent.mkdir(exist_ok=True)
            (run.folder / name).write_bytes(content)
            run.log_file(run.folder / name, str(Path(name).parent) if "/" in name else "")
        (run.folder / "train.log").write_text("password=hunter2\nall is well\n")


def served(server: FaultyServer, run_id: str) -> dict[str, int]:
    """Return the sizes of the files that the server has, in its own folder."""
    (folder,) = server.files.glob(f"*/{run_id}/artifacts")
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def wait_for_sync(info: Any, server: FaultyServer) -> None:
    command, deadline = ["sync", str(info.run_dir), "--uri", server.uri], time.monotonic() + 60
    while (code := main(command)) == TrackingError.exit_code and time.monotonic() < deadline:
        time.sleep(0.2)  # the run's own thread may be storing it
    assert code == 0


@pytest.mark.parametrize(("fault", "only", "after"), CASES)
@pytest.mark.fault("C4", "C15")
def test_a_run_has_ended_in_the_store_only_with_all_its_files(
    server: FaultyServer, make_info: Any, fault: str, only: str, after: int
) -> None:
    info, client = make_info(), open_store(server.uri)
    server.fail(fault, after, only)
    log_run(server, info)
    server.heal()
    for found in client.search_runs([one.experiment_id for one in client.search_experiments()]):
        if found.info.status == "FINISHED" and "rnnexp.incomplete" not in found.data.tags:
            assert served(server, found.info.run_id).keys() == WHOLE
    for _ in range(2):
        wait_for_sync(info, server)
        stored = RunJournal(info.run_dir).stored
        has = served(server, str(stored.run_id))
        assert has.keys() == WHOLE
        assert {name: has[name] for name in KEPT} == {name: len(content) for name, content in KEPT.items()}
        assert client.get_run(stored.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("fault", SAID_TO_BE_THERE)
def test_what_the_store_does_not_show_is_sent_again_by_the_run_itself(
    server: FaultyServer, make_info: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(pusher, "PATIENCE_S", 60.0)
    server.fail(fault, after=1, only=PUT, times=2)
    log_run(server, make_info())
    assert server.met == 2
    (run_id,) = (path.parent.name for path in server.files.glob("*/*/artifacts"))
    assert served(server, run_id).keys() == WHOLE
    assert open_store(server.uri).get_run(run_id).info.status == "FINISHED"


def test_json_of_sync_is_alone_on_standard_output(
    server: FaultyServer, make_info: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """MLflow's client would print an address there when a run of a server ends."""
    server.fail("dead")
    log_run(server, make_info())
    server.heal()
    capsys.readouterr()
    wait_for_sync(make_info(), server)
    assert "View run" not in capsys.readouterr().out
    assert main(["sync", str(make_info().run_dir), "--uri", server.uri, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["complete"] is True


@pytest.mark.parametrize("fault", SAID_TO_BE_THERE)
def test_a_model_is_ready_only_with_all_its_files(server: FaultyServer, tmp_path: Path, fault: str) -> None:
    bundle, about = tmp_path / "model", tmp_path / "about"
    for path, text in (
        (bundle / "weights.npz", "weights"),
        (bundle / "more/deep.txt", "x"),
        (about / "about.json", "{}"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    client = open_store(server.uri)
    run = client.create_run(client.create_experiment("sine"))  # the first one was made for the database alone
    place = ModelPlace(client, server.uri, run.info.experiment_id, run.info.run_id)
    saved = SavedModel(bundle, about, {}, [])
    server.fail(fault, after=1, only=PUT, times=1)
    with pytest.raises(TrackingError, match=r"does not have what was sent; is there a proxy"):
        saved.log_by_client(place)
    assert client.get_run(run.info.run_id).outputs.model_outputs == []
    saved.log_by_client(place)
    (output,) = client.get_run(run.info.run_id).outputs.model_outputs
    files = [path.name for path in server.files.rglob("*") if output.model_id in path.parts and path.is_file()]
    assert sorted(files) == ["MLmodel", "deep.txt", "weights.npz"]


@pytest.mark.parametrize("fault", SAID_TO_BE_THERE)
def test_files_that_are_added_later_are_there_or_refused(
    server: FaultyServer, make_info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(pusher, "PATIENCE_S", 60.0)
    log_run(server, make_info())
    (run,) = select(server.uri, Wanted())
    (tmp_path / "late.txt").write_text("late")
    server.fail(fault, only=PUT, times=1)
    with pytest.raises(TrackingError, match=r"evaluation cannot be stored: .*late.txt"):
        add_files(server.uri, run, [tmp_path / "late.txt"], "evaluation")
    add_files(server.uri, run, [tmp_path / "late.txt"], "evaluation")
    assert served(server, run.run_id)["evaluation/late.txt"] == 4


@pytest.mark.parametrize("slowest", [10.0, 1e9], ids=["as long as its size", "as long as any other"])
def test_a_large_file_is_waited_for_the_longer_the_larger_it_is(
    server: FaultyServer, make_info: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slowest: float
) -> None:
    """A server that writes 2 GB to its disk answers only then; here it takes longer than the client's second."""
    log_run(server, make_info())
    (run,) = select(server.uri, Wanted())
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(100)
    monkeypatch.setattr(uploads, "SLOWEST", slowest)
    server.delay = 1.6
    server.fail("slow", only=PUT)
    if slowest == 10.0:
        add_files(server.uri, run, [tmp_path / "large.bin"], "late")
        assert served(server, run.run_id)["late/large.bin"] == 100
    else:
        with pytest.raises(TrackingError, match=r"late cannot be stored: .*timeout"):
            add_files(server.uri, run, [tmp_path / "large.bin"], "late")


def test_two_gigabytes_are_waited_for_more_than_a_quarter_of_an_hour() -> None:
    assert 2 * 2**30 / uploads.SLOWEST > 900
