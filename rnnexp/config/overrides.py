"""The border: each override of a command line is looked at alone, so that every mistake is found at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from rnnexp.config import places, source
from rnnexp.errors import ConfigError, did_you_mean

GROUPS = (*source.COMPONENT_GROUPS, "trainer", "callbacks", "tracking", "experiment")


@dataclass
class Border:
    """What is left after the border: overrides that Hydra will accept, and the mistakes set aside.

    `values` are the overrides of single keys, rewritten to `++key=value` because the typed check that
    follows knows better than Hydra what exists.
    """

    groups: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    hydra: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    config_dir: str | None = None

    def choices(self, group: str) -> set[str]:
        """Return the options of a group, those of the further folder too."""
        own = Path(self.config_dir, group) if self.config_dir else None
        return source.options(group) | (places.named(own, group == "experiment", (".yaml",)) if own else set())

    def overrides(self) -> list[str]:
        return [*self.groups, *self.values, *self.hydra]


def inspect_overrides(lines: Iterable[str], sweep: bool = False, config_dir: str | None = None) -> Border:
    """Sort overrides into groups, values and Hydra's own; sweeps (`a=1,2`) only pass with `sweep`.

    `config_dir` is a further folder of choices, Hydra's `--config-dir`.
    """
    border = Border(config_dir=config_dir)
    for line in lines:
        try:
            _sort(parsed(line), line, sweep, border)
        except ConfigError as error:
            border.problems += error.problems
    return border


@cache
def parsed(line: str) -> Override:
    """Parse one override; what is not one is a ConfigError that shows how to quote."""
    try:
        return OverridesParser.create().parse_override(line)
    except HydraException as error:
        detail = str(error).splitlines()[0]
        raise ConfigError(
            f"`{line}`: not `key=value` ({detail}); put quotes around values with spaces, commas or brackets: "
            f"'key=\"a, b\"'"
        ) from None


def changes(lines: Iterable[str], group: str) -> dict[str, object]:
    """Return overrides of a group's keys as plain values: `key=value`, with or without the name of the group before.

    Raises ConfigError with all that are not a single value of a key.
    """
    found: dict[str, object] = {}
    problems: list[str] = []
    for line in lines:
        try:
            override = parsed(line)
            if override.is_sweep_override() or override.is_delete() or override.package is not None:
                raise ConfigError(f"`{line}`: give one value: key=value, or key=[…] for a list")
            found[override.key_or_group.removeprefix(f"{group}.")] = override.value()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return found


def _sort(override: Override, line: str, sweep: bool, border: Border) -> None:
    key = override.key_or_group
    if override.is_hydra_override():
        border.hydra.append(line)
    elif override.is_sweep_override() and not sweep:
        border.problems.append(
            f"{key}: `{line}` asks for several runs; add -m for a sweep, or write {key}=[…] for a list"
        )
    elif key in GROUPS or override.package is not None:
        _sort_group(override, line, border)
    elif override.is_delete():
        border.values.append(line)
    else:
        border.values.append(f"++{line.lstrip('+')}")


def _sort_group(override: Override, line: str, border: Border) -> None:
    group = override.key_or_group
    choices = border.choices(group)
    problems = [p for value in _choices(override) if (p := _group_problem(group, value, choices))]
    border.problems += problems
    if not problems:
        border.groups.append(line.lstrip("+") if not override.is_delete() else line)


def _choices(override: Override) -> Iterator[object]:
    if override.is_delete() and override.value() is None:
        return iter(())
    if override.is_sweep_override():
        return iter(override.sweep_iterator()) if not is_glob(override) else iter(())
    return iter((override.value(),))


def is_glob(override: Override) -> bool:
    """Say whether the choices are given as a pattern, which needs Hydra's loader to be read."""
    return override.value_type is not None and override.value_type.name == "GLOB_CHOICE_SWEEP"


def _group_problem(group: str, value: object, choices: set[str]) -> str | None:
    if value is None or str(value) in choices:
        return None
    if isinstance(value, dict | list):
        return f"{group}: {value!r} given; choose one by name (`{group}=…`) and set keys as `{group}.key=value`"
    listed = ", ".join(sorted(choices))
    inside = next((choice for choice in sorted(choices) if choice.endswith(f"/{value}")), None)
    hint = f"; did you mean `{inside}`?" if inside else did_you_mean(value, choices)
    return f"{group}: `{value}` is not one of {listed}{hint}"


def single_runs(border: Border) -> Iterator[list[str]]:
    """Yield override lists that together show each value of each sweep once, without the full product."""
    spread = [_spread(parsed(line), line) for line in border.overrides()]
    first = [options[0] for options in spread]
    yield first
    for index, options in enumerate(spread):
        for option in itertools.islice(options, 1, None):
            yield [*first[:index], option, *first[index + 1 :]]


def _spread(override: Override, line: str) -> list[str]:
    if not override.is_discrete_sweep() or is_glob(override):
        return [line if not override.is_sweep_override() else f"{override.get_key_element()}=???"]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
