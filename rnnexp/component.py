"""From what somebody has written to a component: a class of settings that YAML can fill in, whatever it was before.

It may be a class with fields, a plain dataclass, a function, whose parameters are the fields, or a class with an
`__init__`, such as a Keras callback, whose parameters are. What a plugin brings is checked at once: a mistake that
shows only when a component is used would show after a night of training.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from dataclasses import Field as Unchecked
from inspect import Parameter, isabstract, isclass, signature
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, PydanticUserError, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.fields import FieldInfo

from rnnexp.errors import ConfigError, first_line

T = TypeVar("T", bound=type)

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True, arbitrary_types_allowed=True)
# `strict` on a nested class would refuse the plain mapping that YAML gives for it.
NESTED = ConfigDict(extra="forbid", allow_inf_nan=False)
NAME = re.compile(r"[^\W\d][\w-]*")
LIBRARIES = {"keras", "tensorflow", "torch"}
WRITABLE = (int, float, str, bool, NoneType, object, list, dict, Sequence, Mapping, Union, UnionType)  # in YAML
MADE = {"__dict__", "__weakref__", "__dataclass_fields__", "__dataclass_params__", "__match_args__", "__hash__"}
MADE |= {"__init__", "__repr__", "__eq__", "__setattr__", "__delattr__"}  # of a class, by Python and by @dataclass


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def settings(cls: T) -> T:
    """Make `cls` a frozen, keyword-only dataclass that refuses unknown keys, wrong types, NaN and infinity."""
    return pydantic_dataclass(cls, frozen=True, kw_only=True, config=STRICT)  # type: ignore[return-value]


@dataclass(frozen=True)
class Kind:
    """One choice a user makes: where its components live and what a plain function becomes.

    `method` is the name a registered function gets on its dataclass; `given` names the leading
    arguments that the runner passes (they are not settings); `base` (module:Class) holds inherited fields.
    `instead`: a method that makes do without it, as a callback for all engines has.
    `code`: its components are no settings but classes of that base, each in a folder of its own.
    """

    package: str
    method: str
    given: tuple[str, ...] = ()
    base: str | None = None
    code: bool = False
    instead: str | None = None

    def load_base(self) -> type | None:
        if self.base is None:
            return None
        module, _, name = self.base.partition(":")
        found: type = getattr(importlib.import_module(module), name)
        return found


KINDS = {
    "data": Kind("rnnexp.data.sources", "read", base="rnnexp.data.source:SeriesSource"),
    "model": Kind("rnnexp.models.architectures", "build", ("spec",)),
    "optimizer": Kind("rnnexp.optimizers", "build"),
    "schedule": Kind("rnnexp.training.schedules", "factor", ("epoch", "epochs")),
    "loss": Kind("rnnexp.models.losses", "build"),
    "callback": Kind("rnnexp.training.callbacks", "build", instead="initial"),
    "metric": Kind("rnnexp.evaluation.extra", "score", ("actual", "predicted")),
    "task": Kind("rnnexp.tasks", "load", base="rnnexp.tasks.base:TaskCode", code=True),
    "executor": Kind("rnnexp.sweeps.executors", "start", ("request",), base="rnnexp.sweeps.launcher:Launcher"),
    "exporter": Kind("rnnexp.models.exporters", "write", ("path", "trained"), base="rnnexp.models.exporter:Exporter"),
}


def make_component(written: Any, of: str) -> type:
    """Return the component of a kind that has been written; a ConfigError says what is wrong with it."""
    if not (isclass(written) or callable(written)) or not NAME.fullmatch(getattr(written, "__name__", "")):
        raise ConfigError(f"register({of!r}): {written!r} given; register a class or a function that has a name")
    kind = KINDS[of]
    if is_ours(written):
        return written if kind.code else _make_settings(written, kind)
    try:
        made = written if kind.code else _make_settings(written, kind)
        problems = [*_list_missing(made, of)] or ([] if kind.code else [*_list_mistakes(made, of)])
    except ConfigError as error:
        problems = error.problems
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        problems = [first_line(error)]
    if problems:
        raise ConfigError(*(f"{of} `{written.__name__}`: {problem}" for problem in problems))
    return made


def is_called(written: Any) -> bool:
    """Say whether something is called with its settings; a class of fields is filled in with them instead."""
    return not isclass(written) or (written.__init__ is not object.__init__ and not is_dataclass(written))


def is_ours(component: Any) -> bool:
    """Say whether a component is the package's own, not a user's."""
    return str(component.__module__).startswith("rnnexp.")


def _make_settings(written: Any, kind: Kind) -> type:
    if is_called(written):
        return _read_signature(written, kind)
    base = kind.load_base()
    alone = written.__bases__ == (object,)
    if alone and (base or is_dataclass(written)):
        written = _copy_class(written, (base,) if base else ())
    elif is_dataclass(written) and not hasattr(written, "__pydantic_fields__"):
        raise ConfigError("a dataclass that derives from another class: leave out its own @dataclass")
    own = dict(vars(written).get("__annotations__", {}))
    if not isinstance(_find_default(written, "name"), str):
        own = {"name": Literal[written.__name__], **own}
        written.name = written.__name__
    written.__annotations__ = own
    for field in own:
        if isinstance(value := vars(written).get(field), list | dict | set):
            setattr(written, field, Field(value))  # is copied for each
    _be_strict_within(written)
    return settings(written)


def _copy_class(written: type, bases: tuple[type, ...]) -> type:
    """Write a class again, upon other bases and without what @dataclass has made of it."""
    body = {key: value for key, value in vars(written).items() if key not in MADE}
    if is_dataclass(written):
        body |= {field.name: _take_default(field) for field in fields(written) if _has_default(field)}
    return type(written.__name__, bases, body)


def _has_default(field: Unchecked[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _take_default(field: Unchecked[Any]) -> Any:
    if field.default_factory is not MISSING:
        return Field(default_factory=field.default_factory)
    return field.default


def _find_default(written: type, name: str) -> Any:
    """Return the default of a field, None if there is no such field or it has none."""
    typed = any(name in vars(cls).get("__annotations__", {}) for cls in written.__mro__)
    value = getattr(written, name, None) if typed else None
    return value.default if isinstance(value, FieldInfo) else value


def _read_signature(written: Any, kind: Kind) -> type:
    """Turn a function, or the `__init__` of a class, into a settings class: its parameters are the fields."""
    makes = not isclass(written) or kind.method == "build"  # is called with what the runner gives, else its method is
    base, empty = kind.load_base(), Parameter.empty
    methods = {kind.method, *(one for one in dir(base) if callable(getattr(base, one)))}
    parameters = _select_settings(written, kind.given if makes else (), {"name", *methods})
    code = written.__init__ if isclass(written) else written
    raw = {one.name: Any if one.annotation is empty else one.annotation for one in parameters}
    holder = type("hints", (), {"__annotations__": raw, "__module__": code.__module__})

    def method(self: Any, *given: Any) -> Any:
        values = {one: getattr(self, one) for one in raw}
        return written(*given, **values) if makes else getattr(written(**values), kind.method)(*given)

    name = written.__name__
    body = {one.name: _make_field(one.default) for one in parameters if one.default is not empty}
    annotations = {"name": Literal[name], **get_type_hints(holder, include_extras=True)}
    body |= {"name": name, "__annotations__": annotations, kind.method: method}
    body |= {"__module__": written.__module__, "__doc__": written.__doc__}
    made = type(name, (base,) if base else (), body)
    _be_strict_within(made)
    return settings(made)


def _select_settings(written: Any, given: tuple[str, ...], taken: set[str]) -> list[Parameter]:
    """Return the parameters that are settings: those behind what the runner gives."""
    whole = isclass(written)
    every = list(signature(written.__init__ if whole else written).parameters.values())[whole:]
    loose = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    unlike = [one for one in every[: len(given)] if _is_any(one, *loose, Parameter.KEYWORD_ONLY)]
    if len(every) < len(given) or unlike:
        raise ConfigError(f"it is called with ({', '.join(given)}), and takes ({', '.join(map(str, every))})")
    every = every[len(given) :]
    if whole:  # a library's are not always typed, and its name is its own affair
        return [one for one in every if not _is_any(one, *loose) and one.name not in taken]
    if missing := [one.name for one in every if one.annotation is Parameter.empty and not _is_any(one, *loose)]:
        raise ConfigError(f"give a type to the parameter(s) {', '.join(missing)}")
    for one in every:
        if _is_any(one, *loose, Parameter.POSITIONAL_ONLY):
            raise ConfigError(f"`{one}` is no setting; give each setting a parameter with a type")
        if one.name in taken:
            raise ConfigError(f"a setting cannot be called `{one.name}`, which means something here; rename it")
    return every


def _is_any(parameter: Parameter, *kinds: Any) -> bool:
    return parameter.kind in kinds


def _make_field(default: Any) -> Any:
    return default if isinstance(default, FieldInfo) else Field(default)


def _be_strict_within(cls: type) -> None:
    """Let plain dataclasses within refuse keys that they do not have, as ours do."""
    for hint in get_type_hints(cls, include_extras=True).values() if not is_ours(cls) else ():
        for part in take_apart(hint):
            if is_dataclass(part) and not hasattr(part, "__pydantic_config__"):
                part.__pydantic_config__ = NESTED  # type: ignore[union-attr]
                _be_strict_within(part)  # type: ignore[arg-type]


def take_apart(hint: Any) -> Iterator[Any]:
    """Yield the types that an annotation is made of."""
    hint = getattr(hint, "__value__", getattr(hint, "__supertype__", hint))  # `type X = int`, NewType
    origin = get_origin(hint)
    if origin is Literal:
        return
    if origin is Annotated:
        yield from take_apart(get_args(hint)[0])
        return
    yield origin or hint
    for inner in get_args(hint):
        yield from take_apart(inner)


def _list_missing(made: type, of: str) -> Iterator[str]:
    """Say what a component of a user's lacks to be of its kind."""
    kind = KINDS[of]
    base = kind.load_base()
    if kind.code and not (isclass(made) and base and issubclass(made, base)):
        yield f"must be a class that derives from {kind.base.replace(':', '.')}"  # type: ignore[union-attr]
    elif not any(callable(getattr(made, method, None)) for method in (kind.method, kind.instead) if method):
        yield f"has no method {kind.method}({', '.join(('self', *kind.given))})"
    elif isabstract(made):
        yield f"has no {', '.join(sorted(made.__abstractmethods__))}"  # type: ignore[attr-defined]


