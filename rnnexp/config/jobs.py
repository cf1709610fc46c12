"""The jobs of a sweep, composed in milliseconds: Hydra works once per choice of groups, not once per job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config import compose
from rnnexp.config.overrides import Border, inspect_overrides, parsed
from rnnexp.errors import ConfigError


class Composer:
    """Composes many jobs that differ in a few overrides; equal to Hydra's own composition of each.

    To be used within `compose.hydra_state()`, or where Hydra has been set up.
    """

    def __init__(self, config_dir: str | None = None) -> None:
        self._config_dir = config_dir
        self._borders: dict[tuple[str, ...], Border] = {}
        self._bases: dict[tuple[str, ...], tuple[DictConfig, str | None]] = {}

    def mapping(self, overrides: Sequence[str], fixed: Sequence[str] = ()) -> dict[str, Any]:
        """Return plain, resolved values; raises ConfigError with the mistakes of the overrides.

        `fixed` are overrides that come first and hold for many jobs: they are applied once.
        """
        shared, own = self._border(tuple(fixed)), inspect_overrides(overrides, config_dir=self._config_dir)
        if shared.problems or own.problems:
            raise ConfigError(*shared.problems, *own.problems)
        base, experiment = self._base(shared, own.groups)
        with _put_back(base, own.values):
            _apply(own.values, base)
            return compose.plain(base, experiment)

    def _border(self, fixed: tuple[str, ...]) -> Border:
        if fixed not in self._borders:
            self._borders[fixed] = inspect_overrides(fixed, config_dir=self._config_dir)
        return self._borders[fixed]

    def _base(self, shared: Border, groups: Sequence[str]) -> tuple[DictConfig, str | None]:
        key = (*shared.overrides(), "and", *groups)
        if key not in self._bases:
            config = compose.loaded([*shared.groups, *groups], self._config_dir)
            experiment = config.hydra.runtime.choices.get("experiment")
            with open_dict(config):
                del config["hydra"]
            _apply(shared.values, config)
            self._bases[key] = (config, experiment)
        return self._bases[key]


def _apply(lines: Sequence[str], config: DictConfig) -> None:
    try:
        compose.apply_overrides([parsed(line) for line in lines], config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(compose.without_bad_advice(error)) from None


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
