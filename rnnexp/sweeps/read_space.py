"""A sweep's space as it is written: on the command line, in `params`, and in the rules beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from rnnexp.config import renamed
from rnnexp.config.grammar import options_of
from rnnexp.config.overrides import GROUPS, inspect_overrides, is_group, parsed
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.sweeps.space import Dimension, Space, overlap

MAX_JOBS = 100_000  # of a grid: each is composed and checked before the first is run, which takes minutes


def read_space(lines: Sequence[str], settings: Any, config_dir: str | None = None) -> Space:
    """Read override lines, `params` and the rules of a sweep; raises ConfigError with every mistake.

    As in Hydra, `params` come before the command line, the last override of a key counts, in the place of the first,
    and the first key varies slowest. `config_dir` is a further folder of choices.
    """
    border = inspect_overrides([*_param_lines(settings.params), *lines], sweep=True, config_dir=config_dir)
    problems = border.problems
    problems += [f"hydra.sweeper.params: `{line}` is Hydra's own setting and cannot be swept" for line in border.hydra]
    task = [line for line in border.lines if line not in border.hydra]
    space = _arranged(_in_force(task), settings.seed, problems)
    grid = settings.is_grid
    for dimension in space.dimensions:
        if grid and dimension.endless:
            problems.append(
                f"{dimension.key}: a grid has no points in an interval; add hydra.sweeper.sampler=tpe (or random) "
                f"hydra.sweeper.n_trials=…, or list the values"
            )
    zipped = _zipped(settings.zip, space.dimensions, grid, problems)
    excluded = tuple(_combination(given, space.dimensions, problems) for given in settings.exclude)
    if problems:
        raise ConfigError(*problems)
    found = replace(space, dimensions=_merged(space.dimensions, grid), zipped=zipped, excluded=excluded)
    if grid and settings.n_trials is None and (jobs := found.count() * (settings.repeats or 1)) > MAX_JOBS:
        raise ConfigError(
            f"hydra.sweeper: {jobs:,} jobs asked for, and a sweep has at most {MAX_JOBS:,}; give fewer values, or draw "
            "some of them with hydra.sweeper.sampler=random hydra.sweeper.n_trials=200"
        )
    return found


def _param_lines(params: Mapping[str, Any]) -> Iterator[str]:
    """Write `params` as override lines; `hydra.sweeper.params.model.units=…` has made a mapping of a dotted key."""
    written: dict[str, str] = {}
    for key, value in params.items():
        inside = _flat(key, value) if key in GROUPS and isinstance(value, Mapping) else [(key, value)]
        written |= {name: f"{name}={_written(inner)}" for name, inner in inside}
    yield from written.values()


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield key, value
        return
    for name, inner in value.items():
        yield from _flat(f"{key}.{name}", inner)


def _in_force(lines: Iterable[str]) -> list[Override]:
    """Return the overrides that count, as Hydra's own sweeper finds them."""
    found: dict[str, Override] = {}
    for line in lines:
        override = parsed(line)
        name = override.get_key_element().lstrip("+")
        if override.is_delete():
            found.pop(name.removeprefix("~"), None)
        found[name] = override
    return list(found.values())


def _arranged(overrides: Sequence[Override], seed: int, problems: list[str]) -> Space:
    """Tell what varies from what is fixed; a line that sets more of a key that varies must follow it."""
    fixed, late = [], []
    dimensions: dict[str, Dimension] = {}
    moved: list[str] = []  # keys that are set after `fixed`
    for override in overrides:
        key = override.key_or_group
        overlaps = not is_group(override) and any(overlap(key, other) for other in moved)
        if override.is_sweep_override():
            try:
                dimension = _dimension(override, seed)
            except ConfigError as error:
                problems += error.problems
                continue
            dimensions[dimension.key] = dimension
        elif overlaps:
            late.append((list(dimensions)[-1], str(override.input_line)))
        else:
            fixed.append(str(override.input_line))
            continue
        moved += [] if is_group(override) else [key]
    return Space(tuple(fixed), tuple(dimensions.values()), late=tuple(late))


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return value if isinstance(value, str) else Override._get_value_element_as_str(value)


