"""An executor is one class in one place: a plugin's is chosen, checked and explained like those of the package."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeping import UNTRACKED, table

from rnnexp import compose, registry
from rnnexp.cli.main import main
from rnnexp.config.schema import GROUPS, experiment_schema, group_schema
from rnnexp.errors import ConfigError, ResourceError
from rnnexp.sweeps.launcher import default, read_launcher, stand_in

PACKAGE = Path(registry.__file__).parent
YARD = '''
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rnnexp import register
from rnnexp.config.allow_list import Limit
from rnnexp.registry import Package
from rnnexp.sweeps import worker
from rnnexp.sweeps.executor import Executor, Exit
from rnnexp.sweeps.launcher import Launcher


@register("executor")
class yard(Launcher):
    """Jobs in a queue of this process, written down."""

    in_process: ClassVar[bool] = True
    name: Literal["yard"] = "yard"
    depth: int = Field(default=2, ge=1, description="jobs in the queue")
    gate: Annotated[str | None, Limit(("north", "south"), instead="type another one")] = None

    def start(self, site):
        return Queue(self, site)


class Queue(Executor):
    def __init__(self, launcher, site):
        self.capacity, self._site, self._tasks = launcher.depth, site, []
        (site.folder / "yard.txt").write_text(f"{launcher.depth} {launcher.gate} {launcher.n_jobs}")

    def submit(self, task):
        self._tasks.append(task)

    def wait(self, seconds):
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            worker.execute(task, quiet=True, tick=self._site.tick)
        return [Exit(task.number) for task in tasks]


@register("executor")
class crane(Launcher):
    """One that needs what nobody has, and a setting that has no default."""

    package: ClassVar[Package | None] = Package("no_such_crane", "Crane", "pip install crane")
    name: Literal["crane"] = "crane"
    hook: int

    def start(self, site):
        raise AssertionError("its package is missing")


@register("executor")
def rail(site, wagons: int = 3):
    return Queue(yard(depth=wagons), site)
'''
PLUGINS = "plugins=[toys,yard]"
SWEEP = ("train", "-m", PLUGINS, *UNTRACKED[1:], "seed=0,1")


@pytest.fixture
def plugin() -> None:
    """Write the plugin without importing it: a command does that."""
    Path("yard.py").write_text(YARD)


@pytest.fixture
def loaded(plugin: None) -> None:
    registry.load_plugins(["yard"])


def sweep_folder() -> Path:
    (folder,) = Path("runs", "sweeps").iterdir()
    return folder


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (["hydra/launcher=yard"], "2 None None"),
        (
            ["hydra/launcher=yard", "hydra.launcher.depth=1", "hydra.launcher.gate=east", "hydra.launcher.n_jobs=4"],
            "1 east 4",
        ),
        (["hydra/launcher=rail", "hydra.launcher.wagons=5"], "5 None None"),
    ],
)
def test_a_plugins_executor_runs_a_sweep(plugin: None, rehearsed: None, lines: list[str], written: str) -> None:
    assert main([*SWEEP, *lines]) == 0
    assert (sweep_folder() / "yard.txt").read_text() == written
    assert [row["status"] for row in table(sweep_folder())] == ["done", "done"]


@pytest.mark.parametrize("place", ["start", "submit", "wait"])
def test_what_a_plugins_executor_raises_is_said_to_be_the_plugins(
    place: str, rehearsed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = {"start": "return Queue(self", "submit": "self._tasks.append", "wait": "tasks, self._tasks"}
    text = YARD.replace(lines[place], f"raise KeyError('{place}'); {lines[place]}")
    Path(f"yard_{place}.py").write_text(text)
    number = next(i for i, line in enumerate(text.splitlines(), start=1) if "raise KeyError" in line)
    assert main(["train", "-m", f"plugins=[toys,yard_{place}]", *SWEEP[3:], "hydra/launcher=yard"]) == 1
    said = capsys.readouterr().err
    assert f"KeyError: '{place}'" in said
    assert f"it comes from the plugin yard_{place} ({Path(f'yard_{place}.py').resolve()}, line {number}, in " in said
    assert "fault of rnnexp" not in said


def test_an_executor_that_is_none_is_refused(rehearsed: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("yard_none.py").write_text(YARD.replace("return Queue(self, site)", "Queue(self, site)"))
    assert main(["train", "-m", "plugins=[toys,yard_none]", *SWEEP[3:], "hydra/launcher=yard"]) == 2
    assert "hydra/launcher=yard: its `start` gives NoneType, and must give an Executor" in capsys.readouterr().err


def test_an_experiment_may_choose_an_executor_that_the_user_has_loaded(plugin: None, rehearsed: None) -> None:
    Path("experiments").mkdir()
    chosen = "defaults: [override /hydra/launcher: yard]\nhydra: {launcher: {depth: 3, gate: south}}\n"
    Path("experiments", "asked.yaml").write_text(chosen)
    assert main([*SWEEP, "experiment=asked"]) == 0
    assert (sweep_folder() / "yard.txt").read_text() == "3 south None"


def test_a_file_may_give_such_an_executor_only_the_words_that_it_allows(
    plugin: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("experiments").mkdir()
    Path("experiments", "evil.yaml").write_text("hydra: {launcher: {gate: east, depths: 3}}\n")
    assert main([*SWEEP, "experiment=evil", "hydra/launcher=yard"]) == 2
    said = capsys.readouterr().err
    assert "gate: 'east' given by experiments/evil.yaml; a file may say `north` or `south`; type another one" in said
    assert "depths: 3 given by experiments/evil.yaml; is no setting of rnnexp's launcher; did you mean `depth`" in said


@pytest.mark.parametrize(
    ("lines", "code", "message"),
    [
        (["hydra/launcher=yrad"], 2, "Could not find 'hydra/launcher/yrad'"),
        (
            ["hydra.launcher.name=yrad"],
            2,
            "'yrad' given; must be 'local', 'rail', 'ranks', 'serial', 'vectorized'",
        ),
        (["hydra/launcher=yard", "hydra.launcher.dept=1"], 2, "unknown key; did you mean `hydra.launcher.depth`?"),
        (["hydra/launcher=yard", "hydra.launcher.depth=0"], 2, "hydra.launcher.depth: 0 given; must be greater than"),
        (["hydra/launcher=serial", "hydra.launcher.depth=0"], 2, "hydra.launcher.depth: 0 given; must be greater than"),
        (["hydra/launcher=crane"], 2, "hydra.launcher.hook: has no value yet; set it with hydra.launcher.hook=…"),
        (
            ["hydra/launcher=crane", "hydra.launcher.hook=1"],
            6,
            "hydra/launcher=crane: Crane is not installed; run: pip",
        ),
        (
            ["hydra/launcher=yard", "threads=1,2"],
            2,
            "jobs differ in threads (1, 2), which a process cannot change; use",
        ),
    ],
)
def test_mistakes_with_it_are_told_as_with_any_other(
    plugin: None, rehearsed: None, capsys: pytest.CaptureFixture[str], lines: list[str], code: int, message: str
) -> None:
    assert main([*SWEEP, *lines]) == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not Path("runs").exists()


def test_its_settings_are_explained_with_the_others(plugin: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("conf").mkdir()
    Path("conf", "config.yaml").write_text("plugins: [yard]\n")
    assert main(["explain", "hydra.launcher"]) == 0
    said = capsys.readouterr().out
    assert "hydra.launcher.depth   (yard)\n  jobs in the queue\n  type     integer, at least 1\n  default  2" in said
    assert "hydra.launcher.n_jobs   (crane, local, rail, ranks, ray, serial, submitit, vectorized, yard)" in said


def test_an_executor_is_no_part_of_an_experiment(loaded: None) -> None:
    assert "yard" in registry.names("executor")
    assert "yard" not in str(experiment_schema())
    assert not any("yard" in str(group_schema(group)) for group in GROUPS)
    assert "launcher" not in str(compose())


def test_what_only_another_executor_takes_is_checked_and_not_used() -> None:
    problems: list[str] = []
    found = read_launcher({"name": "serial", "n_jobs": 2, "address": "auto", "cluster": 7, "nonsense": 1}, problems)
    assert found == registry.lookup("executor", "serial")(n_jobs=2)
    assert problems == [
        "hydra.launcher.cluster: 7 given; must be 'slurm' or 'local'",
        "hydra.launcher.nonsense: unknown key",
    ]


def test_one_executor_stands_in_for_hydras_basic_launcher() -> None:
    assert default() == "local"
    assert stand_in("hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher") is None
    assert read_launcher({}, []) == registry.lookup("executor", default())()


@pytest.mark.parametrize("name", registry.names("executor"))
def test_a_package_that_is_needed_is_named_with_its_installation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = registry.lookup("executor", name)()  # type: ignore[call-arg]
    if launcher.package is None:
        assert launcher.load() is None
        return
    monkeypatch.setitem(sys.modules, launcher.package.module, None)
    with pytest.raises(ResourceError, match=rf"^hydra/launcher={name}: .* is not installed; run: pip install"):
        launcher.check()


def naming(text: str, names: set[str]) -> Iterator[str]:
    """Yield the texts that are an executor's name, lists of them in sentences, and imports of its module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = {word.strip("`.,;:()'") for word in node.value.replace("=", " ").split()}
            if node.value in names or len(words & names) > 1:
                yield node.value
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("rnnexp.sweeps.executors."):
            yield str(node.module)


def test_nothing_but_its_own_file_names_an_executor() -> None:
    rooms = ("sweeps", "config", "cli")
    files = [file for room in rooms for file in (PACKAGE / room).rglob("*.py") if file.parent.name != "executors"]
    assert {file.name: found for file in files if (found := [*naming(file.read_text(), {*NAMES})])} == {}


NAMES = registry.names("executor")


@pytest.mark.parametrize(
    "text",
    [
        'if launcher.name == "serial": ...',
        'raise ConfigError(f"{x} is not one of ours (local, serial, ray)")',
        "from rnnexp.sweeps.executors.local import local",
    ],
)
def test_a_file_that_names_one_would_be_found(text: str) -> None:
    assert [*naming(text, {*NAMES})]
    assert not [*naming("x = registry.names('executor')  # local, serial", {*NAMES})]


def test_a_name_is_refused_that_nobody_has_registered() -> None:
    with pytest.raises(ConfigError, match="executor: `locl` is not one of local, ranks, ray, .* did you mean `local`"):
        registry.lookup("executor", "locl")
