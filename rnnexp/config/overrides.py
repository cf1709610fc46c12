"""The border: each override of a command line is looked at alone, so that every mistake is found at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.override_parser.types import Override, Quote, QuotedString, RangeSweep

from rnnexp import registry
from rnnexp.config import places, renamed, source
from rnnexp.config.grammar import GROUPS, is_glob, options_of, parsed, quote_letters
from rnnexp.errors import ConfigError, did_you_mean

PARAMS = "hydra.sweeper.params."
MAX_VALUES = 100_000  # of one range
OPEN = ("hydra.sweeper", "hydra.launcher", "hydra.job.env_set")  # checked by us, or free: Hydra would want a `+`

VALUES = "values"  # the source of numbers that stand in the command, and their key

MAX_LISTED = 40  # names of a group that a mistake lists
MAY_BE_NONE = ("loss", "schedule", "callbacks", "experiment")


@dataclass
class Border:
    """What is left after the border: overrides that Hydra will accept, as they follow each other, and the mistakes.

    Overrides of single keys are rewritten to `++key=value` because the typed check that follows knows better
    than Hydra what exists.
    """

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    config_dir: str | None = None

    def choices(self, group: str) -> set[str]:
        """Return the options of a group, those of the further folder too."""
        own = Path(self.config_dir, group) if self.config_dir else None
        return source.options(group) | (places.named(own, group == "experiment", (".yaml",)) if own else set())

    @property
    def groups(self) -> list[str]:
        return [line for line in self.lines if is_group(parsed(line))]

    @property
    def values(self) -> list[str]:
        return [line for line in self.lines if not is_group(parsed(line)) and not parsed(line).is_hydra_override()]

    @property
    def hydra(self) -> list[str]:
        return [line for line in self.lines if parsed(line).is_hydra_override()]

    def overrides(self) -> list[str]:
        return [*self.lines]

    def opened(self) -> Border:
        """Return the same with settings of our sweeper that Hydra takes as they come: our own check knows better."""
        opens = tuple(f"{key}." for key in OPEN)
        lines = [
            f"++{line.lstrip('+')}" if f"{parsed(line).key_or_group}.".startswith(opens) and line[0] != "~" else line
            for line in self.lines
        ]
        return replace(self, lines=lines)


def is_group(override: Override) -> bool:
    """Say whether an override chooses an option of one of our groups."""
    return not override.is_hydra_override() and (override.key_or_group in GROUPS or override.package is not None)


def inspect_overrides(lines: Iterable[str], sweep: bool = False, config_dir: str | None = None) -> Border:
    """Sort overrides into groups, values and Hydra's own; sweeps (`a=1,2`) only pass with `sweep`.

    `config_dir` is a further folder of choices, Hydra's `--config-dir`.
    """
    border = Border(config_dir=config_dir)
    for line in map(quote_letters, lines):
        try:
            _sort(parsed(line), line, sweep, border)
        except ConfigError as error:
            border.problems += error.problems
    if _brings_values(border):
        border.lines.insert(0, f"data={VALUES}")
    return border


def _brings_values(border: Border) -> bool:
    """Say whether `data.values=[…]` alone tells where the numbers come from: nothing else chooses data."""
    keys = [parsed(line).key_or_group for line in border.lines]
    if f"data.{VALUES}" not in keys or {"data", "experiment"} & set(keys):
        return False
    return VALUES not in source.defaults(f"data/{source.read_usual('data')}")


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
    if endless := _bad_range(override):
        border.problems.append(endless)
    elif override.is_hydra_override():
        _sort_hydras(override, line, border)
    elif override.is_sweep_override() and not sweep:
        border.problems.append(
            f"{key}: `{line}` asks for several runs; add -m for a sweep, or write {key}=[…] for a list"
        )
    elif is_group(override):
        _sort_group(override, line, border)
    elif override.is_delete():
        told = renamed.answer(key)
        border.problems += [f"{key}: {told}"] if told else []
        border.lines += [] if told else [line]
    else:
        if override.is_discrete_sweep():
            options_of(override)
        border.lines.append(f"++{_drawn(override, line).lstrip('+')}")


def _sort_hydras(override: Override, line: str, border: Border) -> None:
    """Take a setting of Hydra's own; a space that is written without quotes is one all the same."""
    key = override.key_or_group
    if "/" not in key and (hint := _unknown_to_hydra(key)) is not None:
        border.problems.append(f"{key}: Hydra has no such setting{hint}")
        return
    if "/" in key and (problems := list(_nothing_chosen(override, border))):
        border.problems += problems
        return
    if override.is_sweep_override() and key.startswith(PARAMS):
        quoted = QuotedString(override.get_value_string(), Quote.single).with_quotes()
        line = f"{override.get_key_element()}={quoted}"
    elif override.is_sweep_override():
        border.problems.append(f"{key}: `{line}`: Hydra's own settings cannot be swept; give one value")
        return
    border.lines.append(line)