def _dimension(override: Override, seed: int) -> Dimension:
    key = override.get_key_element().lstrip("+")
    sweep = override.value()
    tags: set[str] = getattr(sweep, "tags", set())
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        if low is None or high is None:
            raise ConfigError(f"{key}: `{override.get_value_string()}` needs two ends")
        if low >= high or ("log" in tags and low <= 0):
            raise ConfigError(f"{key}: the interval from {low:g} to {high:g} is empty or cannot be logarithmic")
        return Dimension(key, (), low, high, log="log" in tags, whole=isinstance(low, int))
    options = options_of(override, seed=seed)
    if isinstance(sweep, RangeSweep) and all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step)):
        numbers = sorted(map(int, options))
        return Dimension(key, options, numbers[0], numbers[-1], whole=True, step=abs(int(sweep.step)))
    return Dimension(key, options)


def _merged(dimensions: tuple[Dimension, ...], grid: bool) -> tuple[Dimension, ...]:
    """Let samplers other than the grid draw from a range instead of a list of its numbers."""
    if grid:
        return dimensions
    return tuple(replace(d, options=()) if d.whole and d.low < d.high else d for d in dimensions)


def _zipped(
    given: list[str | list[str]], dimensions: Sequence[Dimension], grid: bool, problems: list[str]
) -> tuple[tuple[str, ...], ...]:
    """Check the groups of keys that go together, in the order of the dimensions."""
    if given and not grid:
        problems.append("hydra.sweeper.zip: needs hydra.sweeper.sampler=grid; a sampler draws each key by itself")
        return ()
    groups = [given] if given and all(isinstance(item, str) for item in given) else given
    counts = {d.key: len(d.options) for d in dimensions}
    result = []
    for group in groups:
        keys = [group] if isinstance(group, str) else list(group)
        unknown = [key for key in keys if key not in counts]
        problems += [f"hydra.sweeper.zip: `{key}` {_not_swept(str(key), counts)}" for key in unknown]
        sizes = {key: counts[str(key)] for key in keys if key not in unknown}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{key} has {size}" for key, size in sizes.items())
            problems.append(f"hydra.sweeper.zip: keys that go together need equally many values; {listed}")
        if not unknown:
            result.append(tuple(sorted(map(str, keys), key=list(counts).index)))
    twice = [key for key, count in _count(result).items() if count > 1]
    problems += [f"hydra.sweeper.zip: `{key}` is named twice" for key in twice]
    return tuple(result)


def _not_swept(key: str, swept: Iterable[str]) -> str:
    return renamed.answer(key) or f"is not swept{did_you_mean(key, swept)}"


def _count(groups: list[tuple[str, ...]]) -> dict[str, int]:
    named = [key for group in groups for key in group]
    return {key: named.count(key) for key in named}


def _combination(
    given: str | Mapping[str, Any], dimensions: Sequence[Dimension], problems: list[str]
) -> Mapping[str, str]:
    """Read `{model: gru, model.units: 64}` or "model=gru model.units=64"."""
    pairs = dict(word.partition("=")[::2] for word in given.split()) if isinstance(given, str) else given
    options = {d.key: d.options for d in dimensions}
    combo = {}
    for key, value in pairs.items():
        found = _option(key, value, options.get(key, ()))
        combo[str(key)] = _written(value) if found is None else found
        if key not in options:
            problems.append(f"hydra.sweeper.exclude: `{key}` {_not_swept(key, options)}")
        elif options[key] and found is None:
            listed = ", ".join(options[key])
            problems.append(f"hydra.sweeper.exclude: {key}={_written(value)} is not among its values {listed}")
    return combo


def _option(key: str, given: Any, options: Sequence[str]) -> str | None:
    """Return the option that is equal to a value, however that is written: 1e-2 is 0.01."""
    if isinstance(given, str):
        with suppress(ConfigError):
            override = parsed(f"{key}={given}")
            given = given if override.is_sweep_override() else override.value()
    return next((text for text in options if parsed(f"{key}={text}").value() == given), None)
