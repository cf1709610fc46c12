"""From overrides to a typed experiment, without Hydra's global state, so that it may be called anywhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnexp import registry
from rnnexp.config import places
from rnnexp.config.defaults import circle
from rnnexp.config.overrides import Border, as_hydra_reads, chosen, inspect_overrides, is_glob, parsed
from rnnexp.config.parse import parse
from rnnexp.config.provenance import origins
from rnnexp.config.settings import Experiment
from rnnexp.config.source import SCHEME, RnnexpConfigSource, RnnexpSearchPath
from rnnexp.config.yaml_file import read_yaml
from rnnexp.errors import ConfigError

VERSION_BASE = "1.3"

_INTERNAL = ("object_type=", "reference_type=")  # OmegaConf's words for its own classes
_MIXED = "a list is given where `key: value` pairs are needed, or pairs where a list is"


def compose(*overrides: str) -> Experiment:
    """Compose and check an experiment: `compose("experiment=airline_lstm", "model.units=[8]")`.

    Raises ConfigError with all mistakes at once. Leaves no global Hydra state behind.
    """
    load_plugins(overrides)
    return check(inspect_overrides(overrides))


def check(border: Border, config_dir: str | None = None) -> Experiment:
    """Compose what passed the border and check it; mistakes of both are raised together."""
    return checked(border, config_dir)[0]


def checked(border: Border, config_dir: str | None = None) -> tuple[Experiment, dict[str, Any]]:
    """Do as `check` and return, beside the experiment, what the composition says under `hydra.sweeper`."""
    problems = list(border.problems)
    overrides = border.overrides()
    try:
        mapping, sweeper = _composed(overrides, config_dir)
        experiment = parse(mapping)
    except NotComposed as error:
        raise ConfigError(*problems, *error.problems) from None
    except ConfigError as error:
        told = [problem for problem in error.problems if not _follows(problem, problems)]
        raise ConfigError(*problems, *_located(told, overrides, config_dir)) from None
    if problems:
        raise ConfigError(*problems)
    return experiment, sweeper


def _follows(problem: str, earlier: list[str]) -> bool:
    """Say whether an unknown key only follows from a misspelt choice: `model=mlpp model.hidden=3`."""
    misspelt = tuple(f"{line.partition(':')[0]}." for line in earlier if "is not one of" in line)
    return ": unknown key" in problem and problem.startswith(misspelt)


def _located(problems: list[str], overrides: list[str], config_dir: str | None) -> list[str]:
    """Add file and line to mistakes in values that a file has set; the command line is before the user's eyes."""
    found = composed_origins(overrides, config_dir)
    places_of = {problem: found.get(problem.partition(":")[0], "") for problem in problems}
    return [f"{text} ({where})" if ":" in where else text for text, where in places_of.items()]


def composed_origins(overrides: list[str], config_dir: str | None = None) -> dict[str, str]:
    """Return where each key of a composition was set."""
    with hydra_state():
        return origins(loader(config_dir), as_hydra_reads(overrides))


def compose_mapping(overrides: list[str], config_dir: str | None = None) -> dict[str, Any]:
    """Compose with Hydra and return plain, resolved values without the `hydra` node."""
    return _composed(overrides, config_dir)[0]


