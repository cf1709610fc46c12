"""Components by name: the name in YAML is the name of what is registered, and of its module unless it shares one.

A component is a frozen, strictly checked dataclass, or a function whose signature becomes one:

    @register("model")
    def tiny(spec, units: int = 50): ...

`lookup("model", "tiny")` imports only the module that holds it, so choosing costs nothing.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from rnnexp.component import KINDS, Kind, is_called, is_ours, make_component, settings
from rnnexp.errors import ConfigError, ResourceError, RnnexpError, did_you_mean
from rnnexp.failures import find_place
from rnnexp.runtime import DEFAULT_BACKEND
from rnnexp.synonyms import suggest_value

__all__ = ["KINDS", "Package", "PluginsNeeded", "PositiveInt", "list_plugins", "load_plugins", "lookup", "names"]
__all__ += ["register", "revision", "settings"]


@dataclass(frozen=True)
class Package:
    """What a component needs beside our own packages: its module, its name for readers, how to install it."""

    module: str
    title: str
    install: str

    def load(self, user: str) -> Any:
        """Import it for `user`, as a setting is typed; a ResourceError says how to install it."""
        try:
            return importlib.import_module(self.module)
        except ImportError:
            raise ResourceError(f"{user}: {self.title} is not installed; run: {self.install}") from None


_CONFIGURED = ("model", "data", "loss", "optimizer", "schedule", "callback")  # kinds that a configuration chooses
_registered: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
_plugins: set[str] = set()  # the user's own modules that were imported at the user's word
_rising: dict[str, bool] = {}  # registered metrics whose author has said whether more is better
_imports: list[set[tuple[str, str]]] = []  # what the plugins have registered that are being imported


def register(kind: str, *, revision: int = 1, greater_is_better: bool | None = None) -> Callable[[Any], Any]:
    """Register a class (it becomes a settings dataclass) or a function under its own name.

    `revision` is raised whenever the same settings come to mean other numbers: a default has changed, or the
    arithmetic. Finished runs of an earlier revision are then no longer taken for the same.
    `greater_is_better` is said of a metric; without it the name decides, and most names are of errors.
    """
    if not isinstance(kind, str):
        raise ConfigError(f'@register: say what it is: @register("model"), or one of {", ".join(KINDS)}')
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"; it must be one of {', '.join(KINDS)}"
        raise ConfigError(f"register({kind!r}): unknown kind{hint}")
    if greater_is_better is not None and kind != "metric":
        raise ConfigError(f"register({kind!r}): greater_is_better is said of a metric, not of a {kind}")

    def decorate(component: Any) -> Any:
        cls: Any = make_component(component, kind)
        name = cls.__name__ if KINDS[kind].code else cls.__dataclass_fields__["name"].default
        if _imports and not is_ours(cls):
            if (kind, name) in _imports[-1]:
                raise ConfigError(f"{kind} `{name}`: there are two of this name; give one of them another")
            _imports[-1].add((kind, name))
        if not KINDS[kind].code:
            cls._revision = revision
        if greater_is_better is not None:
            _rising[name] = greater_is_better
        if name not in _registered[kind] or not is_ours(cls):  # a user's own stays
            _registered[kind][name] = cls
        return component if is_called(component) else cls

    return decorate


def revision(cls: type) -> int:
    """Return the revision of a settings class, 1 unless it has been raised."""
    return getattr(cls, "_revision", 1)


def names(kind: str) -> list[str]:
    """List the components of a kind: the modules of its package and whatever plugins have registered."""
    package = importlib.import_module(KINDS[kind].package)
    shipped = package.available() if hasattr(package, "available") else _modules(package, KINDS[kind])
    return sorted({*shipped, *_registered[kind]})


@cache
def _modules(package: ModuleType, kind: Kind) -> Mapping[str, str]:
    """Map what a package holds to its modules: each is named as its component, or listed in SEVERAL with those in it.

    A module in the place of a package has registered all that it holds.
    """
    found = pkgutil.iter_modules(getattr(package, "__path__", ()))
    several = getattr(package, "SEVERAL", {})
    own = (module.name for module in found if module.ispkg or not kind.code)
    return {name: module for module in own for name in several.get(module, (module,))}


def registered(kind: str) -> list[type]:
    """Return the settings classes of a kind that have been imported so far, plugins' among them."""
    return list(_registered[kind].values())


def rising_metrics() -> dict[str, bool]:
    """Return of which registered metrics more is better, and of which less, as far as their authors have said."""
    return {name: said for name, said in _rising.items() if name in _registered["metric"]}


def components(kind: str) -> dict[str, Any]:
    """Return every component of a kind by its name; each is imported."""
    return {name: lookup(kind, name) for name in names(kind)}


