"""A sweep that is looked at from another terminal, by its folder alone."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sweeping import UNTRACKED, Quick, computed, run
from test_view import Terminal

from rnnexp.cli.main import main
from rnnexp.run_folder import hold
from rnnexp.sweeps.events import drop_event
from rnnexp.sweeps.state import JOURNAL, Journal
from rnnexp.sweeps.task import Outcome, Task

MINE = Path("runs", "sweeps", "mine")


def watch(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    capsys.readouterr()
    code = main(["watch", *words])
    return code, capsys.readouterr().out.splitlines()


def test_a_live_sweep_shows_counts_running_jobs_and_the_best_so_far(
    quick: Quick, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, list[str]]] = []

    def answer(task: Task) -> Outcome:
        if task.number == 1:
            row = {"step": 3, "metrics": {"val/loss": 0.375}}
            (task.folder / "metrics.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row)[:9])
            seen.append(watch(capsys, "--once"))
        return computed(task)

    quick.answer, quick.capacity = answer, 1
    run(*UNTRACKED, "model.units=2,3,4", name="mine")
    ((code, (counts, best, running)),) = seen
    assert code == 0
    assert counts.startswith("sweep    1 done, 1 running, 1 to go; ")
    assert counts.endswith(" left")
    assert best.startswith("best     best/val/loss 0.")
    assert best.endswith("with model.units=2 (job 0)")
    assert running.split()[:6] == ["job", "1", "epoch", "3/2", "val/loss", "0.375"]
    assert running.endswith("  model.units=3")


def test_a_sweep_that_has_ended_gives_its_exit_code(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    run(*UNTRACKED, "seed=0,1", name="mine")
    code, lines = watch(capsys)
    assert (code, lines[0], lines[-1]) == (0, "sweep    2 done", "sweep mine: it has ended")
    quick.answer = lambda task: Outcome("failed", error="unlucky", exit_code=1)
    assert main(["train", "-m", *UNTRACKED, "seed=2,3", "hydra.sweeper.name=other"]) == 10
    code, lines = watch(capsys, "oth")
    assert (code, lines[0], lines[-1]) == (10, "sweep    2 failed", "sweep other: it has ended with exit code 10")
    assert watch(capsys, "last")[0] == 10


def grow(capsys: pytest.CaptureFixture[str], *last: dict[str, Any]) -> tuple[int, list[str]]:
    """Watch a sweep whose journal another process, here a thread, goes on to write; `last` are its last events."""
    run(*UNTRACKED, "seed=0,1,2", name="mine")
    events = [json.loads(line) for line in (MINE / JOURNAL).read_text().splitlines()]
    ends = {event["job"]: event for event in events if event["event"] == "end"}
    kept = [event for event in events if event["event"] not in ("end", "closed", "interrupted")]
    (MINE / JOURNAL).write_text("".join(json.dumps(event) + "\n" for event in kept))
    held = threading.Event()

    def go_on() -> None:
        with hold(MINE):
            journal = Journal(MINE / JOURNAL)
            held.set()
            time.sleep(0.5)
            journal.append(ends[0])
            time.sleep(0.3)
            journal.append(drop_event(1, "its process was killed by SIGKILL"), ends[2], *last)

    thread = threading.Thread(target=go_on)
    thread.start()
    assert held.wait(20)
    answer = watch(capsys, "mine")
    thread.join()
    return answer


def test_in_a_pipe_each_job_that_ends_is_a_line(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = grow(capsys, {"event": "closed", "exit_code": 10})
    assert code == 10
    assert lines[0] == "sweep    3 running"
    assert [line.split("  ")[:2] for line in lines if line.startswith("job ")][-2:] == [
        ["job 1: its process was killed by SIGKILL"],
        ["job 2", "done"],
    ]
    assert sum(line.startswith("job 0  done  seed=0  best/val/loss 0.") for line in lines) == 1
    assert lines[-2:] == ["sweep mine: 2 done, 1 to go", "sweep mine: it has ended with exit code 10"]


def test_a_dead_coordinator_is_told_with_the_command_that_goes_on(
    quick: Quick, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = grow(capsys)
    assert code == 1
    assert lines[-1].startswith("sweep mine: the process that ran it is dead; to resume: rnnexp train -m plugins=")
    assert watch(capsys, "mine", "--once")[0] == 1


def test_a_sweep_of_a_version_that_said_less_is_shown(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    events = [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]
    older = [{k: v for k, v in event.items() if k not in ("epochs", "exit_code")} for event in events]
    text = "".join(json.dumps(event) + "\n" for event in older if event["event"] != "begin")
    (folder / JOURNAL).write_text(text)
    assert watch(capsys)[1][-1] == "sweep mine: it has ended"
    (folder / JOURNAL).write_text("".join(f"{line}\n" for line in text.splitlines() if '"end"' not in line))
    assert watch(capsys)[1][0] == "sweep    2 running"


def test_on_a_terminal_the_table_is_that_of_the_sweep_itself(
    quick: Quick, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")

    def shown_there(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "stdout", terminal)
        code = main(["watch", *words])
        return code, terminal.getvalue().splitlines()

    monkeypatch.setattr(sys.modules[__name__], "watch", shown_there)
    code, _ = grow(capsys, {"event": "closed", "exit_code": 0})
    assert code == 0
    assert "\x1b[" in terminal.getvalue()
    assert "3 running" in terminal.getvalue()
    assert "job 0  done  seed=0" in terminal.getvalue()


def test_what_is_no_sweep_is_told(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch"]) == 2
    assert "there is no sweep below ./runs" in capsys.readouterr().err
    with hold(Path("runs", "sine", "one")):
        pass
    assert main(["watch", "one"]) == 2
    assert "`one` is a single run, no sweep; its log: rnnexp logs one --follow" in capsys.readouterr().err
    MINE.mkdir(parents=True)
    (MINE / "sweep.json").write_text("{}")
    assert main(["watch", "mine"]) == 2
    assert "the sweep has not begun yet" in capsys.readouterr().err
