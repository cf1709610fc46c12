"""What a file may say to Hydra: experiments and folders that come from elsewhere set plain values, and run no code.

Hydra builds objects from its own node (callbacks, loggers, launchers) and writes where it says. Only the command line,
Hydra's and installed packages, and the project's own `conf/config.yaml` and `conf/hydra/` may say anything there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal import defaults_list as hydra_defaults
from hydra._internal import hydra as application
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra._internal.defaults_list import Overrides
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import GroupDefault, InputDefault, ResultDefault
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config import merged, places
from rnnexp.config.allow_list import CHOICES, FOLDERS, MAY, NOT, has_reference, problems_of
from rnnexp.config.provenance import shown
from rnnexp.config.source import SCHEME, Repository, options
from rnnexp.errors import ConfigError

MERGED = "{}"
_MAP_CHOICES = hydra_defaults._create_interpolation_map


class Untrusted(ConfigError):
    """A file says to Hydra what only the user may say."""


@dataclass(frozen=True)
class Claim:
    """A reference that a file has put into Hydra's node: what it stands for is known once all is composed."""

    path: tuple[str, ...]
    written: str
    file: str


class Loader(ConfigLoaderImpl):
    """Hydra's loader, which looks at what each file contributes to the node `hydra` before it is merged."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = Repository(config_search_path)
        self._claims: list[Claim] = []
        self._typed: set[str] = set()

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        config = self._merge(defaults, repo)
        for group in ("callbacks", "loss", "schedule"):
            if self._typed & {f"~{group}", f"{group}=none"} and group in config:
                with open_dict(config):  # what an experiment sets of them would bring them back
                    config[group] = {} if group == "callbacks" else None
        return config

    def _merge(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """Merge what may be merged, unless these very files have passed and been merged before."""
        identity = merged.identify(defaults, repo)
        if (known := merged.fetch(identity)) is not None:
            config, claims = known
            self._claims += claims
            return config
        problems: list[str] = []
        for default in defaults:
            _inspect(self, default, repo, problems, self._claims)
        _refuse(problems)
        config = super()._compose_config_from_defaults_list(defaults, repo)
        merged.keep(identity, config, self._claims)
        return config

    def _load_configuration_impl(self, *arguments: Any, **named: Any) -> DictConfig:
        self._claims.clear()
        self._typed = set(named["overrides"])
        with _without_idle_maps():
            config = super()._load_configuration_impl(*arguments, **named)
        with _as_in_a_job(config):
            problems = [problem for claim in self._claims for problem in _kept(claim, config)]
        _refuse(problems)
        return config


@contextmanager
def guarded() -> Iterator[None]:
    """Let Hydra's own application compose with our loader."""
    usual = application.ConfigLoaderImpl
    application.ConfigLoaderImpl = Loader  # type: ignore[misc]
    try:
        yield
    finally:
        application.ConfigLoaderImpl = usual  # type: ignore[misc]


def _map_choices(overrides: Overrides, defaults_list: list[InputDefault], self_added: bool) -> DictConfig:
    """Make the map in which references of a `defaults` list are looked up: for a list without one nobody looks."""
    single = (entry for entry in defaults_list if not (isinstance(entry, GroupDefault) and entry.is_options()))
    if any(entry.is_interpolation() for entry in single):
        return _MAP_CHOICES(overrides, defaults_list, self_added)
    return OmegaConf.create()


@contextmanager
def _without_idle_maps() -> Iterator[None]:
    """Spare the map that Hydra makes for each file, a sixth of a composition."""
    hydra_defaults._create_interpolation_map = _map_choices
    try:
        yield
    finally:
        hydra_defaults._create_interpolation_map = _MAP_CHOICES


def _refuse(problems: list[str]) -> None:
    if problems:
        *others, last = dict.fromkeys(problems)
        raise Untrusted(*others, f"{last}; {MAY}")


def _is_trusted(path: str | None, repo: IConfigRepository) -> bool:
    """Say whether a config may write anything into `hydra`: installed code, or the project's own conf.

    A path with `..` would lead out of a package.
    """
    found = repo.load_config(path) if path and path not in ("<root>", "_dummy_empty_config_") else None
    if found is None:
        return True
    parts = str(path).removesuffix(".yaml").split("/")
    if {"", ".", ".."} & set(parts):
        return False
    scheme = str(found.path).partition("://")[0]
    if scheme == SCHEME:
        return parts == ["config"] or parts[0] == "hydra"
    return scheme in ("pkg", "structured") or found.provider == "hydra.searchpath in main"