def lookup(kind: str, name: str) -> type:
    """Return the settings class registered under `name`; a misspelled name is a ConfigError with the choices."""
    importlib.import_module(KINDS[kind].package)  # one that is a module registers all that it holds
    if name not in _registered[kind]:
        _import(kind, name)
    return _registered[kind][name]


def _import(kind: str, name: str) -> None:
    if name not in (choices := names(kind)):
        raise ConfigError(f"{kind}: `{name}` is not one of {', '.join(choices)}{suggest_choice(kind, name, choices)}")
    package = importlib.import_module(KINDS[kind].package)
    if hasattr(package, "available"):
        _registered[kind][name] = package.load(name)
    else:
        chosen = dict(_registered[kind])  # a plugin's own component stays where a module brings one of its name
        importlib.import_module(f"{package.__name__}.{_modules(package, KINDS[kind])[name]}")
        _registered[kind] |= chosen


def suggest_choice(kind: str, name: object, choices: Iterable[str]) -> str:
    """Return a hint at the component that may be meant; where none is near, how one of the user's own is named."""
    own = "; one of your own is known once its module is named: 'plugins=[MODULE]'" if kind in _CONFIGURED else ""
    return suggest_value(kind, name, choices) or own


def load_plugins(modules: list[str], backend: str | None = None) -> None:
    """Import a user's own component modules; the working directory is searched first.

    One that imports Keras at its top gets `backend`, else KERAS_BACKEND, else the default.
    """
    if modules and "" not in sys.path:
        sys.path.insert(0, "")
    _imports.append(set())
    try:
        with _keras_backend(backend):
            for module in modules:
                _import_plugin(module)
                _plugins.add(module)
    finally:
        _imports.pop()


def list_plugins() -> list[str]:
    """Return the user's own modules that have been imported."""
    return sorted(_plugins)


class PluginsNeeded(ConfigError):
    """A configuration names plugins that the user has not: to import them would run their code."""

    def __init__(self, *modules: str) -> None:
        self.modules = modules
        names = ", ".join(modules)
        super().__init__(
            f"plugins: {names} named by a file, which may not choose code; if you trust it, add 'plugins=[{names}]' to "
            f"the command, or write `plugins: [{names}]` in conf/config.yaml of this folder"
        )

    def __reduce__(self) -> tuple[type[PluginsNeeded], tuple[str, ...]]:
        return type(self), self.modules


def refuse_others(given: object) -> None:
    """Raise PluginsNeeded if a configuration names plugins that were not imported at the user's word."""
    if others := [name for name in dict.fromkeys(modules(given)) if name not in _plugins]:
        raise PluginsNeeded(*others)


def modules(given: object) -> list[str]:
    """Return the names of modules in what is given for `plugins`, as it should be or not."""
    return [given] if isinstance(given, str) else [str(name) for name in given] if isinstance(given, Sequence) else []


@contextmanager
def _keras_backend(name: str | None) -> Iterator[None]:
    """Set KERAS_BACKEND for as long as modules are imported; what the user has set counts unless `name` is given."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = name or before or DEFAULT_BACKEND
    try:
        yield
    finally:
        del os.environ["KERAS_BACKEND"]
        os.environ |= {} if before is None else {"KERAS_BACKEND": before}


class PluginExits(ConfigError):
    """A plugin has called `sys.exit`: it ends nothing, but is a failure of the run whatever code it asks for."""

    exit_code = 1


def _import_plugin(module: str) -> None:
    if module.endswith(".py"):
        name = ".".join(part for part in module[:-3].split("/") if part not in ("", "."))
        raise ConfigError(f"plugins: `{module}` is a file; write the name of its module, `{name}`")
    if not all(part.strip() and not set("/\\\0") & set(part) for part in module.split(".")):
        raise ConfigError(f"plugins: `{module}` is not the name of a module; write it as after `import` in Python")
    try:
        importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() among them
        if isinstance(error, ModuleNotFoundError) and error.name in (module.split(".")[0], module):
            raise ConfigError(f"plugins: there is no Python module `{module}` here or installed") from None
        place = f"plugins: {find_place(error, [module]) or module}"
        if isinstance(error, RnnexpError):
            raise ConfigError(*(f"{place}: {problem}" for problem in getattr(error, "problems", [error]))) from None
        if isinstance(error, SystemExit):
            raise PluginExits(f"{place}: sys.exit({error}) was called while it was imported; leave it out") from None
        what = error.msg if isinstance(error, SyntaxError) else error
        raise ConfigError(f"{place}: {type(error).__name__}: {what}") from None


PositiveInt = Annotated[int, Field(ge=1)]
