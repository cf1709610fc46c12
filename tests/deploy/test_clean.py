"""`rnnexp clean` removes what is proven to be ours and no longer needed, and nothing else, whatever lies beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.clean import read_age
from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.deploy.clean import KINDS, Removable, make_cleaner
from rnnexp.errors import DivergedError
from rnnexp.run_folder import LOCK, ORIGIN, claim, hold
from rnnexp.runner.unfinished import Origin, end_origin, write_origin
from rnnexp.tracking import RunInfo, start
from rnnexp.tracking.journal import ENTRIES, STORED, RunJournal
from rnnexp.tracking.store import open_store, tracking_uri
from rnnexp.training import checkpoint
from rnnexp.training.snapshot import Position, Snapshot

FAILED, STOPPED, DONE = "failed", "stopped", "done"
OLD = (2000, 2000)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Track a run that failed, one that was stopped, and one that has finished, the last two with checkpoints."""
    root = tmp_path_factory.mktemp("project")
    before = Path.cwd()
    os.chdir(root)
    try:
        make_run(root / "runs/sine" / FAILED, ValueError("no"))
        make_run(root / "runs/sine" / STOPPED, KeyboardInterrupt(), epochs=(1, 2, 3))
        make_run(root / "runs/sine" / DONE, None, epochs=(1, 2))
    finally:
        os.chdir(before)
    return root


def make_run(folder: Path, error: BaseException | None, epochs: tuple[int, ...] = (), **about: Any) -> str:
    """Track a run of a moment; return its id."""
    info = RunInfo(
        **{
            "experiment": "sine",
            "run_name": folder.name,
            "params": {"model.units": [8]},
            "tags": {"rnnexp.version": "0.1.0", "rnnexp.folder": str(folder)},
            "config": "name: sine\n",
            "description": "a run",
            "primary_metric": "test/rmse",
            "greater_is_better": False,
            "run_dir": folder,
            **about,
        }
    )
    with suppress(ValueError, KeyboardInterrupt, DivergedError), claim(folder):
        write_origin(folder, Origin("abc", {}, {}, {}))
        with start(Tracking(uri=tracking_uri(None)), info) as run:
            run.log_epochs(1, [{"train/loss": 0.5}], 1, 2)
            save_checkpoints(folder, epochs)
            if error is not None:
                raise error
            (folder / "model").mkdir()
            (folder / "model" / "weights.npz").write_bytes(b"weights")
        end_origin(folder)
        save_checkpoints(folder, epochs[:-1])  # as killed processes leave them
    return str(RunJournal(folder).stored.run_id)


def save_checkpoints(folder: Path, epochs: Sequence[int]) -> None:
    for epoch in epochs:
        position = Position("keras", "0", epoch)
        place = folder / "checkpoints" / checkpoint.name_state(position)
        checkpoint.save(place, Snapshot({"a": np.zeros(9)}, position))


