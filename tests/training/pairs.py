"""Few combinations in which each two choices stand together at least once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

Row = dict[str, str]
Pair = frozenset[tuple[str, str]]


def pairs_of(row: Row) -> set[Pair]:
    return {frozenset(two) for two in combinations(row.items(), 2)}


def cover_pairs(choices: Mapping[str, Sequence[str]]) -> list[Row]:
    """Return rows that pick one of each of the choices, so that every pair is in one of them."""
    wanted = [
        frozenset({(a, x), (b, y)}) for a, b in combinations(choices, 2) for x, y in product(choices[a], choices[b])
    ]
    left, rows = dict.fromkeys(wanted), list[Row]()
    while left:
        row = dict(next(iter(left)))
        for name, values in choices.items():
            if name not in row:
                row[name] = max(values, key=lambda value: _count_new(row, name, value, left))
        rows.append({name: row[name] for name in choices})
        for pair in pairs_of(row):
            left.pop(pair, None)
    return rows


def _count_new(row: Row, name: str, value: str, left: Mapping[Pair, None]) -> int:
    return sum(frozenset({other, (name, value)}) in left for other in row.items())
