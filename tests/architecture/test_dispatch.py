"""Nothing but a task's own folder asks which task it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

import pandas
import pytest
from house import Trees, above, parents, text, tree, trees, word

from rnnexp import registry
from rnnexp.data.spec import TaskSpec

MOST = 6
TASKS = set(registry.names("task"))
SIZES = {"task", "inputs", "output_shape", "targets", "loss", "metrics", "quantiles"}
FLAGS = {field.name for field in fields(TaskSpec)} - SIZES
PASSED_ON = {"per_step", "sees_future", "scores_of"}  # flags that are known by their name alone
OTHERS = {"self", "dtype", "parameter", "tokenizer"}  # have a kind, too
BRANCHES = (ast.If, ast.IfExp, ast.While, ast.Assert)


@cache
def task_classes() -> set[str]:
    """Classes of which an object tells its task: all in a task's folder, and the sources and datasets of some."""
    definitions = {
        node.name: (node, path)
        for path, root in trees().items()
        for node in root.body
        if isinstance(node, ast.ClassDef) and path.startswith(("data/", "tasks/"))
    }
    found = {name for name, (node, path) in definitions.items() if path.startswith("tasks/") or _declares(node)}
    found |= {"SequenceDataset"}
    while more := {n for n, (node, _) in definitions.items() if {word(b) for b in node.bases} & found} - found:
        found |= more
    return found - {"TaskCode", "values"}  # the latter is what many variables are called


def _declares(node: ast.ClassDef) -> bool:
    return any(isinstance(item, ast.AnnAssign) and word(item.target) == "task" for item in node.body)


@cache
def own_attributes() -> set[str]:
    """Settings that the sources of some tasks have and those of others have not."""
    tasks: dict[str, set[str]] = {}
    for name in registry.names("data"):
        source = registry.lookup("data", name)
        settings = set(source.__pydantic_fields__)
        of = {"regression", "classification", "transcription"} if "task" in settings else {source.task}
        for key in settings | {key for key in dir(source) if not key.startswith("_")}:
            tasks.setdefault(key, set()).update(of)
    return {key for key, of in tasks.items() if of != TASKS} - set(dir(pandas.DataFrame))


def dispatches(code: Trees) -> Iterator[str]:
    """Yield each place outside the tasks that asks which task it is, in whatever way."""
    for path, root in code.items():
        if path != "task.py" and not path.startswith("tasks/"):
            parent = parents(root)
            found = {node.lineno: why for node in ast.walk(root) if (why := _asks(node, parent))}
            yield from (f"{path}:{line} {why}" for line, why in sorted(found.items()))


def _asks(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> str:
    if isinstance(node, ast.Constant) and node.value in TASKS and not _declared(node, parent):
        return f"names {node.value}"
    if isinstance(node, ast.Name | ast.Attribute) and word(node) in task_classes() and _tested(node, parent):
        return f"tests for {word(node)}"
    if isinstance(node, ast.Call) and word(node.func) in ("hasattr", "getattr") and word(node.args[0]) != "self":
        return f"sniffs {text(node.args[1])}" if text(node.args[1]) in own_attributes() else ""
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Call) and _is_kind(node, parent[node]):
        return "asks for a saved kind"
    if isinstance(node, ast.Name | ast.Attribute) and _is_task(node) and _decides(node, parent):
        return "decides by the task"
    if isinstance(node, ast.Name | ast.Attribute) and _is_flag(node) and _decides(node, parent):
        return f"branches on {word(node)}"
    return ""


