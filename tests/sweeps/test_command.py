"""The command line of sweeps: flags, mistakes, and what a dry run shows."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from sweeping import UNTRACKED, Quick, computed, jobs, rnnexp, run, table

from rnnexp.cli import main
from rnnexp.sweeps.sweep import SweepFailed
from rnnexp.sweeps.task import Outcome, Task


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command in this process and return its exit code and what it says on standard error."""
    code = main.main(["train", *arguments])
    return code, capsys.readouterr().err


def test_a_dry_run_lists_the_jobs_and_starts_nothing(
    quick: Quick, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*UNTRACKED, "seed=0,1", "model.units=2,3", dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split(maxsplit=2) for line in lines[-5:-1]]
    assert [number for number, _, _ in listed] == ["0", "1", "2", "3"]
    assert [values for _, _, values in listed][:2] == ["seed=0 model.units=2", "seed=0 model.units=3"]
    assert lines[-1] == "dry run: nothing was started"
    assert quick.tasks == []
    assert not (tmp_path / "runs").exists()


def test_null_is_one_choice_of_a_sweep(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["train", "-m", *UNTRACKED, "callbacks=null", "schedule=null,cosine", "--dry-run"]) == 0
    listed = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-3:-1]]
    assert listed == ["schedule=null", "schedule=cosine"]


def test_a_dry_run_of_a_sweep_that_has_begun_says_what_is_done(
    quick: Quick, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*UNTRACKED, "seed=0,1,2", n_trials=2)
    capsys.readouterr()
    run(*UNTRACKED, "seed=0,1,2", dry_run=True)
    out = capsys.readouterr().out
    assert "3 jobs, 2 done, 1 to run" in out
    assert [line.split()[-1] for line in out.splitlines()[-4:-1]] == ["done", "done", "seed=2"]


