"""The syntax trees of the package, and what the rules of the house ask of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "rnnexp"
FILES = sorted(PACKAGE.rglob("*.py"))
Trees = Mapping[str, ast.Module]


@cache
def trees() -> Trees:
    """Parse every file once, by its path in the package."""
    return {file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text()) for file in FILES}


def tree(code: str) -> Trees:
    """Parse a file that might stand in the package: what a rule must find."""
    return {"somewhere.py": ast.parse(code)}


def module(path: str) -> str:
    return ".".join(("rnnexp", *Path(path).with_suffix("").parts)).removesuffix(".__init__")


def word(node: ast.AST) -> str:
    """Return the last word of a name or an attribute: `spec` of `dataset.spec`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def parents(root: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(root) for child in ast.iter_child_nodes(node)}


def above(node: ast.AST, parent: Mapping[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    """Yield what a node stands in, from the inside outwards."""
    while node in parent:
        node = parent[node]
        yield node
