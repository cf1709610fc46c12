"""From overrides to a typed experiment, without Hydra's global state, so that it may be called anywhere."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
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
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config import places, renamed
from rnnexp.config.defaults import circle
from rnnexp.config.grammar import as_hydra_reads, parsed
from rnnexp.config.hydra_errors import explain_hydra
from rnnexp.config.hydra_node import check_hydra, hydra_node
from rnnexp.config.overrides import Border, inspect_overrides
from rnnexp.config.parse import parse
from rnnexp.config.plugins import load_plugins
from rnnexp.config.provenance import origins
from rnnexp.config.settings import Experiment
from rnnexp.config.source import SCHEME, RnnexpConfigSource, RnnexpSearchPath
from rnnexp.config.text import leaves
from rnnexp.config.trust import Loader, Untrusted
from rnnexp.config.written import write_overrides
from rnnexp.errors import ConfigError
from rnnexp.paths import short_name
from rnnexp.redact import remember
from rnnexp.registry import PluginsNeeded

VERSION_BASE = "1.3"


def compose(*settings: str | Mapping[str, Any], **changes: Any) -> Experiment:
    """Compose and check an experiment: `compose("experiment=airline_lstm", "model.units=[8]", seed=1)`.

    Settings are overrides, or mappings of them. Raises ConfigError with all mistakes at once. Leaves no global Hydra
    state behind.
    """
    overrides = write_overrides(*settings, changes)
    load_plugins(overrides)
    return check(inspect_overrides(overrides))


def check(border: Border, config_dir: str | None = None) -> Experiment:
    """Compose what passed the border and check it; mistakes of both are raised together."""
    problems = list(border.problems)
    overrides = border.overrides()
    try:
        with hydra_state():
            experiment = read(*without_hydra(loaded(overrides, config_dir)))[1]
    except PluginsNeeded:
        raise
    except (NotComposed, Untrusted) as error:
        raise ConfigError(*problems, *error.problems) from None
    except ConfigError as error:
        told = [problem for problem in error.problems if not _follows(problem, problems)]
        raise ConfigError(*problems, *_located(told, overrides, config_dir)) from None
    if problems:
        raise ConfigError(*problems)
    return experiment


def read_with_place(overrides: list[str], config_dir: str | None = None) -> tuple[Experiment, Path, bool]:
    """Return an experiment that has been checked, where its runs go, and whether that is the folder of a single run."""
    with hydra_state():
        config = loaded(overrides, config_dir)
        written = str(OmegaConf.to_container(config.hydra.run)["dir"])  # type: ignore[index,call-overload]
        folder = Path(str(config.hydra.run.dir)).absolute()
        is_run = "${" not in Path(written).name
        return read(*without_hydra(config))[1], folder if is_run else folder.parent, is_run


def _follows(problem: str, earlier: list[str]) -> bool:
    """Say whether an unknown key only follows from a misspelled choice: `model=mlpp model.hidden=3`."""
    misspelled = tuple(f"{line.partition(':')[0]}." for line in earlier if "is not one of" in line)
    return ": unknown key" in problem and problem.startswith(misspelled)


def _located(problems: list[str], overrides: list[str], config_dir: str | None) -> list[str]:
    """Add file and line to mistakes in values that a file has set; the command line is before the user's eyes."""
    found = composed_origins(overrides, config_dir)
    keys = {problem: problem.partition(":")[0] for problem in problems}
    places_of = {problem: found.get(re.sub(r"(\.\d+)+$", "", key), "") for problem, key in keys.items()}
    return [f"{text} ({where})" if ":" in where else text for text, where in places_of.items()]


def composed_origins(overrides: list[str], config_dir: str | None = None) -> dict[str, str]:
    """Return where each key of a composition was set."""
    with hydra_state():
        return origins(loader(config_dir), as_hydra_reads(overrides))


