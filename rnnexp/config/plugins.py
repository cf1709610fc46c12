"""What the words of a command choose before anything is composed: plugins to import, and whether it is a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp import registry
from rnnexp.config import places
from rnnexp.config.grammar import is_glob, options_of
from rnnexp.config.overrides import parsed
from rnnexp.config.source import primary, read_yaml
from rnnexp.errors import ConfigError


def asks_for_sweep(overrides: Iterable[str]) -> bool:
    """Say whether `hydra.mode=MULTIRUN` stands on the command line, in the experiment or in conf/config.yaml."""
    given = {key.lstrip("+"): value for key, _, value in (line.partition("=") for line in overrides)}
    modes = [given.get("hydra.mode")]
    for path in (*(f"experiment/{name}" for name in _named("experiment", given)), "config"):
        file = places.find(path)
        modes.append(OmegaConf.select(read_yaml(file), "hydra.mode") if file else None)
    return next((str(mode) for mode in modes if mode is not None), "RUN").endswith("MULTIRUN")


def load_plugins(overrides: Iterable[str]) -> None:
    """Import the modules named by `plugins` on the command line or in the project's own conf/config.yaml.

    An experiment may name those; PluginsNeeded tells of others. A module that imports Keras at its top gets the
    backend that the run will use.
    """
    given = {key.lstrip("+"): value for key, _, value in (line.partition("=") for line in overrides)}
    files = (places.find(f"experiment/{name}") for name in _named("experiment", given))
    experiments, project = [read_yaml(file) for file in files if file], primary()
    allowed = [*_named("plugins", given), *registry.modules(_written(project, "plugins"))]
    backends = (given.get("backend"), *(_written(page, "backend") for page in (*experiments, project)))
    registry.load_plugins(list(dict.fromkeys(allowed)), next(filter(None, backends), None))
    registry.refuse_others([name for page in experiments for name in registry.modules(_written(page, "plugins"))])


def _written(page: DictConfig, key: str) -> Any:
    """Return a value of a file; None where it stands for what only a composition knows."""
    try:
        value = page.get(key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException:
        return None


def _named(key: str, given: Mapping[str, str]) -> list[str]:
    """Return what an override chooses of experiments or plugins, in a sweep all of it."""
    try:
        override = parsed(f"{key}={given[key]}") if given.get(key) else None
    except ConfigError:  # is reported at the border
        return []
    if override is None:
        return []
    try:
        if is_glob(override):
            return list(options_of(override, places.listed(key)))
    except ConfigError:  # is reported at the border, too
        return []
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    return [str(name) for value in values for name in (value if isinstance(value, list) else [value])]
