"""What a key means: type, range, default and one sentence, read from the settings classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from rnnexp import registry
from rnnexp.config import renamed
from rnnexp.config.settings import FIXED, Experiment
from rnnexp.config.source import COMPONENT_GROUPS
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.synonyms import suggest_key

GROUPS = (*FIXED, *COMPONENT_GROUPS, "callbacks")
CHOICES = (*COMPONENT_GROUPS, "callbacks")


@dataclass(frozen=True)
class Explanation:
    """One key: `choices` names the components that have it with this meaning.

    required: it has no default
    """

    key: str
    type: str
    default: Any
    description: str
    choices: tuple[str, ...] = ()
    required: bool = False


class _WithMadeDefaults(GenerateJsonSchema):
    """Has the defaults that a factory makes, too, such as empty lists."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        made: Any = schema if "default" in schema else {**schema, "default": schema["default_factory"]()}
        return super().default_schema(made)


def explain(key: str, others: Iterable[Explanation] = ()) -> list[Explanation]:
    """Explain `model.units`, `seed`, a group such as `model`, or `model=lstm`; a misspelled key is a ConfigError.

    others: what is known of keys that are not an experiment's
    """
    group, equals, choice = key.partition("=")
    if equals:
        return _explain_choice(group, choice)
    more = list(merge(others))
    known = [*every_key(key.partition(".")[0]), *more]
    found = [item for item in known if item.key == key or item.key.startswith(f"{key}.")]
    if not found:
        if told := renamed.answer(key):
            raise ConfigError(f"{key}: {told}")
        hint = suggest_key(key) or did_you_mean(key, (item.key for item in [*every_key(), *more]))
        raise ConfigError(f"{key}: unknown key{hint}")
    return found


def _explain_choice(group: str, choice: str) -> list[Explanation]:
    """Explain the keys of one choice of a group."""
    if group not in CHOICES:
        raise ConfigError(f"{group}={choice}: only {', '.join(CHOICES)} are chosen so; give a key")
    kind, prefix = ("callback", f"callbacks.{choice}") if group == "callbacks" else (group, group)
    known = registry.names(kind)
    if choice not in known:
        hint = did_you_mean(choice, known)
        raise ConfigError(f"{group}={choice}: `{choice}` is not one of {', '.join(known)}{hint}")
    cls = registry.lookup(kind, choice)
    about = Explanation(f"{group}={choice}", "choice", None, " ".join((cls.__doc__ or "").split("\n\n")[0].split()))
    return [*of_settings(prefix, cls, choice)] or [about]


def every_key(within: str | None = None) -> Iterator[Explanation]:
    """Yield each key once, merged over the components that share its meaning; `within` names a group to stay in."""
    yield from merge(_every_key([group for group in GROUPS if within in (None, group)]))


def merge(items: Iterable[Explanation]) -> Iterator[Explanation]:
    """Yield keys that mean the same once, with all the components that have them."""
    merged: dict[tuple[object, ...], Explanation] = {}
    for item in items:
        identity = (item.key, item.type, repr(item.default), item.description, item.required)
        before = merged.get(identity)
        merged[identity] = replace(item, choices=(*before.choices, *item.choices)) if before else item
    yield from merged.values()


def _every_key(groups: list[str]) -> Iterator[Explanation]:
    yield from (item for item in of_settings("", Experiment) if item.key.partition(".")[0] not in GROUPS)
    for group in groups:
        yield from _of_group(group)


def _of_group(group: str) -> Iterator[Explanation]:
    if group in FIXED:
        yield from of_settings(group, FIXED[group])
    elif group == "callbacks":
        for name in registry.names("callback"):
            yield from of_settings(f"callbacks.{name}", registry.lookup("callback", name))
    else:
        for name in registry.names(group):
            yield from of_settings(group, registry.lookup(group, name), name)


def of_settings(prefix: str, cls: Any, choice: str | None = None) -> Iterator[Explanation]:
    """Explain what stands under `prefix` by the fields of a settings class, those of its parts too."""
    schema = TypeAdapter(cls).json_schema(schema_generator=_WithMadeDefaults)
    named = prefix and prefix not in FIXED  # the name of a component is its choice, and no key
    fields = {name: field for name, field in schema["properties"].items() if name != "name" or not named}
    yield from _of_fields(prefix, {**schema, "properties": fields}, schema, (choice,) if choice else ())


def _of_fields(
    prefix: str,
    own: Mapping[str, Any],
    schema: Mapping[str, Any],
    choices: tuple[str, ...],
    above: tuple[str, ...] = (),
) -> Iterator[Explanation]:
    for name, field in own.get("properties", {}).items():
        key = f"{prefix}.{name}" if prefix else name
        told = (describe(field, schema), field.get("default"), field.get("description", ""))
        yield Explanation(key, *told, choices, required=name in own.get("required", ()))
        for inner in _list_nested(field):
            if inner not in above:  # a class that holds itself is explained once
                yield from _of_fields(key, schema["$defs"][inner], schema, choices, (*above, inner))


def _list_nested(field: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings classes that a field holds, one or a list or table of them."""
    options = [field, *field.get("anyOf", []), *field.get("allOf", [])]
    options += [option[part] for option in [*options] for part in ("items", "additionalProperties") if option.get(part)]
    return [option["$ref"].rpartition("/")[2] for option in options if isinstance(option, dict) and "$ref" in option]


def describe(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Write a JSON Schema type as a person would: `integer, at least 1, or null`."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(describe(option, schema) for option in field["anyOf"]))
    if "$ref" in field:
        return "mapping"
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return " or ".join(str(value) for value in field["enum"])
    kind = {"object": "mapping"}.get(field.get("type", ""), str(field.get("type", "anything")))
    if kind == "array" and "items" in field:
        return f"list of ({describe(field['items'], schema)})"
    return ", ".join([kind, *_range(field)])


def _range(field: Mapping[str, Any]) -> list[str]:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
        "minItems": "items at least",
    }
    return [f"{text} {field[word]}" for word, text in words.items() if word in field]
