"""What the words of a command choose before anything is composed: plugins to import, and whether it is a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp import registry
from rnnexp.config import places
from rnnexp.config.grammar import is_glob, options_of, parsed
from rnnexp.config.overrides import choices
from rnnexp.config.source import primary, read_yaml
from rnnexp.errors import ConfigError


def asks_for_sweep(overrides: Iterable[str]) -> bool:
    """Say whether `hydra.mode=MULTIRUN` stands on the command line or in conf/config.yaml."""
    given = {key.lstrip("+"): value for key, _, value in (line.partition("=") for line in overrides)}
    modes = (given.get("hydra.mode"), OmegaConf.select(primary(), "hydra.mode"))
    return next((str(mode) for mode in modes if mode is not None), "RUN").endswith("MULTIRUN")


def load_plugins(overrides: Iterable[str]) -> None:
    """Import the modules named by `plugins` on the command line or in the project's own conf/config.yaml.

    An experiment may name those; PluginsNeeded tells of others. A module that imports Keras at its top gets the
    backend that the run will use.
    """
    given = {key.lstrip("+"): value for key, _, value in (line.partition("=") for line in overrides)}
    files = (places.find(f"experiment/{name}") for name in _named("experiment", given))
    experiments, project = {str(file): read_yaml(file) for file in files if file}, primary()
    allowed = [*_named("plugins", given), *_modules("conf/config.yaml", project)]
    backends = (given.get("backend"), *(_written(page, "backend") for page in (*experiments.values(), project)))
    backend = next((name for name in backends if name and isinstance(name, str)), None)  # others are told later
    registry.load_plugins(list(dict.fromkeys(allowed)), backend)
    registry.refuse_others([name for file, page in experiments.items() for name in _modules(file, page)])


def list_project_plugins() -> list[str]:
    """Return the modules that the project's own conf/config.yaml names: its user has chosen that they may run."""
    return _modules("conf/config.yaml", primary())


def _modules(file: str, page: DictConfig) -> list[str]:
    """Return the modules that a file names under `plugins`."""
    written = _written(page, "plugins")
    names = [written] if isinstance(written, str) else [] if written is None else written
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ConfigError(
            f"plugins: {written!r} given by {file}; must be a list of module names: `plugins: [my_models]`"
        )
    return names


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
    named = (value if isinstance(value, list) else [value] for value in choices(override) if value is not None)
    return [str(name) for names in named for name in names]
