"""The page of the Python API: signatures and docstrings of what `import rnnexp as rx` offers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

import rnnexp
from rnnexp.component import KINDS
from rnnexp.data.dataset import Predictions
from rnnexp.errors import RnnexpError
from rnnexp.evaluation.report import Report
from rnnexp.training.plan import History
from tests.reference.markdown import code, page, prose, sentence, table

INTRODUCTION = """\
# Python

What `import rnnexp as rx` offers: functions, the objects that they return, and errors. Begin with
[From Python](../python.md), which shows all of this in use. The keys of settings are explained in
[Settings](settings.md), the names of metrics in [Metrics](metrics.md).

(Made from signatures and docstrings by `python -m tests.reference`.)"""

REGISTERED = """\
A component of your own is a class or function below `@register(KIND)`, in a module that `plugins=[MODULE]` names.
[Your own parts](../plugins.md) shows one of each kind. A function becomes the method in the second column. The
arguments in the third are passed by rnnexp; all others are its settings, which have a type and mostly a default."""

INNER = {
    "History": (History, "`result.history`: the metrics of each epoch."),
    "Predictions": (Predictions, "`result.predictions`, `evaluation.predictions`."),
    "Report": (Report, "`result.report`: everything that the scored part was evaluated to."),
}
ENTRY = re.compile(r"(\w+(?:, \w+)*): +(?=\S)")


def write_python() -> str:
    """Write the page of the Python API."""
    public = {name: getattr(rnnexp, name) for name in rnnexp.__all__}
    functions = {name: one for name, one in public.items() if inspect.isfunction(one)}
    errors = [one for one in public.values() if inspect.isclass(one) and issubclass(one, RnnexpError)]
    classes = {name: one for name, one in public.items() if inspect.isclass(one) and one not in errors}
    return page(
        INTRODUCTION,
        "## Functions",
        *(_function(name, one) for name, one in functions.items()),
        "## Objects",
        *(_class(f"rx.{name}", one) for name, one in classes.items()),
        *(_class(name, one, told) for name, (one, told) in INNER.items()),
        "## Errors",
        "Every error that the command line has a sentence for. `except rx.RnnexpError` catches all of them.",
        table(
            ("error", "exit code", "meaning"), (_error(one) for one in sorted(errors, key=lambda one: one.exit_code))
        ),
    )


def _function(name: str, function: Any) -> str:
    more = page(REGISTERED, _kinds()) if name == "register" else ""
    return page(f"### rx.{name}", _signature(f"rx.{name}", function), docstring(function), more)


def _signature(name: str, function: Any) -> str:
    """Write a call without the types of its parameters, which their texts tell."""
    found = inspect.signature(function)
    parameters = [one for one in found.parameters.values() if one.name != "self"]
    bare = found.replace(parameters=[one.replace(annotation=inspect.Parameter.empty) for one in parameters])
    answer = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
    text = f"{name}{bare.replace(return_annotation=found.empty)}{answer}"
    return f"```python\n{text}\n```"


def _kinds() -> str:
    rows = [
        (code(f'@register("{name}")'), code(kind.method), ", ".join(map(code, kind.given)), code(kind.base or ""))
        for name, kind in KINDS.items()
    ]
    return table(("kind", "method", "passed", "base class"), rows)


def _class(name: str, cls: type, told: str = "") -> str:
    meanings = {field: text for base in reversed(cls.__mro__) for field, text in entries(base)}
    known = {one.name for one in fields(cls)} if is_dataclass(cls) else set()
    parts = [f"### {name}", told, docstring(cls, known)]
    if cls is rnnexp.Experiment:
        return page(*parts, "Its fields are the keys of [Settings](settings.md): `experiment.trainer.epochs`.")
    if is_dataclass(cls):
        rows = ((code(one.name), code(one.type), prose(sentence(meanings.get(one.name, "")))) for one in fields(cls))
        parts.append(table(("field", "type", "meaning"), rows))
    return page(*parts, *(_member(member, value) for member, value in members(cls)))


def entries(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the names that a docstring lists, with what it says of each."""
    for part in (inspect.getdoc(cls) or "").split("\n\n"):
        yield from listed(part) or ()


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public properties and methods of a class, those of its bases too, first seen first."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.startswith("rnnexp"):
            for name, value in vars(base).items():
                if name not in seen and not name.startswith("_") and isinstance(value, FunctionType | property):
                    seen.add(name)
                    yield name, value


def _member(name: str, value: Any) -> str:
    if not isinstance(value, property):
        return page(f"**{code(f'.{name}()')}**", _signature(f".{name}", value), docstring(value)).strip()
    kind = inspect.signature(value.fget).return_annotation if value.fget else ""
    told = prose(sentence(" ".join((inspect.getdoc(value) or "").split())))
    return f"**{code(f'.{name}')}** {code(f'-> {kind}')}: {told}"


def docstring(found: Any, known: Collection[str] = ()) -> str:
    """Write a docstring, its lists of names as lists; `known` names are told of elsewhere."""
    return "\n\n".join(_paragraph(part, known) for part in (inspect.getdoc(found) or "").split("\n\n")).strip()


def _paragraph(text: str, known: Collection[str]) -> str:
    pairs = listed(text)
    if pairs is None:
        return prose(" ".join(text.split("\n")))
    shown = [(name, told) for name, told in pairs if name not in known]
    return "\n".join(f"- {', '.join(map(code, name.split(', ')))}: {prose(sentence(told))}" for name, told in shown)


def listed(text: str) -> list[tuple[str, str]] | None:
    """Return the names that a paragraph lists, and what it says of each; None for one that is no list."""
    found: list[str] = []
    for line in text.splitlines():
        if ENTRY.match(line) and not line.endswith(":"):
            found += re.split(r";  (?=\w+: )", line)
        elif found and line.startswith(" "):
            found[-1] += f" {line.strip()}"
        else:
            return None
    return [(name, told) for name, told in (re.split(r": +", entry, maxsplit=1) for entry in found)]


def _error(error: type[RnnexpError]) -> tuple[str, str, str]:
    return code(f"rx.{error.__name__}"), str(error.exit_code), prose(sentence(" ".join((error.__doc__ or "").split())))


def untold() -> list[str]:
    """Return what is offered and has no docstring."""
    offered = [(name, getattr(rnnexp, name)) for name in rnnexp.__all__]
    classes = [(name, one) for name, one in offered if inspect.isclass(one)]
    inner = [(f"{name}.{member}", value) for name, one in classes for member, value in members(one)]
    return [name for name, one in [*offered, *inner] if not inspect.getdoc(one)]
