"""The checks for a GPU: their arithmetic, that they run, and on a GPU all of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from . import parity, speed
from .__main__ import print_section
from .processes import Clock, run_together

ROOT = Path(__file__).parents[2]


def outcome(loss: float = 0.5, predicted: float = 1.0) -> parity.Outcome:
    return {"losses": np.array([1.0, loss]), "predicted": np.array([[0.0], [predicted]])}


@pytest.mark.parametrize("other", [outcome(loss=0.51), outcome(predicted=1.02), outcome(loss=np.nan)])
def test_a_distance_is_that_of_losses_and_of_predictions(other: parity.Outcome) -> None:
    assert parity.measure_distance(outcome(), outcome()) == 0.0
    assert parity.measure_distance(outcome(), other) == pytest.approx(0.02) or not np.isfinite(other["losses"]).all()
    assert parity.measure_distance(outcome(), other) > parity.EXACT


def test_what_a_number_format_explains_passes_and_no_more() -> None:
    cpu = dict.fromkeys(parity.CASES, outcome())
    gpu = dict.fromkeys(parity.CASES, outcome(predicted=1.01))
    passed = {exact: {row["case"]: row["passed"] for row in parity.compare(cpu, gpu, exact)} for exact in (True, False)}
    assert all(passed[False].values())
    assert [case for case, well in passed[True].items() if well] == ["lstm, mixed_bfloat16"]


def test_a_case_that_could_not_be_trained_has_failed(tmp_path: Path) -> None:
    (tmp_path / "gru.txt").write_text("ValueError: no such kernel")
    found = parity.read_all(tmp_path)
    rows = {row["case"]: row for row in parity.compare(dict.fromkeys(parity.CASES, outcome()), found, False)}
    assert not any(row["passed"] for row in rows.values())
    assert rows["gru"]["found"] == "ValueError: no such kernel"
    assert rows["lstm"]["found"] == "did not get there"


@pytest.mark.parametrize(
    ("many", "passed"),
    [
        ({0: 0.5001, 1: 0.4, 2: 0.3}, True),
        ({0: 0.5001, 1: 0.4}, False),
        ({0: 0.6, 1: 0.4, 2: 0.3}, False),
        (dict.fromkeys(range(3), 0.5), False),
    ],
    ids=["right", "one is missing", "another result", "all the same"],
)
def test_the_one_must_be_among_the_many(many: dict[int, float], passed: bool) -> None:
    judged = speed.judge_sweep(3, {1: 10.0, 3: 20.0}, {1: {0: 0.5}, 3: many})
    assert judged["passed"] == passed
    assert "20 s against 10 s (2.0 times)" in judged["found"]


def test_processes_run_side_by_side_within_the_time_for_all(tmp_path: Path) -> None:
    code = {"good": "print('seen')", "bad": "raise SystemExit('broken')", "long": "import time; time.sleep(60)"}
    commands = {name: ["-c", text] for name, text in code.items()}
    ended = run_together(commands, tmp_path, Clock(2.5), {})
    assert (ended["good"].output.strip(), ended["good"].error) == ("seen", "")
    assert ended["bad"].error == "failed: broken"
    assert ended["long"].error.startswith("ran out of time")


def test_many_that_say_the_same_are_one_line_and_failures_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"case": str(i), "passed": True, "found": "cuDNN"} for i in range(5)]
    print_section("Kernels", [*rows, {"case": "gru", "passed": False, "found": "cuDNN"}])
    assert capsys.readouterr().out.split("\n")[2:4] == ["  ok   5 cases: cuDNN", "  FAIL gru: cuDNN"]


@pytest.mark.end_to_end
def test_one_shape_is_measured_by_us_and_by_hand(tmp_path: Path) -> None:
    row = speed.compare_rates(speed.QUICK[0], ["jax", "torch"], "cpu", tmp_path, Clock(280.0))
    assert row["passed"], row
    assert list(row["rates"]) == ["jax", "torch", "PyTorch by hand"]
    assert all(rate > 0 for rate in row["rates"].values())


@pytest.mark.end_to_end
def test_a_sweep_is_held_against_one_run(tmp_path: Path) -> None:
    row = speed.compare_sweep(2, 2, "cpu", tmp_path, Clock(280.0))
    assert row["passed"], row


@pytest.mark.gpu
@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no NVIDIA driver")
def test_everything_holds_on_a_gpu(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = subprocess.run([sys.executable, "-m", "tests.gpu", "--out", str(out)], cwd=ROOT, timeout=900)
    failed = [
        row for section in json.loads(out.read_text())["sections"] for row in section["rows"] if not row["passed"]
    ]
    assert (done.returncode, failed) == (0, [])
