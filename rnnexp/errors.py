"""What can go wrong, as one small tree; every class knows the exit code of the command line.

RnnexpError            1  the run failed
├── ConfigError        2  a mistake in the configuration or the command
├── DataError          3  the data cannot be used as they are
├── DivergedError      4  the loss became infinite, not a number or far too large
├── TrackingError      5  the tracking store cannot be used
├── ResourceError      6  a device, a package or memory is missing
└── BusyError          7  another process holds the run folder
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RnnexpError(Exception):
    """An error whose message is meant for the person at the keyboard: no traceback is shown."""

    exit_code = 1


class ConfigError(RnnexpError):
    """All mistakes of a configuration at once, one line each: `key: what was given; what is accepted`."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0]
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        return f"{len(self.problems)} mistakes in the configuration:\n{lines}"

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, ...]]:
        return type(self), tuple(self.problems)


class DataError(RnnexpError):
    """Bad data: names the file, the row, the column, the count, and the option that allows it."""

    exit_code = 3


class DivergedError(RnnexpError):
    """The loss, a weight or a prediction is infinite, not a number or far too large."""

    exit_code = 4


class TrackingError(RnnexpError):
    """The tracking store, or what a run or a sweep remembers in its folder, cannot be used."""

    exit_code = 5


class ResourceError(RnnexpError):
    """A device, a package, memory or room on a disk is missing."""

    exit_code = 6


class BusyError(RnnexpError):
    """Another process writes to the folder of a run or a sweep."""

    exit_code = 7


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """Return ``"; did you mean `x`?"`` for the closest of `choices`, one that begins so before others; or ""."""
    named, given = {choice.lower(): choice for choice in choices}, str(word).lower()
    longer = sorted((one for one in named if one.startswith(given)), key=len) if len(given) > 2 else []
    close = longer or get_close_matches(given, named, n=1, cutoff=0.6)
    return f"; did you mean `{named[close[0]]}`?" if close else ""


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, its name if it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def count(number: int, what: str) -> str:
    """Say ``1 row`` or ``3 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
