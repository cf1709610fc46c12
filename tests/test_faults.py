"""The table of the fault plan is made of what the tests have left of themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from readme import GUIDE

from tests.faults.plan import PLAN, pick, read_plan, read_promises
from tests.faults.record import RESULTS, ROOT, Result, read_results
from tests.faults.table import HEAD, Exercise, promises, table, verdicts

SIZES = {"A": 14, "B": 12, "C": 18, "D": 11, "E": 18, "F": 14, "G": 14, "H": 17, "I": 14}
HERE = "b20b83be00"
TESTS = {
    "passes": '@pytest.mark.fault("C4", "C1")\ndef test_passes(): ...',
    "fails": '@pytest.mark.fault("H1")\ndef test_fails():\n    assert False',
    "skipped": '@pytest.mark.fault("H2")\ndef test_skipped():\n    pytest.skip("no such disk")',
    "known": '@pytest.mark.fault("H3")\n@pytest.mark.xfail(strict=True)\ndef test_known():\n    assert False',
    "late": '@pytest.fixture\ndef bad():\n    yield\n    1 / 0\n@pytest.mark.fault("H4")\ndef test_late(bad): ...',
    "end": '@pytest.mark.fault("H5")\n@pytest.mark.end_to_end\ndef test_end(): ...',
    "many": '@pytest.mark.fault("E1")\n@pytest.mark.parametrize("x", [1, 2])\ndef test_many(x):\n    assert x == 1',
    "some": '@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.fault("E2"))])\ndef test_some(x): ...',
    "file": 'pytestmark = pytest.mark.fault("E3")\n@pytest.mark.fault("E4")\ndef test_file(): ...',
    "other": "def test_other(): ...",
}
EXPECTED = {
    "test_passes": (["C4", "C1"], "default", "passed"),
    "test_fails": (["H1"], "default", "failed"),
    "test_skipped": (["H2"], "default", "skipped"),
    "test_known": (["H3"], "default", "xfailed"),
    "test_late": (["H4"], "default", "failed"),
    "test_end": (["H5"], "end_to_end", "passed"),
    "test_many[1]": (["E1"], "default", "passed"),
    "test_many[2]": (["E1"], "default", "failed"),
    "test_some[2]": (["E2"], "default", "passed"),
    "test_file": (["E4", "E3"], "default", "passed"),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout of a project that has this plan, and tests of its own."""
    shutil.copytree(Path(__file__).parent / "faults", tmp_path / "tests" / "faults")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    end_to_end: slow\n    gpu: needs a GPU\n")
    (tmp_path / ".gitignore").write_text(".faults/\n__pycache__/\n")
    (tmp_path / "tests" / "conftest.py").write_text('pytest_plugins = ["tests.faults.record"]\n')
    return tmp_path


def write_tests(checkout: Path, *tests: str) -> None:
    for number, test in enumerate(tests):
        (checkout / "tests" / f"test_{number}.py").write_text(f"import os, pytest\n{test}\n")


def call(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=checkout, env=environment, timeout=300)


def run_tests(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return call(checkout, "pytest", "--strict-markers", "-p", "no:cacheprovider", *words)


def commit(checkout: Path) -> str:
    def git(*words: str) -> str:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *who, *words], cwd=checkout, capture_output=True, text=True, check=True).stdout

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    return git("rev-parse", "--short=10", "HEAD").strip()


def test_the_plan_has_its_132_cases_and_leaves_out_at_most_eight() -> None:
    assert list(PLAN) == [f"{section}{number + 1}" for section, size in SIZES.items() for number in range(size)]
    assert len(PLAN) == 132
    assert all(case.fault and case.expected for case in PLAN.values())
    assert 0 < sum(bool(case.not_here) for case in PLAN.values()) <= 8


