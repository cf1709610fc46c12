"""From plain values to the typed experiment; everything that is wrong is reported together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from types import SimpleNamespace
from typing import Any, get_type_hints

from pydantic import ValidationError

from rnnexp import registry
from rnnexp.component import take_apart
from rnnexp.config import loss_names, metric_names, renamed
from rnnexp.config.hints import suggest_nested, suggest_repair
from rnnexp.config.settings import FIXED, Experiment
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.paths import name_problem
from rnnexp.redact import MASK, is_secret, remember
from rnnexp.synonyms import suggest_key

COMPONENTS = ("data", "model", "loss", "optimizer", "schedule")
MOST_SHOWN = 5
MOST = 2**63 - 1


class _Unknown:
    """Stands for a part with mistakes of its own: a rule that asks it anything is skipped."""

    class Asked(Exception):
        pass

    def __getattr__(self, name: str) -> Any:
        raise _Unknown.Asked(name)


def parse(mapping: Mapping[str, Any]) -> Experiment:
    """Check plain values and return the experiment; raises ConfigError with every mistake."""
    registry.refuse_others(mapping.get("plugins"))
    remember(mapping)
    if huge := list(_find_huge("", mapping)):  # which arithmetic on settings would choke on
        raise ConfigError(*huge)
    problems: list[str] = []
    values = dict(mapping)
    parts = {key: _component(key, values.pop(key, None), problems) for key in COMPONENTS}
    parts |= {key: _fixed(key, cls, values.pop(key, {}), problems) for key, cls in FIXED.items()}
    parts["callbacks"] = _callbacks(values.pop("callbacks", None), problems)
    top = build("", Experiment, values, problems, others=[*parts])
    if isinstance(name := values.get("name"), str) and name and (problem := name_problem(name)):
        problems.append(f"name: {problem}")
    outline = _outline(parts["data"])
    if not isinstance(parts["loss"], _Unknown):
        problems += loss_names.mistakes(parts["loss"], outline)
        outline = outline and outline.with_quantiles(loss_names.find_quantiles(parts["loss"]))
    problems += metric_names.mistakes(_words(values.get("metrics")), outline)
    problems += _cross_checks(parts, top)
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return Experiment(**{**values, **parts})


def _find_huge(key: str, value: Any) -> Iterator[str]:
    """Name whole numbers that no machine counts to."""
    if isinstance(value, int) and abs(value) > MOST:
        yield f"{key}: a number of {int(value.bit_length() * 0.30103) + 1} digits given; must be at most {MOST:,}"
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        yield from _find_huge(f"{key}.{name}" if key else str(name), one)


def plain_values(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment as the plain nested values it was parsed from."""
    return {key: _named_first(value) for key, value in asdict(experiment).items()}


def _named_first(value: Any) -> Any:
    named = isinstance(value, dict) and "name" in value
    return {"name": value["name"], **value} if named else value


def _component(key: str, given: Any, problems: list[str], kind: str | None = None) -> Any:
    kind = kind or key
    if given is None:
        if key in ("loss", "schedule"):
            return None
        problems.append(f"{key}: nothing chosen; choose one of {', '.join(registry.names(kind))}")
        return _Unknown()
    values = {"name": given} if isinstance(given, str) else given
    if not isinstance(values, Mapping) or not isinstance(values.get("name"), str):
        problems.append(f"{key}: {_shown(given)} given; must be a name or `name: …` with its settings")
        return _Unknown()
    try:
        cls = registry.lookup(kind, values["name"])
    except ConfigError as error:
        problems += [problem.replace(f"{kind}:", f"{key}:", 1) for problem in error.problems]
        return _Unknown()
    problems += [f"{key}.{problem}" for problem in renamed.overridden(cls)]
    return build(key, cls, values, problems)


def _fixed(key: str, cls: Any, given: Any, problems: list[str]) -> Any:
    """Build a part that has one class; null would be a silent way to say all of its defaults."""
    if given is None:
        problems.append(f"{key}: null given, but it is needed; leave it out for its defaults, or choose a preset")
        return _Unknown()
    return build(key, cls, given, problems)


def _callbacks(given: Any, problems: list[str]) -> Any:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(f"callbacks: {_shown(given)} given; must be `name: settings` pairs")
        return _Unknown()
    built = {}
    for name, values in given.items():
        if values is not None:
            values = {"name": str(name), **values} if isinstance(values, Mapping) else values
            built[str(name)] = _component(f"callbacks.{name}", values, problems, kind="callback")
    return built


def build(key: str, cls: Any, values: Any, problems: list[str], others: list[str] | None = None) -> Any:
    """Build a settings object, or note its mistakes under the dotted key and return an unknown."""
    if not isinstance(values, Mapping):
        problems.append(f"{key}: {_shown(values)} given; must be `key: value` pairs")
        return _Unknown()
    try:
        return cls(**{str(name): value for name, value in values.items()})
    except ValidationError as error:
        problems += _explained(key, cls, values, error, others or [])
        return _Unknown()


