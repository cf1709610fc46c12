"""The page on the architecture: its picture is that of the imports, its names exist, its examples run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest
from house import PACKAGE, trees
from test_architecture import FLOORS
from test_imports import imports

from rnnexp import registry
from rnnexp.cli.main import main

PAGE = PACKAGE.parent / "docs" / "architecture.md"
TEXT = PAGE.read_text()
BEFORE, _, REST = TEXT.partition("```mermaid\n")
PICTURE, FENCE, AFTER = REST.partition("```\n")
FACES = {"__init__", "__main__"}


def arrows() -> dict[str, set[str]]:
    """Return which rooms each room needs, on the floors below."""
    found: dict[str, set[str]] = {name: set() for name in FLOORS if name not in FACES}
    for name, others in imports(trees()).items():
        here = name.split(".")[1:2]
        for there in ([one.split(".")[1]] for one in others if here and "." in one):
            if here[0] in found and FLOORS[there[0]] < FLOORS[here[0]]:
                found[here[0]].add(there[0])
    return found


def reached(graph: Mapping[str, set[str]], start: set[str]) -> set[str]:
    """Return what is needed by any of these rooms, directly or not."""
    return set().union(*(graph[name] | reached(graph, graph[name]) for name in start))


def draw() -> str:
    """Write the picture: rooms by floors, and arrows to what nothing in between needs."""
    graph = arrows()
    lines = ["flowchart TD"]
    for floor in sorted({FLOORS[name] for name in graph}, reverse=True):
        rooms = sorted(name for name in graph if FLOORS[name] == floor)
        lines += [f'    subgraph floor{floor} ["floor {floor}"]', *(f"        {name}" for name in rooms), "    end"]
    for name, needed in sorted(graph.items()):
        lines += [f"    {name} --> {other}" for other in sorted(needed - reached(graph, needed))]
    return "\n".join(lines) + "\n"


def test_the_picture_is_that_of_the_imports() -> None:
    assert draw() == PICTURE, "write it anew: PYTHONPATH=tests python tests/architecture/test_page.py"


def test_what_another_room_needs_for_it_is_not_drawn() -> None:
    assert "runner --> tracking" in PICTURE
    assert "runner --> errors" not in PICTURE
    assert "errors" in arrows()["runner"]


NAMES = sorted(set(re.findall(r"`(rnnexp(?:\.\w+)+)`", TEXT)))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_names_exists(name: str) -> None:
    assert exists(name)


def test_a_name_that_does_not_exist_would_be_found() -> None:
    assert not exists("rnnexp.runner.walk")
    assert not exists("rnnexp.nowhere.run")


def exists(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_a_run_is_told_in_ten_lines() -> None:
    assert re.findall(r"^(\d+)\. ", TEXT, re.MULTILINE) == [str(number) for number in range(1, 11)]


def examples() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the name of each example's file, its code, and the words of its command."""
    blocks = re.findall(r"```(python|bash)\n(.*?)```", TEXT, re.DOTALL)
    for (_, code), (_, command) in zip(blocks[::2], blocks[1::2], strict=True):
        file = re.match(r"# (\w+\.py)\n", code)
        assert file
        yield file[1], code, shlex.split(command)


EXAMPLES = {file: (code, words) for file, code, words in examples()}


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, marks=pytest.mark.end_to_end if file == "my_executor.py" else []) for file in EXAMPLES],
)
def test_each_example_runs_as_it_stands(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    code, words = EXAMPLES[file]
    Path(file).write_text(code)
    assert words[0] == "rnnexp"
    assert main([*words[1:], "tracking=off"]) == 0, capsys.readouterr().err


def test_every_kind_of_component_that_a_newcomer_adds_has_an_example() -> None:
    shown = set(re.findall(r'@register\("(\w+)"\)', TEXT))
    assert {"model", "data", "loss", "task", "executor", "exporter"} <= shown <= set(registry.KINDS)


if __name__ == "__main__":
    PAGE.write_text(f"{BEFORE}```mermaid\n{draw()}{FENCE}{AFTER}")
