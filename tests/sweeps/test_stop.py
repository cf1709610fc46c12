"""Runs, sweeps and jobs that are ended from another terminal, by a file in their folder."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sweeping import TINY, UNTRACKED, Quick, computed, jobs, run, table, wait_for

import rnnexp as rx
from rnnexp import stopping
from rnnexp.cli.main import main
from rnnexp.run_folder import hold
from rnnexp.stopping import Ending, Interrupted, heed_stop, request_stop
from rnnexp.sweeps.state import JOURNAL
from rnnexp.sweeps.task import Outcome, Task
from rnnexp.training.keeper import TrainingStopped

SERIAL = {"name": "serial"}
LOCAL = {"n_jobs": 2, "threads": 1, "vectorize": False}
MINE = Path("runs", "sweeps", "mine")


def statuses(folder: Path) -> list[str | None]:
    return [job.status for job in jobs(folder).values()]


@contextmanager
def meanwhile(condition: Any, deed: Any) -> Iterator[None]:
    """Do something in a thread as soon as a condition holds."""
    thread = threading.Thread(target=lambda: (wait_for(condition, 100), deed()))
    thread.start()
    yield
    thread.join()


def asking(number: int, *words: str) -> Any:
    """Return what answers for jobs and, while job 0 runs, asks with the command for some to be stopped."""

    def answer(task: Task) -> Outcome:
        if task.number == number:
            assert main(["stop", "mine", *words, "--wait", "0"]) == 0
        return computed(task)

    return answer


def test_a_job_that_waits_is_left_out_and_the_others_go_on(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    quick.answer, quick.capacity = asking(0, "2", "3"), 1
    folder = run(*UNTRACKED, "seed=range(5)", name="mine")
    assert [task.number for task in quick.tasks] == [0, 1, 4]
    assert statuses(folder) == ["done", "done", "stopped", "stopped", "done"]
    row = table(folder)[2]
    assert (row["status"], row["best/val/loss"]) == ("stopped", "")
    assert row["error"].startswith("stopped by `rnnexp stop` (")
    assert row["error"].endswith("), before it was started")
    out = capsys.readouterr().out
    assert "job 2: was asked to stop and ends after its epoch" in out
    assert "sweep mine: 3 done, 2 stopped" in out
    assert "jobs stopped by `rnnexp stop`: 2, 3; --retry-stopped runs them" in out


def test_a_stopped_job_stays_out_until_it_is_asked_for(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    quick.answer, quick.capacity = asking(0, "1"), 1
    run(*UNTRACKED, "seed=0,1", name="mine")
    quick.answer = computed
    quick.tasks.clear()
    for retry in ({}, {"retry_failed": True}):
        assert statuses(run(*UNTRACKED, "seed=0,1", name="mine", **retry)) == ["done", "stopped"]
    assert quick.tasks == []
    assert "2 jobs, 1 done, 1 stopped, 0 to run" in capsys.readouterr().out
    assert statuses(run(*UNTRACKED, "seed=0,1", name="mine", retry_stopped=True)) == ["done", "done"]
    assert [task.number for task in quick.tasks] == [1]
    assert "2 jobs, 1 done, 1 stopped, 1 to run" in capsys.readouterr().out


def test_a_stopped_job_is_no_failure(quick: Quick) -> None:
    quick.answer, quick.capacity = asking(0, "1", "2", "3"), 1
    folder = run(*UNTRACKED, "seed=range(5)", name="mine", max_failures=1)
    assert statuses(folder) == ["done", "stopped", "stopped", "stopped", "done"]


def test_the_job_of_a_sampler_is_stopped_and_the_sampler_goes_on(quick: Quick) -> None:
    quick.answer, quick.capacity = asking(0, "1"), 1
    rate = "optimizer.learning_rate=tag(log,interval(1e-3,1e-1))"
    folder = run(*UNTRACKED, rate, sampler="tpe", n_trials=3, repeats=2, name="mine")
    assert statuses(folder) == ["done", "stopped", "done", "done", "done", "done"]


def test_a_job_that_has_ended_meanwhile_is_told_as_it_ended(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    quick.answer, quick.capacity = asking(1, "0"), 1
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    assert statuses(folder) == ["done", "done"]
    assert "job 0: done, best/val/loss 0." in capsys.readouterr().out


def test_a_result_counts_more_than_a_word_that_came_too_late(quick: Quick) -> None:
    def answer(task: Task) -> Outcome:
        (task.folder / "stop").write_text("stopped by somebody")
        return computed(task)

    quick.answer = answer
    assert statuses(run(*UNTRACKED, "seed=0,1")) == ["done", "done"]


def test_words_for_an_earlier_start_are_overlooked(quick: Quick) -> None:
    run(*UNTRACKED, "seed=0,1", name="mine", n_trials=1)
    request_stop(MINE)
    request_stop(MINE, 1)
    (MINE / "stop-none").write_text("stopped by somebody")
    assert statuses(run(*UNTRACKED, "seed=0,1", name="mine")) == ["done", "done"]
    assert not list(MINE.glob("stop*"))


def test_a_job_whose_coordinator_died_after_it_was_asked_stays_out(quick: Quick) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    (folder / JOURNAL).write_text("".join(line for line in lines if '"event":"end"' not in line))
    for number in (0, 1):
        (folder / "jobs" / str(number) / "result.json").unlink()
    (folder / "jobs" / "1" / "stop").write_text("stopped by somebody")
    quick.tasks.clear()
    assert statuses(run(*UNTRACKED, "seed=0,1", name="mine")) == ["done", "stopped"]
    assert [task.number for task in quick.tasks] == [0]
    assert (folder / "jobs" / "1" / "job.log").read_text() == "stopped by somebody\n"


@pytest.mark.end_to_end
@pytest.mark.parametrize("kind", ["none", "deaf"])
def test_a_running_job_ends_as_killed_gently_or_by_force(
    client: Any, rehearsed: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "deaf":
        monkeypatch.setattr("rnnexp.sweeps.processes.GRACE_S", 0.2)
    slow = MINE / "jobs" / "1" / "metrics.jsonl"
    with meanwhile(slow.exists, lambda: main(["stop", "mine", "1"])):
        trouble = (f"callbacks.trouble.kind={kind}", "callbacks.trouble.seconds=0,1.5", "trainer.epochs=100")
        folder = run(*TINY, *trouble, launcher=LOCAL, name="mine")
    assert statuses(folder) == ["done", "stopped"]
    assert [job.attempts for job in jobs(folder).values()] == [1, 1]
    (killed,) = client.search_runs(["1"], filter_string="attributes.status = 'KILLED'")
    assert killed.data.tags["rnnexp.job"] == "1"
    (parent,) = client.search_runs(["1"], filter_string="tags.`rnnexp.kind` = 'sweep'")
    assert parent.info.status == "FINISHED"
    told = "stopped by `rnnexp stop` ("
    assert told in (folder / "jobs" / "1" / "job.log").read_text().splitlines()[-1]
    assert str(jobs(folder)[1].error).startswith(told)
    if kind == "none":
        assert told in (folder / "jobs" / "1" / "error.txt").read_text()


def test_a_job_in_the_process_of_its_sweep_ends_after_its_epoch_and_the_next_one_starts(rehearsed: None) -> None:
    first = MINE / "jobs" / "0" / "metrics.jsonl"
    with meanwhile(first.exists, lambda: request_stop(MINE, 0)):
        epochs = ("trainer.epochs=500,1", "callbacks.trouble.seconds=0.05")
        folder = run(*UNTRACKED, *epochs, launcher=SERIAL, name="mine")
    assert statuses(folder) == ["stopped", "done"]
    assert "stopped by `rnnexp stop`" in (folder / "jobs" / "0" / "job.log").read_text().splitlines()[-1]


GROUP = (
    *("plugins=[toys]", "model=simple_rnn", "model.units=[3],[2]", "seed=0,1,2", "optimizer=sgd"),
    *("optimizer.learning_rate=0.01", "trainer.batch_size=full", "data.points=100", "data.seed=0", "trainer.epochs=12"),
    *("tracking=off", "tracking.figures=false", "tracking.log_model=false"),
)
ASK = """
import multiprocessing