def _inspect(
    loader: Loader, default: ResultDefault, repo: IConfigRepository, problems: list[str], claims: list[Claim]
) -> None:
    path = str(default.config_path)
    result = repo.load_config(path)
    if result is None:
        return
    if _is_trusted(path, repo):
        if "hydra" in (_first(path), _first(default.package)) and not _is_trusted(default.parent, repo):
            problems += _placed(path, default, _file(str(default.parent), repo))
        return
    file = _file(path, repo)
    if _first(default.package) == "hydra" and not _is_trusted(default.parent, repo):
        file = f"{file}, put there by {_file(str(default.parent), repo)}"
    problems += [text for entry in result.defaults_list or () for text in _overridden(entry, path, file)]
    if default.package is not None and not _may_reach_hydra(default.package):
        return
    node = loader._embed_result_config(result, default.package).config
    content = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else {}
    if isinstance(content, dict) and "hydra" in content:
        for key, value in _leaves(("hydra",), content["hydra"]):
            if has_reference(value) and _is_known(key):
                claims.append(Claim(key, str(value), file))
            else:
                problems += problems_of(key, value, file)


def _may_reach_hydra(package: str) -> bool:
    """Say whether what lies in a package can lie in the node `hydra`: all of `model` does not."""
    return _first(package) in ("", "_global_", "hydra")


def _file(path: str, repo: IConfigRepository) -> str:
    """Name the file of a config as the user knows it."""
    found: ConfigResult | None = repo.load_config(path)
    if found is not None and str(found.path).startswith("file://"):
        return str(Path(str(found.path).removeprefix("file://"), f"{path.removesuffix('.yaml')}.yaml"))
    file = places.find(path)
    return shown(file) if file else path


def _placed(path: str, default: ResultDefault, file: str) -> Iterator[str]:
    """Refuse a config of Hydra's groups that a file adds, but for our sweeper and launchers in their places."""
    group = path.rpartition("/")[0]
    own = path.rpartition("/")[2] in options(group)
    if not (group in CHOICES and default.package == group.replace("/", ".") and own):
        yield f"{default.package}: {file} puts `{path}` there; {NOT}"


def _first(name: str | None) -> str:
    """Return the first part of a group, a package or a key: `hydra` of `hydra.job`, `/hydra/job` or `hydra[job]`."""
    return re.split(r"[/.\[]", (name or "").lstrip("/"), maxsplit=1)[0]


def _overridden(entry: object, path: str, file: str) -> Iterator[str]:
    """Refuse `override /hydra/...` in a file's defaults, but for our sweeper and launchers."""
    if not isinstance(entry, GroupDefault) or not entry.override:
        return
    group, here = str(entry.group), path.rpartition("/")[0]
    absolute = group.lstrip("/") if group.startswith("/") or _first(group) == "hydra" else f"{here}/{group}"
    if "hydra" not in (_first(absolute), _first(entry.package)):
        return
    own = isinstance(entry.value, str) and entry.value in options(absolute)
    if not (absolute in CHOICES and own and entry.package is None):
        yield f"{absolute}: {file} chooses `{entry.value}`; {NOT}"


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what a file writes, mappings taken apart; an empty one is a value."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves((*path, str(name)), inner)
    else:
        yield path, value


def _is_known(path: tuple[str, ...]) -> bool:
    """Say whether a reference may stand here at all: it may not hide a whole part of the node."""
    return path[1:] in FOLDERS or not list(problems_of(path, None, ""))


def _kept(claim: Claim, config: DictConfig) -> Iterator[str]:
    """Check what a reference stands for, unless a single value was written over it later.

    A mapping that comes later is merged into what the reference stands for.
    """
    *above, last = claim.path
    node: Any = config
    for name in above:
        node = node.get(name) if isinstance(node, DictConfig) else None
    if not isinstance(node, DictConfig) or _written(node, last) not in (claim.written, MERGED):
        return
    try:
        value = node[last]
        plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException as error:
        yield f"{'.'.join(claim.path)}: {claim.written} given by {claim.file}; {str(error).splitlines()[0]}"
        return
    for path, inner in _leaves(claim.path, plain):
        yield from problems_of(path, inner, claim.file)


def _written(node: DictConfig, name: str) -> str:
    """Return a value as it was written, its references not followed."""
    inner: Any = node._get_node(name)
    if isinstance(inner, DictConfig) and not inner._is_interpolation():
        return MERGED
    return str(OmegaConf.to_container(inner) if isinstance(inner, ListConfig) else inner and inner._value())


@contextmanager
def _as_in_a_job(config: DictConfig) -> Iterator[None]:
    """Let references to a job's number be followed before there are jobs."""
    job = config.hydra.job
    missing = [name for name in ("num", "id") if OmegaConf.is_missing(job, name)]
    with open_dict(job):
        for name in missing:
            job[name] = 0
        try:
            yield
        finally:
            for name in missing:
                job[name] = "???"
