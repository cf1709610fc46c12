"""`python -m tests.compare_tests REVISION`: the tests and asserted constants that a revision has and the files lack.

A test is known by its name, whichever file it is in; what it asserts by the numbers and strings in its `assert`
statements, in calls of `assert_...`, in `match=`, and in the cases that it is parametrized with.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

Constants = Counter[str]


def at_revision(root: Path, revision: str) -> dict[str, str]:
    """Return the texts of the test files of a revision by their paths."""
    packed = subprocess.run(["git", "archive", revision, "tests"], cwd=root, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        held = {name: archive.extractfile(name) for name in archive.getnames() if name.endswith(".py")}
        return {name: file.read().decode() for name, file in held.items() if file}


def in_tree(root: Path) -> dict[str, str]:
    return {str(file.relative_to(root)): file.read_text() for file in sorted(root.glob("tests/**/*.py"))}


def asserted(files: Mapping[str, str]) -> dict[str, Constants]:
    """Return the constants that each function asserts, tests and what they call alike, by the function's name."""
    found: dict[str, Constants] = {}
    for path, text in files.items():
        for function in functions(ast.parse(text, path)):
            constants = Counter(repr(value) for part in claims(function) for value in numbers_and_strings(part))
            if constants or function.name.startswith("test_"):
                found.setdefault(function.name, Counter()).update(constants)
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a file and of its classes; a function within another is part of it."""
    for node in tree.body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef):
                yield inner


def claims(function: ast.FunctionDef) -> Iterator[ast.AST]:
    yield from function.decorator_list
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            yield node
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "match")
            yield from node.args if name.startswith("assert_") else ()


def numbers_and_strings(part: ast.AST) -> Iterator[object]:
    for node in ast.walk(part):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex | str | bytes):
            yield node.value


def report(old: Mapping[str, Constants], new: Mapping[str, Constants]) -> Iterator[str]:
    """Yield a line for each test that is gone and for each that asserts less."""
    yield f"{_count(old)} tests then, {_count(new)} now"
    added = {name: constants for name, constants in new.items() if name not in old}
    for name in sorted(old.keys() - new.keys()):
        alike = sorted(other for other, constants in added.items() if constants and constants == old[name])
        yield f"gone: {name}, which asserts what {alike[0]} does" if alike else f"gone: {name}{_list(old[name])}"
    for name in sorted(old.keys() & new.keys()):
        lost = old[name] - new[name]
        if lost:
            yield f"less: {name}{_list(lost)}"


def _count(found: Iterable[str]) -> str:
    return f"{sum(name.startswith('test_') for name in found):,}"


def _list(constants: Constants) -> str:
    return ": " + ", ".join(sorted(constants.elements())) if constants else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.compare_tests", description=__doc__)
    parser.add_argument("revision", help="the older revision, such as main")
    revision = parser.parse_args().revision
    print("\n".join(report(asserted(at_revision(ROOT, revision)), asserted(in_tree(ROOT)))))


if __name__ == "__main__":
    main()