def _declared(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> bool:
    """Say whether a name of a task is what a source says of itself, or a docstring."""
    places = list(above(node, parent))
    own = isinstance(places[0], ast.Expr)
    return own or any(
        isinstance(place, ast.AnnAssign) and word(place.target) == "task" and isinstance(parent[place], ast.ClassDef)
        for place in places
    )


def _tested(node: ast.AST, parent: dict[ast.AST, ast.AST]) -> bool:
    for place in above(node, parent):
        if isinstance(place, ast.Call):
            return word(place.func) in ("isinstance", "issubclass") and node is not place.func
        if isinstance(place, ast.Compare | ast.MatchClass | ast.Dict):
            return True
        if not isinstance(place, ast.BinOp | ast.Tuple | ast.Attribute):
            return False
    return False


def _is_kind(node: ast.expr, place: ast.AST) -> bool:
    """Find `.kind`, `["kind"]` and `.get("kind")` of what is no array, no split and no tokenizer."""
    if isinstance(node, ast.Subscript):
        return text(node.slice) == "kind"
    if isinstance(node, ast.Call):
        return word(node.func) == "get" and bool(node.args) and text(node.args[0]) == "kind"
    called = isinstance(place, ast.Call) and place.func is node
    return isinstance(node, ast.Attribute) and node.attr == "kind" and word(node.value) not in OTHERS and not called


def _is_task(node: ast.expr) -> bool:
    return word(node) == "task" and not (isinstance(node, ast.Attribute) and word(node.value) == "overrides")


def _is_flag(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in PASSED_ON
    return isinstance(node, ast.Attribute) and node.attr in FLAGS and word(node.value) not in ("self", "model")


def _decides(node: ast.expr, parent: dict[ast.AST, ast.AST]) -> bool:
    """Say whether anything depends on the value: a branch, a comparison, an entry of a table, a repetition."""
    inner: ast.AST = node
    for place in above(node, parent):
        if isinstance(place, BRANCHES):
            return inner is place.test
        if isinstance(place, ast.Compare | ast.BoolOp | ast.Match) or (
            isinstance(place, ast.UnaryOp) and isinstance(place.op, ast.Not)
        ):
            return True
        if isinstance(place, ast.comprehension):
            return inner in place.ifs
        if isinstance(place, ast.Subscript):
            return inner is place.slice
        if isinstance(place, ast.Call) and word(place.func) in ("get", "startswith", "endswith"):
            return True
        if isinstance(place, ast.BinOp):
            return isinstance(place.op, ast.Mult)
        if not (isinstance(place, ast.Call) and word(place.func) in ("len", "bool", "int", "str")):
            return False
        inner = place
    return False


def test_at_most_six_places_outside_the_tasks_ask_which_task_it_is() -> None:
    found = list(dispatches(trees()))
    assert len(found) <= MOST, "\n".join(found)


ASKING = {
    "isinstance of a dataset": "isinstance(data, TagDataset)",
    "isinstance of one of several sources": "isinstance(source, TextSource | PairSource)",
    "isinstance of a source by its module": "isinstance(source, texts.source.TextSource)",
    "issubclass": "issubclass(type(source), (list, SeriesSource))",
    "comparison of types": "type(data) is TextStream",
    "a table of types": "{TextDataset: 1}[type(data)]",
    "match": "match data:\n    case SequenceDataset(): pass",
    "an attribute that some have": "hasattr(data, 'tokens')",
    "an attribute that some have, or nothing": "getattr(data, 'forecast_from', None)",
    "a saved kind": "bundle.scaling['kind']",
    "a saved kind, or nothing": "bundle.scaling.get('kind', 'rows')",
    "the kind of a model": "trained.kind",
    "a comparison of the task": "if spec.task == given: pass",
    "a membership of the task": "task in names",
    "a table of tasks": "LOSSES[spec.task]",
    "a table of tasks, or nothing": "LOSSES.get(task)",
    "a name of a task": "LOSSES = {'tagging': 1}",
    "a task that is matched": "match spec.task:\n    case _: pass",
    "classes or none": "x if spec.classes else y",
    "classes or none, counted": "if len(dataset.spec.classes): pass",
    "an output for each step": "[1] * spec.per_step",
    "a flag that is negated": "not spec.sees_future",
    "a flag as a condition of a list": "[x for x in y if outline.carried]",
    "a flag that was passed on": "def f(per_step):\n    return 1 if per_step else 2",
    "what outputs are": "spec.outputs != 'numbers'",
    "what outputs are scores of": "if spec.scores_of is None: pass",
}


@pytest.mark.parametrize("code", ASKING.values(), ids=ASKING)
def test_whoever_asks_which_task_it_is_would_be_found(code: str) -> None:
    assert len(list(dispatches(tree(code)))) == 1


INNOCENT = {
    "what a source says of itself": "class s:\n    task: Literal['tagging'] = 'tagging'",
    "a docstring": "def f():\n    'tagging'",
    "the type of an array": "if column.dtype.kind == 'f': pass",
    "a look into the registry": "tasks.of(dataset.spec.task).report(model)",
    "what a task gives": "spec.steps",
    "sizes": "len(spec.classes) + 1",
    "what an object asks of itself": "class TaskSpec:\n    def f(self):\n        return 1 if self.per_step else 2",
}


@pytest.mark.parametrize("code", INNOCENT.values(), ids=INNOCENT)
def test_what_asks_no_task_is_not_counted(code: str) -> None:
    assert list(dispatches(tree(code))) == []
