"""A run of the tests tells its processor time, and in CI a skipped test has failed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = {
    "test_marked": '@pytest.mark.skip(reason="of a mark")\ndef test_marked(): ...',
    "test_condition": '@pytest.mark.skipif(True, reason="of a condition")\ndef test_condition(): ...',
    "test_seen": 'def test_seen():\n    pytest.skip("of what it saw")',
    "test_package": 'def test_package():\n    pytest.importorskip("no_such_package")',
    "test_data": '@pytest.fixture\ndef data():\n    pytest.skip("no data")\ndef test_data(data): ...',
    "test_many": '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.skip)])\ndef test_many(x): ...',
}
ALLOWED = {
    "test_gpu": '@pytest.mark.gpu\ndef test_gpu():\n    pytest.skip("no GPU")',
    "test_marked_gpu": '@pytest.mark.gpu\n@pytest.mark.skipif(True, reason="no GPU")\ndef test_marked_gpu(): ...',
    "test_wrong": "@pytest.mark.xfail(strict=True)\ndef test_wrong():\n    assert False",
    "test_well": "def test_well(): ...",
}
BURNS = """import subprocess, sys, time
SECONDS = {seconds}
def test_burns():
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        pass
def test_burns_in_a_process():
    code = f"import time\\nwhile time.process_time() < {{SECONDS}}: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
"""


def ran(folder: Path, *tests: str, ci: str = "", workers: int = 0) -> subprocess.CompletedProcess[str]:
    """Run tests in a process that reports as this one does, each in a file of its own."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu: needs a GPU\n")
    for number, test in enumerate(tests):
        (folder / f"test_{number}.py").write_text(f"import pytest\n{test}\n")
    plugins = ["-p", "reporting", "-p", "no:cacheprovider", *(["-p", "xdist", "-n", str(workers)] if workers else [])]
    command = [sys.executable, "-m", "pytest", "-ra", *plugins]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(Path(__file__).parent)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # for speed
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)


def failed(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"^(?:FAILED|ERROR) test_\d+\.py::(\w+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_skipped_has_failed_in_ci(tmp_path: Path, workers: int) -> None:
    done = ran(tmp_path, *SKIPPED.values(), *ALLOWED.values(), ci="true", workers=workers)
    assert failed(done) == set(SKIPPED)
    assert done.returncode == 1
    assert done.stdout.count("a skipped test is a failure, unless it is marked `gpu`") >= len(SKIPPED)
    assert "of what it saw" in done.stdout


@pytest.mark.parametrize("ci", ["", "false"])
def test_it_is_skipped_anywhere_else(tmp_path: Path, ci: str) -> None:
    done = ran(tmp_path, *SKIPPED.values(), *ALLOWED.values(), ci=ci)
    assert (failed(done), done.returncode) == (set(), 0)
    assert f"1 passed, {len(SKIPPED) + 2} skipped, 1 xfailed" in done.stdout


def test_what_needs_a_gpu_and_what_is_known_to_fail_do_not_fail_in_ci(tmp_path: Path) -> None:
    done = ran(tmp_path, *ALLOWED.values(), ci="true")
    assert done.returncode == 0
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout


@pytest.mark.parametrize(("ci", "code"), [("true", 2), ("", 0)])
def test_a_whole_file_that_is_skipped_has_failed_in_ci(tmp_path: Path, ci: str, code: int) -> None:
    done = ran(tmp_path, 'pytest.skip("of another system", allow_module_level=True)', "def test_well(): ...", ci=ci)
    assert done.returncode == code
    assert ("ERROR test_0.py" in done.stdout) == bool(code)
    assert "of another system" in done.stdout


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.end_to_end
def test_the_processor_time_of_workers_and_their_processes_is_told(tmp_path: Path, workers: int) -> None:
    def minutes(seconds: float) -> float:
        said = ran(tmp_path, BURNS.format(seconds=seconds), workers=workers)
        assert "2 passed" in said.stdout
        return float(re.findall(r"^CPU minutes: (\d+\.\d\d), ", said.stdout, re.MULTILINE)[0])

    assert minutes(1.2) - minutes(0) > 0.02  # the two burn 0.04