FLAGS = ("--dry-run", "--retry-failed", "--retry-stopped", "--fail-fast", "--allow-data-change", "--new")


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_of_sweeps_needs_m(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    code, told = command(capsys, flag, "seed=0")
    assert (code, told) == (2, f"rnnexp: {flag}: is for sweeps; add -m\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hydra.sweeper.n_trial=3", "hydra.sweeper.n_trial: unknown key; did you mean `hydra.sweeper.n_trials`?"),
        ("+hydra.sweeper.repeat=3", "hydra.sweeper.repeat: unknown key; did you mean `hydra.sweeper.repeats`?"),
        (
            "hydra/launcher=local hydra.launcher.n_job=2",
            "hydra.launcher.n_job: unknown key; did you mean `hydra.launcher.n_jobs`?",
        ),
        ("hydra.launcher.n_job=2", "hydra.launcher.n_job: unknown key; did you mean `hydra.launcher.n_jobs`?"),
    ],
)
def test_a_misspelled_key_of_the_sweeper_or_launcher_is_told(
    capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    code, told = command(capsys, "-m", "seed=0,1", *line.split())
    assert (code, told) == (2, f"rnnexp: {message}\n")


@pytest.mark.end_to_end
def test_settings_of_a_launcher_that_nothing_chooses_are_those_of_the_local_one() -> None:
    plain = ("tracking=off", "seed=0,1", "--dry-run")
    shown = rnnexp(*plain, "hydra.launcher.n_jobs=1").stdout
    assert "executor       local, 1 at a time" in shown
    assert "; 1 distinct network built\n" in shown  # the two jobs differ in the seed alone
    chosen = rnnexp(*plain, "hydra/launcher=vectorized", "hydra.launcher.threads=1").stdout
    assert "executor       vectorized" in chosen


def hydra(*arguments: str) -> subprocess.CompletedProcess[str]:
    return rnnexp("plugins=[toys]", "model=flat", "tracking=off", "seed=0,1", *arguments)


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        pytest.param(
            ("hydra/launcher=joblib",),
            ("is not one of ours (local, ranks, serial, vectorized, ray, submitit); with hydra/sweeper=basic",),
            id="another launcher",
        ),
        pytest.param(
            ("hydra.sweeper.repeats=none", "hydra.sweeper.n_trials=0", "hydra.sweeper.direction=down"),
            ("hydra.sweeper.repeats: ", "hydra.sweeper.n_trials: 0 given", "hydra.sweeper.direction: 'down' given"),
            id="wrong values",
        ),
        pytest.param(
            ("hydra/launcher=local", "hydra.launcher.n_jobs=0"),
            ("hydra.launcher.n_jobs: 0 given",),
            id="wrong values of a launcher",
        ),
    ],
)
def test_a_mistake_is_told_without_a_traceback_and_without_a_folder(
    tmp_path: Path, arguments: tuple[str, ...], messages: tuple[str, ...]
) -> None:
    done = hydra(*arguments)
    assert done.returncode == 2
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.end_to_end
def test_a_space_may_be_kept_in_an_experiment_and_a_failed_sweep_ends_with_10(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        "# @package _global_\nplugins: [toys]\ndefaults:\n  - override /model: flat\n  - override /tracking: 'off'\n"
        "data:\n  points: 100\nhydra:\n  sweeper:\n    repeats: 2\n    params:\n"
        "      callbacks.trouble.kind: raise,none\n      trainer.epochs: 4,5\n"
    )
    alone = ("hydra/launcher=local", "hydra.launcher.n_jobs=1")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("plugins: [toys]\n")
    done = rnnexp("experiment=mine", "trainer.epochs=1", "tracking.figures=false", *alone, "--fail-fast")
    assert done.returncode == 10
    (folder,) = (tmp_path / "runs" / "sweeps").iterdir()
    assert [(job.status, job.values) for job in jobs(folder).values()] == [
        ("failed" if number == 0 else None, {"callbacks.trouble.kind": kind, "seed": seed})
        for number, (kind, seed) in enumerate([("raise", "0"), ("raise", "1"), ("none", "0"), ("none", "1")])
    ]
    assert "1 job of the sweep failed" in done.stderr
    assert "RuntimeError: trouble in epoch 1" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_mistake_that_hydra_meets_first_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("# @package _global_\ndefaults:\n  - override /tracking: off\n")
    done = rnnexp("experiment=mine", "seed=0,1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def failing(task: Task) -> Outcome:
    return Outcome("failed", error=f"seed {task.mapping['seed']} is unlucky", exit_code=1)


@pytest.mark.fault("H1")
def test_failed_jobs_are_run_again_only_when_asked(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    answer, quick.answer = quick.answer, failing
    with pytest.raises(SweepFailed, match="2 jobs of the sweep failed") as caught:
        run(*UNTRACKED, "seed=0,1")
    assert caught.value.exit_code == 10
    quick.tasks.clear()
    quick.answer = answer
    with pytest.raises(SweepFailed, match="job 0 .*: seed 0 is unlucky"):
        run(*UNTRACKED, "seed=0,1")
    assert quick.tasks == []
    folder = run(*UNTRACKED, "seed=0,1", retry_failed=True)
    assert [(task.number, task.attempt) for task in quick.tasks] == [(0, 2), (1, 2)]
    assert (folder / "jobs" / "0.attempt1").is_dir()
    assert "2 done" in capsys.readouterr().out


SERIAL = ("hydra/launcher=serial", "hydra.sweeper.name=mine")


@pytest.mark.fault("H1")
def test_one_of_ten_jobs_that_raises_leaves_nine_done_and_is_told(
    rehearsed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = ("callbacks.trouble.kind=raise", "callbacks.trouble.epoch=3,4,1,5,6,7,8,9,10,11")  # of two epochs
    code, told = command(capsys, "-m", *UNTRACKED, *SERIAL, *trouble)
    folder = Path("runs", "sweeps", "mine").absolute()
    assert code == 10, told
    rows = table(folder)
    assert [row["status"] for row in rows].count("done") == 9
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert failed["error"].startswith("RuntimeError: trouble in epoch 1 (")
    assert failed["error"].endswith(" in trouble.Trouble.on_epoch_end)")
    log = folder / "jobs" / failed["job"] / "job.log"
    assert f"1 job of the sweep failed; run them again with --retry-failed:\n  job {failed['job']} (" in told
    assert f"in trouble.Trouble.on_epoch_end)\n    log: {log}" in told
    assert "): RuntimeError: trouble in epoch 1 (" in told
    assert "RuntimeError: trouble in epoch 1" in log.read_text()


@pytest.mark.fault("H2")
def test_jobs_that_all_raise_stop_after_so_many_failures(rehearsed: None, capsys: pytest.CaptureFixture[str]) -> None:
    always = ("callbacks.trouble.kind=raise", "hydra.sweeper.max_failures=2")
    code = main.main(["train", "-m", *UNTRACKED, *SERIAL, "seed=range(10)", *always])
    said = capsys.readouterr()
    assert code == 10
    assert "stopped: 2 jobs have failed; to resume: the same command" in said.out
    assert "2 jobs of the sweep failed" in said.err
    assert len(list(Path("runs", "sweeps", "mine", "jobs").iterdir())) == 2


@pytest.mark.fault("H2")
def test_a_sweep_stops_after_so_many_failures(quick: Quick) -> None:
    quick.answer, quick.capacity = failing, 1
    with pytest.raises(SweepFailed, match="3 jobs of the sweep failed"):
        run(*UNTRACKED, "seed=range(10)", max_failures=3)
    assert len(quick.tasks) == 3


def test_the_first_failure_ends_a_sweep_that_is_to_fail_fast(quick: Quick) -> None:
    quick.answer, quick.capacity = failing, 2
    with pytest.raises(SweepFailed, match="2 jobs of the sweep failed"):
        run(*UNTRACKED, "seed=range(10)", fail_fast=True)
    assert len(quick.tasks) == 2


@pytest.mark.fault("H4")
def test_a_worker_that_is_killed_each_time_is_given_up(quick: Quick) -> None:
    quick.answer = lambda task: None
    with pytest.raises(SweepFailed, match="its process was killed by SIGKILL, 3 times"):
        run(*UNTRACKED, "seed=0", retries=2)
    assert [task.attempt for task in quick.tasks] == [1, 2, 3]


@pytest.mark.fault("G14")
def test_no_job_starts_after_the_time_is_up(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(task: Task) -> Outcome:
        time.sleep(2.1)
        return computed(task)

    usual = quick.answer
    quick.answer, quick.capacity = answer, 1
    folder = run(*UNTRACKED, "seed=range(3)", timeout=2)  # which is more than it takes until the first one starts
    quick.answer = usual
    assert len(quick.tasks) == 1
    assert "stopped: the time of 2 s is up; to resume: the same command" in capsys.readouterr().out
    run(*UNTRACKED, "seed=range(3)")
    assert len(quick.tasks) == len(list((folder / "jobs").iterdir())) == 3


def test_a_sweep_of_averaged_networks_says_what_keeps_its_jobs_apart(
    rehearsed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "none: a job averages 3 networks; with ensemble=1 jobs of one program are trained as one"
    local = {"name": "local", "n_jobs": 2, "threads": 1}
    run(*UNTRACKED, "seed=0,1,2,3", "ensemble=3", launcher=local, dry_run=True)
    assert f"  together       {told}\n" in capsys.readouterr().out
    apart = ({**local, "vectorize": False}, "ensemble=3"), (local, "ensemble=1"), (local, "ensemble=1,1,3,3")
    for launcher, ensemble in apart:
        run(*UNTRACKED, "seed=0,1", ensemble, launcher=launcher, dry_run=True)
        assert told not in capsys.readouterr().out
