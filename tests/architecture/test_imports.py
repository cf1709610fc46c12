"""Imports run in one direction, those inside functions and for typing included; settings know no builders."""

from __future__ import annotations

import ast
import subprocess
import sys
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from house import Trees, module, text, trees, word

from rnnexp import registry
from rnnexp.data.dataset import Dataset


def imports(code: Trees) -> dict[str, set[str]]:
    """Return which modules of the package each one imports, in whatever way and place."""
    names = {module(path) for path in code}
    return {module(path): set(_imported(root, names)) - {module(path)} for path, root in code.items()}


def _imported(root: ast.Module, names: set[str]) -> Iterator[str]:
    for node in ast.walk(root):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in names else node.module for name in inner)
        elif isinstance(node, ast.Call) and word(node.func) in ("import_module", "__import__") and node.args:
            yield from {text(node.args[0])} & names


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the groups of modules that reach each other."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {frozenset(other for other in found if name in reached[other]) for name, found in reached.items()}
    return [set(group) for group in groups if group]


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found, open_ = set[str](), [start]
    while open_:
        more = graph.get(open_.pop(), set()) - found
        found |= more
        open_ += more
    return found


def test_no_module_is_imported_by_what_it_imports() -> None:
    assert circles(imports(trees())) == []


@pytest.mark.parametrize(
    "second",
    [
        "from rnnexp.a import thing",
        "from rnnexp import a",
        "import rnnexp.a",
        "def f():\n    from rnnexp.a import thing",
        "if TYPE_CHECKING:\n    from rnnexp.a import Thing",
        "importlib.import_module('rnnexp.a')",
    ],
)
def test_a_circle_of_imports_would_be_found(second: str) -> None:
    files = {"__init__.py": "", "a.py": "from rnnexp.b import more", "b.py": "from rnnexp import c", "c.py": second}
    found = circles(imports({path: ast.parse(code) for path, code in files.items()}))
    assert found == [{"rnnexp.a", "rnnexp.b", "rnnexp.c"}]


def builders(code: Trees) -> list[str]:
    """List which settings import what is built of them: tasks, or anything above the data."""
    above = ("rnnexp.tasks", "rnnexp.training", "rnnexp.evaluation", "rnnexp.runner", "rnnexp.tracking")
    rooms = ("config/", "data/", "task.py")
    found = {module(path): root for path, root in code.items() if path.startswith(rooms)}
    names = {module(path) for path in code}
    return sorted(
        f"{name} imports {one}"
        for name, root in found.items()
        for one in _imported(root, names)
        if one.startswith(above)
    )


def test_settings_and_data_never_import_builders() -> None:
    assert builders(trees()) == []


def test_settings_that_import_a_builder_would_be_found() -> None:
    code = "def load(self):\n    from rnnexp.tasks import load"
    files = {"tasks/__init__.py": "", "data/sources/synthetic.py": code}
    found = builders({path: ast.parse(code) for path, code in files.items()})
    assert found == ["rnnexp.data.sources.synthetic imports rnnexp.tasks"]


DATA = {
    "audio_folder": {"path": "sounds"},
    "audio_strings": {"path": "sounds", "split": "none", "train_strings": 2},
    "csv": {"path": "t.csv"},
    "sensors": {"path": "t.csv"},
    "corpus": {"path": "t.txt"},
    "frames": {"path": "clips.npz"},
    "m4": {"folder": "."},
    "multi_input_table": {
        "path": "many.csv",
        "inputs": {"text": {"kind": "text"}, "x": {"kind": "table", "columns": ["x"]}},
    },
    "npz": {"path": "t.npz", "inputs": "x", "targets": "y"},
    "sequence_folder": {"path": ".", "labels": "labels.csv", "channels": ["value"]},
    "sequence_table": {"path": "long.csv"},
    "text_files": {"path": {"yes": "t.txt"}},
    "text_lines": {"path": "t.txt"},
    "text_pairs": {"path": "pairs.tsv"},
    "text_table": {"path": "texts.csv"},
    "text_tags": {"path": "tags.txt"},
    "ts": {"path": "t.ts"},
    "values": {"values": [1.0, 2.0, 3.0]},
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("date,value\n" + "".join(f"2020-01-{day:02},{day}\n" for day in range(1, 29)))
    Path("t.txt").write_text("1 a b\n0 c d\n")
    Path("pairs.tsv").write_text("a b\tc\nd\te f\n")
    Path("texts.csv").write_text("text,label\na b,x\nc d,y\n")
    Path("tags.txt").write_text("a X\nb Y\n\nc X\n")
    Path("t.ts").write_text("@problemName t\n@univariate true\n@classLabel true a b\n@data\n1,2,3:a\n2,3,4:b\n")
    Path("Hourly-train.csv").write_text("V1,V2,V3\nH1,1,2\n")
    Path("Hourly-test.csv").write_text("V1,V2\nH1,3\n")
    Path("long.csv").write_text("recording,x,label\na,1,up\na,2,up\nb,3,down\n")
    Path("many.csv").write_text("id,text,x,label\n1,a b,3,c\n2,d e,4,f\n")
    Path("labels.csv").write_text("file,label\nt.csv,a\n")
    Path("sounds/yes").mkdir(parents=True)
    with wave.open("sounds/yes/a.wav", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    np.savez("clips.npz", x=np.zeros((2, 3, 4, 5), np.uint8), y=np.array(["a", "b"]))
    np.savez("t.npz", x=np.zeros((3, 4, 1)), y=np.zeros(3))
    return tmp_path


@pytest.mark.parametrize("name", registry.names("data"))
def test_each_source_reads_raw_values_or_texts_by_itself(name: str, files: Path) -> None:
    raw = registry.lookup("data", name)(**DATA.get(name, {})).read()
    assert type(raw).__module__.startswith(("rnnexp.data.", "numpy", "builtins"))
    assert not isinstance(raw, Dataset)


def test_reading_imports_no_builder() -> None:
    command = """
import sys
import wave
from rnnexp import registry
sources = {name: registry.lookup("data", name) for name in registry.names("data")}
for name in ("sine", "airline_passengers", "reverse_digits"):
    sources[name]().read()
print(sorted(name for name in sys.modules if name.startswith(("rnnexp.tasks", "rnnexp.training", "keras"))))
"""
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
