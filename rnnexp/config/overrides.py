"""The border: each override of a command line is looked at alone, so that every mistake is found at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, RangeSweep
from hydra.errors import HydraException

from rnnexp.config import places, source
from rnnexp.errors import ConfigError, did_you_mean

GROUPS = (*source.COMPONENT_GROUPS, "trainer", "callbacks", "tracking", "experiment")
MOST_VALUES = 100_000  # of one range
MAY_BE_NONE = ("loss", "schedule", "callbacks", "experiment")

# A quoted text, which is left alone, or a word that stands by itself and that Hydra would read as a number or a truth.
_WORD = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?<![^\s,(=])(?P<bare>[+-]?\.?\d[\w.+-]*|true|false|nan|[+-]?inf)(?![^\s,)])""",
    re.IGNORECASE,
)


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
        own = Path(self.config_dir, group).glob("*.yaml") if self.config_dir else ()
        return source.options(group) | {file.stem for file in own}

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
    """Parse one override; what is not one is a ConfigError that shows how to quote.

    The options of a group are names, also those that look like numbers: `model=64` chooses `conf/model/64.yaml`.
    """
    key = line.partition("=")[0]
    if not key.strip("+~ "):
        raise ConfigError(f"`{line}`: not `key=value`; there is no key before the `=`")
    try:
        return OverridesParser.create().parse_override(_named(line) if _is_choice(key) else line)
    except (
        HydraException,
        RecursionError,
        ValueError,
    ) as error:  # Hydra's parser lets through what Python's int raises
        detail = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise ConfigError(
            f"`{_shown(line)}`: not `key=value` ({detail}); put quotes around values with spaces, commas or brackets: "
            f"'key=\"a, b\"'"
        ) from None


def _is_choice(key: str) -> bool:
    """Say whether a key chooses an option of a group: `model`, `model@other`, `hydra/launcher`."""
    group = key.lstrip("+~").partition("@")[0]
    return group in GROUPS or "/" in group


def _named(line: str) -> str:
    """Put quotes around options that Hydra would read as numbers or truths."""
    key, equals, value = line.partition("=")
    if value.lstrip().startswith(("range(", "[", "{")):
        return line
    return key + equals + _WORD.sub(lambda word: f"'{word['bare']}'" if word["bare"] else word[0], value)


def _shown(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def as_hydra_reads(lines: Iterable[str]) -> list[str]:
    """Say choices of groups as Hydra reads them: `schedule=null` is `~schedule`, `model=64` is `model='64'`.

    Of several choices of a group the last counts.
    """
    kept: dict[str, str] = {}
    for number, line in enumerate(lines):
        key, _, value = line.partition("=")
        name = key.lstrip("+")
        if name not in GROUPS:
            kept[str(number)] = line
            continue
        kept.pop(name, None)
        kept[name] = f"~{name}" if value.strip().lower() == "null" else _named(line)
    return list(kept.values())


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
        problems = list(_nothing_chosen(override, border)) if _is_choice(key) else []
        border.problems += problems
        border.hydra += [] if problems else [line]
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
    if (stop - start) / step > MOST_VALUES:
        return f"{key}: `{line}`: more than {MOST_VALUES:,} values; write interval(…) and choose a sampler"
    return None


def _sort_group(override: Override, line: str, border: Border) -> None:
    group = override.key_or_group
    known = border.choices(group)
    problems = [p for value in choices(override) if (p := _group_problem(group, value, known))]
    border.problems += problems
    if not problems:
        line = str(override.input_line)
        border.groups.append(line.lstrip("+") if not override.is_delete() else line)


def _nothing_chosen(override: Override, border: Border) -> Iterator[str]:
    """Find `hydra/launcher=null`, which Hydra meets with a traceback."""
    group = override.key_or_group
    for value in () if override.is_delete() else choices(override):
        if not isinstance(value, str):
            listed = ", ".join(sorted(border.choices(group)))
            yield f"{group}: {_said(value)} given; choose {f'one of {listed}' if listed else 'one by its name'}"


def _said(value: object) -> str:
    return "null" if value is None else repr(value)


def choices(override: Override) -> Iterator[object]:
    """Yield the options that an override names, null among them; of a pattern none."""
    if override.is_delete() and override.value() is None:
        return iter(())
    if override.is_sweep_override():
        return map(_unquoted, override.sweep_iterator()) if not is_glob(override) else iter(())
    return iter((override.value(),))


def _unquoted(value: object) -> object:
    return value.text if isinstance(value, QuotedString) else value


def is_glob(override: Override) -> bool:
    """Say whether the choices are given as a pattern, which needs Hydra's loader to be read."""
    return override.value_type is not None and override.value_type.name == "GLOB_CHOICE_SWEEP"


def _group_problem(group: str, value: object, choices: set[str]) -> str | None:
    listed = ", ".join(sorted(choices))
    if value is None:
        return None if group in MAY_BE_NONE else f"{group}: null given, but one is needed; choose one of {listed}"
    if isinstance(value, dict | list):
        return f"{group}: {value!r} given; choose one by name (`{group}=…`) and set keys as `{group}.key=value`"
    if str(value) in choices:
        obstacle = places.obstacle(f"{group}/{value}")
        return f"{group}: {obstacle}" if obstacle else None
    return f"{group}: `{value}` is not one of {listed}{did_you_mean(value, choices)}"


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


def _spread(override: Override, line: str) -> list[str]:
    if not override.is_discrete_sweep() or is_glob(override):
        return [line if not override.is_sweep_override() else f"{override.get_key_element()}=???"]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
