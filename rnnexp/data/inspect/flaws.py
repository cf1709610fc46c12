"""Flaws of a table: mended where few rows need it, else left to the user."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rnnexp.data.inspect.finding import Finding
from rnnexp.data.series import Series
from rnnexp.data.tables.flawed import Flaw, Flawed
from rnnexp.data.tables.layout import Policies
from rnnexp.data.tables.read import read_series
from rnnexp.data.tables.remedy import Remedy
from rnnexp.errors import count

FEW = 0.01  # share of the rows, one at least, that may be mended without asking
# Repeating the last value never looks ahead; interpolation would show a network the value it must forecast.
USUAL = {"unsorted": ("sort",), "duplicates": ("mean",), "missing": ("ffill", "drop"), "gaps": ("ffill", "ignore")}
UNTOUCHED = {"unsorted": "sort", "duplicates": "first", "missing": "drop", "gaps": "ignore"}


def choose_remedy(flaw: Flaw) -> Remedy | None:
    """Return the policy that may be taken without asking; None where the user has to choose."""
    if flaw.sure:
        return flaw.remedy(flaw.sure)
    if flaw.doubt or flaw.rows > max(1, int(FEW * flaw.of)):
        return None
    return next((flaw.remedy(value) for value in USUAL[flaw.key] if value in flaw.effects), None)


def describe_flaw(flaw: Flaw) -> str:
    """Say what is to be chosen, and between what."""
    *others, last = flaw.effects
    choices = f"{', '.join(others)} or {last}" if others else last
    doubt = f" ({flaw.doubt})" if flaw.doubt else ""
    return f"{count_flawed(flaw)}{doubt}: choose {choices}"


def count_flawed(flaw: Flaw) -> str:
    """Say how many rows are concerned: `2 rows with the date of another`."""
    noun, _, rest = flaw.what.partition(" ") if flaw.what.startswith(("row", "date")) else (flaw.what, "", "")
    return f"{count(flaw.rows, noun)} {rest}".strip()


def settle_flaws(files: list[Path], finding: Finding) -> Series:
    """Read everything; take the policies that few rows need, and ask about the others."""
    policies = Policies()
    while True:
        try:
            return read_series(files, finding.layout, finding.wanted, policies)
        except Flawed as error:
            flaw = error.flaw
            remedy = choose_remedy(flaw)
            if not flaw.effects:
                raise
            if remedy is None or (flaw.key == "duplicates" and "series" in finding.open):
                finding.ask(flaw.key, describe_flaw(flaw))
                untouched = UNTOUCHED[flaw.key]
                remedy = flaw.remedy(untouched if untouched in flaw.effects else next(iter(flaw.effects)))
            else:
                reason = f"{count_flawed(flaw)} ({remedy.meaning}); without this: an error"
                finding.set(flaw.key, remedy.settings[flaw.key], reason)
            policies = replace(policies, **remedy.settings)
