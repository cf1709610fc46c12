"""Settings that have been given another name: what is typed is answered with it, what was stored is read under it.

A field says what it was called: `json_schema_extra={FORMERLY: "units"}`. Hashes go on knowing it by that name, so that
no configuration becomes another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from pydantic.fields import FieldInfo

from rnnexp import registry
from rnnexp.config.settings import FIXED, FORMERLY
from rnnexp.errors import ConfigError

PARTS = ("data", "model", "trainer")  # of an experiment, which have such fields

T = TypeVar("T")


def first_name(name: str, field: FieldInfo) -> str:
    """Return what a field was called when it came."""
    extra = field.json_schema_extra
    return str(extra.get(FORMERLY, name)) if isinstance(extra, Mapping) else name


def under_first_names(cls: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a settings class under the names that its fields came with."""
    first = {name: first_name(name, field) for name, field in _fields(cls).items()}
    return {first.get(name, name): value for name, value in values.items()}


def first_keys(keys: Iterable[str]) -> list[str]:
    """Return dotted keys as they were called when they came."""
    first = {new: old for old, new in _former_keys().items()}
    return [first.get(key, key) for key in keys]


def new_key(key: str, component: object = None) -> str:
    """Return what a dotted key is called now; as it is, if it has kept its name.

    component: the name of the one that it belongs to; without it, one of the user's own may have such a key
    """
    new = _former_keys().get(key, key)
    part, _, field = key.partition(".")
    return new if new == key or not any(field in _fields(cls) for cls in _owners(part, component)) else key


def answer(key: str) -> str:
    """Say what a key that was typed is called now; nothing if it has kept its name."""
    new = new_key(key)
    return f"is called {new} now" if new != key else ""


def current_keys(values: Mapping[str, T]) -> dict[str, T]:
    """Return what was stored under dotted keys under those of today."""
    if not values.keys() & _former_keys().keys():  # nearly always, and there may be thousands of runs
        return dict(values)
    return {new_key(key, values.get(f"{key.partition('.')[0]}.name")): value for key, value in values.items()}


def current_values(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored configuration, plain nested values, under the keys of today."""
    return {part: current_part(part, values) if part in PARTS else values for part, values in experiment.items()}


def current_part(part: str, values: Any) -> Any:
    """Return the stored settings of one component under the names of today."""
    if not isinstance(values, Mapping):
        return values
    keys = {name: new_key(f"{part}.{name}", values.get("name")) for name in values}
    return {keys[name].removeprefix(f"{part}."): value for name, value in values.items()}


def overridden(cls: Any) -> Iterator[str]:
    """Yield the mistakes of a user's component that overrides a field by its old name, which nobody reads.

    A field of another type is the component's own.
    """
    for name, field in _fields(cls).items():
        old = _fields(cls).get(first_name(name, field), field)
        if old is not field and _types(old) & _types(field):
            yield f"{name}: the component still calls it `{first_name(name, field)}`; rename its field"


def _types(field: FieldInfo) -> set[Any]:
    return {*getattr(field.annotation, "__args__", (field.annotation,))} - {type(None)}


def _fields(cls: Any) -> Mapping[str, FieldInfo]:
    return getattr(cls, "__pydantic_fields__", {})


@cache
def _former_keys() -> Mapping[str, str]:
    """Return all keys that were called otherwise, by what they were called."""
    fields = [(part, name, field) for part in PARTS for cls in _classes(part) for name, field in _fields(cls).items()]
    keys = {f"{part}.{first_name(name, field)}": f"{part}.{name}" for part, name, field in fields}
    return {old: new for old, new in keys.items() if old != new}


def _classes(part: str) -> Iterable[type]:
    return [FIXED[part]] if part in FIXED else [registry.lookup(part, name) for name in registry.names(part)]


def _owners(part: str, component: object) -> Iterable[type]:
    if part in FIXED:
        return [FIXED[part]]
    if isinstance(component, str):
        with suppress(ConfigError):
            return [registry.lookup(part, component)]
    return registry.registered(part)
