"""What the files of a composition come to, kept for the next composition of the same files in this process.

A sweep, a check and a session at a prompt compose the same files with other values again and again, and to merge some
twenty files is half of a composition.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from hydra._internal.config_repository import IConfigRepository
from hydra.core.default_element import ResultDefault
from omegaconf import OmegaConf

from rnnexp.config import source
from rnnexp.config.source import SCHEMA, Repository


def identify(files: Sequence[ResultDefault], repo: IConfigRepository) -> tuple[Hashable, Hashable] | None:
    """Return which files are merged where, and all that decides about them; None if not all of it is known.

    A mapping that is read from a variable of the environment decides how others are merged into it.
    """
    reader, schemas = getattr(repo, "delegate", None), repo.get_schema_source()
    if not isinstance(reader, Repository):
        return None
    states = {str(file.config_path): reader.states.get(str(file.config_path)) for file in files}
    for path, state in states.items():
        is_checked = schemas.is_config(path) and state != (path, SCHEMA)
        if state is None or is_checked or source.has_variables(path):
            return None
    key = tuple((file.config_path, file.parent, file.package, file.is_self, file.primary) for file in files)
    return key, tuple(states.values())


def fetch(identity: tuple[Hashable, Hashable] | None) -> Any:
    """Return what `keep` was given, each call a copy of its own; None for nothing."""
    return None if identity is None else source.fetch(*identity)


def keep(identity: tuple[Hashable, Hashable] | None, config: Any, claims: Sequence[Any]) -> None:
    """Keep what files have come to, and what they say to Hydra by reference."""
    if identity is not None:
        OmegaConf.clear_cache(config)  # of times and random names, which the next composition has of its own
        source.keep(*identity, (config, [*claims]))
