"""What all examples have in common: they stand outside the package, which knows nothing of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import rnnexp as rx

EXAMPLE, PLUGIN = "stories", "stories"
ROOT = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.name for path in ROOT.iterdir() if (path / "README.md").is_file())
PLUGINS = [name for name in FOLDERS if (ROOT / name / name / "__init__.py").is_file()]


def list_registered(folder: Path) -> set[str]:
    """Return the names of the components that an example registers."""
    texts = "\n".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.py"))
    return set(re.findall(r'@register\("\w+"\)\n(?:class|def) (\w+)', texts))


@pytest.mark.parametrize("folder", PLUGINS)
def test_no_file_of_the_package_names_what_an_example_registers(folder: str) -> None:
    names = list_registered(ROOT / folder)
    assert len(names) >= 3
    texts = {file: file.read_text(encoding="utf-8") for file in Path(rx.__file__).parent.rglob("*.py")}
    assert [(file, name) for file, text in texts.items() for name in names if re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_command_of_a_readme_names_an_experiment_that_is_there(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"experiment=(\w+)", text))
    assert named == {file.stem for file in (ROOT / folder / "experiments").glob("*.yaml")}


def test_a_component_that_is_named_would_be_found() -> None:
    assert "story_questions" in list_registered(ROOT / "stories")
    assert "lstm" not in list_registered(ROOT / "stories")


def test_examples_are_in_the_source_distribution_and_not_in_the_wheel() -> None:
    targets = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert "/examples" in targets["sdist"]["include"]
    assert "examples" not in targets["wheel"]["only-include"]