def _list_mistakes(made: Any, of: str) -> Iterator[str]:
    """Say which fields YAML could not fill in, and which defaults are not of their types."""
    name = made.__dataclass_fields__["name"].default
    if not NAME.fullmatch(str(name)):
        yield f"its name {name!r} is not one of letters, digits, _ and -"
    if not made.__pydantic_complete__:
        yield "a type of its fields is not defined where the class is"
        return
    known = made.__pydantic_fields__
    for field, info in known.items():
        strange = [part for part in take_apart(info.annotation) if not _is_writable(part)]
        if strange:
            told = "cannot be written in YAML; use int, float, str, bool, list or dict"
            yield f"{field}: {_write_type(strange[0])} {told}"
    defaults = {
        field: info.get_default(call_default_factory=True) for field, info in known.items() if not info.is_required()
    }
    try:
        made(**defaults)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            if (field := str(item["loc"][0])) in defaults and item["type"] != "missing":
                hint = "; add `| None` to its type" if item["input"] is None else ""
                wanted = item["msg"].replace("Input should be", "must be")
                yield f"{field}: the default {item['input']!r}: {wanted}{hint}"
    if of == "metric" and (needed := [field for field, info in known.items() if info.is_required()]):
        yield f"{', '.join(needed)}: needs a default, since `metrics` names a metric and sets nothing"


def _is_writable(part: Any) -> bool:
    free = part in (Any, Union, None, ...) or part in WRITABLE
    return free or (isclass(part) and (is_dataclass(part) or issubclass(part, dict)))


def _write_type(part: Any) -> str:
    return getattr(part, "__name__", str(part))
