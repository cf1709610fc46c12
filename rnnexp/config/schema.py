"""JSON Schemas for editors: one for an experiment, one for each group of `conf`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from rnnexp import registry
from rnnexp.config.settings import FIXED, INCIDENTAL, SINCE, UNDIGESTED, Experiment
from rnnexp.config.source import COMPONENT_GROUPS, options

DIALECT = "https://json-schema.org/draft/2020-12/schema"
GROUPS = (*COMPONENT_GROUPS, *FIXED, "callbacks")


def group_schema(group: str) -> dict[str, Any]:
    """Describe one file of a group, such as `conf/model/lstm.yaml`."""
    body = _callbacks() if group == "callbacks" else _group(group)
    return _hoisted({"$schema": DIALECT, "title": f"rnnexp {group}", **body})


def experiment_schema() -> dict[str, Any]:
    """Describe `conf/config.yaml` and the files of `experiments`, in which any part may be left out."""
    top = {name: field for name, field in _properties(Experiment).items() if name not in GROUPS}
    own = _described(Experiment).get("$defs", {})
    needed = {name: one for name, one in own.items() if f'#/$defs/{name}"' in json.dumps(top, default=str)}
    parts = {group: _callbacks() if group == "callbacks" else _group(group) for group in GROUPS}
    properties = {"defaults": _defaults(), "hydra": {"type": "object"}, **top, **parts}
    body = {"type": "object", "properties": properties, "additionalProperties": False, "$defs": needed}
    return _hoisted({"$schema": DIALECT, "title": "rnnexp experiment", **body})


def _group(group: str) -> dict[str, Any]:
    """One object with the keys of every component of the group: the name decides, but an editor sees all."""
    if group in FIXED:
        return {"type": "object", "properties": _properties(FIXED[group]), "additionalProperties": False}
    variants: dict[str, list[Any]] = {}
    definitions: dict[str, Any] = {}
    for name in registry.names(group):
        schema = _described(registry.lookup(group, name))
        definitions |= schema.get("$defs", {})
        for key, field in _unmarked(schema["properties"]).items():
            variants.setdefault(key, [])
            if field not in variants[key]:
                variants[key].append(field)
    properties = {key: _merged(fields) for key, fields in variants.items()}
    properties["name"] = {"enum": registry.names(group)}
    return {"type": "object", "properties": properties, "additionalProperties": False, "$defs": definitions}


def _merged(fields: list[Any]) -> Any:
    if len(fields) == 1:
        return fields[0]
    bare = [{k: v for k, v in field.items() if k not in ("default", "title")} for field in fields]
    distinct = [field for index, field in enumerate(bare) if field not in bare[:index]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _callbacks() -> dict[str, Any]:
    own = {"type": ["object", "null"], "description": "a callback of your own, by its registered name"}
    known = {}
    for name in registry.names("callback"):
        schema = _described(registry.lookup("callback", name))
        known[name] = {"anyOf": [schema, {"type": "null"}]}
    return {"type": "object", "properties": known, "additionalProperties": own}


def _defaults() -> dict[str, Any]:
    choices = {f"override /{group}": {"enum": [*sorted(options(group)), None]} for group in GROUPS}
    entry = {"type": "object", "properties": choices}
    return {"type": "array", "items": {"anyOf": [{"type": "string"}, entry]}}


def _properties(cls: Any) -> dict[str, Any]:
    return _unmarked(_described(cls)["properties"])


@cache
def _described(cls: Any) -> dict[str, Any]:
    """Describe a class as Pydantic does, once: there are a hundred, and `init` writes them beside each experiment."""
    return TypeAdapter(cls).json_schema()


def _unmarked(properties: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is of interest to hashes alone."""
    marks = (SINCE, INCIDENTAL, UNDIGESTED)
    return {name: {k: v for k, v in field.items() if k not in marks} for name, field in properties.items()}


def _hoisted(schema: dict[str, Any]) -> dict[str, Any]:
    """Move nested `$defs` to the root, where `#/$defs/…` looks for them."""
    definitions: dict[str, Any] = {}

    def lift(node: Any) -> Any:
        if isinstance(node, dict):
            found = node.get("$defs")
            if isinstance(found, dict):
                definitions.update({name: lift(body) for name, body in found.items()})
            return {key: lift(value) for key, value in node.items() if key != "$defs"}
        return [lift(item) for item in node] if isinstance(node, list) else node

    lifted = lift(schema)
    return {**lifted, "$defs": definitions} if definitions else lifted
