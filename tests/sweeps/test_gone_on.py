"""A job of a sweep that was ended from outside goes on from its checkpoint; one that has failed starts anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweeping import TINY, UNTRACKED, jobs, processes_in, run, start, table, wait_for, with_one_changed

from rnnexp.cli.main import main
from rnnexp.errors import ConfigError, DataError, ResourceError
from rnnexp.sweeps.sweep import SweepFailed
from rnnexp.sweeps.task import read_outcome
from rnnexp.tracking.journal import RunJournal
from rnnexp.training.compiled import ensemble

SERIAL = {"name": "serial"}
LOCAL = {"n_jobs": 1, "threads": 1, "vectorize": False}
KEPT = ("trainer.epochs=5", "trainer.checkpoint_every_s=0", "seed=0,1", "callbacks.trouble.epoch=4")
ENDED, STOPPED = (f"callbacks.trouble.kind={kind}" for kind in ("end_once", "stop_once"))
OFTEN = "from rnnexp.training import keeper\nkeeper.SHARE = 1e9\n"  # a checkpoint after each epoch
PLACE = Path("runs", "sweeps", "mine")


@pytest.fixture(autouse=True)
def often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnexp.training.keeper.SHARE", 1e9)
    with (tmp_path / "toys.py").open("a") as file:
        file.write(OFTEN)


def go(*words: str, launcher: Any = SERIAL, name: str = "mine", **settings: Any) -> Path:
    return run(*(words or UNTRACKED), *KEPT, launcher=launcher, name=name, **settings)


def steps(job: int = 0, place: Path = PLACE) -> list[int]:
    return [row["step"] for row in RunJournal(place / "jobs" / str(job)).rows.records()]


def weights(place: Path, job: int = 0) -> dict[str, np.ndarray]:
    """Return the weights of the last checkpoint that a job has left."""
    (kept,) = (place / "jobs" / str(job) / "checkpoints").glob("state-*/state.npz")
    with np.load(kept) as archive:
        return {name: array for name, array in archive.items() if "/time/" not in name}


def is_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def rows(place: Path) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if key != "config_hash"} for row in table(place)]


@pytest.mark.fault("H3")
def test_an_interrupted_job_goes_on_to_the_same_bits_and_stays_one_run(
    rehearsed: None, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(*TINY, ENDED)
    assert (PLACE / "jobs" / "0" / "error.txt").exists()
    folder = go(*TINY, ENDED)
    assert "jobs that resume from their checkpoints: 0; resume=never starts them again" in capsys.readouterr().out
    assert "resuming 0 from epoch 3, step " in (folder / "jobs" / "0" / "job.log").read_text()
    assert [job.attempts for job in jobs(folder).values()] == [2, 1]
    assert not list(folder.glob("jobs/*.attempt*"))
    assert (steps(0), steps(1)) == ([1, 2, 3, 4, 5, 0], [1, 2, 3, 4, 5, 0])
    found = client.search_runs(["1"], filter_string="tags.`rnnexp.job` != 'none'")
    assert {run.data.tags["rnnexp.job"]: run.info.status for run in found} == {"0": "FINISHED", "1": "FINISHED"}
    assert len(found) == 2
    for each in found:
        history = client.get_metric_history(each.info.run_id, "train/loss")
        assert sorted(point.step for point in history) == [1, 2, 3, 4, 5]
        assert "error.txt" not in [file.path for file in client.list_artifacts(each.info.run_id)]
    assert not list(folder.glob("jobs/*/error.txt"))
    whole = go(*UNTRACKED, ENDED, name="whole", new=True)
    assert is_same(weights(folder), weights(whole))
    assert not is_same(weights(folder), weights(whole, job=1))
    assert rows(folder) == rows(whole) != with_one_changed(rows(whole))


def test_never_starts_it_anew_within_the_same_sweep(rehearsed: None) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(*UNTRACKED, ENDED)
    folder = go(*UNTRACKED, ENDED, "resume=never")
    assert folder.name == "mine"
    assert steps() == [1, 2, 3, 4, 5, 0]
    assert (folder / "jobs" / "0.attempt1" / "checkpoints").is_dir()


def test_must_refuses_a_sweep_that_nobody_began_and_a_job_that_has_lost_its_checkpoints(rehearsed: None) -> None:
    with pytest.raises(ConfigError, match="resume=must: no sweep of these settings was begun in .*sweeps$"):
        go(*UNTRACKED, ENDED, "resume=must")
    assert not PLACE.exists()
    with pytest.raises(KeyboardInterrupt):
        go(*UNTRACKED, ENDED)
    kept = PLACE / "jobs" / "0" / "checkpoints"
    kept.rename("elsewhere")
    with pytest.raises(ConfigError, match="resume=must: job 0 was begun and has no usable checkpoint .*resume=auto"):
        go(*UNTRACKED, ENDED, "resume=must")
    assert steps() == [1, 2, 3]
    Path("elsewhere").rename(kept)
    folder = go(*UNTRACKED, ENDED, "resume=must")  # job 1 had not begun
    assert [job.status for job in jobs(folder).values()] == ["done", "done"]
    assert steps() == [1, 2, 3, 4, 5, 0]
    assert "from epoch 3" in (folder / "jobs" / "0" / "job.log").read_text()


def test_changed_code_is_refused_before_any_job_starts(rehearsed: None, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(*UNTRACKED, ENDED)
    with (tmp_path / "toys.py").open("a") as file:
        file.write("# another line\n")
    with pytest.raises(ConfigError, match=r"(?s)jobs/0: was interrupted, and its code has changed .*toys"):
        go(*UNTRACKED, ENDED)
    assert [job.attempts for job in jobs(PLACE).values()] == [1, 0]
    folder = go(*UNTRACKED, ENDED, "resume=never")
    assert [job.status for job in jobs(folder).values()] == ["done", "done"]


@pytest.mark.parametrize(("kind", "goes_on"), [("full", True), ("raise", False)])
def test_a_job_without_room_goes_on_from_its_checkpoint_once_there_is_some(
    rehearsed: None, kind: str, goes_on: bool
) -> None:
    words = (*UNTRACKED, f"callbacks.trouble.kind={kind}")
    with pytest.raises(SweepFailed, match="no room|trouble in epoch 4"):
        go(*words)
    outcome = read_outcome(PLACE / "jobs" / "0")
    assert outcome is not None
    assert (outcome.exit_code == ResourceError.exit_code) == goes_on
    with pytest.raises(SweepFailed):
        go(*words, retry_failed=True)
    assert bool(list(PLACE.glob("jobs/*.attempt*"))) != goes_on
    assert ("resuming 0" in (PLACE / "jobs" / "0" / "job.log").read_text()) == goes_on


def test_a_job_that_was_stopped_goes_on_when_it_is_asked_for(rehearsed: None) -> None:
    folder = go(*UNTRACKED, STOPPED)
    assert [job.status for job in jobs(folder).values()] == ["stopped", "done"]
    assert "stopped by `rnnexp stop` (somebody)" in (folder / "jobs" / "0" / "error.txt").read_text()
    go(*UNTRACKED, STOPPED, retry_stopped=True)
    assert [job.status for job in jobs(folder).values()] == ["done", "done"]
    assert steps() == [1, 2, 3, 4, 5, 0]
    assert "from epoch 4, step 0" in (folder / "jobs" / "0" / "job.log").read_text()
    assert not (folder / "jobs" / "0" / "error.txt").exists()
    assert not list(folder.glob("jobs/*.attempt*"))


def test_a_job_that_has_failed_by_itself_starts_anew(rehearsed: None) -> None:
    for retry in (False, True):
        with pytest.raises(SweepFailed, match="trouble in epoch 4"):
            go(*UNTRACKED, "callbacks.trouble.kind=raise", retry_failed=retry)
    assert steps() == [1, 2, 3]
    assert [path.name for path in sorted(PLACE.glob("jobs/*.attempt*"))] == ["0.attempt1", "1.attempt1"]
    assert "resuming" not in (PLACE / "jobs" / "0" / "job.log").read_text()


CSV = ("data=csv", "data.path=a.csv", "data.target=y", *[word for word in UNTRACKED if not word.startswith("data.")])


def write_table(more: str = "") -> None:
    numbers = "\n".join(f"{number % 7 + number / 10}" for number in range(80))
    Path("a.csv").write_text(f"y\n{numbers}\n{more}")


@pytest.mark.fault("D7")
def test_changed_data_are_refused_before_any_job_starts_or_begun_anew_where_they_may_be_mixed(
    rehearsed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table()
    with pytest.raises(KeyboardInterrupt):
        go(*CSV, ENDED)
    write_table("0.5\n")
    with pytest.raises(DataError, match=r"(?s)jobs/0: was interrupted, and its data have changed .*resume=never"):
        go(*CSV, ENDED)
    assert [job.attempts for job in jobs(PLACE).values()] == [1, 0]
    go(*CSV, ENDED, allow_data_change=True)
    assert "job 0 starts again from epoch 1: " in capsys.readouterr().out
    assert [job.status for job in jobs(PLACE).values()] == ["done", "done"]
    assert (PLACE / "jobs" / "0.attempt1").is_dir()


SWEEP = (*UNTRACKED, *KEPT, ENDED, "hydra/launcher=serial", "hydra.sweeper.name=mine")


def test_a_sweep_is_gone_on_with_by_its_name(
    rehearsed: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["train", "-m", "--new", *SWEEP]
    monkeypatch.setattr("sys.argv", ["rnnexp", *words])
    assert main(words) == 130
    out, err = capsys.readouterr()
    assert "2 to go; the same command without --new resumes it" in out
    assert f"to resume: rnnexp {' '.join(words[:2])} {SWEEP[0]}" in err.replace("'", "")
    for wrong, told in ((["trainer.epochs=9"], "trainer.epochs cannot change"), ([], "its jobs are resumed together")):
        job = [] if wrong else ["/jobs/0"]
        assert main(["resume", f"{PLACE}{''.join(job)}", *wrong]) == 2
        assert told in capsys.readouterr().err
    (tmp_path / "elsewhere").mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path / "elsewhere")
        assert main(["resume", str(tmp_path / PLACE)]) == 2
        assert f"a sweep is resumed in the folder where it was started; change to {tmp_path}" in capsys.readouterr().err
    assert main(["resume", "mine"]) == 0
    assert [job.status for job in jobs(PLACE).values()] == ["done", "done"]
    assert [path.name for path in Path("runs", "sweeps").iterdir()] == ["mine"]
    assert steps() == [1, 2, 3, 4, 5, 0]


@pytest.mark.end_to_end
@pytest.mark.fault("H4")
def test_a_worker_killed_by_kill_9_is_gone_on_with_by_another(
    rehearsed: None, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = go(*TINY, "callbacks.trouble.kind=kill_once", launcher=LOCAL)
    told = r"job 0: its process was killed by SIGKILL; resuming from epoch 3, step \d \(1 of "
    assert re.search(told, capsys.readouterr().out)
    assert [(job.status, job.attempts) for job in jobs(folder).values()] == [("done", 2), ("done", 1)]
    assert steps() == [1, 2, 3, 4, 5, 0]
    found = client.search_runs(["1"], filter_string="tags.`rnnexp.job` != 'none'")
    assert sorted(each.info.status for each in found) == ["FINISHED", "FINISHED"]
    whole = go(*UNTRACKED, "callbacks.trouble.kind=kill_once", name="whole", launcher=LOCAL, new=True)
    assert is_same(weights(folder), weights(whole))
    assert not is_same(weights(folder), weights(whole, job=1))


GROUP = (
    *("plugins=[toys]", "model=simple_rnn", "model.units=[3]", "seed=0,1,2", "optimizer=sgd", "tracking=off"),
    *("optimizer.learning_rate=0.01", "trainer.batch_size=full", "data.points=100", "data.seed=0", "trainer.epochs=12"),
    *("tracking.figures=false", "tracking.log_model=false", "trainer.checkpoint_every_s=0"),
)
SLOWLY = """
from rnnexp.training.compiled import ensemble

