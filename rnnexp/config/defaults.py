"""What the `defaults` of a configuration file must look like: Hydra meets a wrong list with assertions of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from rnnexp.config import places
from rnnexp.config.yaml_file import read_yaml
from rnnexp.errors import ConfigError

SELF = "_self_"
NEEDED = ("data", "model", "optimizer", "trainer", "tracking")
EXAMPLE = "write a list such as `defaults: [override /model: gru]`"


def check_defaults(file: Path, config: DictConfig) -> None:
    """Raise ConfigError with every entry of `defaults` that Hydra could not read."""
    listed = _listed(config)
    if listed is None:
        return
    if not isinstance(listed, list):
        raise ConfigError(f"{file}: `defaults: {listed!r}` given; {EXAMPLE}")
    problems = [f"{file}: `{item!r}` in `defaults`; {text}" for item in listed if (text := _mistake(item))]
    if problems:
        raise ConfigError(*problems)


def _listed(config: DictConfig) -> Any:
    """Return what stands under `defaults` as plain values, references as they are written; None if there is none."""
    if "defaults" not in config:
        return None
    node = config._get_node("defaults")
    plain = OmegaConf.to_container(node) if isinstance(node, ListConfig | DictConfig) else config["defaults"]
    return "null" if plain is None else plain


def _mistake(item: Any) -> str | None:
    if isinstance(item, str) and item.strip():
        return None
    if not isinstance(item, Mapping) or len(item) != 1:
        return "each entry is the name of a file, or one `group: option`"
    (group, option) = next(iter(item.items()))
    if not isinstance(group, str) or not group.strip():
        return "the group before the colon is a name"
    return _option_mistake(group, option)


def _option_mistake(group: str, option: Any) -> str | None:
    options = option if isinstance(option, list) else [option]
    if any(isinstance(chosen, Mapping | list) or chosen == "" for chosen in options):
        return "the option after the colon is a name, or a list of names"
    if any(chosen is not None and not isinstance(chosen, str) for chosen in options):
        return "the option after the colon is a name, and YAML takes this one for something else: put it in quotes"
    if option is None and group.split()[-1].lstrip("/") in NEEDED:
        return "one is needed: leave the entry out, or choose an option"
    return None


def circle(*way: str) -> list[str]:
    """Return the files, by config path, through which `defaults` lead back to one of them; empty if they do not."""
    for following in _followed(way[-1]):
        if following in way:
            return [*way[way.index(following) :], following]
        if found := circle(*way, following):
            return found
    return []


def _followed(config_path: str) -> Iterator[str]:
    """Yield the config paths that the `defaults` of a file add to it."""
    file = places.find(config_path)
    folder = config_path.rpartition("/")[0]
    for item in _listed(read_yaml(file)) or () if file else ():
        if _mistake(item):  # is told of the file where it stands
            continue
        group, option = ("", item) if isinstance(item, str) else next(iter(item.items()))
        words = group.split()
        if option in (None, SELF) or "override" in words:
            continue
        group = words[-1].partition("@")[0] if words else ""
        for name in option if isinstance(option, list) else [option]:
            target = "/".join(filter(None, (group, str(name).partition("@")[0])))
            yield target.strip("/") if target.startswith("/") else f"{folder}/{target}".strip("/")
