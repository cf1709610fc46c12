"""What is handed out: the wheel, which works far from the checkout with files of its own, and the project of MLflow."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rnnexp as rx

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
RELEASES = re.findall(r"^## \[(\d[^]]*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the build backend of this environment."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, without its dependencies, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    install = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def python(installed: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the current, empty directory with the installed wheel before everything else."""
    path = {"PYTHONPATH": str(installed)} if installed else {}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=600, env={**os.environ, **path}
    )


def read_all(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def contents(wheel: Path) -> set[str]:
    return set(read_all(wheel))


@pytest.mark.parametrize(("folder", "inside"), [("conf", "rnnexp/conf"), ("experiments", "rnnexp/experiments")])
def test_every_file_of_the_configuration_is_in_the_wheel(wheel: Path, folder: str, inside: str) -> None:
    source = {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}"
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".yaml", ".json")
    }
    assert len(source) > 10
    assert source <= contents(wheel)


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "rnnexp").rglob("*.py")}
    assert modules <= contents(wheel)


def test_shipped_data_and_plugins_are_in_the_wheel(wheel: Path) -> None:
    assert {"rnnexp/data/files/airline_passengers.csv", "hydra_plugins/rnnexp/__init__.py"} <= contents(wheel)


def test_the_license_and_the_notices_of_the_data_are_in_the_wheel(wheel: Path) -> None:
    names = {Path(name).name for name in contents(wheel) if ".dist-info/licenses/" in name}
    assert names == {"LICENSE", "NOTICE"}


def test_neither_tests_nor_caches_are_in_the_wheel(wheel: Path) -> None:
    assert {name.split("/")[0] for name in contents(wheel)} == {
        "rnnexp",
        "hydra_plugins",
        f"rnnexp-{VERSION}.dist-info",
    }
    assert not [name for name in contents(wheel) if "__pycache__" in name]


@pytest.mark.end_to_end
def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (again,) = tmp_path.glob("*.whl")
    assert read_all(wheel) == read_all(again) != {}
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert {"CITATION.cff", "MLproject", "pyproject.toml"} <= names


@pytest.mark.end_to_end
@pytest.mark.fault("F11")
def test_it_is_the_installed_copy_that_is_imported(installed: Path) -> None:
    where = "import rnnexp, hydra_plugins.rnnexp as plugins; print(rnnexp.__file__); print(plugins.__file__)"
    assert python(installed, "-c", where).stdout.splitlines() == [
        str(installed / "rnnexp" / "__init__.py"),
        str(installed / "hydra_plugins" / "rnnexp" / "__init__.py"),
    ]
    assert str(installed) not in python(None, "-c", where).stdout


@pytest.mark.end_to_end
@pytest.mark.fault("F11")
def test_installed_experiments_are_found_and_valid_in_an_empty_folder(installed: Path) -> None:
    done = python(installed, "-m", "rnnexp", "check")
    count = len(list((ROOT / "experiments").glob("*.yaml")))
    assert (done.returncode, done.stdout) == (0, f"{count} of {count} experiments are valid\n"), done.stderr


@pytest.mark.end_to_end
@pytest.mark.fault("F11")
def test_installed_configuration_composes_in_an_empty_folder(installed: Path) -> None:
    done = python(installed, "-m", "rnnexp", "train", "--cfg", "job", "experiment=airline_lstm")
    assert done.returncode == 0, done.stderr
    assert "epochs: 1000" in done.stdout


@pytest.mark.end_to_end
def test_values_come_from_the_installed_files(installed: Path) -> None:
    """The installed copy of a file is changed: what is shown follows it."""
    file = installed / "rnnexp" / "experiments" / "airline_lstm.yaml"
    before = file.read_text()
    file.write_text(before.replace("epochs: 1000", "epochs: 1001"))
    try:
        done = python(installed, "-m", "rnnexp", "train", "--cfg", "job", "experiment=airline_lstm")
    finally:
        file.write_text(before)
    assert "epochs: 1001" in done.stdout


@pytest.mark.end_to_end
def test_installed_plugins_are_seen_by_hydra(installed: Path) -> None:
    assert "RnnexpConfigSource" in python(installed, "-m", "rnnexp", "train", "--info", "plugins").stdout


@pytest.mark.end_to_end
@pytest.mark.fault("F11")
def test_the_installed_data_are_read(installed: Path) -> None:
    code = "import rnnexp; print(rnnexp.compose('data=airline_passengers').data.read().values.sum())"
    assert float(python(installed, "-c", code).stdout) == 40363  # the sum of the 144 published rows


HIDDEN = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def look(name, path=None, target=None):
    return None if name.partition(".")[0] in ("tensorflow", "torch") else find(name, path, target)
