"""Where each value of a composed configuration comes from: a file and line, the command line, or a default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.defaults_list import create_defaults_list
from yaml.nodes import MappingNode, Node, ScalarNode

from rnnexp.config import places

COMMAND_LINE = "command line"


def origins(loader: ConfigLoaderImpl, overrides: list[str]) -> dict[str, str]:
    """Return `{"model.units": "conf/model/lstm.yaml:4", ...}` for every key that something has set."""
    found: dict[str, str] = {}
    parsed, repo = loader._parse_overrides_and_create_caching_repo("config", overrides)
    defaults = create_defaults_list(
        repo=repo, config_name="config", overrides_list=parsed, prepend_hydra=True, skip_missing=False
    )
    for default in defaults.defaults:
        path = default.config_path or ""
        file = None if path.startswith("hydra") else places.find(path)
        if file is not None:
            whole = path.startswith("experiment/") or default.package in (None, "_global_")
            found.update(file_origins(file, "" if whole else str(default.package)))
    for override in parsed:
        key = override.key_or_group
        if not override.is_hydra_override() and not repo.group_exists(key):
            found = {known: origin for known, origin in found.items() if not known.startswith(f"{key}.")}
            found[key] = COMMAND_LINE
    return found


def file_origins(file: Path, prefix: str = "") -> dict[str, str]:
    """Return the file and line of each value in a YAML file, under its dotted key."""
    root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return {key: f"{shown(file)}:{line}" for key, line in _leaves(prefix, root)}


def origin_of(key: str, found: dict[str, str]) -> str:
    """Return the origin of a key or of the nearest key above it; "default" when nothing has set it."""
    while key:
        if key in found:
            return found[key]
        key = key.rpartition(".")[0]
    return "default"


def _leaves(prefix: str, node: Node | None) -> Iterator[tuple[str, int]]:
    if not isinstance(node, MappingNode):
        if node is not None and prefix:
            yield prefix, node.start_mark.line + 1
        return
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value not in ("defaults", "hydra"):
            yield from _leaves(f"{prefix}.{key.value}" if prefix else key.value, value)


def shown(file: Path) -> str:
    """Write a path as short as it stays clear: relative to the working directory, or from the folder `conf`."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        root = next((parent for parent in file.parents if parent.name in ("conf", "experiments")), file.parent)
        return str(file.relative_to(root.parent))