def compose_mapping(overrides: list[str], config_dir: str | None = None) -> dict[str, Any]:
    """Compose with Hydra and return plain, resolved values without the `hydra` node."""
    with hydra_state():
        return plain(*without_hydra(loaded(overrides, config_dir)))


def without_hydra(config: DictConfig) -> tuple[DictConfig, str | None]:
    """Return a composition without Hydra's own node, and the name of its experiment."""
    choice = config.hydra.runtime.choices.get("experiment")
    with open_dict(config):
        del config["hydra"]
    return config, choice


def read(config: DictConfig, experiment: str | None) -> tuple[dict[str, Any], Experiment]:
    """Return plain, resolved values and the experiment that they describe; raises ConfigError with every mistake."""
    mapping = plain(config, experiment)
    try:
        return mapping, parse(mapping)
    except PluginsNeeded:
        raise
    except ConfigError as error:
        raise ConfigError(*(problem + _hint_at_decoding(problem, config) for problem in error.problems)) from None


def _hint_at_decoding(problem: str, config: DictConfig) -> str:
    """Variables of the environment are texts: say how a number or a list is read from one."""
    name = problem.partition(":")[0]
    parent, _, key = name.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    raw = OmegaConf.to_container(node).get(key) if isinstance(node, DictConfig) else None  # type: ignore[union-attr]
    wanted = problem.partition(" given; must be a valid ")[2]
    if not isinstance(raw, str) or "${oc.env:" not in raw or "oc.decode" in raw or wanted in ("", "string"):
        return ""
    return f"; a variable of the environment is a text, which '{name}=\"${{oc.decode:{raw}}}\"' reads as YAML"


def plain(config: DictConfig, experiment: str | None) -> dict[str, Any]:
    """Turn a composed configuration into plain values; unset and unresolvable keys are ConfigErrors."""
    try:
        mapping = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raw = OmegaConf.to_container(config)
        _refuse_missing(raw)
        _refuse_old_references(raw)
        key = f"{error.full_key}: " if getattr(error, "full_key", None) else ""
        told = str(error).splitlines()[0].removeprefix("KeyError raised while resolving interpolation: ")
        raise ConfigError(f"{key}{told}") from None
    values = {str(key): value for key, value in mapping.items() if key != "experiment"}  # type: ignore[union-attr]
    if values.get("name") in (None, ""):
        values["name"] = experiment or _data_name(values)
    _refuse_missing(values, _mistakes(values))
    return values


def _refuse_old_references(mapping: Any) -> None:
    """Say of references such as `${data.units}` what the key that they lead to is called now."""
    found = [(key, name) for key, value in leaves(mapping) for name in re.findall(r"\$\{([\w.]+)\}", str(value))]
    if old := [f"{key}: {name} {answer}" for key, name in found if (answer := renamed.answer(name))]:
        raise ConfigError(*old)


def _refuse_missing(mapping: Any, mistakes: Iterable[str] = ()) -> None:
    """Ask for what has no value, and tell the mistakes in the rest: `data.paht=a.csv` is why data.path has none."""
    missing = dict(missing_values("", mapping))
    if missing:
        beside = (problem for problem in mistakes if problem.partition(":")[0] not in missing)
        raise ConfigError(*missing.values(), *beside)


def _mistakes(values: Mapping[str, Any]) -> Iterator[str]:
    try:
        parse(dict(values))
    except ConfigError as error:
        yield from error.problems


