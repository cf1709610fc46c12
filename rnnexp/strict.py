"""Files that a stranger may have written: read in memory that their size bounds, or refused in a sentence.

A file is a regular one in its folder, no larger than such files are. JSON and YAML hold each key once, nest a few
levels, and have nothing that grows while it is read: no aliases, no tags, no infinite numbers.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from rnnexp.errors import ConfigError

MAX_DEPTH = 32
MAX_JSON = 128 * 2**20  # bytes: the vocabulary, or a scaler for each of many series
MAX_YAML = 2**20
LONGEST = 160  # characters of what is wrong that a message shows


def open_file(folder: Path, name: str) -> BinaryIO:
    """Open a regular file of a folder; ConfigError for anything else: reading a device or a pipe may never end."""
    path = folder / name
    try:
        if not path.resolve(strict=True).is_relative_to(folder.resolve()):
            raise _unreadable(path, "it is a link that leads out of its folder; put the file itself there")
        _require_regular(path, path.stat().st_mode)
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            _require_regular(path, os.fstat(file).st_mode)
        except ConfigError:
            os.close(file)
            raise
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a name with a NUL
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from None
    return os.fdopen(file, "rb")


def read_text(folder: Path, name: str, largest: int) -> str:
    """Read a file of UTF-8 text of at most `largest` bytes."""
    with open_file(folder, name) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise _unreadable(folder / name, f"it has more than {largest:,} bytes, which no such file needs")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(folder / name, f"byte {error.start + 1} is not UTF-8 text") from None


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object."""
    path, text = folder / name, read_text(folder, name, MAX_JSON)
    try:
        values = json.loads(text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise _unreadable(path, _TOO_DEEP) from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None
    return _require_mapping(path, "a JSON object", values)


def read_yaml(folder: Path, name: str) -> dict[str, Any]:
    """Read a YAML mapping."""
    return parse_yaml(read_text(folder, name, MAX_YAML), folder / name)


def parse_yaml(text: str, where: Path | str) -> dict[str, Any]:
    """Read a YAML mapping from its text; `where` is what a message calls it."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _require_flat(yaml, yaml.parse(text, Loader=loader))
        reader = loader(text)
        try:
            root = reader.get_single_node()
            _require_single_keys(yaml, root)
            values = None if root is None else reader.construct_document(root)
        finally:
            reader.dispose()
    except RecursionError:
        raise _unreadable(where, _TOO_DEEP) from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:  # of a date, a number, a key that is a list
        raise _unreadable(where, " ".join(str(error).split())) from None
    return _require_mapping(where, "a YAML mapping", values)


def checked(kind: Any, values: Any, where: Path | str) -> Any:
    """Return `values`, plain JSON, as a dataclass or another type `kind`; ConfigError names what is of another type."""
    from pydantic import ValidationError

    try:
        return _make_adapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        wrong = ", ".join(f"{'.'.join(map(str, item['loc'])) or 'all'}: {item['msg']}" for item in error.errors()[:3])
        raise ConfigError(f"{where}: is damaged: {shorten(wrong)}") from None


@lru_cache(maxsize=32)
def _make_adapter(kind: Any) -> Any:
    """Return what checks values of a type: made once, as each member of a group asks for the same."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def shorten(text: object) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(str(text)[: 4 * LONGEST].split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def _unreadable(path: Path | str, why: str) -> ConfigError:
    return ConfigError(f"{path}: cannot be read: {shorten(why)}")


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        raise _unreadable(path, f"it is a {kinds.get(stat.S_IFMT(mode), 'device')}, not a file")


def _require_mapping(path: Path | str, what: str, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold {what}, not {type(values).__name__}")
    if not all(isinstance(key, str) for key in values):
        raise _unreadable(path, "a key is not a text")
    level: list[Any] = [values]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise _unreadable(path, _TOO_DEEP)
    return values


def _inside(value: Any) -> Iterable[Any]:
    """Return what is nested in a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key `{shorten(twice)}` is there twice")
    return values


def _finite(text: str) -> float:
    if not abs(value := float(text)) < float("inf"):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


def _require_flat(yaml: Any, events: Iterable[Any]) -> None:
    """Refuse aliases, which may stand for billions of words, and deep nesting; the events come one by one."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"it has an alias (*{event.anchor}); write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(_TOO_DEEP)


def _require_single_keys(yaml: Any, root: Any) -> None:
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) < len(keys):
                twice = next(key for key in keys if keys.count(key) > 1)
                raise ValueError(f"the key `{shorten(twice)}` is there twice")
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