def _composed(overrides: list[str], config_dir: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    with hydra_state():
        config = loaded(overrides, config_dir)
        choice = config.hydra.runtime.choices.get("experiment")
        sweeper = _sweeper(config)
        with open_dict(config):
            del config["hydra"]
        return plain(config, choice), sweeper


def _sweeper(config: DictConfig) -> dict[str, Any]:
    given = config.hydra.sweeper
    if not isinstance(given, DictConfig):
        raise ConfigError(f"hydra.sweeper: {given!r} given; must be `key: value` pairs")
    try:
        return OmegaConf.to_container(given, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweeper: {str(error).splitlines()[0]}") from None


def plain(config: DictConfig, experiment: str | None) -> dict[str, Any]:
    """Turn a composed configuration into plain values; unset and unresolvable keys are ConfigErrors."""
    try:
        mapping = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        _refuse_missing(OmegaConf.to_container(config))
        key = f"{error.full_key}: " if getattr(error, "full_key", None) else ""
        raise ConfigError(f"{key}{str(error).splitlines()[0]}") from None
    _refuse_missing(mapping)
    values = {str(key): value for key, value in mapping.items()}  # type: ignore[union-attr]
    values.pop("experiment", None)
    if not values.get("name"):
        values["name"] = experiment or _data_name(values)
    return values


def _refuse_missing(mapping: Any) -> None:
    missing = list(_missing("", mapping))
    if missing:
        raise ConfigError(*(f"{key}: has no value yet; set it with {key}=…" for key in missing))


def _missing(prefix: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _missing(f"{prefix}.{key}" if prefix else str(key), inner)
    elif value == "???":
        yield prefix


def _data_name(values: Mapping[str, Any]) -> str:
    data = values.get("data")
    return str(data.get("name", "run")) if isinstance(data, Mapping) else "run"


class NotComposed(ConfigError):
    """Hydra could not put the files together, so that there is nothing whose origin could be asked for."""


def loaded(overrides: list[str], config_dir: str | None) -> DictConfig:
    """Compose with Hydra, its own node included; mistakes are ConfigErrors."""
    try:
        return loader(config_dir).load_configuration(
            config_name="config", overrides=as_hydra_reads(overrides), run_mode=RunMode.RUN, from_shell=False
        )
    except ConfigError as error:
        raise NotComposed(*error.problems) from None
    except RecursionError:
        raise NotComposed(_led_back(overrides)) from None
    except Exception as error:  # Hydra answers what a file says wrongly with HydraException, and with any other
        raise NotComposed(without_bad_advice(error)) from None


def _led_back(overrides: list[str]) -> str:
    """Name the files whose `defaults` lead back to themselves."""
    given = [parsed(line) for line in overrides if not line.startswith("~")]
    for start in ("config", *(f"{override.key_or_group}/{override.value()}" for override in given)):
        if way := circle(start):
            return f"the `defaults` of {way[0]} lead back to it: {' -> '.join(way)}; leave one of them out"
    return "the configuration is nested too deeply"


def apply_overrides(overrides: list[Override], config: DictConfig) -> None:
    """Set single values in a composed configuration, exactly as Hydra does."""
    ConfigLoaderImpl._apply_overrides_to_config(overrides, config)


def without_bad_advice(error: Exception) -> str:
    """Hydra recommends `+key=` for a misspelt key, which hides the mistake."""
    lines = [str(error), str(error.__cause__ or "")]
    kept = [x.strip() for text in lines for x in text.splitlines() if "use +" not in x and "append" not in x]
    told = " ".join(line for line in kept if line and not line.startswith(_INTERNAL))
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError) and told:
        return told.replace("Cannot merge DictConfig with ListConfig", _MIXED)
    return f"the configuration cannot be composed: {type(error).__name__}{f': {told}' if told else ''}"


def loader(config_dir: str | None = None) -> ConfigLoaderImpl:
    """Return Hydra's config loader over our configuration, `--config-dir` included."""
    search_path = ConfigSearchPathImpl()
    search_path.append("hydra", "pkg://hydra.conf")
    search_path.append("main", f"{SCHEME}://")
    if config_dir is not None:
        search_path.append("command-line", f"file://{config_dir}")
    search_path.append("schema", "structured://")
    return ConfigLoaderImpl(config_search_path=search_path)


@contextmanager
def hydra_state() -> Iterator[None]:
    """Set up Hydra as our application needs it, and put its singletons back afterwards.

    What Hydra finds when it looks for plugins stays: it would look again on the way out, and in the next call.
    """
    before = Singleton.get_state()
    try:
        setup()
        yield
    finally:
        before["instances"] |= {found: found.instance() for found in (Plugins, SourcesRegistry, ConfigStore)}
        Singleton.set_state(before)


def setup() -> None:
    """Register our resolvers and plugins with Hydra in this process."""
    version.setbase(VERSION_BASE)
    setup_globals()
    OmegaConf.register_new_resolver("rnnexp.id", lambda: uuid.uuid4().hex[:6], use_cache=True, replace=True)
    OmegaConf.register_new_resolver("rnnexp.first", lambda *names: next(filter(None, names)), replace=True)
    for plugin in (RnnexpConfigSource, RnnexpSearchPath):
        Plugins.instance().register(plugin)


def load_plugins(overrides: Iterable[str]) -> None:
    """Import the modules named by `plugins`: on the command line, in conf/config.yaml or in the experiment.

    A module that imports Keras at its top gets the backend that the run will use.
    """
    given = {key.lstrip("+"): value for key, _, value in (line.partition("=") for line in overrides)}
    named = [name.strip() for name in given.get("plugins", "").strip("[]'\" ").split(",") if name.strip()]
    backend = given.get("backend")
    for path in (*(f"experiment/{name}" for name in _named(given.get("experiment"))), "config"):
        file = places.find(path)
        written = read_yaml(file) if file else {}
        named += _modules(file, written)
        backend = backend or _backend(written)
    registry.load_plugins(list(dict.fromkeys(named)), backend)


def _modules(file: Path | None, written: Mapping[str, Any]) -> list[str]:
    """Return the modules that a file names under `plugins`."""
    try:
        given = written.get("plugins")
        names = list(given) if isinstance(given, ListConfig) else given
    except OmegaConfBaseException as error:
        raise ConfigError(f"{file}: plugins: {str(error).splitlines()[0]}") from None
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ConfigError(f"{file}: plugins: {names!r} given; must be a list of module names: `plugins: [my_models]`")
    return names or []


def _backend(written: Mapping[str, Any]) -> str | None:
    """Return the backend that a file names; what is no text is reported when the whole is checked."""
    value = OmegaConf.to_container(written).get("backend") if written else None  # type: ignore[union-attr]
    return value if isinstance(value, str) else None


def _named(value: str | None) -> list[str]:
    """Return the experiments that an override names, all of them in a sweep."""
    try:
        override = parsed(f"experiment={value}") if value else None
    except ConfigError:  # is reported at the border
        return []
    if override is None:
        return []
    if is_glob(override):
        return override.value().filter(sorted(places.listed("experiment")))  # type: ignore[union-attr]
    return chosen(override)
