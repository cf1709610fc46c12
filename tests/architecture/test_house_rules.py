"""The rules of the house that hold but for what `allowed.json` lists: those lists may only become shorter."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from house import Trees, above, parents, text, tree, trees, word

from rnnexp.task import METRICS

ALLOWED: dict[str, list[str]] = json.loads(Path(__file__).with_name("allowed.json").read_text())

STANDARD = {"__init__", "apply", "base", "baselines", "dataset", "figures", "leaks", "load", "predict", "report"}
VERBS = set(Path(__file__).with_name("verbs.txt").read_text().split())
HOLDERS = ("runtime", "tracking", "registry.py")  # rooms that may hold what changes
MUTATING = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
CACHES = {"cache", "lru_cache"}
JUDGING = {"search", "match", "fullmatch", "findall", "finditer", "startswith", "endswith", "find", "index", "count"}
PROSE = {"description", "message", "note", "notes", "problem", "problems", "content"}
PLAIN = {"loss"}  # a key of the configuration, too
KNOWN = set(METRICS) - PLAIN


def twice_named_classes(code: Trees) -> Iterator[str]:
    """A class name means one thing."""
    names = [node.name for root in code.values() for node in ast.walk(root) if isinstance(node, ast.ClassDef)]
    yield from (name for name, times in Counter(names).items() if times > 1)


def twice_named_files(code: Trees) -> Iterator[str]:
    """A file name means one thing, but for what every task has, and for a command named as what it calls."""
    names = [Path(path).stem for path in code if not path.startswith("cli/")]
    yield from (name for name, times in Counter(names).items() if times > 1 and name not in STANDARD)


def functions_without_a_verb(code: Trees) -> Iterator[str]:
    """A function says what it does; one that is registered is named as a user writes it."""
    for root in code.values():
        for node in root.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not _is_registered(node):
                yield from [node.name] if node.name.partition("_")[0] not in VERBS else []


def small_files(code: Trees) -> Iterator[str]:
    """A file of less than 40 lines is a registered component, or the face of a package."""
    for path, root in code.items():
        lines = max((node.end_lineno or 0 for node in root.body), default=0)
        component = any(_is_registered(node) for node in root.body)
        if lines < 40 and not component and Path(path).name not in ("__init__.py", "__main__.py"):
            yield path


def _is_registered(node: ast.stmt) -> bool:
    found = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return any(word(one.func if isinstance(one, ast.Call) else one) == "register" for one in found)


def changing_modules(code: Trees) -> Iterator[str]:
    """What a process remembers lies in few rooms: a cache, a global, a list or table that grows."""
    for path, root in code.items():
        if not path.startswith(HOLDERS):
            own = {word(target) for node in root.body for target in _targets(node)}
            yield from sorted({f"{path}: {name}" for node in ast.walk(root) for name in _changed(node, own)})


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def _changed(node: ast.AST, own: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Global):
        yield from node.names
    elif isinstance(node, ast.FunctionDef):
        found = {word(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list}
        yield from [node.name] if found & CACHES else []
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATING:
        yield from {word(node.func.value)} & own if isinstance(node.func.value, ast.Name) else ()
    changed = [target.value for target in _targets(node) if isinstance(target, ast.Subscript)]
    yield from (value.id for value in changed if isinstance(value, ast.Name) and value.id in own)


def decided_by_prose(code: Trees) -> Iterator[str]:
    """Nothing is decided by the words of an error or of a note: these are for people."""
    for path, root in code.items():
        caught = {node.name for node in ast.walk(root) if isinstance(node, ast.ExceptHandler)} | {"error"}
        found = [node for node in ast.walk(root) if _reads_prose(node, caught)]
        yield from (f"{path}: {ast.unparse(node)}" for node in found)


def _reads_prose(node: ast.AST, caught: set[str | None]) -> bool:
    if isinstance(node, ast.Compare):
        return any(_is_prose(one, caught) for one in (node.left, *node.comparators))
    if isinstance(node, ast.Call) and word(node.func) in JUDGING:
        given = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        return any(_is_prose(one, caught) for one in given)
    return False


def _is_prose(node: ast.AST, caught: set[str | None]) -> bool:
    """Find `str(error)`, its arguments, and fields that hold sentences."""
    if isinstance(node, ast.Call) and word(node.func) in ("str", "repr"):
        return bool(node.args) and word(node.args[0]) in caught
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        named = node.func.attr == "get" and bool(node.args) and set(text(node.args[0]).split(".")) & PROSE
        return bool(named) or _is_prose(node.func.value, caught)
    if isinstance(node, ast.Subscript):
        return _is_prose(node.value, caught)
    return isinstance(node, ast.Attribute) and (
        node.attr in PROSE or (node.attr == "args" and word(node.value) in caught)
    )


def facts_about_metrics(code: Trees) -> Iterator[str]:
    """A fact about a metric stands in `task.py` or with its task: no second table, and no question for a name."""
    for path, root in code.items():
        if path == "task.py":
            continue
        parent = parents(root)
        for node in ast.walk(root):
            if text(node) in KNOWN and _is_fact(node, parent):
                yield f"{path}: {text(node)}"


def _is_fact(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> bool:
    """Say whether a name stands in a constant table, or something depends on it."""
    for place in above(node, parent):
        if isinstance(place, ast.Compare | ast.MatchValue):
            return True
        if isinstance(place, ast.Dict):
            facts = all(isinstance(value, ast.Constant | ast.Name | ast.Tuple) for value in place.values)
            return node in place.keys and facts and not isinstance(parent[place], ast.Return)
        if isinstance(place, ast.Assign | ast.AnnAssign):
            names = {word(target) for target in _targets(place)}
            constant = isinstance(parent[place], ast.Module | ast.ClassDef)
            return constant and not isinstance(place.value, ast.Constant) and not names & {"headline", "reported"}
        if not isinstance(place, ast.Tuple | ast.List | ast.Set | ast.Starred | ast.BinOp):
            return False
    return False


RULES: dict[Callable[[Trees], Iterator[str]], list[str]] = {
    twice_named_classes: ["class Plan: pass\nclass Given:\n    class Plan: pass"],
    functions_without_a_verb: ["def tables(): pass", "@cache\ndef reading(): pass"],
    small_files: ["import os\n\ndef read(): pass"],
    changing_modules: [
        "_known = {}\ndef f(x):\n    _known[x] = 1",
        "_known: list[int] = []\ndef f(x):\n    _known.append(x)",
        "_known = set()\ndef f(x):\n    _known.add(x)",
        "_known = {}\ndef f(x):\n    del _known[x]",
        "_now = None\ndef f(x):\n    global _now\n    _now = x",
        "@cache\ndef f(x): pass",
        "@functools.lru_cache(maxsize=1)\ndef f(x): pass",
    ],
    decided_by_prose: [
        "try: pass\nexcept E as problem:\n    if 'valid' in str(problem): pass",
        "error.args[0] == 'x'",
        "re.search('Folder: (.*)', run.note)",
        "PATTERN.search(str(error))",
        "str(error).startswith('x')",
        "re.match('Folder', tags.get('mlflow.note.content', ''))",
    ],
    facts_about_metrics: [
        "HIGHER = {'bleu', 'accuracy'}",
        "LABELS: dict[str, str] = {'rmse': 'RMSE'}",
        "def f(name):\n    return {'mae': 'MAE', 'x': 'X'}[name]",
        "name in ('bleu', 'chrf')",
        "name == 'r2'",
        "class Report:\n    first = ('rmse', 'x')",
    ],
}


@pytest.mark.parametrize("rule", [*RULES, twice_named_files], ids=lambda rule: rule.__name__)
def test_a_rule_holds_but_for_what_is_listed_and_the_list_only_shrinks(rule: Callable[[Trees], Iterator[str]]) -> None:
    found, listed = set(rule(trees())), set(ALLOWED[rule.__name__])
    assert sorted(found - listed) == [], f"new: {rule.__doc__}"
    assert sorted(listed - found) == [], "needed no more: take it off the list"


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule, codes in RULES.items() for code in codes])
def test_what_breaks_a_rule_would_be_found(rule: Callable[[Trees], Iterator[str]], code: str) -> None:
    assert list(rule(tree(code))) != []


def test_two_files_of_one_name_would_be_found_but_for_those_of_tasks() -> None:
    empty = ast.parse("")
    assert list(twice_named_files({"a/table.py": empty, "b/table.py": empty, "cli/table.py": empty})) == ["table"]
    assert list(twice_named_files({"a/report.py": empty, "b/report.py": empty, "cli/c.py": empty, "c.py": empty})) == []


GOOD = {
    functions_without_a_verb: "@register('loss')\ndef mse(): pass\ndef _inner(): pass\ndef read_table(): pass",
    small_files: "@register('loss')\ndef mse(): pass",
    changing_modules: "KNOWN = {}\ndef f(x):\n    known = {}\n    known[x] = 1\n    return KNOWN[x]",
    decided_by_prose: "try: pass\nexcept E as error:\n    raise X(str(error)) from None\nif error.code == 1: pass",
    facts_about_metrics: "class t:\n    headline = ('rmse',)\ndef f(x):\n    return {'rmse': rmse(x)}",
}


@pytest.mark.parametrize(("rule", "code"), GOOD.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_keeps_a_rule_is_not_found(rule: Callable[[Trees], Iterator[str]], code: str) -> None:
    assert list(rule(tree(code))) == []


def write_lists() -> None:
    """Write what breaks each rule now: `python tests/architecture/test_house_rules.py`, after things have moved."""
    lists = {rule.__name__: sorted(set(rule(trees()))) for rule in [*RULES, twice_named_files]}
    Path(__file__).with_name("allowed.json").write_text(json.dumps(lists, indent=1) + "\n")


if __name__ == "__main__":
    write_lists()
