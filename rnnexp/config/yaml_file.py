"""Reading one configuration file: what is wrong with it is a ConfigError that names it; memory stays bounded."""

from __future__ import annotations

import os
import pickle
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import KeyValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rnnexp.errors import ConfigError

LARGEST = 500_000  # bytes of a file
MOST_VALUES = 20_000  # of a file once its aliases are written out
# What YAML 1.1 takes for a number in base 8, or in base 60, which hardly anybody means: 010 is 8, and 1:30 is 90.
_BASES = re.compile(r"[-+]?(0[0-7_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)")
_ANY_BASE = re.compile(rf"(?<![\w.:+-]){_BASES.pattern}(?![\w.:])")


def read_yaml(file: Path) -> DictConfig:
    """Read a YAML file without composing it; ConfigError names file and line of what is not YAML."""
    try:
        config = pickle.loads(_parsed(*identify_state(file)))
    except ConfigError:
        raise
    except Exception as error:  # YAML's and OmegaConf's own, and whatever their constructors of values let through
        raise ConfigError(f"{file}: {_explained(error)}") from None
    if not isinstance(config, DictConfig):
        raise ConfigError(f"{file}: must hold `key: value` pairs, not {type(config).__name__}")
    return config


def identify_state(file: Path) -> tuple[Path, int, int]:
    """Return a file, and when it was changed last and its size: it is read again where they are others."""
    known = file.stat()
    return file, known.st_mtime_ns, known.st_size


def _explained(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        where = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        return f"not UTF-8 text ({where}); save the file as UTF-8"
    if isinstance(error, RecursionError):
        return "not valid YAML: nested too deeply, or an alias holds itself"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    if isinstance(error, KeyValidationError):
        return "a key is empty, null or a list; write a name, in quotes if YAML takes it for something else"
    told = isinstance(error, yaml.YAMLError) or "." in type(error).__module__
    return f"not valid YAML: {error if told else f'a value does not fit its tag ({error})'}"


@lru_cache(maxsize=1024)
def _parsed(file: Path, changed: int, size: int) -> bytes:
    """Read each state of a file once: one composition asks three times, and `check` composes many.

    To unpickle it takes a fifth of a deep copy.
    """
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise ConfigError(f"{file}: is not a regular file")
    if size > LARGEST:
        raise ConfigError(f"{file}: has {size:,} bytes; a configuration file has at most {LARGEST:,}")
    text = file.read_text(encoding="utf-8")
    if "&" in text and "*" in text:
        _refuse_bomb(file, text)
    if _ANY_BASE.search(text):
        _refuse_bases(file, yaml.compose(text, Loader=yaml.SafeLoader))
    return pickle.dumps(OmegaConf.load(file))


def _refuse_bomb(file: Path, text: str) -> None:
    """Count the values of a file before its aliases are written out: ten lines can stand for a billion."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None and _size(root, {}) > MOST_VALUES:
        raise ConfigError(f"{file}: holds over {MOST_VALUES:,} values once its aliases are written out")


def _refuse_bases(file: Path, root: Node | None) -> None:
    """Refuse numbers that are others to YAML than to the person who has written them."""
    problems = [
        f"{file}:{node.start_mark.line + 1}: {node.value} is {yaml.safe_load(node.value)} to YAML, which reads "
        f"{'times' if ':' in node.value else 'numbers that begin with 0'} in another base; write the number that is "
        "meant, or put a text in quotes"
        for node in _scalars(root, set())
        if node.tag == "tag:yaml.org,2002:int" and _BASES.fullmatch(node.value)
    ]
    if problems:
        raise ConfigError(*problems)


def _scalars(node: Node | None, seen: set[int]) -> Iterator[ScalarNode]:
    """Yield the single values of a file, each once, whatever aliases lead to it."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, MappingNode | SequenceNode):
        for item in node.value:
            for inner in item if isinstance(item, tuple) else (item,):
                yield from _scalars(inner, seen)


def _size(node: Node, known: dict[int, int]) -> int:
    if id(node) not in known:
        children: list[Node] = []
        if isinstance(node, MappingNode):
            children = [inner for pair in node.value for inner in pair]
        elif isinstance(node, SequenceNode):
            children = node.value
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]