def missing_values(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield each key that has no value, with the words that ask for one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from missing_values(f"{prefix}.{key}" if prefix else str(key), inner)
    elif value == "???":
        yield prefix, f"{prefix}: has no value yet; set it with {prefix}=…"


def _data_name(values: Mapping[str, Any]) -> str:
    data = values.get("data")
    return str(data.get("name", "run")) if isinstance(data, Mapping) else "run"


class NotComposed(ConfigError):
    """Hydra could not put the files together, so that there is nothing whose origin could be asked for."""


def loaded(overrides: list[str], config_dir: str | None) -> DictConfig:
    """Compose with Hydra, its own node included; mistakes are ConfigErrors."""
    try:
        config = loader(config_dir).load_configuration(
            config_name="config", overrides=as_hydra_reads(overrides), run_mode=RunMode.RUN, from_shell=False
        )
    except Untrusted:
        raise
    except ConfigError as error:
        raise NotComposed(*error.problems) from None
    except RecursionError:
        raise NotComposed(_led_back(overrides)) from None
    except Exception as error:  # Hydra answers what a file says wrongly with HydraException, and with any other
        raise NotComposed(_unset_variable(error) or explain_hydra(error)) from None
    remember(OmegaConf.to_container(config.hydra.job))
    check_hydra(config)
    return config


def _unset_variable(error: Exception) -> str | None:
    """Say so where Hydra has looked up a variable of the environment that is not set."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, KeyError) and frames and frames[-1].name == "__getitem__" and "os" in frames[-1].filename:
        return f"hydra.job.env_copy: {error} is not set in the environment; set it, or leave it out"
    return None


def _led_back(overrides: list[str]) -> str:
    """Name the files whose `defaults` lead back to themselves."""
    given = [parsed(line) for line in overrides if not line.startswith("~")]
    for start in ("config", *(f"{override.key_or_group}/{override.value()}" for override in given)):
        if way := circle(start):
            return f"the `defaults` of {way[0]} lead back to it: {' -> '.join(way)}; leave one of them out"
    return "the configuration is nested too deeply"


def _first_folder(*names: object) -> str:
    """Return the first name that is given, as the folder it becomes below `runs/`."""
    return short_name(str(next(filter(None, names), "run")))


def shipped_node() -> dict[str, Any]:
    """Return what stands under `hydra` in the configuration that is shipped; to be called within `hydra_state`."""
    loader = ConfigLoaderImpl(_search_path({"main": f"file://{places.folders('conf')[-1]}"}))
    return hydra_node(loader.load_configuration(config_name="config", overrides=[], run_mode=RunMode.RUN))


def apply_overrides(overrides: list[Override], config: DictConfig) -> None:
    """Set single values in a composed configuration, exactly as Hydra does."""
    ConfigLoaderImpl._apply_overrides_to_config(overrides, config)


def loader(config_dir: str | None = None) -> ConfigLoaderImpl:
    """Return Hydra's config loader over our configuration, `--config-dir` included."""
    further = {} if config_dir is None else {"command-line": f"file://{config_dir}"}
    return Loader(_search_path({"main": f"{SCHEME}://", **further}))


def _search_path(folders: Mapping[str, str]) -> ConfigSearchPathImpl:
    found = ConfigSearchPathImpl()
    for provider, path in {"hydra": "pkg://hydra.conf", **folders, "schema": "structured://"}.items():
        found.append(provider, path)
    return found


@contextmanager
def hydra_state() -> Iterator[None]:
    """Set up Hydra as our application needs it, and put its singletons back afterwards.

    What Hydra finds when it looks for plugins stays: it would look again on the way out, and in the next call.
    """
    lasting: tuple[type[Any], ...] = (Plugins, SourcesRegistry, ConfigStore)
    before = {kind: deepcopy(one) for kind, one in Singleton._instances.items() if kind not in lasting}
    resolvers = {**BaseContainer._resolvers}
    try:
        setup()
        yield
    finally:
        Singleton._instances = before | {kind: kind() for kind in lasting}
        BaseContainer._resolvers = resolvers


def setup() -> None:
    """Register our resolvers and plugins with Hydra in this process."""
    version.setbase(VERSION_BASE)
    setup_globals()
    OmegaConf.register_new_resolver("rnnexp.id", lambda: uuid.uuid4().hex[:8], use_cache=True, replace=True)
    OmegaConf.register_new_resolver("rnnexp.first", _first_folder, replace=True)
    for plugin in (RnnexpConfigSource, RnnexpSearchPath):
        Plugins.instance().register(plugin)