def _explained(key: str, cls: Any, values: Mapping[str, Any], error: ValidationError, others: list[str]) -> list[str]:
    """Turn pydantic's errors into one line per key, alternatives joined by `or`."""
    known = [*cls.__pydantic_fields__, *others]
    wrong: dict[str, list[str]] = {}
    hints: dict[str, str] = {}
    items = error.errors(include_url=False)
    places = [_located(item["loc"], values) for item in items]
    for item, (path, value) in zip(items, places):
        if isinstance(value, list | Mapping) and any(other.startswith(f"{path}.") for other, _ in places):
            continue  # what is wrong stands within, and is told of that
        if "[key]" in item["loc"]:  # a name is wrong, not what stands behind it
            value = item["input"]
            path = f"{path.rpartition('.')[0]}.{value}"
        if item["type"] == "unexpected_keyword_argument":
            text = suggest_nested(item["loc"][-1]) or _renamed(key, path, cls, values)
            text = text or _unknown(key, path, _list_known(cls, path, known))
        elif item["type"] == "missing":
            text = "a value is needed"
        else:
            text = f"{MASK if is_secret(path) else _shown(value)} given; {_requirement(item)}"
        name = ".".join(filter(None, (key, path))) or "''"
        wrong.setdefault(name, []).append(text)
        hints[name] = hints.get(name) or suggest_repair(name, item, cls, values)
    return [f"{name}: {_joined(texts)}{hints[name]}" for name, texts in wrong.items()]


def _list_known(cls: Any, path: str, known: list[str]) -> list[str]:
    """Return the keys beside one that is wrong: of a dataclass within, what that has."""
    for step in path.split(".")[:-1]:
        if step.isdigit():  # of a list
            continue
        within = [part for part in take_apart(get_type_hints(cls).get(step)) if is_dataclass(part)]
        if not within:
            return known
        cls, known = within[0], [field.name for field in fields(within[0])]
    return known


def _renamed(key: str, path: str, cls: Any, values: Mapping[str, Any]) -> str:
    """Say what a key is called now, and who has it if this component has not; "" if it never was a key."""
    old = f"{key}.{path}"
    if (new := renamed.new_key(old, values.get("name"))) == old:
        return ""
    name = new.removeprefix(f"{key}.")
    return f"is called {new} now{'' if name in cls.__pydantic_fields__ else _elsewhere(key, name)}"


def _unknown(key: str, path: str, known: list[str]) -> str:
    return f"unknown key{_elsewhere(key, path) or _suggestion(key, path, known)}"


def _elsewhere(key: str, path: str) -> str:
    """Say which other components of a group have a key."""
    if key not in registry.KINDS:
        return ""
    having = [name for name in registry.names(key) if path in registry.lookup(key, name).__pydantic_fields__]  # type: ignore[attr-defined]
    shown = ", ".join(having[:MOST_SHOWN]) + (", ..." if len(having) > MOST_SHOWN else "")
    return f"; it belongs to {key}={shown}" if having else ""


def _suggestion(key: str, path: str, known: list[str]) -> str:
    prefix, _, last = path.rpartition(".")
    full = ".".join(filter(None, (key, prefix)))
    if told := suggest_key(".".join(filter(None, (full, last)))):
        return told
    hint = did_you_mean(last, known)
    return hint.replace("`", f"`{full}.", 1) if hint and full else hint


def _located(loc: tuple[Any, ...], values: Any) -> tuple[str, Any]:
    """Follow pydantic's location through the given values, leaving out its names of union members."""
    path: list[str] = []
    for step in loc:
        inside = (
            step in values if isinstance(values, Mapping) else isinstance(values, list) and step in range(len(values))
        )
        if inside:
            values = values[step]
            path.append(str(step))
    return ".".join(path) or str(loc[0]), values


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _requirement(item: Any) -> str:
    return str(item["msg"]).replace("Input should be", "must be").replace("Value error, ", "")


def _joined(texts: list[str]) -> str:
    first, *more = texts
    alternatives = [text.partition("; must be ")[2] for text in more]
    return " or ".join([first, *dict.fromkeys(filter(None, alternatives))])


def _words(given: Any) -> list[str]:
    """Return what can be looked at of a list that may itself have mistakes."""
    return [item for item in given if isinstance(item, str)] if isinstance(given, list) else []


def _outline(data: Any) -> Any:
    """Say what a data source asks of a network; None if its settings have mistakes or do not tell."""
    return None if isinstance(data, _Unknown) or not hasattr(data, "outline") else data.outline()


def _cross_checks(parts: Mapping[str, Any], top: Any) -> list[str]:
    """Run each part's own `check()`, then the rules between parts as far as the parts are valid."""
    whole = SimpleNamespace(**parts, top=top)
    named = {key: part for key, part in parts.items() if key != "callbacks"}
    if isinstance(parts["callbacks"], Mapping):
        named |= {f"callbacks.{name}": part for name, part in parts["callbacks"].items()}
    problems = []
    for key, part in named.items():
        if part is None or isinstance(part, _Unknown):
            continue
        own: list[str] = getattr(part, "check", list)()
        problems += [text if text.startswith(f"{key}.") else f"{key}.{text}" for text in own]
        problems += _between(part, whole)
    return problems + _between(top, whole)


def _between(part: Any, whole: SimpleNamespace) -> list[str]:
    try:
        return list(getattr(part, "check_with", lambda _: [])(whole))
    except _Unknown.Asked:
        return []