if multiprocessing.current_process().name == "rnnexp jobs":
    from rnnexp.stopping import request_stop
    from rnnexp.training.compiled.ensemble import Ensemble

    advance = Ensemble.advance

    def ask(self):
        advance(self)
        sweep = Path("runs/sweeps/mine")
        if self.epoch > 2 and not Path("asked").exists():
            Path("asked").touch()
            request_stop(sweep, 1)
            request_stop(sweep, 4)
            while list(sweep.glob("stop-*")):
                time.sleep(0.05)
            time.sleep(0.3)

    Ensemble.advance = ask
"""


@pytest.mark.end_to_end
def test_members_of_a_group_are_taken_out_while_it_trains_and_before_it_starts(tmp_path: Path, rehearsed: None) -> None:
    with (tmp_path / "toys.py").open("a") as file:
        file.write(ASK)
    launcher = {"name": "vectorized", "n_jobs": 1, "threads": 1}
    folder = run(*GROUP, launcher=launcher, name="mine")
    assert statuses(folder) == ["done", "stopped", "done", "done", "stopped", "done"]
    assert [job.attempts for job in jobs(folder).values()] == [1] * 6
    assert (folder / "jobs" / "1" / "metrics.jsonl").exists()
    assert not (folder / "jobs" / "4" / "metrics.jsonl").exists()
    told = "stopped by `rnnexp stop` ("
    for number in (1, 4):
        assert told in (folder / "jobs" / str(number) / "job.log").read_text()
    (tmp_path / "toys.py").write_text("")
    alone = run(*GROUP[1:], launcher=launcher, name="other")
    kept = [row for row in table(folder) if row["status"] == "done"]
    whole = table(alone)
    assert [row["best/val/loss"] for row in kept] == [whole[job]["best/val/loss"] for job in (0, 2, 3, 5)]


@pytest.mark.fault("H5")
def test_a_whole_sweep_is_stopped_as_by_ctrl_c(rehearsed: None, capsys: pytest.CaptureFixture[str]) -> None:
    slow = ("trainer.epochs=500", "callbacks.trouble.seconds=0.05", "seed=0,1")
    first = MINE / "jobs" / "0" / "metrics.jsonl"
    said: list[int] = []
    with meanwhile(first.exists, lambda: said.append(main(["stop", "mine"]))), pytest.raises(KeyboardInterrupt):
        run(*UNTRACKED, *slow, launcher=LOCAL, name="mine")
    assert said == [0]
    assert statuses(MINE) == [None, None]
    assert (MINE / "stopped").read_text().startswith("stopped by `rnnexp stop` (")
    out = capsys.readouterr().out
    assert "stopped: 2 to go; the same command resumes it" in out
    assert "sweep mine: it was stopped; to resume: rnnexp train -m" in out
    assert main(["watch", "mine"]) == 130


def test_a_single_run_is_stopped_and_its_folder_says_by_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "sine" / "one"
    config = rx.compose(
        *[word for word in TINY if word != "trainer.epochs=2"],
        *("trainer.epochs=500", "callbacks.trouble.seconds=0.05", "tracking.mode=offline"),
    )
    said: list[int] = []
    started = (folder / "metrics.jsonl").exists
    with meanwhile(started, lambda: said.append(main(["stop", "one"]))), pytest.raises(KeyboardInterrupt):
        rx.run(config, run_dir=folder)
    assert said == [0]
    assert "run one: KILLED" in capsys.readouterr().out
    assert (folder / "stopped").read_text().startswith("stopped by `rnnexp stop` (")
    assert main(["stop", "one"]) == 2
    assert "one does not run" in capsys.readouterr().err


def test_a_run_whose_signal_was_lost_ends_with_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_interrupt", lambda: None)
    folder = tmp_path / "one"
    config = rx.compose(
        *[word for word in TINY if word != "trainer.epochs=2"],
        *("trainer.epochs=500", "callbacks.trouble.seconds=0.05", "tracking=off"),
    )
    started = (folder / "metrics.jsonl").exists
    with (
        meanwhile(started, lambda: request_stop(folder)),
        pytest.raises(TrainingStopped, match="stopped by `rnnexp stop`"),
    ):
        rx.run(config, run_dir=folder)


def ask_and_wait(folder: Path) -> None:
    with heed_stop(folder, Ending()):
        request_stop(folder)
        threading.Event().wait(30)


@pytest.mark.parametrize("ignored", [signal.SIGINT, None])
def test_a_process_that_a_shell_lets_ignore_ctrl_c_is_told_by_another_signal(
    tmp_path: Path, ignored: int | None
) -> None:
    def terminate(number: int, frame: Any) -> None:
        raise Interrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, terminate) for number in (signal.SIGINT, signal.SIGTERM)}
    if ignored:
        signal.signal(ignored, signal.SIG_IGN)
    try:
        with pytest.raises(Interrupted, match="SIGTERM" if ignored else "SIGINT"):
            ask_and_wait(tmp_path)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mine"], "the sweep mine does not run: there is nothing to stop"),
        (["mine", "1"], "the sweep mine does not run: there is nothing to stop"),
        (["mine", "5", "1", "7"], "the sweep mine has no job 5, 7: it has 0 to 1"),
        (["one", "3"], "`one` is a single run, no sweep; leave 3 out"),
        (["one"], "one does not run"),
        (["nobody"], "there is no run or sweep `nobody` below ./runs"),
        (["o"], "`o` is the beginning of 2: one, other; give more of it, or the folder"),
    ],
)
def test_what_cannot_be_stopped_is_said_in_a_sentence(
    quick: Quick, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    (folder / JOURNAL).write_text("".join(line for line in lines if '"event":"end","job":1' not in line))
    for name in ("one", "other"):
        with hold(Path("runs", "sine", name)):
            pass
    capsys.readouterr()
    assert main(["stop", *words]) == 2
    assert capsys.readouterr().err == f"rnnexp: {told}{'; give its folder' if words == ['nobody'] else ''}\n"
