"""Flawed rows that are refused: a remedy for each policy that would do, with what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import count

STAGES = ("unsorted", "duplicates", "missing", "gaps")  # in which rows are looked at
EFFECTS = {
    ("unsorted", "sort"): ("moves", "row", ""),
    ("duplicates", "first"): ("leaves out", "row", ""),
    ("duplicates", "last"): ("leaves out", "row", ""),
    ("duplicates", "mean"): ("merges", "row", " with others"),
    ("missing", "drop"): ("leaves out", "row", ""),
    ("missing", "ffill"): ("fills", "cell", " with the value before"),
    ("missing", "interpolate"): ("fills", "cell", " on a straight line"),
    ("gaps", "ffill"): ("adds", "row", " like the one before"),
    ("gaps", "interpolate"): ("adds", "row", " on a straight line"),
    ("gaps", "ignore"): ("takes", "row", " as they come"),
}


@dataclass(frozen=True)
class Flaw:
    """What is wrong with rows, by policy.

    key:      of the policy;  what: "absent row", ... as it is counted
    rows, of: how many rows are concerned, and of how many
    effects:  value of the policy -> rows or cells that it leaves out, merges, moves or fills; only values that would do
    sure:     the value that changes nothing of what is known: there is no other reading, however many rows it concerns
    doubt:    why no value may be chosen without asking
    skip:     lines of which one is likely wrong: without them there would be no flaw
    """

    key: str
    what: str
    rows: int
    of: int
    effects: Mapping[str, int]
    sure: str = ""
    doubt: str = ""
    skip: tuple[int, ...] = field(default=())

    def remedies(self) -> list[Remedy]:
        return [*self._skipped(), *(self._remedy(value, total) for value, total in self.effects.items())]

    def remedy(self, value: str) -> Remedy:
        return self._remedy(value, self.effects[value])

    def _remedy(self, value: str, total: int) -> Remedy:
        verb, what, how = EFFECTS[self.key, value]
        return Remedy({self.key: value}, f"{verb} {count(total, what)}{how}")

    def _skipped(self) -> list[Remedy]:
        return [Remedy({"skip_rows": list(self.skip)}, "leaves out what is likely a wrong date")] if self.skip else []


class Flawed(Refused):
    """Rows that a policy would mend."""

    def __init__(self, message: str, flaw: Flaw) -> None:
        self.flaw = flaw
        super().__init__(message, *flaw.remedies())

    def __reduce__(self) -> tuple[type[Flawed], tuple[Any, ...]]:
        return type(self), (self.message, self.flaw)

    def _advice(self) -> str:
        words = [str(remedy) for remedy in self.remedies]
        listed = " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
        return f". Allow it with {listed}" if listed else ""


def join_flaws(errors: Sequence[Flawed], rows: int, noun: str = "series") -> Flawed:
    """Return one error for the first flawed series and for all others with the same flaw: a policy is for all of them.

    Only values that would do for each of them are left. `rows` are those of all series, which messages call `noun`.
    """
    first = min(errors, key=lambda error: STAGES.index(error.flaw.key))
    same = [error for error in errors if error.flaw.key == first.flaw.key]
    flaws = [error.flaw for error in same]
    flaw = replace(
        first.flaw,
        rows=sum(one.rows for one in flaws),
        of=rows,
        effects={
            value: sum(one.effects[value] for one in flaws)
            for value in first.flaw.effects
            if all(value in one.effects for one in flaws)
        },
        sure=first.flaw.sure if len({one.sure for one in flaws}) == 1 else "",
        doubt=next((one.doubt for one in flaws if one.doubt), ""),
        skip=first.flaw.skip if len(same) == 1 else (),
    )
    more = f". The same in {len(same) - 1:,} more {noun}" if len(same) > 1 else ""
    return Flawed(f"{first.message}{more}", flaw)
