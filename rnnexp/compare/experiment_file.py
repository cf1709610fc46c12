"""A finished run's whole configuration as a short experiment file: only what differs from the defaults."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rnnexp import registry
from rnnexp.compare.difference import same
from rnnexp.config import places
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import parse, plain_values
from rnnexp.config.text import leaves
from rnnexp.errors import ConfigError

COMPONENTS = ("data", "model", "optimizer", "schedule", "loss")
ALWAYS = ("data", "model")  # are said even where they are the default
SCHEMA = "# yaml-language-server: $schema=schema.json"
_LEFT_OUT = ("name", "tracking")  # the file gives the name, and where runs go is the machine's affair
_UNSET = "-"
_PLAIN = re.compile(r"[^\W\d][\w./-]*")
_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"}


def experiment_file(config: Mapping[str, Any], comments: Sequence[str], swept: Sequence[str] = ()) -> str:
    """Write an experiment that composes to `config`, a whole configuration as plain values, under `comments`.

    What is at the keys `swept` is written even where it is the default: it was chosen, and a default may change.
    Raises ConfigError if it needs a plugin that may not be imported, or cannot be said as an experiment.
    """
    load_plugins(config)
    target = _listed(plain_values(parse(config)))
    choices = {group: _option(group, target) for group in (*COMPONENTS, "trainer", "callbacks")}
    base = _composed(choices, target)
    written = {"seed": target["seed"], **_difference(target, base, _LEFT_OUT)}
    if experiment := target["tracking"].get("experiment"):
        written["tracking"] = {"experiment": experiment}
    if missing := [name for name in target["callbacks"] if name not in base["callbacks"]]:
        written.setdefault("callbacks", {}).update({name: written["callbacks"].get(name, {}) for name in missing})
    for key in swept:
        _choose(key.split("."), target, written)
    _check(_merged(base, written), target)
    usual = _defaults()
    kept = {
        group: option for group, option in choices.items() if group in (*swept, *ALWAYS) or option != usual.get(group)
    }
    return "\n".join(_lines(comments, kept, written)) + "\n"


def _choose(path: Sequence[str], target: Mapping[str, Any], written: dict[str, Any]) -> None:
    """Write what `target` has at a path; choices of groups are written elsewhere, and some models lack some keys."""
    name, *inner = path
    value = target.get(name)
    if name in _LEFT_OUT or name not in target or (not inner and name in (*COMPONENTS, "trainer", "callbacks")):
        return
    for key in inner:
        if not isinstance(value, Mapping) or key not in value:
            return
        value = value[key]
    for key in path[:-1]:
        written = written.setdefault(key, {})
    written[path[-1]] = value


def load_plugins(config: Mapping[str, Any]) -> None:
    """Import a run's own plugins as far as this project or RNNEXP_PLUGINS names them: a run may not choose code."""
    from rnnexp.config.source import primary
    from rnnexp.tracking.pyfunc import PLUGINS

    project = list(primary().get("plugins") or [])
    allowed = {*project, *(name.strip() for name in os.environ.get(PLUGINS, "").split(","))}
    needed = [str(name) for name in config.get("plugins") or []]
    if refused := [name for name in needed if name not in allowed and name not in sys.modules]:
        names = ",".join(needed)
        raise ConfigError(f"plugins: the run has used {', '.join(refused)}; allow the import with {PLUGINS}={names}")
    registry.load_plugins(needed, config.get("backend"))


def _option(group: str, target: Mapping[str, Any]) -> str | None:
    """Choose the option of a group from which the fewest values differ; None for no loss."""
    from rnnexp.config.source import options

    value = target[group]
    if value is None:
        return None
    found = [option for option in sorted(options(group)) if _could_be(group, option, value)]
    if not found:
        raise ConfigError(f"{group}: no option here gives `{value.get('name', value)}`; is a plugin or ./conf missing?")
    if len(found) == 1:
        return found[0]
    usual = _defaults().get(group)
    return min(found, key=lambda option: (_distance(group, option, target), option != usual, option))


