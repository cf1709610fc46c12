"""Digests of what a run is made of: files, plugins with what they import, and all the code that computes."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from rnnexp.runtime.machine import find_version

Inputs = Mapping[str, Mapping[str, str]]  # what settings name: its files, with the SHA-256 of each

ROOT = Path(__file__).parents[1]
# Rooms of this package that decide about numbers; what a setting means is in the configuration's own hash.
_COUNTING = ("data", "models", "training", "evaluation", "tasks", "runner", "runtime", "optimizers.py")
_LIBRARIES = {"jax": ("jax", "jaxlib"), "tensorflow": ("tensorflow",), "torch": ("torch",)}
SHOWN = 12  # hexadecimal digits of a digest
LENGTH = 64  # of a SHA-256
_INSTALLED = {"site-packages", "dist-packages"}


def hash_plugins(modules: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the files of each plugin, those that lie beside it and that it imports among them, with their SHA-256."""
    return {module: {name: hash_file(path) for name, path in _plugin_files(module)} for module in modules}


@cache
def hash_code(plugins: tuple[str, ...], backend: str) -> str:
    """Return 12 hexadecimal digits for all the code that a run on a backend computes with: ours, plugins, libraries.

    Taken once per process. Ours is known by its sources: a version says nothing of an editable installation.
    """
    versions = [f"{name} {version}" for name, version in list_versions(backend).items()]
    others = [digest for files in hash_plugins(plugins).values() for digest in files.values()]
    return hashlib.sha256("\n".join([*versions, *_hash_own(), *others]).encode()).hexdigest()[:12]


def hash_own_code() -> str:
    """Return the SHA-256 of all our own code that decides about numbers."""
    return hashlib.sha256("\n".join(_hash_own()).encode()).hexdigest()


def list_versions(backend: str) -> dict[str, str]:
    """Return the versions of the libraries that compute on a backend."""
    names = ("keras", "numpy", *_LIBRARIES.get(backend, ()))
    return {name: str(find_version(name)) for name in names}


def find_changes(before: Inputs, now: Inputs) -> list[str]:
    """Say which files are others than they were; what is named only now is not among them."""
    return [
        f"{name}: {_shown(before[key].get(name))} then, {_shown(now[key].get(name))} now"
        for key in before
        if key in now
        for name in sorted({*before[key], *now[key]})
        if before[key].get(name) != now[key].get(name)
    ]


def _shown(digest: str | None) -> str:
    """A file by its digest; what is none stands for itself."""
    return "absent" if digest is None else f"sha256 {digest[:SHOWN]}" if len(digest) == LENGTH else digest


@cache
def _hash_own() -> tuple[str, ...]:
    return tuple(hash_file(path) for room in _COUNTING for path in _sources(ROOT / room))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, which is read again only if its size or time have changed."""
    found = path.stat()
    return _hash_content(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4096)  # a group of jobs asks for the same files again and again
def _hash_content(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sources(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _plugin_files(module: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a plugin by their names below the folder in which it was found, each once."""
    first = _file_of(module)
    if first is None:
        return
    depth = module.count(".") + (first.name == "__init__.py")
    base = first.parents[depth]
    if _INSTALLED & set(base.parts):  # a package by itself; others beside it are not its own
        found = _sources(base / module.partition(".")[0]) if depth else [first]
    else:
        found = sorted(_follow(base, [first]))
    yield from ((str(path.relative_to(base)), path) for path in found)


def _file_of(module: str) -> Path | None:
    known = getattr(sys.modules.get(module), "__file__", None)
    if known is None:
        with suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(module)
            known = spec.origin if spec else None
    path = Path(known).absolute() if known else None
    return path if path and path.suffix == ".py" and path.is_file() else None


def _follow(base: Path, files: list[Path]) -> set[Path]:
    """Return files with all below `base` that they import, inside functions too, and what those import."""
    found: set[Path] = set()
    while files:
        file = files.pop()
        if file not in found:
            found.add(file)
            files += [path for name in _imports(base, file) if (path := _resolve(base, name))]
    return found


def _imports(base: Path, file: Path) -> Iterator[str]:
    """Yield the dotted names that a file may import; of `from a import b` both `a` and `a.b`."""
    here = file.relative_to(base).parent.parts
    with suppress(SyntaxError, ValueError):  # who imports it will hear of it
        for name in _named(here, ast.parse(file.read_bytes())):
            parts = name.split(".")
            yield from (
                ".".join(parts[:end]) for end in range(1, len(parts) + 1)
            )  # a package is imported with what is in it


def _named(here: tuple[str, ...], root: ast.AST) -> Iterator[str]:
    for node in ast.walk(root):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = here[: len(here) - node.level + 1] if node.level else ()
            start = ".".join([*inside, *([node.module] if node.module else [])])
            yield from ([start] if start else [])
            yield from (f"{start}.{alias.name}".lstrip(".") for alias in node.names)


def _resolve(base: Path, name: str) -> Path | None:
    """Return the file of a module below `base`; ours is known otherwise."""
    place = base.joinpath(*name.split("."))
    found = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in found if path.is_file() and not path.is_relative_to(ROOT)), None)