def test_what_is_left_out_is_a_case(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('[not_here]\nZ9 = "no"\n[cases]\nA1 = ["a", "b"]\n')
    with pytest.raises(ValueError, match="Z9 is left out and no case"):
        read_plan(tmp_path / "plan.toml")


def test_a_promise_is_held_by_cases(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('[promises]\np = ["A1", "Z9"]\n[cases]\nA1 = ["a", "b"]\n')
    with pytest.raises(ValueError, match="Z9 holds to a promise and is no case"):
        read_promises(tmp_path / "plan.toml")


def test_a_promise_that_is_not_tried_is_said_not_to_be() -> None:
    table = promises([Exercise("a", ("A3",), "default")]).splitlines()
    assert " | A3 | A13 (power loss: needs a block device" in table[2]
    assert "; B1 (no test)" in table[2]


@pytest.mark.end_to_end
def test_the_guide_shows_the_promises_as_the_tests_hold_them() -> None:
    said = GUIDE[GUIDE.index(HEAD) :].split("\n\n")[0]
    command = [sys.executable, "-m", "tests.faults", "--promises"]
    made = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    assert said == made, "run `python -m tests.faults --promises` and put its table into docs/guide/promises.md"


@pytest.mark.parametrize(
    ("words", "cases"),
    [
        ([], list(PLAN)),
        (["C4"], ["C4"]),
        (["h1,c4"], ["C4", "H1"]),
        (["F", "A2"], ["A2", *(f"F{number}" for number in range(1, 15))]),
    ],
    ids=str,
)
def test_cases_and_sections_are_picked_in_the_order_of_the_plan(words: list[str], cases: list[str]) -> None:
    assert pick(words) == cases


def test_an_unknown_case_is_refused() -> None:
    with pytest.raises(ValueError, match="no case or section of the plan: C19, J; there are"):
        pick(["C4,C19", "J"])


@pytest.mark.parametrize("workers", [0, 2])
def test_each_test_that_names_a_case_leaves_a_line(checkout: Path, workers: int) -> None:
    write_tests(checkout, *TESTS.values())
    head = commit(checkout)
    run_tests(checkout, *(["-p", "xdist", "-n", str(workers)] if workers else []))
    found = {name.rpartition("::")[2]: result for name, result in read_results(checkout / RESULTS).items()}
    assert {name: (one.cases, one.tier, one.outcome) for name, one in found.items()} == EXPECTED
    assert {one.commit for one in found.values()} == {head}
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", one.date) and 0 <= one.seconds < 60 for one in found.values())
    assert len((checkout / RESULTS).read_text().splitlines()) == len(EXPECTED)


def test_a_test_that_took_its_worker_with_it_has_failed(checkout: Path) -> None:
    write_tests(checkout, '@pytest.mark.fault("A1")\ndef test_dies():\n    os._exit(9)')
    run_tests(checkout, "-p", "xdist", "-n", "1")
    assert [one.outcome for one in read_results(checkout / RESULTS).values()] == ["failed"]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("marker", "said"),
    [('"C19"', "exercises C19: no case of the plan"), ('"C4", 4', "exercises 4: no case"), ("", "names no case")],
)
def test_a_marker_that_names_no_case_is_an_error(checkout: Path, workers: int, marker: str, said: str) -> None:
    write_tests(checkout, f"class TestIt:\n    @pytest.mark.fault({marker})\n    def test_it(self): ...")
    done = run_tests(checkout, *(["-p", "xdist", "-n", str(workers)] if workers else []))
    assert done.returncode != 0
    assert f"tests/test_0.py::TestIt::test_it {said}" in done.stdout
    assert not (checkout / RESULTS).exists()


def test_what_pytest_was_not_asked_for_keeps_its_last_line(checkout: Path) -> None:
    write_tests(checkout, *TESTS.values())
    run_tests(checkout)
    before = read_results(checkout / RESULTS)
    done = run_tests(checkout, "--faults", "H1,C")
    assert "1 failed, 1 passed, 10 deselected" in done.stdout
    assert len((checkout / RESULTS).read_text().splitlines()) == len(EXPECTED) + 2
    assert list(read_results(checkout / RESULTS)) == list(before)


def test_a_torn_line_is_passed_over_and_the_last_one_counts(tmp_path: Path) -> None:
    line = {"test": "a", "cases": ["A1"], "tier": "default", "outcome": "failed", "seconds": 1.0, "commit": HERE}
    lines = [json.dumps({**line, "date": "2026"}), '{"test": "a"', json.dumps({**line, "date": "2027"}), "[]"]
    (tmp_path / "results.jsonl").write_text("\n".join(lines))
    assert [one.date for one in read_results(tmp_path / "results.jsonl").values()] == ["2027"]
    assert read_results(tmp_path / "none.jsonl") == {}


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ({}, "not run"),
        ({"a": ("passed", HERE), "b[1]": ("passed", HERE), "b[2]": ("passed", HERE)}, "passed"),
        ({"a": ("passed", HERE), "b[1]": ("passed", HERE)}, "passed, not all run"),
        ({"a": ("passed", HERE), "b[1]": ("passed", HERE), "b[2]": ("passed", "0123456789")}, "passed, stale"),
        ({"a": ("passed", HERE), "b[1]": ("skipped", HERE), "b[2]": ("passed", HERE)}, "skipped"),
        ({"a": ("failed", "0123456789")}, "failed"),
        ({"a": ("passed", HERE), "b[1]": ("xfailed", HERE), "b[2]": ("skipped", HERE)}, "failed"),
    ],
    ids=str,
)
def test_a_case_is_as_good_as_the_worst_of_its_tests(results: dict[str, tuple[str, str]], said: str) -> None:
    tests = [Exercise(name, ("C4",), "default") for name in ("a", "b[1]", "b[2]")] + [Exercise("c", ("C5",), "default")]
    last = {name: Result(name, ["C4"], "default", outcome, 1.0, at, "2026") for name, (outcome, at) in results.items()}
    assert verdicts(["C4"], tests, last, HERE) == {"C4": said}


