"""From overrides to a typed experiment, without Hydra's global state, so that it may be called anywhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnexp import registry
from rnnexp.config import places
from rnnexp.config.overrides import Border, inspect_overrides, is_glob, parsed
from rnnexp.config.parse import parse
from rnnexp.config.provenance import origins
from rnnexp.config.settings import Experiment
from rnnexp.config.source import SCHEME, RnnexpConfigSource, RnnexpSearchPath, read_yaml
from rnnexp.errors import ConfigError
from rnnexp.paths import LONGEST, name_problem, short_name
from rnnexp.redact import remember

VERSION_BASE = "1.3"


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
    try:
        mapping, sweeper = _composed(border.overrides(), config_dir)
        experiment = parse(mapping)
    except ConfigError as error:
        told = [problem for problem in error.problems if not _follows(problem, problems)]
        raise ConfigError(*problems, *_located(told, border.overrides(), config_dir)) from None
    if problems:
        raise ConfigError(*problems)
    return experiment, sweeper


def _follows(problem: str, earlier: list[str]) -> bool:
    """Say whether an unknown key only follows from a misspelt choice: `model=mlpp model.hidden=3`."""
    misspelt = tuple(f"{line.partition(':')[0]}." for line in earlier if "is not one of" in line)
    return ": unknown key" in problem and problem.startswith(misspelt)


def _located(problems: list[str], overrides: list[str], config_dir: str | None) -> list[str]:
    """Add file and line to mistakes in values that a file has set; the command line is before the user's eyes."""
    try:
        found = composed_origins(overrides, config_dir)
    except (HydraException, OmegaConfBaseException):
        return problems
    places_of = {problem: found.get(problem.partition(":")[0], "") for problem in problems}
    return [f"{text} ({where})" if ":" in where else text for text, where in places_of.items()]


def composed_origins(overrides: list[str], config_dir: str | None = None) -> dict[str, str]:
    """Return where each key of a composition was set."""
    with hydra_state():
        return origins(loader(config_dir), overrides)


def compose_mapping(overrides: list[str], config_dir: str | None = None) -> dict[str, Any]:
    """Compose with Hydra and return plain, resolved values without the `hydra` node."""
    return _composed(overrides, config_dir)[0]


def _composed(overrides: list[str], config_dir: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    with hydra_state():
        config = loaded(overrides, config_dir)
        choice = config.hydra.runtime.choices.get("experiment")
        sweeper = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
        with open_dict(config):
            del config["hydra"]
        return plain(config, choice), sweeper  # type: ignore[return-value]


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


def loaded(overrides: list[str], config_dir: str | None) -> DictConfig:
    """Compose with Hydra, its own node included; mistakes are ConfigErrors."""
    try:
        config = loader(config_dir).load_configuration(
            config_name="config", overrides=overrides, run_mode=RunMode.RUN, from_shell=False
        )
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # a default that YAML reads as `false`
        raise ConfigError(without_bad_advice(error)) from None
    remember(OmegaConf.to_container(config.hydra.job))
    _check_log(str(OmegaConf.select(config, "hydra.job.name")))
    return config


def _check_log(job: str) -> None:
    """The log of a run is called after the job of Hydra's: it must lie in the run's folder."""
    long = len(job.encode(errors="replace")) > LONGEST
    problem = name_problem(job, parts=False) or (f"has more than {LONGEST} bytes; shorten it" if long else None)
    if problem:
        raise ConfigError(f"hydra.job.name: {problem}")


def _first_folder(*names: object) -> str:
    """Return the first name that is given, as the folder it becomes below `runs/`."""
    return short_name(str(next(filter(None, names))))


def apply_overrides(overrides: list[Override], config: DictConfig) -> None:
    """Set single values in a composed configuration, exactly as Hydra does."""
    ConfigLoaderImpl._apply_overrides_to_config(overrides, config)


def without_bad_advice(error: Exception) -> str:
    """Hydra recommends `+key=` for a misspelt key, which hides the mistake."""
    lines = [str(error), str(error.__cause__ or "")]
    kept = [x.strip() for text in lines for x in text.splitlines() if "use +" not in x and "append" not in x]
    return " ".join(line for line in kept if line)


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
    OmegaConf.register_new_resolver("rnnexp.first", _first_folder, replace=True)
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
        named += list(written.get("plugins") or [])
        backend = backend or written.get("backend")
    registry.load_plugins(list(dict.fromkeys(named)), backend)


def _named(value: str | None) -> list[str]:
    """Return the experiments that an override names, all of them in a sweep."""
    try:
        override = parsed(f"experiment={value}") if value else None
    except ConfigError:  # is reported at the border
        return []
    if override is None:
        return []
    if not override.is_sweep_override():
        return [str(override.value())]
    found = override.value().filter(sorted(places.listed("experiment"))) if is_glob(override) else None  # type: ignore[union-attr]
    return found or list(override.sweep_string_iterator())
