"""What is found out about an unknown table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rnnexp.data.tables.layout import Layout, Wanted


@dataclass
class Finding:
    """What a table is, and the settings of the `csv` source that read it.

    settings: keys of `data`, in the order in which they are written; reasons: a comment for some of them
    open:     keys that the user must choose a value for, and why
    seen:     what to tell the user, one line each
    """

    layout: Layout
    wanted: Wanted
    settings: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def set(self, key: str, value: Any, reason: str = "") -> None:
        self.settings[key] = value
        if reason:
            self.reasons[key] = reason

    def ask(self, key: str, what: str) -> None:
        """Leave a key to the user, also if a value was found before."""
        self.settings.pop(key, None)
        self.reasons.pop(key, None)
        self.open[key] = what


@dataclass(frozen=True)
class Head:
    """The first rows of a table: names of the columns, their cells as text, and which of them are numbers."""

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