def test_a_case_without_a_test_is_said_to_have_none() -> None:
    assert verdicts(["A13", "C4"], [], {}, HERE) == {"A13": "not here", "C4": "no test"}


def test_the_table_groups_what_one_function_is_run_as() -> None:
    tests = [Exercise(f"tests/x/test_y.py::test_z[{number}]", ("C4",), "default") for number in range(3)]
    dates = ["2026-11-27T02:30:00+00:00", "2026-11-26T02:30:00+00:00"]
    results = {
        one.name: Result(one.name, ["C4"], "default", "passed", 1.0, "0123", at) for one, at in zip(tests, dates)
    }
    lines = table(["C3", "C4"], tests, results, HERE).splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["C3", "no", "test"], ["C4", "passed,", "not"]]
    cells = ["2 passed, 1 not run", "default", "0123 (stale)", "2026-11-26T02:30", "x/test_y.py::test_z"]
    assert re.split(r"\s{2,}", lines[3].strip()) == cells


def test_the_command_runs_the_tests_of_a_case_and_fails_if_one_has(checkout: Path) -> None:
    write_tests(checkout, *TESTS.values())
    head = commit(checkout)
    done = call(checkout, "tests.faults", "C4", "H5")
    assert (done.returncode, done.stdout.count("not run")) == (0, 5)
    done = call(checkout, "tests.faults", "--run", "C4", "H5")
    assert f"2 cases at {head}: 2 passed" in done.stdout
    assert done.returncode == 0
    (checkout / "new.txt").touch()
    done = call(checkout, "tests.faults", "C4")
    assert f"1 cases at {head}; files differ from that commit (+): 1 passed, stale" in done.stdout
    done = call(checkout, "tests.faults", "--run", "E1,H")
    assert (done.returncode, "1 passed, 1 failed" in done.stdout) == (1, True)
    done = call(checkout, "tests.faults", "--missing", "E")
    assert done.returncode == 1
    assert re.findall(r"^[A-I]\d+", done.stdout, re.MULTILINE) == [f"E{number}" for number in range(5, 19)]


def test_the_command_tells_what_is_no_case_and_what_cannot_be_collected(checkout: Path) -> None:
    done = call(checkout, "tests.faults", "C19")
    assert (done.returncode, "no case or section of the plan: C19" in done.stderr) == (2, True)
    write_tests(checkout, '@pytest.mark.fault("C99")\ndef test_it(): ...')
    done = call(checkout, "tests.faults")
    assert (done.returncode, "exercises C99: no case of the plan" in done.stderr) == (2, True)
