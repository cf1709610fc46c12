"""The space of a sweep: what varies, which points a grid has, and what an Optuna sampler may choose from."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from rnnexp.config.overrides import is_glob, parsed
from rnnexp.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Point = dict[str, str]  # key: value as it is written on the command line


@dataclass(frozen=True)
class Dimension:
    """One key that varies: a list of values, or an interval with its ends included."""

    key: str
    options: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    step: int | None = None  # of a range of whole numbers

    @property
    def endless(self) -> bool:
        return not self.options

    def ends(self) -> tuple[str, ...]:
        """Return values that together show whether the dimension can be composed."""
        return self.options or (self.text(self.low), self.text(self.high))

    def text(self, value: Any) -> str:
        """Write a suggested value as on the command line."""
        return repr(int(value)) if self.whole else repr(float(value)) if self.endless else str(value)

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""
        from optuna import distributions as d

        if self.whole:
            return d.IntDistribution(int(self.low), int(self.high), log=self.log, step=self.step or 1)
        if self.endless:
            return d.FloatDistribution(self.low, self.high, log=self.log)
        return d.CategoricalDistribution(self.options)


@dataclass(frozen=True)
class Space:
    """Everything a sweep varies.

    fixed:    override lines that hold for every job
    zipped:   groups of keys whose values go together
    excluded: combinations that are left out
    """

    fixed: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    zipped: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[Mapping[str, str], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dimension.key for dimension in self.dimensions)

    def grid(self) -> Iterator[Point]:
        """Yield every point once, the last key varying fastest."""
        for values in itertools.product(*self._columns()):
            point = {key: value for column in values for key, value in column}
            if not self.leaves_out(point):
                yield {key: point[key] for key in self.keys}

    def _columns(self) -> list[list[list[tuple[str, str]]]]:
        """Return the choices to be multiplied: of single keys, and of zipped keys together."""
        by_key = {dimension.key: dimension for dimension in self.dimensions}
        groups = {keys[0]: keys for keys in self.zipped}
        inside = {key for keys in self.zipped for key in keys[1:]}
        columns = []
        for key in self.keys:
            if key not in inside:
                keys = groups.get(key, (key,))
                rows = zip(*(by_key[name].options for name in keys), strict=True)
                columns.append([list(zip(keys, row)) for row in rows])
        return columns

    def leaves_out(self, point: Point) -> bool:
        return any(all(point.get(key) == value for key, value in combo.items()) for combo in self.excluded)

    def corners(self) -> Iterator[Point]:
        """Yield points that together show each value of each key, without the product."""
        first = {dimension.key: dimension.ends()[0] for dimension in self.dimensions}
        yield first
        for dimension in self.dimensions:
            for value in dimension.ends()[1:]:
                yield {**first, dimension.key: value}

    def in_order(self, keys: Sequence[str]) -> Space:
        """Return the same space with its dimensions in another order."""
        return replace(self, dimensions=tuple(sorted(self.dimensions, key=lambda d: list(keys).index(d.key))))

    def describe(self) -> dict[str, str]:
        """Return what makes two spaces the same, readable in a message."""
        fixed = dict(line.lstrip("+").partition("=")[::2] for line in self.fixed)
        swept = {d.key: ",".join(d.options) if d.options else _interval(d) for d in self.dimensions}
        return fixed | swept


def _interval(d: Dimension) -> str:
    words = f"interval({d.text(d.low)},{d.text(d.high)})"
    return f"tag(log,{words})" if d.log else words


def read_space(lines: Sequence[str], settings: Any, loader: Any = None) -> Space:
    """Read override lines, `params` and the rules of a sweep; raises ConfigError with every mistake.

    The command line wins over `params`. `loader` is Hydra's, needed for `glob`.
    """
    problems: list[str] = []
    written = {key: f"{key}={_written(value)}" for key, value in settings.params.items()}
    typed = [_with_loader(parsed(line), loader) for line in lines]
    taken = {override.key_or_group for override in typed}
    from_params = [_with_loader(parsed(line), loader) for key, line in written.items() if key.lstrip("+") not in taken]
    fixed: list[str] = []
    dimensions: list[Dimension] = []
    for override in [*typed, *from_params]:
        if override.is_sweep_override():
            dimensions.append(_dimension(override, settings.seed))
        else:
            fixed.append(str(override.input_line))
    grid = settings.is_grid
    for dimension in dimensions:
        if grid and dimension.endless:
            problems.append(
                f"{dimension.key}: a grid has no points in an interval; add hydra.sweeper.sampler=tpe (or random) "
                f"hydra.sweeper.n_trials=…, or list the values"
            )
    zipped = _zipped(settings.zip, dimensions, grid, problems)
    excluded = tuple(_combination(given, dimensions, problems) for given in settings.exclude)
    if problems:
        raise ConfigError(*problems)
    return Space(tuple(fixed), tuple(_merged(dimensions, grid)), zipped, excluded)


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return value if isinstance(value, str) else Override._get_value_element_as_str(value)


def _with_loader(override: Override, loader: Any) -> Override:
    if is_glob(override):
        override.config_loader = loader
    return override


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
    before = random.getstate()
    random.seed(seed)  # `shuffle` draws from Python's generator: the same command must give the same order
    try:
        options = tuple(dict.fromkeys(override.sweep_string_iterator()))
    finally:
        random.setstate(before)
    if not options:
        raise ConfigError(f"{key}: `{override.get_value_string()}` has no values")
    if isinstance(sweep, RangeSweep) and all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step)):
        numbers = sorted(map(int, options))
        return Dimension(key, options, numbers[0], numbers[-1], whole=True, step=abs(int(sweep.step)))
    return Dimension(key, options)


def _merged(dimensions: list[Dimension], grid: bool) -> list[Dimension]:
    """Let samplers other than the grid draw from a range instead of a list of its numbers."""
    if grid:
        return dimensions
    return [replace(d, options=()) if d.whole and d.low < d.high else d for d in dimensions]


def _zipped(
    given: list[str | list[str]], dimensions: list[Dimension], grid: bool, problems: list[str]
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
        problems += [f"hydra.sweeper.zip: `{key}` is not swept{did_you_mean(str(key), counts)}" for key in unknown]
        sizes = {key: counts[str(key)] for key in keys if key not in unknown}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{key} has {size}" for key, size in sizes.items())
            problems.append(f"hydra.sweeper.zip: keys that go together need equally many values; {listed}")
        if not unknown:
            result.append(tuple(sorted(map(str, keys), key=list(counts).index)))
    twice = [key for key, count in _count(result).items() if count > 1]
    problems += [f"hydra.sweeper.zip: `{key}` is named twice" for key in twice]
    return tuple(result)


def _count(groups: list[tuple[str, ...]]) -> dict[str, int]:
    named = [key for group in groups for key in group]
    return {key: named.count(key) for key in named}


def _combination(given: str | Mapping[str, Any], dimensions: list[Dimension], problems: list[str]) -> Mapping[str, str]:
    """Read `{model: gru, model.units: 64}` or "model=gru model.units=64"."""
    pairs = dict(word.partition("=")[::2] for word in given.split()) if isinstance(given, str) else given
    options = {d.key: d.options for d in dimensions}
    combo = {}
    for key, value in pairs.items():
        found = _option(key, value, options.get(key, ()))
        combo[str(key)] = _written(value) if found is None else found
        if key not in options:
            problems.append(f"hydra.sweeper.exclude: `{key}` is not swept{did_you_mean(key, options)}")
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