PathFinder.find_spec = look
"""
SCORE = "<- this run"


@pytest.fixture
def bare(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each Python without the packages that extras bring, in an empty folder."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(HIDDEN)
    monkeypatch.setenv("PYTHONPATH", f"{installed}{os.pathsep}{tmp_path / 'site'}")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("bare")
def test_a_first_run_a_sweep_and_a_forecast_need_no_extra() -> None:
    trained = python(None, "-m", "rnnexp", "train", "experiment=airline_lstm", "trainer.epochs=2")
    assert SCORE in trained.stdout, trained.stderr
    swept = python(None, "-m", "rnnexp", "train", "-m", "seed=0,1", "model.units=[2]", "trainer.epochs=1")
    assert (swept.returncode, "2 jobs" in swept.stdout) == (0, True), swept.stderr
    (folder,) = Path("runs/airline_lstm").iterdir()
    forecast = python(None, "-m", "rnnexp", "predict", str(folder))
    assert forecast.returncode == 0, forecast.stderr
    assert "1961-01-01" in forecast.stdout


@pytest.mark.end_to_end
@pytest.mark.usefixtures("bare")
def test_a_backend_that_is_not_installed_is_named_with_its_extra() -> None:
    done = python(None, "-m", "rnnexp", "train", "backend=tensorflow", "trainer.epochs=1")
    assert "backend: `tensorflow` is not installed; run: pip install 'rnnexp[tensorflow]'" in done.stderr
    assert (done.returncode, SCORE in done.stdout) == (6, False)
    swept = python(None, "-m", "rnnexp", "train", "-m", "backend=jax,tensorflow", "trainer.epochs=1")
    assert "run: pip install 'rnnexp[tensorflow]'" in swept.stderr
    assert (swept.returncode, Path("runs/sweeps").exists()) == (6, False)


def test_package_citation_and_changelog_have_one_version_and_date() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], str(citation["date-released"])) == RELEASES[0] != RELEASES[1]
    assert citation["version"] == VERSION
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


PROJECT = ROOT / "MLproject"


def fill(entry: dict[str, Any]) -> list[str]:
    """Return the words of an entry point's command with the defaults of its parameters."""
    defaults = {name: parameter["default"] for name, parameter in entry["parameters"].items()}
    return shlex.split(entry["command"].format(**defaults))


def test_the_entry_points_of_the_mlflow_project_are_commands_with_settings_that_exist() -> None:
    entries = yaml.safe_load(PROJECT.read_text())["entry_points"]
    assert set(entries) == {"main", "experiment"}
    for entry in entries.values():
        program, command, *settings = fill(entry)
        assert (program, command) == ("rnnexp", "train")
        rx.compose(*settings)
    other = {**entries["main"], "command": entries["main"]["command"].replace("trainer.epochs", "epoch")}
    with pytest.raises(rx.ConfigError, match="epoch: unknown key"):
        rx.compose(*fill(other)[2:])


@pytest.mark.end_to_end
def test_mlflow_runs_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(PROJECT, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    parameters = [word for value in ("model=gru", "epochs=2", "seed=1") for word in ("-P", value)]
    done = python(None, "-m", "mlflow", "run", ".", "-e", "main", *parameters, "--env-manager", "local")
    assert done.returncode == 0, done.stderr
    assert "gru" in next(line for line in done.stdout.splitlines() if SCORE in line)


# Taken by packages of others where they happen to be there, and not missed where they are not.
NOT_NEEDED = {"flatbuffers", "huggingface-hub", "hydra-joblib-launcher", "pysocks", "setuptools", "sniffio"}
IMPORTED = """
import json, sys
import rnnexp as rx
rx.run("experiment=airline_lstm", "trainer.epochs=2", quiet=True)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def list_declared(lines: list[str]) -> set[str]:
    """Return the packages that these requirements bring, with all that those bring."""
    found, left = set[str](), [*lines]
    while left:
        wanted = Requirement(left.pop())
        name = canonicalize_name(wanted.name)
        extras = [{"extra": extra} for extra in ("", *wanted.extras)]
        if name not in found and (wanted.marker is None or any(map(wanted.marker.evaluate, extras))):
            found.add(name)
            with suppress(metadata.PackageNotFoundError):
                left += metadata.requires(name) or []
    return found


def find_undeclared(modules: list[str], lines: list[str]) -> set[str]:
    owners = metadata.packages_distributions()
    imported = {canonicalize_name(owner) for module in modules for owner in owners.get(module, [])}
    return imported - list_declared(lines) - NOT_NEEDED - {"rnnexp"}


@pytest.mark.end_to_end
def test_what_a_run_imports_is_installed_with_it(tmp_path: Path) -> None:
    new = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}  # a machine that knows the run imports no MLflow
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=tmp_path, env=new, capture_output=True, text=True, timeout=150, check=True
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {"jax", "mlflow", "filelock"} <= set(modules)
    assert find_undeclared(modules, lines) == set()
    less = [line for line in lines if "filelock" not in line and "mlflow" not in line]
    assert find_undeclared(modules, less) >= {"filelock", "mlflow"}
