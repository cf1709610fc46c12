"""One run at a time writes to a folder, and each keeps its files apart."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.errors import BusyError
from rnnexp.failures import foreseen
from rnnexp.run_folder import LOCK, claim, find_owner, hold, hold_together, is_held, look_at
from rnnexp.runner import make_run_folder

TINY = ("data.points=60", "model.units=[2]", "trainer.epochs=3", "trainer.batch_size=full", "tracking=off")


@pytest.mark.fault("B8")
def test_a_folder_that_is_held_says_by_whom_and_since_when(tmp_path: Path) -> None:
    with claim(tmp_path / "run"):
        since = json.loads((tmp_path / "run" / LOCK).read_text())["since"]
        told = rf"process {os.getpid()} on {platform.node()}, since {since[:16]}.*; wait for it"
        with pytest.raises(BusyError, match=told), claim(tmp_path / "run"):
            pass
        with claim(tmp_path / "other"):
            pass
    with claim(tmp_path / "run"):
        pass


@pytest.mark.fault("B8")
def test_the_lock_of_a_dead_process_does_not_count(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from rnnexp.run_folder import claim\n"
        "with claim(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    dead = json.loads((tmp_path / LOCK).read_text())["pid"]
    assert not is_held(tmp_path)
    with claim(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid() != dead


@contextmanager
def busy_with_looking(folder: Path) -> Iterator[list[bool]]:
    """Have threads look at a folder all the time; what they have seen is in the list."""
    done, seen = threading.Event(), list[bool]()

    def look() -> None:
        while not done.is_set():
            seen.append(is_held(folder))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.fault("A14", "B8")
def test_a_folder_is_held_as_long_as_a_process_writes_to_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "run")
    with claim(tmp_path / "run"):
        assert is_held(tmp_path / "run")
        assert not is_held(tmp_path)
    assert not is_held(tmp_path / "run")
    assert not is_held(tmp_path / "run" / LOCK)


def test_looking_at_folders_never_keeps_a_run_from_starting(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with busy_with_looking(tmp_path) as seen, busy_with_looking(tmp_path / "other") as seen_of_other:
        for _ in range(20):
            with claim(tmp_path), pytest.raises(BusyError, match="another process writes to it"), claim(tmp_path):
                pass
            with hold_together([tmp_path], tmp_path):
                pass
    assert {*seen_of_other} == {False} < {*seen}


def test_a_look_lasts_until_what_was_seen_is_done_with(tmp_path: Path) -> None:
    claims: list[str] = []

    def claim_it() -> None:
        with claim(tmp_path):
            claims.append("claimed")

    with claim(tmp_path):
        pass
    thread = threading.Thread(target=claim_it)
    with look_at(tmp_path) as is_taken, look_at(tmp_path) as is_taken_for_others:
        thread.start()
        thread.join(0.1)
        claims.append("looked")
    thread.join()
    assert claims == ["looked", "claimed"]
    assert not is_taken
    assert not is_taken_for_others


def test_a_folder_can_be_looked_at_that_may_only_be_read(tmp_path: Path) -> None:
    with claim(tmp_path / "run"):
        (tmp_path / "run" / LOCK).chmod(0o444)
        (tmp_path / "run").chmod(0o555)
        before = (tmp_path / "run").stat()
        assert is_held(tmp_path / "run")
    assert not is_held(tmp_path / "run")
    assert (tmp_path / "run").stat() == before
    (tmp_path / "run").chmod(0o755)


def test_a_thousand_folders_are_held_by_one_open_file(tmp_path: Path) -> None:
    folders = [tmp_path / "jobs" / str(number) for number in range(1000)]
    for folder in folders:
        folder.mkdir(parents=True)
    before = len(os.listdir("/dev/fd"))
    with hold_together(folders, tmp_path):
        assert len(os.listdir("/dev/fd")) == before + 1
        assert all(map(is_held, folders))
        assert not is_held(tmp_path / "jobs")
        folders[3].rename(tmp_path / "jobs" / "3.attempt1")
        assert is_held(tmp_path / "jobs" / "3.attempt1")
        assert not is_held(folders[3])
        with (
            pytest.raises(BusyError, match=rf"another process writes to it: process {os.getpid()} on"),
            hold(folders[4]),
        ):
            pass
        with claim(folders[3]):
            assert is_held(folders[3])
    assert not any(map(is_held, folders))
    assert [path.name for path in tmp_path.iterdir()] == ["jobs"]
    with claim(folders[4]):
        pass


def test_a_group_waits_for_a_folder_that_is_held(tmp_path: Path) -> None:
    seen: list[bool] = []
    group = threading.Thread(target=hold_all, args=([tmp_path / "0"], tmp_path, seen))
    with claim(tmp_path / "0"):
        group.start()
        group.join(0.2)
        assert not seen
    group.join()
    assert seen == [True]


def hold_all(folders: list[Path], place: Path, seen: list[bool]) -> None:
    with hold_together(folders, place):
        seen += map(is_held, folders)


def test_a_group_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from rnnexp.run_folder import hold_together, is_held\n"
        "folder = Path(sys.argv[1])\n"
        "with hold_together([folder / 'a', folder / 'b'], folder): print(is_held(folder / 'a'), flush=True), "
        "os.kill(0, 9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    assert (done.returncode, done.stdout) == (-9, "True\n")
    assert (tmp_path / "a" / LOCK).exists()
    assert not is_held(tmp_path / "a")
    with hold(tmp_path / "a"), hold_together([tmp_path / "b"], tmp_path):
        assert is_held(tmp_path / "a")


@pytest.mark.parametrize(
    ("changes", "is_here"),
    [
        ({}, True),
        ({"boot": "before it was restarted"}, True),
        ({"host": "another container"}, True),
        ({"host": "another machine", "boot": "its own"}, False),
        ({"host": "another machine", "boot": ""}, False),
    ],
    ids=str,
)
@pytest.mark.skipif(sys.platform != "linux", reason="containers are told by what Linux says of its start")
def test_a_folder_tells_which_machine_has_written_to_it(tmp_path: Path, changes: dict[str, str], is_here: bool) -> None:
    with claim(tmp_path):
        said = json.loads((tmp_path / LOCK).read_text())
        (tmp_path / LOCK).write_text(json.dumps({**said, **changes}))
        owner = find_owner(tmp_path)
    assert owner is not None
    assert owner.is_here == is_here


@pytest.mark.parametrize("said", ["", "{", "7", '{"pid": 1}', '{"pid": 1, "host": "h", "since": "s", "new": 1}'])
def test_a_folder_whose_lock_says_nothing_is_of_nobody(tmp_path: Path, said: str) -> None:
    assert find_owner(tmp_path) is None
    (tmp_path / LOCK).write_text(said)
    assert find_owner(tmp_path) is None
    assert not is_held(tmp_path)


@pytest.mark.fault("B8")
def test_a_run_in_a_folder_that_is_held_ends_with_7_and_leaves_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    with claim(folder):
        (folder / "metrics.jsonl").write_text("mine")
        command = [sys.executable, "-m", "rnnexp", "train", *TINY, f"hydra.run.dir={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 7
        assert (folder / "metrics.jsonl").read_text() == "mine"
        assert not any(path.stat().st_size for path in folder.glob("*.log"))
    assert f"process {os.getpid()} on" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.fault("F14")
def test_a_second_run_sets_the_files_of_the_first_aside(tmp_path: Path) -> None:
    folder = tmp_path / "again"
    (folder / "notes").mkdir(parents=True)
    experiment = rx.compose(*TINY, "tracking.figures=false")
    rx.run(experiment, folder)
    first = (folder / "metrics.jsonl").read_text()
    (folder / "run.json").write_text('{"run_id": "of the first"}')
    rx.run(experiment, folder)
    kept = folder / "earlier-1"
    assert (kept / "metrics.jsonl").read_text() == first
    assert (kept / "run.json").exists()
    assert not (folder / "run.json").exists()
    assert (folder / "metrics.jsonl").read_text().count("\n") == first.count("\n")
    assert (kept / "model" / "model.json").exists()
    assert (folder / "model" / "model.json").exists()
    assert (folder / "notes").is_dir()


@pytest.mark.fault("B4", "B12")
@pytest.mark.parametrize("closed", [".", "runs", "runs/one"])
def test_a_folder_that_cannot_be_written_ends_with_6_and_is_named(
    tmp_path: Path, closed: str, without_override: None
) -> None:
    (tmp_path / closed).mkdir(parents=True, exist_ok=True)
    (tmp_path / closed).chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="denied") as caught, claim(tmp_path / "runs" / "one"):
            pass
    finally:
        (tmp_path / closed).chmod(0o755)
    known = foreseen(caught.value)
    assert known is not None
    assert known.exit_code == 6
    assert str(known).startswith(f"{tmp_path}/runs")


@pytest.mark.fault("B9")
def test_runs_that_start_in_the_same_second_have_folders_of_their_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: make_run_folder("same"), range(200)))
    assert len(set(folders)) == len(list(Path("runs/same").iterdir())) == 200


def test_whoever_has_waited_for_a_folder_that_was_removed_holds_the_one_that_is_there(tmp_path: Path) -> None:
    """The lock of a file that is gone keeps nobody from anything."""
    folder, found = tmp_path / "run", list[bool]()

    def wait() -> None:
        with hold(folder, wait=True):
            found.append(is_held(folder))

    with hold(folder):
        waiting = threading.Thread(target=wait)
        waiting.start()
        (folder / LOCK).unlink()
        folder.rmdir()
    waiting.join()
    assert found == [True]


def test_a_folder_that_others_remove_all_the_time_is_held_nonetheless(tmp_path: Path) -> None:
    folder, ended = tmp_path / "sweep" / "run", threading.Event()

    def remove() -> None:
        while not ended.is_set():
            shutil.rmtree(folder.parent, ignore_errors=True)

    with ThreadPoolExecutor(1) as pool:
        removing = pool.submit(remove)
        try:
            for _ in range(500):
                with hold(folder, wait=True):
                    pass
        finally:
            ended.set()
    assert removing.exception() is None


def test_a_file_in_the_place_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(FileExistsError, match="run"), hold(tmp_path / "run", wait=True):
        pass
