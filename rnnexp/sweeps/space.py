"""The space of a sweep: what varies, which points a grid has, and what an Optuna sampler may choose from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rnnexp.config.overrides import GROUPS

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Point = dict[str, str]  # key: value as it is written on the command line


def import_optuna() -> Any:
    """Import Optuna. In a notebook its progress bars, which we do not show, would warn that they lack a package."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import optuna
    return optuna


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

    fixed:    override lines that hold for every job and come first
    late:     further ones that set a part of what varies, each with the key that it follows
    zipped:   groups of keys whose values go together
    excluded: combinations that are left out
    """

    fixed: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    zipped: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[Mapping[str, str], ...] = ()
    late: tuple[tuple[str, str], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dimension.key for dimension in self.dimensions)

    def grid(self) -> Iterator[Point]:
        """Yield every point once, the last key varying fastest."""
        for values in itertools.product(*self._columns()):
            point = {key: value for column in values for key, value in column}
            if not self.leaves_out(point):
                yield {key: point[key] for key in self.keys}

    def count(self) -> int:
        """Count the points of the whole grid without making them, those among them that are left out."""
        return math.prod(map(len, self._columns()))

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

    def lines(self, point: Mapping[str, str]) -> Iterator[str]:
        """Yield the override lines of a point that follow the fixed ones."""
        for key, value in point.items():
            yield f"{key}={value}"
            yield from (line for after, line in self.late if after == key)

    @property
    def depends_on_order(self) -> bool:
        """Whether one key sets a part of another: then the last one typed wins."""
        keys = [d.key for d in self.dimensions if d.key not in GROUPS]
        return bool(self.late) or any(overlap(key, other) for key, other in itertools.combinations(keys, 2))

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

    def with_single(self, keys: Collection[str]) -> Space:
        """Return the same space in which those of `keys` that are fixed vary over their one value."""
        given = {line: line.lstrip("+").partition("=")[::2] for line in self.fixed}
        single = {line: Dimension(key, (value,)) for line, (key, value) in given.items() if key in keys}
        fixed = tuple(line for line in self.fixed if line not in single)
        return replace(self, fixed=fixed, dimensions=(*self.dimensions, *single.values()))

    def describe(self) -> dict[str, str]:
        """Return what makes two spaces the same, readable in a message."""
        lines = [*self.fixed, *(line for _, line in self.late)]
        fixed = dict(line.lstrip("+").partition("=")[::2] for line in lines)
        swept = {d.key: ",".join(d.options) if d.options else _interval(d) for d in self.dimensions}
        return fixed | swept


def _interval(d: Dimension) -> str:
    words = f"interval({d.text(d.low)},{d.text(d.high)})"
    return f"tag(log,{words})" if d.log else words


def overlap(key: str, other: str) -> bool:
    """Say whether one key sets a part of what the other sets."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")
