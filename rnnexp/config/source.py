"""What Hydra sees under `rnnexp://`: the YAML files, with the defaults of the registered components under them.

So a default is written once, in the component, and `--cfg job` still shows every value.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Hashable
from contextlib import suppress
from copy import copy
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from pydantic.fields import FieldInfo

from rnnexp import registry
from rnnexp.config import places
from rnnexp.config.defaults import check_defaults
from rnnexp.config.hydra_node import LAUNCHER
from rnnexp.config.of_run import as_experiment, is_whole
from rnnexp.config.settings import FIXED, Experiment
from rnnexp.config.yaml_file import identify_state, read_yaml
from rnnexp.errors import ConfigError

COMPONENT_GROUPS = ("data", "model", "optimizer", "schedule", "loss")
KINDS = {"hydra/launcher": "executor", **{group: group for group in COMPONENT_GROUPS}}  # of components, by their group
SCHEME = "rnnexp"
INSTALLED = ("hydra", "pkg", "hydra.conf")  # Hydra's own package, which nobody changes while it runs
SCHEMA = "hydra"  # who has stored the schema of its node
MOST = 500  # parts and compositions that are kept, of 1 and 20 kB each


class RnnexpConfigSource(ConfigSource):
    @staticmethod
    def scheme() -> str:
        return SCHEME

    def available(self) -> bool:
        return bool(places.folders("conf"))

    def is_group(self, config_path: str) -> bool:
        return places.is_folder(config_path) or config_path.strip("/") in KINDS

    def is_config(self, config_path: str) -> bool:
        return places.find(config_path) is not None or _component(config_path) is not None

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        found: set[str] = set()
        if results_filter in (None, ObjectType.GROUP):
            found |= places.groups(config_path)
            found |= set(COMPONENT_GROUPS) if config_path == "" else set()
        if results_filter in (None, ObjectType.CONFIG):
            found |= options(config_path.strip("/"))
        return sorted(found)

    def state(self, config_path: str) -> Hashable:
        """Return what decides about the answer of `load_config`: the states of files and the registered component."""
        file, shipped = places.find(config_path), places.folders("conf")[-1] / "config.yaml"
        files = [file, shipped] if config_path.removesuffix(".yaml") == "config" else [file]
        return (self.provider, config_path, _component(config_path), *(file and identify_state(file) for file in files))

    def load_config(self, config_path: str) -> ConfigResult:
        file = places.find(config_path)
        under = defaults(config_path)
        if file is None and not under:
            raise ConfigLoadError(f"there is no configuration `{config_path}`")
        written = _whole(config_path, file) if file else OmegaConf.create({})
        if file:
            check_defaults(file, written)
            _check_hydra(file, written)
            if _is_experiment(config_path) and is_whole(written):
                written = as_experiment(written, COMPONENT_GROUPS)
        header = {"package": _package(config_path, file)}
        config = OmegaConf.merge(under, written) if header["package"] != "_global_" else written
        return ConfigResult(config=config, path=f"{SCHEME}://", provider=self.provider, header=header)


class Repository(ConfigRepository):
    """Hydra's, which reads each state of a part and fills it up once in a process.

    A command composes several times, and a sweep or a check many times, out of the same twenty parts. Hydra changes
    what it is given, so that each composition needs its own: to unpickle what this process has pickled takes a fifth
    of a deep copy.

    states: what decided about each part that was loaded; None where that is not known
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.states: dict[str, Hashable | None] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Repository:
        """Make the one that Hydra changes, which sets its list of sources anew, without all schemas that they hold."""
        copied = copy(self)
        copied.states = {}
        return copied

    def load_config(self, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        state = self.states[config_path] = _state(source, config_path) if source else None
        if state is None:
            return super().load_config(config_path)
        found = fetch(config_path, state)
        if found is None:
            found = super().load_config(config_path)
            keep(config_path, state, found)
        return found


def fetch(key: Hashable, state: Hashable) -> Any:
    """Return what this process keeps under a key, each call a copy of its own; None if that is of another state."""
    kept = _pickled().get(key)
    return pickle.loads(kept[1]) if kept is not None and kept[0] == state else None


def keep(key: Hashable, state: Hashable, value: Any) -> None:
    """Keep something for `fetch`, in place of what the key had before, if it can be pickled.

    A schema cannot whose class has been defined anew, as Hydra does in processes of joblib.
    """
    if len(_pickled()) >= MOST:
        _pickled().clear()
    with suppress(pickle.PicklingError, AttributeError, TypeError):
        _pickled()[key] = state, pickle.dumps(value)


def has_variables(config_path: str) -> bool:
    """Say whether a part that was read last may read variables of the environment."""
    kept = _pickled().get(config_path)
    return kept is None or b"oc.env" in kept[1]


@cache
def _pickled() -> dict[Hashable, tuple[Hashable, bytes]]:
    """Return what is kept, and of which state."""
    return {}


def _state(source: ConfigSource, config_path: str) -> Hashable | None:
    """Return all that decides about what a source answers; None if that is not known."""
    if isinstance(source, RnnexpConfigSource):
        return source.state(config_path)
    if source.scheme() == "structured":
        stored = ConfigStore.instance()._load(source._normalize_file_name(config_path))
        return (config_path, SCHEMA) if stored.provider == SCHEMA else None
    return (config_path, INSTALLED) if (source.provider, source.scheme(), source.path) == INSTALLED else None


class RnnexpSearchPath(SearchPathPlugin):
    """Puts `rnnexp://` on the search path of our own application; other Hydra applications are left alone."""

    active = False

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if RnnexpSearchPath.active:
            search_path.append("main", f"{SCHEME}://")


def options(group: str) -> set[str]:
    """Return the choices of a group: its files, and components that have no file of their own."""
    found = places.listed(group)
    return found | set(registry.names(KINDS[group])) if group in KINDS else found


def defaults(config_path: str) -> dict[str, Any]:
    """Return the values that lie under a config file: the defaults of the settings class it configures."""
    if config_path.removesuffix(".yaml") == "config":
        parts = (*COMPONENT_GROUPS, "trainer", "callbacks", "tracking")
        return {key: value for key, value in default_values(Experiment).items() if key not in parts}
    cls = FIXED.get(config_path.partition("/")[0]) or _component(config_path)
    if config_path.startswith("hydra/"):  # an executor without a file; one with a file may be anybody's
        return {"_target_": LAUNCHER, **default_values(cls)} if cls and not places.find(config_path) else {}
    return default_values(cls) if cls else {}


def default_values(cls: Any) -> dict[str, Any]:
    """Return a settings class's defaults as plain values; a field without one is Hydra's `???`."""
    values = {name: _plain(info) for name, info in cls.__pydantic_fields__.items()}
    if cls is Experiment:
        return values
    if "name" in values:
        values = {"name": values.pop("name")} | values
    if "seed" in values:
        values["seed"] = "${seed}"  # data follow the experiment's seed unless told otherwise
    return values


def _plain(info: FieldInfo) -> Any:
    if info.is_required():
        return "???"
    value = info.get_default(call_default_factory=True)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _component(config_path: str) -> type | None:
    group = next((group for group in KINDS if config_path.startswith(f"{group}/")), None)
    if group is None:
        return None
    name, file = config_path.removesuffix(".yaml").removeprefix(f"{group}/"), places.find(config_path)
    name = str(read_yaml(file).get("name", name)) if file else name
    return registry.lookup(KINDS[group], name) if name in registry.names(KINDS[group]) else None


def _check_hydra(file: Path, written: DictConfig) -> None:
    """Refuse `hydra: null` and the like, over which Hydra itself falls."""
    node = written._get_node("hydra")
    if node is not None and not (isinstance(node, DictConfig) and isinstance(node._content, dict)):
        raise ConfigError(f"{file}: hydra: {node} given; must be `key: value` pairs")


def primary() -> DictConfig:
    """Return the page that everything starts from, conf/config.yaml."""
    file = places.find("config")
    return _whole("config", file) if file else OmegaConf.create({})


def read_usual(group: str) -> str:
    """Return what that page chooses of a group; "" if it does not say, or says it wrongly."""
    listed = OmegaConf.to_container(primary()).get("defaults")  # type: ignore[union-attr]
    chosen = [entry.get(group) for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return next((option for option in chosen if isinstance(option, str)), "")


def _whole(config_path: str, file: Path) -> DictConfig:
    """Read a config; a project's own config.yaml that chooses nothing lies over the shipped one and its choices."""
    written = read_yaml(file)
    shipped = places.folders("conf")[-1] / "config.yaml"
    if config_path.removesuffix(".yaml") != "config" or "defaults" in written or file == shipped:
        return written
    under = read_yaml(shipped)
    choices = [choice for choice in under.defaults if choice != "_self_"]
    at = next((index for index, choice in enumerate(choices) if "experiment" in choice), len(choices))
    under.defaults = [*choices[:at], "_self_", *choices[at:]]
    return OmegaConf.merge(under, written)  # type: ignore[return-value]


def _is_experiment(config_path: str) -> bool:
    return config_path.startswith("experiment/")


def _package(config_path: str, file: Path | None) -> str | None:
    """Return the header's `@package`, wherever it stands among the leading comments."""
    if _is_experiment(config_path):
        return "_global_"
    head = re.match(r"(\s*#.*\n)*", file.read_text(encoding="utf-8")) if file else None
    found = re.search(r"#\s*@package\s+(\S+)", head.group()) if head else None
    return found.group(1) if found else None
