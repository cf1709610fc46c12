"""What came of many valid tables, as a page that is read from the top: the worst and the most frequent first."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

GOOD = ("equal", "asked")


class Judged(NamedTuple):
    """A case, what came of it, and what was said."""

    number: int
    outcome: str
    said: str
    kinds: tuple[str, ...]
    asks: tuple[str, ...]


def report(found: list[Judged], seed: int) -> str:
    """Count what came of the cases, and blame each that failed on one of its kinds."""
    total = Counter(one.outcome for one in found)
    good = sum(total[name] for name in GOOD)
    works = sum(total[name] for name in ("asked", "asked needlessly", "advised"))
    lines = [
        f"{len(found):,} tables: {good / max(1, len(found)):.1%} read equal to the truth ({total['equal']:,} at once, "
        f"{total['asked']:,} after a question that has a reason), {total['wrong']:,} silently wrong, "
        f"{total['fault']:,} ended in a fault.",
        f"Refused or asked about: {works + total['refused']:,}; what is advised, applied as printed, reads the truth "
        f"in {works:,} of them ({total['asked needlessly']:,} were questions without a reason).",
    ]
    for outcome in ("fault", "wrong", "refused", "asked needlessly", "advised"):
        bad = [one for one in found if one.outcome == outcome]
        if bad:
            lines += ["", f"## {outcome}: {len(bad):,}", *_blamed(bad, found, seed)]
    return "\n".join(lines)


def _blamed(bad: list[Judged], found: list[Judged], seed: int) -> list[str]:
    """Give each case to the one of its kinds that fails most often of all; show the plainest case of each kind."""
    every = Counter(kind for one in found for kind in one.kinds)
    left, groups = list(bad), {}
    while left:
        failing = Counter(kind for one in left for kind in one.kinds or ("plain",))
        kind = max(
            failing, key=lambda name: (failing[name] / max(1, every[name]) * min(1, failing[name] / 3), failing[name])
        )
        groups[kind] = [one for one in left if kind in (one.kinds or ("plain",))]
        left = [one for one in left if one not in groups[kind]]
    lines = []
    for kind, cases in sorted(groups.items(), key=lambda item: -len(item[1])):
        plainest = min(cases, key=lambda one: len(one.kinds))
        said = " ".join(plainest.said.split())[:230]
        where = f"Case {plainest.number} of seed {seed} ({'; '.join(plainest.kinds)})"
        lines.append(f"* {kind}: {len(cases)} of {every[kind]}. {where}: {said}")
    return lines