def _could_be(group: str, option: str, value: Mapping[str, Any]) -> bool:
    from rnnexp.config.yaml_file import read_yaml

    file = places.find(f"{group}/{option}")
    written = read_yaml(file) if file else {}
    if group == "callbacks":
        return all(name in value for name in written)
    return group == "trainer" or value["name"] == written.get("name", option)


def _distance(group: str, option: str, target: Mapping[str, Any]) -> float:
    """Count the values to be written over an option; one that does not compose by itself is the last choice."""
    try:
        base = _composed({group: option}, target)
    except ConfigError:
        return math.inf
    return sum(value != {} for _, value in leaves(_difference(target[group], base[group])))


def _composed(choices: Mapping[str, str | None], target: Mapping[str, Any]) -> dict[str, Any]:
    """Compose what the choices alone give with the run's seed; what has no default is taken from the run."""
    from rnnexp.config.compose import compose_mapping

    groups = [f"{group}={option}" for group, option in choices.items() if option is not None]
    needed = [f"++{key}={_UNSET}" for group in choices for key in _required(group, target)]
    base = compose_mapping([*groups, f"seed={target['seed']}", *needed])
    return {**base, "callbacks": _with_defaults(base["callbacks"] or {})}


def _required(group: str, target: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a component that have no default: composing would stop at them."""
    if group in COMPONENTS and target[group] is not None:
        cls: Any = registry.lookup(group, target[group]["name"])
        yield from (f"{group}.{name}" for name, field in cls.__pydantic_fields__.items() if field.is_required())


def _with_defaults(callbacks: Mapping[str, Any]) -> dict[str, Any]:
    """Lay each callback's defaults under what is written: Hydra does so for the other components only."""
    from rnnexp.config.source import default_values

    return {
        name: {**default_values(registry.lookup("callback", (values or {}).get("name", name))), **(values or {})}
        for name, values in callbacks.items()
    }


def _defaults() -> dict[str, Any]:
    """Return what the project's own `config.yaml` chooses of each group."""
    from rnnexp.config.source import primary

    entries = primary().get("defaults", [])
    return {str(key): value for entry in entries if not isinstance(entry, str) for key, value in entry.items()}


def _difference(target: Mapping[str, Any], base: Mapping[str, Any], left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return what must be written over `base` to get `target`."""
    found: dict[str, Any] = {}
    for key, value in target.items():
        other = base.get(key)
        if key in left_out or same(value, other):
            continue
        inner = isinstance(value, Mapping) and isinstance(other, Mapping)
        found[key] = _difference(value, other) if inner else value  # type: ignore[arg-type]
    return found


def _merged(base: Any, written: Any) -> Any:
    """Do as OmegaConf does: mappings are merged, everything else is replaced."""
    if not (isinstance(base, Mapping) and isinstance(written, Mapping)):
        return written
    return {**base, **{key: _merged(base.get(key), value) for key, value in written.items()}}


def _check(values: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    if config_hash(parse(values)) != config_hash(parse(target)):
        raise ConfigError(
            "the configuration cannot be written as an experiment file; take the run's config/config.yaml"
        )


def _listed(value: Any) -> Any:
    """Turn tuples into lists, which is what YAML gives back."""
    if isinstance(value, Mapping):
        return {key: _listed(inner) for key, inner in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _lines(comments: Sequence[str], choices: Mapping[str, str | None], written: Mapping[str, Any]) -> Iterator[str]:
    if os.path.exists("experiments/schema.json"):  # `rnnexp init` puts it there; editors complain of one that is not
        yield SCHEMA
    yield from (f"# {' '.join(text.split())}" for text in comments)
    yield "# @package _global_"
    yield "defaults:"
    for group, option in choices.items():
        yield f"  - override /{group}: {'null' if option is None else option}"
    yield ""
    for key, value in written.items():
        if not isinstance(value, Mapping) or not value:
            yield f"{key}: {_flow(value)}"
            continue
        yield f"{key}:"
        yield from (f"  {name}: {_flow(inner)}" for name, inner in value.items())


def _flow(value: Any) -> str:
    """Write a value on one line so that Hydra's YAML reads it back the same."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(str(key))}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value.replace("${", "\\${") if isinstance(value, str) else value, ensure_ascii=False)
