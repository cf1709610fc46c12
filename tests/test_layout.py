"""Tests are laid out like the code, and each is run by one of the two lines of CI."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "rnnexp"
# What is asked of the whole: it has no room of its own.
APART = {
    "architecture",
    "benchmarks",
    "browser",
    "compare_tests",
    "docs",
    "container",
    "fuzz",
    "layout",
    "packaging",
    "spelling",
    "wording",
    "readme",
}
APART |= {
    "advisories",
    "container",
    "examples",
    "faults",
    "gpu",
    "kills",
    "readme_figures",
    "reference",
    "reporting",
    "tables",
    "untuned",
}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
OPTIONS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]


def folders(root: Path, files: str) -> set[str]:
    """Return the folders that hold such files, by their paths."""
    return {str(file.parent.relative_to(root)) for file in root.rglob(files)} - {"."}


def names(root: Path) -> set[str]:
    """Return the folders and modules at the top."""
    return {path.relative_to(root).parts[0].removesuffix(".py") for path in root.rglob("*.py")}


def astray(tests: set[str], package: set[str]) -> list[str]:
    """Return the folders of tests that are no folders of the package."""
    return sorted(one for one in tests if one not in package and one.partition("/")[0] not in APART)


def untested(rooms: set[str], tests: set[str]) -> list[str]:
    return sorted(room for room in rooms if not {room, f"test_{room}"} & tests)


def test_each_folder_of_tests_is_one_of_the_package() -> None:
    assert len(folders(TESTS, "test_*.py")) > 15
    assert astray(folders(TESTS, "test_*.py"), folders(PACKAGE, "*.py")) == []


def test_each_file_beside_them_asks_a_module_or_the_whole() -> None:
    asked = {file.stem.removeprefix("test_") for file in TESTS.glob("test_*.py")}
    assert asked <= names(PACKAGE) | APART
    assert names(TESTS) >= {name if (TESTS / name).is_dir() else f"test_{name}" for name in APART}


def test_each_room_of_the_package_and_each_task_has_tests() -> None:
    rooms = {name for name in names(PACKAGE) if (PACKAGE / name).is_dir()}
    assert untested(rooms, names(TESTS)) == []
    tasks = {name for name in names(PACKAGE / "tasks") if (PACKAGE / "tasks" / name).is_dir()}
    assert untested(tasks, names(TESTS / "tasks")) == []


def test_a_folder_that_is_astray_and_a_room_without_tests_would_be_found() -> None:
    package = {"data", "data/texts", "tasks", "tasks/tagging"}
    assert astray({"data/texts", "tasks/tagging", "fuzz", "benchmarks/peers"}, package) == []
    assert astray({"texts", "tasks/tags", "data/readme"}, package) == ["data/readme", "tasks/tags", "texts"]
    assert untested({"data", "runtime", "sweeps"}, {"data", "test_runtime", "test_sweep"}) == ["sweeps"]


def test_no_two_files_have_one_name() -> None:
    """As pytest imports them, the second would be taken for the first."""
    files = [file.stem for file in TESTS.rglob("test_*.py")]
    assert len(files) == len(set(files)) > 150


def test_the_two_lines_of_ci_run_every_test() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    lines = [line for line in script if line.startswith("pytest")]
    default = OPTIONS["addopts"][OPTIONS["addopts"].index("-m") + 1]
    assert re.fullmatch(r"not \w+", default)
    assert lines == ["pytest", f"pytest -m {default.removeprefix('not ')} -n 3"]
    assert [line for line in CONTRIBUTING.splitlines() if line.startswith("pytest")] == lines
    names = [re.split(r"[:(]", marker)[0] for marker in OPTIONS["markers"]]
    assert names == [default.removeprefix("not "), "gpu"]
    assert any(line.startswith("export CI=true") for line in script)


def test_files_that_the_rules_for_contributors_name_exist() -> None:
    named = re.findall(r"\]\(([\w/.]+)\)|`((?:rnnexp|tests|docs|conf)/[\w/.]+)`", CONTRIBUTING)
    files = {link or path for link, path in named} - {"conf/GROUP"}
    assert len(files) > 8
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []
