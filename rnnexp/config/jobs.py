"""The jobs of a sweep, composed in milliseconds: Hydra works once per choice of groups, not once per job."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config import compose
from rnnexp.config.overrides import inspect_overrides, parsed
from rnnexp.errors import ConfigError


class Composer:
    """Composes many jobs that differ in a few overrides; equal to Hydra's own composition of each.

    To be used within `compose.hydra_state()`, or where Hydra has been set up.
    """

    def __init__(self, config_dir: str | None = None) -> None:
        self._config_dir = config_dir
        self._bases: dict[tuple[str, ...], tuple[DictConfig, str | None]] = {}

    def mapping(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Return plain, resolved values; raises ConfigError with the mistakes of the overrides."""
        border = inspect_overrides(overrides, config_dir=self._config_dir)
        if border.problems:
            raise ConfigError(*border.problems)
        base, experiment = self._base(tuple(border.groups))
        config = deepcopy(base)
        try:
            compose.apply_overrides([parsed(line) for line in border.values], config)
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(compose.without_bad_advice(error)) from None
        return compose.plain(config, experiment)

    def _base(self, groups: tuple[str, ...]) -> tuple[DictConfig, str | None]:
        if groups not in self._bases:
            config = compose.loaded(list(groups), self._config_dir)
            experiment = config.hydra.runtime.choices.get("experiment")
            with open_dict(config):
                del config["hydra"]
            self._bases[groups] = (config, experiment)
        return self._bases[groups]
