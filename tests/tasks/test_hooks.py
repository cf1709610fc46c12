"""What a task is made of: functions that are there, and nothing of it in any other folder."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp import registry, tasks
from rnnexp.errors import ConfigError
from rnnexp.tasks.base import TaskCode, deferred

PACKAGE = Path(rx.__file__).parent
# What one task is made of, in the package and beside it.
TAGGING = (
    "rnnexp/tasks/tagging",
    *(f"rnnexp/data/sources/{name}.py" for name in ("text_tags", "selective_copying")),
    *(f"conf/data/{name}.yaml" for name in ("text_tags", "selective_copying")),
)
WITHOUT = """
import importlib, pkgutil, sys
import rnnexp
from rnnexp import registry
for module in pkgutil.walk_packages(rnnexp.__path__, "rnnexp."):
    if not module.name.startswith(("rnnexp.sweeps.executors.", "rnnexp.__main__")):
        importlib.import_module(module.name)
assert rnnexp.__file__.startswith(sys.argv[1]), rnnexp.__file__
print(sorted(registry.names("task")))
result = rnnexp.run(rnnexp.compose("data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking=off"), quiet=True)
print(sorted(key for key in result.metrics if key.startswith("test/")))
"""


@pytest.mark.parametrize("name", registry.names("task"))
def test_each_function_of_a_task_is_there(name: str) -> None:
    found = [
        str(node.args[0].value)
        for node in ast.walk(ast.parse((PACKAGE / "tasks" / name / "__init__.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "deferred"
        if isinstance(node.args[0], ast.Constant)
    ]
    assert len(found) > 8
    for function in found:
        module, _, attribute = function.partition(":")
        assert callable(attrgetter(attribute)(import_module(module))), function


def test_a_function_that_is_not_there_is_found_when_it_is_called() -> None:
    broken = type("broken", (TaskCode,), {"load": deferred("rnnexp.tasks.base:nowhere")})
    with pytest.raises(AttributeError, match="nowhere"):
        broken.load(object(), None)


@pytest.mark.parametrize("name", registry.names("task"))
def test_a_task_imports_nothing_heavy_until_it_is_asked(name: str) -> None:
    code = f"import sys; from rnnexp import tasks; tasks.of('{name}'); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not [heavy for heavy in ("keras", "pandas", "matplotlib", "mlflow", "jax") if f"'{heavy}'" in loaded]


def test_one_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="tagging"):
        tasks.of("taging")


@pytest.mark.end_to_end
def test_without_one_of_them_all_the_others_work(tmp_path: Path) -> None:
    for folder in ("rnnexp", "conf"):
        shutil.copytree(PACKAGE.parent / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for gone in TAGGING:
        path = tmp_path / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", WITHOUT, str(tmp_path)]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    names, metrics = done.stdout.strip().splitlines()[-2:]
    assert names == str(sorted(set(registry.names("task")) - {"tagging"}))
    assert "test/rmse" in metrics