def _unknown_to_hydra(key: str) -> str | None:
    """Return a hint at what may be meant by a setting that Hydra does not have; it would take it all the same."""
    node: object = HydraConf()
    for name in key.split(".")[1:]:
        if not is_dataclass(node):
            return None
        known = [field.name for field in fields(node)]
        if name not in known:
            return did_you_mean(name, known)
        node = getattr(node, name)
    return None


def _drawn(override: Override, line: str) -> str:
    """Write out a list that is shuffled: whoever reads the line again is to find the same order."""
    if "shuffle(" not in line or override.is_sweep_override():
        return line
    return f"{override.get_key_element()}={override.get_value_element_as_str()}"


def _bad_range(override: Override) -> str | None:
    """Refuse a range without a value, or without an end in sight, before its values are listed."""
    swept = override.value()
    if not isinstance(swept, RangeSweep):
        return None
    key, line = override.key_or_group, override.input_line
    start, stop, step = (Decimal(str(number)) for number in (swept.start, swept.stop, swept.step))
    if not (start.is_finite() and stop.is_finite() and step.is_finite() and step):
        return f"{key}: `{line}`: a range needs finite ends and a step that is not 0"
    if (stop - start) / step <= 0:
        return f"{key}: `{line}`: there is no value in this range; the stop is left out, as in Python"
    if (stop - start) / step > MAX_VALUES:
        return f"{key}: `{line}`: more than {MAX_VALUES:,} values; write interval(…) and choose a sampler"
    return None


def _sort_group(override: Override, line: str, border: Border) -> None:
    group = override.key_or_group
    known = border.choices(group)
    if is_glob(override):
        line = f"{override.get_key_element()}=choice({','.join(options_of(override, known))})"
        override = parsed(line)
    if override.is_interval_sweep():
        problems = [f"{group}: `{override.get_value_string()}` is an interval; name the choices, separated by commas"]
    else:
        problems = [p for value in choices(override) if (p := _group_problem(group, value, known))]
    border.problems += problems
    if not problems:
        line = str(override.input_line)
        border.lines.append(line.lstrip("+") if not override.is_delete() else line)


def _nothing_chosen(override: Override, border: Border) -> Iterator[str]:
    """Find `hydra/launcher=null`, which Hydra meets with a traceback."""
    group = override.key_or_group
    for value in () if override.is_delete() else choices(override):
        if not isinstance(value, str):
            listed = ", ".join(sorted(border.choices(group)))
            said = "null" if value is None else repr(value)
            yield f"{group}: {said} given; choose {f'one of {listed}' if listed else 'one by its name'}"


def choices(override: Override) -> Iterator[object]:
    """Yield the options that an override names, null among them; none of a pattern or of an impossible range."""
    if is_glob(override) or (override.is_delete() and override.value() is None):
        return iter(())
    if override.is_discrete_sweep():
        with suppress(ValueError):  # of a range that cannot be, which is reported where values are read
            return map(_unquoted, override.sweep_iterator())
        return iter(())
    return iter((override.value(),))


def _unquoted(value: object) -> object:
    return value.text if isinstance(value, QuotedString) else value


def _group_problem(group: str, value: object, choices: set[str]) -> str | None:
    many = len(choices) > MAX_LISTED
    listed = f"the {len(choices)} that `rnnexp train --help` lists" if many else ", ".join(sorted(choices))
    if value is None:
        return None if group in MAY_BE_NONE else f"{group}: null given, but one is needed; choose one of {listed}"
    if isinstance(value, dict | list):
        return f"{group}: {value!r} given; choose one by name (`{group}=…`) and set keys as `{group}.key=value`"
    if obstacle := places.obstacle(f"{group}/{value}"):
        return f"{group}: {obstacle}"
    if str(value) in choices or (group == "experiment" and places.find(f"{group}/{value}")):
        return None
    inside = next((choice for choice in sorted(choices) if choice.endswith(f"/{value}")), None)
    hint = f"; did you mean `{inside}`?" if inside else registry.suggest_choice(group, value, choices)
    return f"{group}: `{value}` is not one of {listed}{hint}"


def single_runs(border: Border) -> Iterator[list[str]]:
    """Yield override lists that together show each value of each sweep once, without the full product."""
    spread = [_spread(parsed(line), line) for line in border.overrides()]
    first = [options[0] for options in spread]
    yield first
    for index, options in enumerate(spread):
        for option in itertools.islice(options, 1, None):
            yield [*first[:index], option, *first[index + 1 :]]


def chosen(override: Override) -> list[str]:
    """Return the names of the options that an override chooses, all of them in a sweep."""
    return [str(value) for value in choices(override) if value is not None]


def _spread(override: Override, line: str) -> Sequence[str]:
    if not override.is_discrete_sweep():
        return [line if not override.is_sweep_override() else f"{override.get_key_element()}=???"]
    return [f"{override.get_key_element()}={value}" for value in options_of(override)]
