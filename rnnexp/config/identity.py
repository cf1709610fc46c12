"""By what a configuration is known: its values that are no defaults, and a number for the arithmetic of each part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from pydantic.fields import FieldInfo

from rnnexp.config.renamed import first_name
from rnnexp.config.settings import INCIDENTAL, SINCE, Experiment
from rnnexp.registry import revision

# What does not change the numbers a run produces.
_NOT_IDENTITY = ("name", "tracking", "plugins", "resume")

Keep = Callable[[str, FieldInfo, Any], bool]


def config_hash(experiment: Experiment) -> str:
    """Return 12 hexadecimal digits that identify what is computed, whatever it is called or where it is logged.

    A setting that is added with a default, or renamed, changes no hash. A default that is changed does, because its
    component's revision is raised with it, and so does a revision that is raised for its arithmetic.
    """
    revisions = {key: revision(type(part)) for key, part in _parts("", experiment)}
    return _digest({**_values(experiment, _is_chosen), "revisions": revisions})


def legacy_hash(experiment: Experiment) -> str | None:
    """Return the hash over all values, by which older sweeps know their jobs; None if the arithmetic has changed."""
    if any(revision(type(part)) > 1 for _, part in _parts("", experiment)):
        return None
    return _digest(_values(experiment, _is_old))


def _digest(values: Mapping[str, Any]) -> str:
    identity = {key: value for key, value in values.items() if key not in _NOT_IDENTITY}
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _parts(key: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the settings objects of an experiment, itself included, by their dotted keys."""
    if isinstance(part, Mapping):
        inner = dict(part)
    elif _fields(part):
        yield key, part
        inner = {name: getattr(part, name) for name in _fields(part) if name not in _NOT_IDENTITY}
    else:
        return
    for name, value in inner.items():
        yield from _parts(f"{key}.{name}".lstrip("."), value)


def _values(part: Any, keep: Keep) -> Any:
    """Return an object's values as plain ones, of settings those that are to be kept."""
    if isinstance(part, Mapping):
        return {str(key): _values(value, keep) for key, value in part.items()}
    if not _fields(part):
        return asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
    fields = _fields(part).items()
    held = ((name, field, getattr(part, name)) for name, field in fields if not _is_marked(field, INCIDENTAL))
    return {first_name(name, field): _values(value, keep) for name, field, value in held if keep(name, field, value)}


def _fields(part: Any) -> Mapping[str, FieldInfo]:
    return getattr(type(part), "__pydantic_fields__", {})


def _is_chosen(name: str, field: FieldInfo, value: Any) -> bool:
    # Called by hand: `get_default` inspects the factory's signature each time, half of what a hash costs.
    usual = field.default_factory() if field.default_factory else field.default  # type: ignore[call-arg]
    # Of a name: which component it is, always a choice.
    return name == "name" or field.is_required() or bool(value != usual)


def _is_old(name: str, field: FieldInfo, value: Any) -> bool:
    return not _is_marked(field, SINCE)


def _is_marked(field: FieldInfo, mark: str) -> bool:
    return isinstance(field.json_schema_extra, Mapping) and mark in field.json_schema_extra
