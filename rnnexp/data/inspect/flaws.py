"""Flaws of a table: mended where few rows need it, else left to the user."""

from __future__ import annotations

from typing import Any

from rnnexp.data.inspect.finding import Finding
from rnnexp.data.tables.flawed import Flaw, Flawed
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import count

FEW = 0.01  # share of the rows, one at least, that may be mended without asking
# Repeating the last value never looks ahead; interpolation would show a network the value it must forecast.
USUAL = {"unsorted": ("sort",), "duplicates": ("mean",), "missing": ("ffill", "drop"), "gaps": ("ffill", "ignore")}


def settle_flaws(finding: Finding) -> Any:
    """Read everything; take the policies that few rows need, and ask about the others."""
    return finding.settle(lambda: _read(finding))


def _read(finding: Finding) -> Any:
    try:
        found = finding.source().read()
    except Flawed as error:
        remedy = choose_remedy(error.flaw)
        if remedy is None:
            raise
        reason = f"{_count(error.flaw)} ({remedy.meaning}); without this: an error"
        raise Refused(error.message, Remedy(remedy.settings, reason)) from None
    return found


def choose_remedy(flaw: Flaw) -> Remedy | None:
    """Return the policy that may be taken without asking; None where the user has to choose."""
    if flaw.sure:
        return flaw.remedy(flaw.sure)
    few = 1 if flaw.key == "duplicates" else max(1, int(FEW * flaw.of))  # two shops must not become their mean
    if flaw.doubt or flaw.rows > few:
        return None
    return next((flaw.remedy(value) for value in USUAL[flaw.key] if value in flaw.effects), None)


def _count(flaw: Flaw) -> str:
    """Say how many rows are concerned: `2 rows with the date of another`."""
    noun, _, rest = flaw.what.partition(" ") if flaw.what.startswith(("row", "date")) else (flaw.what, "", "")
    return f"{count(flaw.rows, noun)} {rest}".strip()