@pytest.fixture
def runs(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the project and work there; beside it lies what must never be touched."""
    shutil.copytree(project, tmp_path / "here")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here" / "runs" / "sine"


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def list_checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("*-*"))


def status_of(run_id: str) -> str:
    return str(open_store(tracking_uri(None)).get_run(run_id).info.lifecycle_stage)


def test_all_three_kinds_go_at_once_and_what_is_needed_stays(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = str(RunJournal(runs / FAILED).stored.run_id)
    kept = {*list_files(runs / STOPPED), *list_files(runs / DONE)}
    assert main(["clean", "--yes"]) == 0
    assert not (runs / FAILED).exists()
    assert list_checkpoints(runs / STOPPED) == ["state-000003-00000000"]
    assert list_checkpoints(runs / DONE) == []
    left = {*list_files(runs / STOPPED), *list_files(runs / DONE)}
    assert {path.partition("/")[0] for path in kept - left} == {"checkpoints"}
    assert status_of(run_id) == "deleted"
    said = capsys.readouterr().out
    assert "its run has failed" in said
    assert "is older than state-000003-00000000" in said
    assert main(["clean", "--yes"]) == 0
    assert "there is nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "gone"),
    [
        ("--failed", {FAILED}),
        ("--checkpoints", {f"{STOPPED}/checkpoints/state-00000{n}-00000000" for n in (1, 2)}
         | {f"{DONE}/checkpoints/state-00000{n}-00000000" for n in (1, 2)}),
        ("--trash", set()),
    ],
)  # fmt: skip
def test_a_flag_chooses_a_kind(runs: Path, flag: str, gone: set[str]) -> None:
    before = list_files(runs)
    assert main(["clean", flag, "--yes"]) == 0
    left = list_files(runs)
    assert left == {path for path in before if not any(f"{path}/".startswith(f"{one}/") for one in gone)}


@pytest.mark.parametrize("words", [["--dry-run"], ["-n"], [], ["--json"], ["--failed"]])
def test_nothing_goes_unless_that_is_said(runs: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = list_files(runs)
    asks = "--dry-run" not in words and "-n" not in words
    assert main(["clean", *words]) == (2 if asks else 0)
    assert list_files(runs) == before
    said = capsys.readouterr()
    assert ("add --yes" in said.err) == asks
    assert (
        "json" in words[0]
        if "--json" in words
        else re.search(rf"failed +0\.0 MB +runs/sine/{FAILED} +its run", said.out)
    )


@pytest.mark.parametrize(("answer", "goes"), [("y", True), ("yes", True), ("", False), ("n", False), (None, False)])
def test_a_terminal_is_asked(runs: Path, answer: str | None, goes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(prompt: str) -> str:
        assert re.match(r"Remove 1 of failed \(\d+\.\d MB\)\? \[y/N\] ", prompt)
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("rnnexp.cli.clean.is_interactive", lambda: True)
    monkeypatch.setattr("builtins.input", ask)
    assert main(["clean", "--failed"]) == 0
    assert (runs / FAILED).exists() != goes


def test_json_says_what_went(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "--failed", "--yes", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["path"] == str(runs / FAILED)
    assert (one["kind"], one["removed"], one["why"]) == ("failed", True, "its run has failed")
    assert one["bytes"] > 1000


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("2w", 1_209_600), ("1d12h", 129_600), ("1.5h", 5400)]
)
def test_an_age_is_read_as_mlflow_reads_it(text: str, seconds: float) -> None:
    assert read_age(text) == seconds


@pytest.mark.parametrize("text", ["30", "d", "-3d", "3 d", "30days", "1d-2h"])
def test_what_is_no_age_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", f"--older-than={text}"]) == 2
    assert "is no age" in capsys.readouterr().err


def test_what_is_younger_stays(runs: Path) -> None:
    assert main(["clean", "--failed", "--older-than", "1h", "--yes"]) == 0
    assert (runs / FAILED).exists()
    for path in (runs / FAILED, *(runs / FAILED).rglob("*")):
        os.utime(path, OLD)
    assert main(["clean", "--failed", "--older-than", "1h", "--yes"]) == 0
    assert not (runs / FAILED).exists()


def test_one_run_alone_can_be_cleaned(runs: Path) -> None:
    assert main(["clean", DONE, "--yes"]) == 0
    assert (runs / FAILED).exists()
    assert len(list_checkpoints(runs / STOPPED)) == 3
    assert list_checkpoints(runs / DONE) == []


# What somebody may have put into the folder of a run, or made of it: none of it goes, and nor does the run.
PLANTS: dict[str, Callable[[Path, Path], object]] = {
    "a file": lambda at, out: at.write_text("mine"),
    "a hidden file": lambda at, out: at.with_name(".notes").write_text("mine"),
    "a folder": lambda at, out: at.mkdir(),
    "a link to a file": lambda at, out: at.symlink_to(out / "mine.txt"),
    "a link to a folder": lambda at, out: at.symlink_to(out),
    "a pipe": lambda at, out: os.mkfifo(at),
    "a file that is named as ours": lambda at, out: at.with_name("run.json.bak").write_text("{}"),
}
PLACES = ("notes.txt", "config/mine.yaml", "tracking/mine", "tracking/model/mine", "checkpoints/state-1/x", "tables/x")


@pytest.mark.parametrize("place", PLACES)
def test_a_run_with_what_is_not_ours_is_left_alone(runs: Path, place: str) -> None:
    cleaner, outside = make_cleaner(runs.parent, ["failed"], None), runs.parents[2] / "outside"
    at = runs / FAILED / place
    for plant in PLANTS.values():
        shutil.copytree(runs / FAILED, outside / "whole")
        at.parent.mkdir(parents=True, exist_ok=True)
        plant(at, outside)
        (found,) = cleaner.find()
        assert found.path == runs / FAILED
        assert not isinstance(found, Removable)
        shutil.rmtree(runs / FAILED)
        shutil.move(outside / "whole", runs / FAILED)
    (found,) = cleaner.find()
    assert isinstance(found, Removable)


def _append(folder: Path) -> None:
    with (folder / ENTRIES).open("a") as file:
        file.write('{"event": "tags", "tags": {}}\n')


def _change_journal(folder: Path, **stored: Any) -> None:
    about = json.loads((folder / STORED).read_text())
    (folder / STORED).write_text(json.dumps({**about, **stored}))


def _drop_end(folder: Path) -> None:
    lines = (folder / ENTRIES).read_text().splitlines(keepends=True)
    (folder / ENTRIES).write_text("".join(line for line in lines if '"event": "end"' not in line))
    _change_journal(folder, entries=(folder / ENTRIES).stat().st_size)


def _own_elsewhere(folder: Path) -> None:
    _drop_end(folder)
    (folder / LOCK).write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "then", "boot": "b", "lock": ""}))


def _set_aside(folder: Path) -> None:
    shutil.move(folder, folder.with_name("was"))
    make_run(folder, ValueError("no"))
    shutil.move(folder.with_name("was"), folder / "earlier-1")
    (folder / "earlier-1" / LOCK).unlink()


OBSTACLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "is not stored": (_append, "rnnexp sync runs/sine"),
    "has rows that are not stored": (lambda at: _change_journal(at, rows=0), "the store lacks 1 rows of metrics"),
    "was refused in part": (lambda at: _change_journal(at, refused=[7]), "1 entries that it refused"),
    "has files that the store does not show": (
        lambda at: _change_journal(at, sent={"a": [1, False]}), "files that it has not shown yet",
    ),
    "is of another store": (
        lambda at: _change_journal(at, run_id="f" * 32) or os.rename("mlflow.db", "other.db"), "does not hold its run",
    ),
    "was killed, and the store does not know": (_drop_end, "rnnexp reap runs/sine"),
    "is of another machine": (_own_elsewhere, "only elsewhere"),
    "holds another run": (_set_aside, "holds a run that was set aside, earlier-1"),
}  # fmt: skip


@pytest.mark.parametrize("what", OBSTACLES)
def test_a_failed_run_is_left_alone_that(runs: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, told = OBSTACLES[what]
    spoil(runs / FAILED)
    before = list_files(runs)
    assert main(["clean", "--failed", "--yes"]) == 0
    assert list_files(runs) == before
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("name", [FAILED, STOPPED, DONE])
def test_a_live_run_is_left_alone(runs: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = list_files(runs / name)
    with hold(runs / name):
        assert main(["clean", "--yes"]) == 0
    assert list_files(runs / name) == before
    assert f"not removed: runs/sine/{name}: a process writes to it" in capsys.readouterr().out


def test_a_failed_run_that_can_go_on_keeps_what_it_goes_on_from(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoints(runs / FAILED, (4, 5))
    assert main(["clean", "--yes"]) == 0
    assert list_checkpoints(runs / FAILED) == ["state-000005-00000000"]
    assert f"can be resumed from its checkpoint: rnnexp resume runs/sine/{FAILED}" in capsys.readouterr().out


def test_checkpoints_beyond_a_link_stay(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    far = shutil.move(runs / DONE / "checkpoints", runs.parents[2] / "outside" / "checkpoints")
    (runs / DONE / "checkpoints").symlink_to(far)
    assert main(["clean", "--checkpoints", "--yes"]) == 0
    assert len(list_checkpoints(runs / DONE)) == 2
    assert "a link leads there" in capsys.readouterr().out


def test_a_damaged_checkpoint_is_none_to_go_on_from(runs: Path) -> None:
    (runs / STOPPED / "checkpoints" / "state-000003-00000000" / "state.npz").write_bytes(b"torn")
    assert main(["clean", "--checkpoints", "--yes"]) == 0
    assert list_checkpoints(runs / STOPPED) == ["state-000002-00000000", "state-000003-00000000"]


def test_a_finished_run_without_a_model_keeps_its_newest_checkpoint(runs: Path) -> None:
    (runs / DONE / "model" / "weights.npz").unlink()
    assert main(["clean", "--checkpoints", "--yes"]) == 0
    assert list_checkpoints(runs / DONE) == ["state-000002-00000000"]


def test_the_best_weights_stay(runs: Path) -> None:
    root = runs / DONE / "checkpoints"
    for epoch in (1, 2, 3):
        checkpoint.save_weights(root, epoch, {"a": np.zeros(3)}, {})
    checkpoint.mark_best(root, "epoch-000002", 2)
    assert main(["clean", "--checkpoints", "--yes"]) == 0
    assert list_checkpoints(runs / DONE) == ["epoch-000002"]


# What is named like ours, or holds ours, and is somebody's all the same.
LIKENESSES: dict[str, Callable[[Path, Path], object]] = {
    "a copy of a run": lambda runs, out: shutil.copytree(runs / FAILED, runs / "my-copy"),
    "a link to a run": lambda runs, out: (runs / "2026-01-01T00-00-00-aaaaaaaa").symlink_to(runs / FAILED),
    "a run beyond a link": lambda runs, out: (
        shutil.copytree(runs / FAILED, out / "cosine" / FAILED), (runs.parent / "cosine").symlink_to(out / "cosine"),
    ),
    "a folder named like a run": lambda runs, out: (runs / "2026-01-01T00-00-00" / "model").mkdir(parents=True),
    "checkpoints of somebody": lambda runs, out: save_checkpoints(runs / "mine", (1, 2, 3)),
    "a journal of somebody": lambda runs, out: (
        (runs / "mine/tracking").mkdir(parents=True), (runs / "mine" / ENTRIES).write_text('{"event": "begin"}\n[1]\n'),
    ),
    "an origin without a lock": lambda runs, out: (
        (runs / "mine").mkdir(), shutil.copy(runs / FAILED / ORIGIN, runs / "mine" / ORIGIN),
    ),
    "what was set aside by somebody": lambda runs, out: (runs / "earlier-1").mkdir(),
    "a leftover of somebody": lambda runs, out: (runs / ".tmp-999999999-x").write_text("mine"),
    "a lock that is a link": lambda runs, out: (
        (runs / FAILED / LOCK).unlink(), (runs / FAILED / LOCK).symlink_to(out / "mine.txt"),
    ),
    "a journal that is a link": lambda runs, out: (
        shutil.copytree(runs / FAILED / "tracking", out / "t"), shutil.rmtree(runs / FAILED / "tracking"),
        (runs / FAILED / "tracking").symlink_to(out / "t"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LIKENESSES)
def test_nothing_goes_that_only_looks_like_ours(runs: Path, what: str) -> None:
    outside = runs.parents[2] / "outside"
    before = list_files(runs.parent)
    LIKENESSES[what](runs, outside)
    added, far = list_files(runs.parent) - before, list_files(outside)
    assert main(["clean", "--yes"]) == 0
    assert added <= list_files(runs.parent)
    assert list_files(outside) == far
    assert (outside / "mine.txt").read_text() == "mine"


def test_no_runs_folder_that_is_a_link_is_cleaned(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs.parent.rename(runs.parents[2] / "outside" / "runs")
    runs.parent.symlink_to(runs.parents[2] / "outside" / "runs")
    assert main(["clean", "--yes"]) == 2
    assert "is a link to" in capsys.readouterr().err
    assert (runs / FAILED).exists()


def test_where_there_are_no_runs_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "--yes"]) == 0
    assert "there is nothing to remove" in capsys.readouterr().out
    assert list_files(tmp_path) == set()


SINCE: dict[str, Callable[[Path, Path], object]] = {
    "it is gone on with": lambda at, out: _append(at),
    "a note is added": lambda at, out: (at / "notes.txt").write_text("mine"),
    "a file becomes a link": lambda at, out: (
        (at / "error.txt").unlink(),
        (at / "error.txt").symlink_to(out / "mine.txt"),
    ),
    "it gets a checkpoint": lambda at, out: save_checkpoints(at, (4,)),
    "its folder becomes a link": lambda at, out: (shutil.move(at, out / FAILED), at.symlink_to(out / FAILED)),
}


@pytest.mark.parametrize("what", SINCE)
def test_what_has_changed_since_it_was_shown_stays(runs: Path, what: str) -> None:
    cleaner = make_cleaner(runs.parent, ["failed"], None)
    (one,) = (found for found in cleaner.find() if isinstance(found, Removable))
    SINCE[what](runs / FAILED, runs.parents[2] / "outside")
    before = list_files(runs.parents[2])
    assert cleaner.remove(one) == "has changed since it was looked at"
    assert list_files(runs.parents[2]) == before
    assert status_of(str(one.run_id)) == "active"


def test_a_checkpoint_that_has_become_the_newest_since_stays(runs: Path) -> None:
    cleaner = make_cleaner(runs.parent, ["checkpoints"], None)
    found = [one for one in cleaner.find(runs / STOPPED) if isinstance(one, Removable)]
    shutil.rmtree(runs / STOPPED / "checkpoints" / "state-000003-00000000")
    assert {one.path.name: cleaner.remove(one) for one in found} == {
        "state-000002-00000000": "has changed since it was looked at",
        "state-000001-00000000": "",
    }


def test_a_run_that_begins_meanwhile_is_left_alone(runs: Path) -> None:
    cleaner = make_cleaner(runs.parent, ["failed"], None)
    (one,) = (found for found in cleaner.find() if isinstance(found, Removable))
    with hold(runs / FAILED):
        assert cleaner.remove(one) == "a process writes to it now"
    assert (runs / FAILED).exists()


def test_of_two_cleans_at_once_each_thing_is_removed_by_one(runs: Path) -> None:
    cleaner = make_cleaner(runs.parent, KINDS, None)
    found = [one for one in cleaner.find() if isinstance(one, Removable)]
    said: dict[Path, list[str]] = {one.path: [] for one in found}
    threads = [Thread(target=lambda: [said[one.path].append(cleaner.remove(one)) for one in found]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(path.exists() for path in said)
    assert {tuple(sorted(words))[0] for words in said.values()} == {""}
    assert list_checkpoints(runs / STOPPED) == ["state-000003-00000000"]


def test_what_cannot_be_removed_is_named_with_exit_code_6(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    assert main(["clean", "--failed", "--yes"]) == 6
    assert f"runs/sine/{FAILED}: cannot be removed: Permission denied" in capsys.readouterr().err
    assert status_of(str(RunJournal(runs / FAILED).stored.run_id)) == "active"


def test_a_run_that_was_deleted_in_mlflow_goes_with_the_trash(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_store(tracking_uri(None)).delete_run(str(RunJournal(runs / DONE).stored.run_id))
    assert main(["clean", "--trash", "--yes"]) == 0
    assert {path.name for path in runs.iterdir()} == {FAILED, STOPPED}
    assert "emptied by: mlflow gc --backend-store-uri" in capsys.readouterr().out


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_sweep_goes_once_all_of_its_runs_were_deleted(runs: Path, is_whole: bool) -> None:
    sweep = runs.parent / "sweeps" / "s-1"
    tags = {"rnnexp.version": "0.1.0", "rnnexp.kind": "sweep", "rnnexp.folder": str(sweep)}
    ids = [make_run(sweep, None, tags=tags), make_run(sweep / "jobs" / "0", ValueError("no"))]
    (sweep / "sweep.json").write_text("{}")
    (sweep / "jobs.jsonl").touch()
    client = open_store(tracking_uri(None))
    for run_id in ids if is_whole else ids[:1]:
        client.delete_run(run_id)
    assert main(["clean", "--trash", "--yes"]) == 0
    assert sweep.exists() != is_whole


def test_what_runs_have_set_aside_goes_with_the_trash(runs: Path) -> None:
    _set_aside(runs / DONE)
    jobs = runs.parent / "sweeps" / "s-1" / "jobs"
    make_run(jobs / "3", ValueError("no"))
    (jobs / "3").rename(jobs / "3.attempt1")
    shutil.copytree(runs / FAILED, jobs / "4.attempt1")  # somebody's
    before = list_files(runs.parent)
    assert main(["clean", "--trash", "--yes"]) == 0
    gone = {f"sine/{DONE}/earlier-1", "sweeps/s-1/jobs/3.attempt1"}
    left = {path for path in before if not any(f"{path}/".startswith(f"{one}/") for one in gone)}
    assert list_files(runs.parent) == left


def test_leftovers_of_processes_that_are_gone_go_and_those_of_others_stay(runs: Path) -> None:
    gone, alive = 2**22 + 1, os.getppid()
    names = (
        "tracking/.tmp-{}-stored.json",
        "checkpoints/.tmp-{}-state-000009-00000000",
        ".tmp-{}-old-model",
        ".tmp-{}-mine",
    )
    for pid in (gone, alive):
        for name in names:
            (runs / DONE / name.format(pid)).mkdir(parents=True)
            os.utime(runs / DONE / name.format(pid), OLD)
    (runs / DONE / f".tmp-{gone}-run.json").touch()  # of this very moment
    before = list_files(runs / DONE)
    assert main(["clean", "--trash", "--yes"]) == 0
    assert before - list_files(runs / DONE) == {name.format(gone) for name in names[:-1]}


def test_all_that_a_training_writes_is_known_as_ours(tmp_path: Path) -> None:
    callbacks = ("callbacks=checkpoints", "+callbacks.csv.name=csv_log", "callbacks.csv.file=h.csv")
    result = rx.run(rx.compose("data.points=80", "model.units=[3]", "trainer.epochs=2", *callbacks), quiet=True)
    assert len(list_files(result.run_dir)) > 20
    open_store(tracking_uri(None)).delete_run(str(result.run_id))
    cleaner = make_cleaner(Path("runs").absolute(), ["trash"], None)
    (found,) = cleaner.find()
    assert isinstance(found, Removable), found.why
    assert cleaner.remove(found) == ""
    assert list_files(tmp_path / "runs") == {"sine"}
