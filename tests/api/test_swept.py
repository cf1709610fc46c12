"""`rx.sweep` is the sweep of the command line: the same folder and journal, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.api.swept import read_result
from rnnexp.cli.main import main
from rnnexp.sweeps.state import JOURNAL, Journal

TINY = ("data=sine", "data.points=60", "data.sequence_length=4", "model.units=[2]", "trainer.epochs=2", "tracking=off")
SCRIPT = f"""
import rnnexp as rx

swept = rx.sweep(*{TINY}, params={{"seed": [0, 1]}}, launcher={{"name": "local", "vectorize": False, "n_jobs": 1}})
print("shown", swept.to_frame()[["seed", "status"]].to_dict("list"))
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def events(folder: Path) -> list[dict[str, Any]]:
    """Return the events of the only sweep in a folder; none as long as there is none."""
    found = [*folder.glob(f"runs/sweeps/*/{JOURNAL}")]
    lines = found[0].read_text().splitlines() if found else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def ended(folder: Path) -> list[int]:
    return [event["job"] for event in events(folder) if event["event"] == "end"]


def test_a_journal_is_a_row_per_job_and_the_best_setting(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL)
    values = [
        {"model": "gru", "model.units": "[8]", "seed": "0"},
        {"model": "lstm", "model.dropout": "0.1", "seed": "1"},
    ]
    journal.append({"event": "facts", "objective": "best/val/loss", "direction": "minimize"})
    journal.append(
        *({"event": "job", "job": i, "trial": i, "digest": str(i), "values": v} for i, v in enumerate(values))
    )
    journal.append({"event": "start", "job": 0, "attempt": 1, "time": 0.0})
    metrics = {"test/rmse": 0.5, "skill/rmse": 0.1, "best/val/loss": 0.2}
    end = {"status": "done", "value": 0.2, "metrics": metrics, "run_id": "abc", "seconds": 1.0}
    journal.append({"event": "end", "job": 0, **end})
    found = read_result(tmp_path)
    frame = found.to_frame()
    assert list(frame.columns)[:5] == ["job", "model", "model.units", "seed", "status"]
    assert list(frame["status"]) == ["done", "waiting"]
    assert list(frame["seed"]) == [0, 1]
    assert frame["model.units"][0] == "[8]"
    assert (frame["best/val/loss"][0], frame["test/rmse"][0], frame["skill/rmse"][0]) == (0.2, 0.5, 0.1)
    assert (found.best_params, found.best_value, found.best_run_id) == (
        {"model": "gru", "model.units": [8]},
        0.2,
        "abc",
    )
    assert repr(found).startswith(f"SweepResult({tmp_path.name}: 2 jobs, best best/val/loss 0.2 with ")
    assert "<table" in found._repr_html_()


def test_a_component_of_the_script_itself_needs_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnexp import registry
    from rnnexp.models.architectures.gru import gru

    mine = type("mine", (gru,), {"__module__": "__main__", "__annotations__": {"name": "str"}, "name": "mine"})
    registry.lookup("model", "gru")
    monkeypatch.setitem(registry._registered["model"], "mine", registry.settings(mine))
    with pytest.raises(rx.ConfigError, match="model: `mine` is defined in this script .*launcher=serial"):
        rx.sweep(*TINY, params={"model": ["mine"], "seed": [0, 1]})


@pytest.mark.end_to_end
def test_a_sweep_in_this_process_is_gone_on_with_by_either(capsys: pytest.CaptureFixture[str]) -> None:
    swept = rx.sweep(*TINY, params={"seed": [0, 1]}, launcher="serial")
    assert list(swept.to_frame()["status"]) == ["done", "done"]
    assert "job 1  done  seed=1" in capsys.readouterr().out
    more = rx.sweep(*TINY, params={"seed": [0, 1, 2]}, launcher="serial")
    assert more.folder == swept.folder
    assert "3 jobs, 2 done, 1 to run" in capsys.readouterr().out
    assert main(["train", "-m", *TINY, "seed=0,1,2", "hydra/launcher=serial"]) == 0
    assert "3 jobs, 3 done, 0 to run" in capsys.readouterr().out
    assert main(["resume", swept.name]) == 0
    assert "3 jobs, 3 done, 0 to run" in capsys.readouterr().out
    assert swept.folder is not None
    assert ended(Path.cwd()) == [0, 1, 2]


@pytest.mark.end_to_end
def test_failed_jobs_are_told_at_the_end_with_the_others() -> None:
    with pytest.raises(rx.SweepFailed, match="1 job of the sweep failed") as caught:
        rx.sweep(*TINY, "trainer.on_divergence=fail", "optimizer=sgd", params={"optimizer.learning_rate": [0.01, 1e30]})
    assert list(caught.value.result.to_frame()["status"]) == ["done", "failed"]


@pytest.mark.end_to_end
def test_a_plain_script_needs_no_guard_and_what_interrupts_it_loses_nothing(tmp_path: Path) -> None:
    Path("script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while not ended(tmp_path) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(first.pid, signal.SIGINT)
    out, err = first.communicate(timeout=120)
    assert ended(tmp_path), out + err
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert "shown {'seed': [0, 1], 'status': ['done', 'done']}" in done.stdout, done.stdout + done.stderr
    assert sorted(ended(tmp_path)) == [0, 1]
