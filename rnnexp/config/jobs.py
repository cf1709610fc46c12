"""The jobs of a sweep, composed in milliseconds: Hydra works once per choice of groups, not once per job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config import compose
from rnnexp.config.hydra_errors import explain_hydra
from rnnexp.config.hydra_node import hydra_node
from rnnexp.config.overrides import Border, inspect_overrides, parsed
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError


class Composer:
    """Composes many jobs that differ in a few overrides; equal to Hydra's own composition of each.

    To be used within `compose.hydra_state()`, or where Hydra has been set up.
    """

    def __init__(self, config_dir: str | None = None, hydra: Sequence[str] = (), typed: Sequence[str] = ()) -> None:
        """Compose with a further folder of choices, and with overrides of Hydra's own settings.

        `typed` is the command line as it was before the border.
        """
        self.config_dir, self.hydra, self.typed = config_dir, tuple(hydra), tuple(typed)
        self.nodes: dict[tuple[str, ...], dict[str, Any]] = {}  # what choices of groups say under `hydra`
        self._borders: dict[tuple[str, ...], Border] = {}
        self._loaded: dict[tuple[str, ...], tuple[DictConfig, str | None]] = {}
        self._bases: dict[tuple[str, ...], tuple[DictConfig, str | None]] = {}

    def mapping(self, overrides: Sequence[str], fixed: Sequence[str] = ()) -> dict[str, Any]:
        """Return plain, resolved values; raises ConfigError with the mistakes of the overrides.

        `fixed` are overrides that come first and hold for many jobs: they are applied once.
        """
        with self._composed(overrides, fixed) as composed:
            return compose.plain(*composed)

    def experiment(self, overrides: Sequence[str], fixed: Sequence[str] = ()) -> tuple[dict[str, Any], Experiment]:
        """Return the experiment, too, checked."""
        with self._composed(overrides, fixed) as composed:
            return compose.read(*composed)

    def node(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Return what the choices among overrides say under `hydra`."""
        chosen = tuple(self._border(tuple(overrides)).groups)
        self._choose(chosen)
        return self.nodes[chosen]

    @contextmanager
    def _composed(self, overrides: Sequence[str], fixed: Sequence[str]) -> Iterator[tuple[DictConfig, str | None]]:
        shared, own = self._border(tuple(fixed)), inspect_overrides(overrides, config_dir=self.config_dir)
        if shared.problems or own.problems:
            raise ConfigError(*shared.problems, *own.problems)
        base, experiment = self._base(shared, own.groups)
        with _put_back(base, own.values):
            _apply(own.values, base)
            yield base, experiment

    def _border(self, fixed: tuple[str, ...]) -> Border:
        if fixed not in self._borders:
            self._borders[fixed] = inspect_overrides(fixed, config_dir=self.config_dir)
        return self._borders[fixed]

    def _base(self, shared: Border, groups: Sequence[str]) -> tuple[DictConfig, str | None]:
        key = (*shared.lines, "and", *groups)
        if key not in self._bases:
            config, experiment = self._choose((*shared.groups, *groups))
            config = deepcopy(config)
            _apply(shared.values, config)
            self._bases[key] = (config, experiment)
        return self._bases[key]

    def _choose(self, groups: tuple[str, ...]) -> tuple[DictConfig, str | None]:
        if groups not in self._loaded:
            config = compose.loaded([*self.hydra, *groups], self.config_dir)
            self.nodes[groups] = hydra_node(config)
            self._loaded[groups] = compose.without_hydra(config)
        return self._loaded[groups]


def _apply(lines: Sequence[str], config: DictConfig) -> None:
    try:
        compose.apply_overrides([parsed(line) for line in lines], config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain_hydra(error)) from None


@contextmanager
def _put_back(config: DictConfig, lines: Sequence[str]) -> Iterator[None]:
    """Undo afterwards what overrides change: a hundredth of the cost of working on a copy."""
    kept: dict[int, tuple[Any, dict[Any, Any]]] = {}
    for line in lines:
        parent, key = _place(config, parsed(line).key_or_group.split("."))
        _, content = kept.setdefault(id(parent), (parent, dict(parent._content)))
        if key in content:
            content[key] = deepcopy(content[key])
    try:
        yield
    finally:
        for parent, content in kept.values():
            parent.__dict__["_content"] = content  # past OmegaConf, which would make a key of it
            for node in content.values():
                node._set_parent(parent)


def _place(config: DictConfig, keys: Sequence[str]) -> tuple[Any, str]:
    """Return the innermost mapping on the way to a key, and the name in it that will change."""
    node: Any = config
    for key in keys[:-1]:
        inner = node._content.get(key)
        if not isinstance(inner, DictConfig) or not isinstance(inner._content, dict):
            return node, key
        node = inner
    return node, keys[-1]
