"""A drive that goes while a sweep runs: no job has failed for want of it, and the same command goes on with it back."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeping import LIGHT, UNTRACKED, Quick, computed, events, jobs, run, table, with_one_changed

from rnnexp.cli.main import main
from rnnexp.errors import DataError
from rnnexp.sweeps.state import JOURNAL, Journal
from rnnexp.sweeps.sweep import SweepFailed
from rnnexp.sweeps.task import Outcome, Task
from rnnexp.sweeps.view import View

FILE = Path("drive/values.csv")
LINES = ("data=csv", f"data.path={FILE}", "trainer.epochs=2", "model.units=[2]", *LIGHT, "tracking=off")
FOUR = (*LINES, "seed=range(4)")
LOOKING, READING = "pathlib.Path.exists", "rnnexp.data.tables.files.as_bytes"
KEPT = (*LINES, "seed=0,1", "trainer.checkpoint_every_s=0.0001")
SERIAL: dict[str, Any] = {"name": "serial"}
LOCAL: dict[str, Any] = {"n_jobs": 1, "threads": 1, "vectorize": False}
PAIRS: dict[str, Any] = {"name": "vectorized", "n_jobs": 1, "threads": 1, "group_size": 2}
SUBMITIT: dict[str, Any] = {"name": "submitit", "cluster": "local", "n_jobs": 1, "resources": {"timeout_min": 5}}
RAY: dict[str, Any] = {"name": "ray", "n_jobs": 1, "threads": 1}
RANKS: dict[str, Any] = {"name": "ranks", "ranks": 2}
UNPLUGGED = r"^the sweep .*: files of its data have gone while it ran:\n  .*there is no file `values.csv`"


@pytest.fixture(autouse=True)
def drive() -> Path:
    """Make the folder that is taken away, with a file in it."""
    FILE.parent.mkdir()
    FILE.write_text("\n".join(["v", *map(str, np.sin(np.arange(60)))]))
    return FILE.parent


def unplug() -> None:
    FILE.parent.rename("elsewhere")


def plug_in() -> None:
    Path("elsewhere").rename(FILE.parent)


def on_first(patch: pytest.MonkeyPatch, owner: type, name: str, act: Callable[[], None]) -> None:
    """Have something happen once, when a method is called for the first time."""
    method, called = getattr(owner, name), [False]

    def both(self: Any, *given: Any, **named: Any) -> Any:
        if not called[0]:
            called[0] = True
            act()
        return method(self, *given, **named)

    patch.setattr(owner, name, both)


def statuses(folder: Path) -> list[str | None]:
    return [job.status for job in jobs(folder).values()]


def find_sweep() -> Path:
    (folder,) = (Path.cwd() / "runs" / "sweeps").iterdir()
    return folder


IGNORED = (
    "::ResourceWarning",
    "::FutureWarning",
    ":os.fork:RuntimeWarning",
    "::pytest.PytestUnraisableExceptionWarning",
)
ELSEWHERE = [pytest.mark.end_to_end, *(pytest.mark.filterwarnings(f"ignore{text}") for text in IGNORED)]


@pytest.mark.fault("H17")
@pytest.mark.parametrize(
    ("launcher", "ended"),
    [
        pytest.param(SERIAL, 1, id="serial"),
        pytest.param(LOCAL, 1, id="local"),
        pytest.param({**LOCAL, "fresh": True}, 1, id="fresh", marks=pytest.mark.end_to_end),
        pytest.param(PAIRS, 2, id="vectorized"),
        pytest.param(RANKS, 1, id="ranks", marks=pytest.mark.end_to_end),
        pytest.param(SUBMITIT, 1, id="submitit", marks=ELSEWHERE),
        pytest.param(RAY, 1, id="ray", marks=ELSEWHERE),
    ],
)
def test_a_sweep_whose_drive_goes_ends_and_goes_on_with_what_is_missing(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], launcher: Any, ended: int
) -> None:
    whole = table(run(*FOUR, launcher=launcher, name="whole"))
    with monkeypatch.context() as patch:
        on_first(patch, View, "ended", unplug)  # told of the first job that has ended
        with pytest.raises(DataError, match=UNPLUGGED) as raised:
            run(*FOUR, launcher=launcher, name="mine", new=True)
    assert "bring them back; the same command then runs what is missing" in str(raised.value)
    folder = Path("runs/sweeps/mine").absolute()
    assert statuses(folder) == ["done"] * ended + [None] * (4 - ended)
    assert Journal(folder / JOURNAL).state.exit_code == DataError.exit_code
    said = capsys.readouterr().out
    assert f"job {ended}: files of its data have gone; it waits for them, and no other job is started" in said
    assert "stopped: files of its data have gone; to resume: the same command" in said

    with pytest.raises(DataError, match="there is no file `values.csv`"):  # refused as a whole, before any job
        run(*FOUR, launcher=launcher, name="mine")
    plug_in()
    run(*FOUR, launcher=launcher, name="mine")
    assert table(folder) == whole
    assert table(folder) != with_one_changed(whole)
    trained = [(job.attempts, job.reused) for job in jobs(folder).values()]
    assert trained[:ended] == [(1, None)] * ended, "what is done is not repeated"
    assert trained[ended] == (2, None), "what has missed its files is trained"


@pytest.mark.fault("H17")
def test_the_command_ends_with_the_code_of_files_that_are_not_there(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "-m", *LINES, "seed=0,1", "hydra/launcher=serial"]
    with monkeypatch.context() as patch:
        on_first(patch, View, "ended", unplug)
        assert main(command) == 3
    assert "files of its data have gone while it ran:\n  drive/values.csv: there is no" in capsys.readouterr().err
    plug_in()
    assert main(command) == 0
    assert statuses(find_sweep()) == ["done", "done"]


@pytest.mark.fault("H17", "C17")
def test_the_store_has_each_run_once_when_the_sweep_has_gone_on(
    rehearsed: None, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = (*[line for line in LINES if line != "tracking=off"], "seed=0,1")
    with monkeypatch.context() as patch:
        on_first(patch, View, "ended", unplug)
        with pytest.raises(DataError, match=UNPLUGGED):
            run(*tracked, launcher=SERIAL)
    runs = client.search_runs(["1"])
    assert sorted(one.info.status for one in runs) == ["FAILED", "FINISHED"], "the sweep, and the job that is done"
    plug_in()
    run(*tracked, launcher=SERIAL)
    runs = client.search_runs(["1"])
    assert [one.info.status for one in runs] == ["FINISHED"] * 3
    assert {one.data.tags.get("rnnexp.job") for one in runs} == {None, "0", "1"}


@pytest.mark.fault("H17")
def test_a_job_in_the_middle_of_its_training_comes_to_its_end(rehearsed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    on_first(monkeypatch, View, "tick", unplug)  # after its first epoch
    with pytest.raises(DataError, match=UNPLUGGED):
        run(*FOUR, launcher=SERIAL)
    assert statuses(find_sweep()) == ["done", None, None, None]


@pytest.mark.fault("H17")
def test_a_job_whose_scoring_misses_the_files_goes_on_from_its_last_epoch(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        unplug()
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("rnnexp.runner.evaluate_finished", fail)
        with pytest.raises(DataError, match=UNPLUGGED):
            run(*KEPT, launcher=SERIAL)
    plug_in()
    capsys.readouterr()
    folder = run(*KEPT, launcher=SERIAL)
    assert "jobs that resume from their checkpoints: 0;" in capsys.readouterr().out
    assert statuses(folder) == ["done", "done"]


@pytest.mark.fault("H17")
@pytest.mark.parametrize("launcher", [SERIAL, pytest.param({**PAIRS, "group_size": 4}, marks=pytest.mark.end_to_end)])
def test_the_last_job_is_trained_although_others_have_failed_for_good(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, launcher: Any
) -> None:
    kinds = "callbacks.trouble.kind=raise,none"
    lines = ("plugins=[toys]", *LINES, kinds)
    with monkeypatch.context() as patch:
        on_first(patch, View, "ended", unplug)
        with pytest.raises(DataError, match=f"{UNPLUGGED}(.|\n)*1 job of the sweep failed") as raised:
            run(*lines, launcher=launcher)
    assert "trouble in epoch 1" in str(raised.value)
    assert statuses(find_sweep()) == ["failed", None]
    plug_in()
    with pytest.raises(SweepFailed, match="1 job of the sweep failed"):
        run(*lines, launcher=launcher)
    assert statuses(find_sweep()) == ["failed", "done"]


@pytest.mark.fault("H17")
@pytest.mark.parametrize(
    ("code", "place"),
    [
        pytest.param(errno.ESTALE, LOOKING, id="looked for, stale"),
        pytest.param(errno.ENOTCONN, LOOKING, id="looked for, not connected", marks=pytest.mark.end_to_end),
        pytest.param(errno.EIO, READING, id="read, not at all"),
        pytest.param(errno.ESTALE, READING, id="read, stale", marks=pytest.mark.end_to_end),
    ],
)
def test_a_server_of_files_that_goes_is_the_same_whatever_the_system_says(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, code: int, place: str
) -> None:
    """It may be met when a file is looked for, or, where that is still known, when it is read."""
    with monkeypatch.context() as patch:

        def fail(path: Path, *_: object) -> None:
            raise OSError(code, os.strerror(code), *([str(path)] if place == LOOKING else []))

        def go(path: Path) -> Any:
            return fail(path) if path == FILE else real(path)

        real = Path.exists
        on_first(patch, View, "ended", lambda: patch.setattr(place, go if place == LOOKING else fail))
        with pytest.raises(DataError, match=f"drive/values.csv: {os.strerror(code)}; is the drive or the server"):
            run(*FOUR, launcher=SERIAL)
    assert statuses(find_sweep()) == ["done", None, None, None]
    assert set(statuses(run(*FOUR, launcher=SERIAL))) == {"done"}


@pytest.mark.fault("H17")
@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_process_that_is_killed_with_its_files_is_not_started_again(quick: Quick, sampler: str) -> None:
    """A file that is mapped into memory kills who reads it when it goes."""

    def answer(task: Task) -> Outcome | None:
        if task.number == 1 and FILE.exists():
            unplug()
            return None
        return computed(task)

    quick.answer, quick.capacity = answer, 1
    settings = {"sampler": sampler, "n_trials": 4} if sampler == "random" else {}
    with pytest.raises(DataError, match=UNPLUGGED):
        run(*FOUR, **settings)
    assert [task.number for task in quick.tasks] == [0, 1]
    with pytest.raises(DataError, match="there is no file `values.csv`"):
        run(*FOUR, **settings)
    plug_in()
    quick.answer = computed
    assert set(statuses(run(*FOUR, **settings))) == {"done"}
    assert [task.number for task in quick.tasks].count(0) == 1


@pytest.mark.fault("H17", "H3")
def test_a_coordinator_that_dies_before_it_has_noted_the_outage_leaves_the_job_due(quick: Quick) -> None:
    lost = Outcome("failed", error="gone", exit_code=3, lost=f"{FILE}: there is no file `values.csv`")
    quick.answer, quick.capacity = (lambda task: lost if task.number == 1 else computed(task)), 1
    with pytest.raises(DataError, match=UNPLUGGED):
        run(*FOUR)
    journal = find_sweep() / JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[: next(at for at, line in enumerate(lines) if '"lost","job":1' in line)]))
    quick.answer = computed
    assert statuses(run(*FOUR)) == ["done"] * 4


@pytest.mark.fault("H17")
def test_a_file_that_never_was_there_fails_its_job_alone(quick: Quick) -> None:
    """A sampler may choose one that was not looked for when the sweep began."""
    quick.answer = lambda task: (
        Outcome("failed", error="no", exit_code=3, lost="b.csv: there is no file") if task.number else computed(task)
    )
    with pytest.raises(SweepFailed, match="1 job of the sweep failed"):
        run(*UNTRACKED, "seed=0,1")
    assert len(events(find_sweep(), "end")) == 2


def test_a_disk_that_fails_where_no_data_are_read_is_no_outage(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("rnnexp.runner.evaluate_finished", fail)
    with pytest.raises(SweepFailed, match="2 jobs of the sweep failed(.|\n)*the disk has failed"):
        run(*LINES, "seed=0,1", launcher=SERIAL)