def slowly(self, advance=ensemble.Ensemble.advance):
    advance(self)
    time.sleep(0.3)

ensemble.MAX_EPOCHS = 1
ensemble.Ensemble.advance = slowly
"""


@pytest.mark.end_to_end
@pytest.mark.fault("H3")
def test_a_group_whose_sweep_was_killed_by_kill_9_goes_on_to_the_same_bits(
    tmp_path: Path, rehearsed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `run` imports the plugin into this process, too: what it changes is put back after the test.
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", ensemble.MAX_EPOCHS)
    monkeypatch.setattr(ensemble.Ensemble, "advance", ensemble.Ensemble.advance)
    with (tmp_path / "toys.py").open("a") as file:
        file.write(SLOWLY)
    vectorized = ("hydra/launcher=vectorized", "hydra.launcher.n_jobs=1", "hydra.launcher.threads=1")
    process = start(*vectorized, "hydra.sweeper.name=mine", *GROUP)
    kept = "jobs/2/checkpoints/state-000003-*/MANIFEST.json"
    wait_for(lambda: [*PLACE.glob(kept)] or process.poll() is not None)
    process.kill()
    process.communicate()
    wait_for(lambda: not processes_in(tmp_path))
    launcher = {"name": "vectorized", "n_jobs": 1, "threads": 1}
    folder = run(*GROUP, launcher=launcher, name="mine")
    whole = run(*GROUP, launcher=launcher, name="whole", new=True)
    assert rows(folder) == rows(whole) != with_one_changed(rows(whole))
    assert all(is_same(weights(folder, job), weights(whole, job)) for job in (0, 1, 2))
    assert not is_same(weights(folder), weights(whole, job=1))
    assert [steps(job) for job in (0, 1, 2)] == [[*range(1, 13), 0]] * 3
