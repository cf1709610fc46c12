"""What is found out about an unknown table, and the loop that does it: read, mend what is refused, read again."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rnnexp import registry
from rnnexp.config.parse import build
from rnnexp.data.tables.columns import position
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.places import Places
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.errors import ConfigError

MAX_ROUNDS = 20  # remedies for one file: more would mean that they undo each other
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """Columns as a user has named them, by name or position: which it is depends on the names that there are.

    several: whether the setting takes a list only
    """

    texts: tuple[str, ...]
    several: bool = False


@dataclass
class Finding:
    """What a table is, and the settings of the source that read it, `csv` or another of tables.

    given:    settings that the user has decided; nothing that is found changes them
    settings: keys of `data`, in the order in which they are written; reasons: a comment for some of them
    layout, wanted: what the settings say so far, for readers of tables
    seen:     what to tell the user, one line each
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    wanted: Wanted = field(default_factory=Wanted)
    settings: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    rounds: int = 0
    kind: str = "csv"

    def set(self, key: str, value: Any, reason: str = "") -> None:
        """Write a setting down, unless the user has decided it."""
        if key in self.given:
            value, reason = self.given[key], ""
        self.settings[key] = value
        if reason:
            self.reasons[key] = reason

    def source(self) -> Any:
        """Build the source that reads the table as it is understood so far; ConfigError has every mistake."""
        problems: list[str] = []
        values = {**self.settings, **self.given}
        source = build("data", registry.lookup("data", self.kind), {"name": self.kind, **values}, problems)
        if problems:
            raise ConfigError(*problems)
        return source

    def settle(self, read: Callable[[], T]) -> T:
        """Read until nothing is refused any more: a lone remedy is applied, several are a question."""
        while True:
            try:
                return read()
            except Refused as refused:
                self._mend(refused)

    def _mend(self, refused: Refused) -> None:
        """Apply the remedy of a refusal; it is raised again if there is none that the user's decisions allow."""
        remedies = [remedy for remedy in refused.remedies if self._allows(remedy)]
        self.rounds += 1
        if not remedies or self.rounds > MAX_ROUNDS:
            raise refused
        if len(remedies) > 1:
            raise Undecided(Refused(refused.message, *remedies))
        why = remedies[0].meaning or refused.message.removeprefix(f"{self.settings['path']}: ")
        for key, value in remedies[0].settings.items():
            self.set(key, value, why)
        self.update()

    def _allows(self, remedy: Remedy) -> bool:
        """Tell whether a remedy changes something, and nothing that the user has decided."""
        now = {**self.settings, **self.given}
        changes = [key for key, value in remedy.settings.items() if key not in now or now[key] != value]
        return bool(changes) and not any(key in self.given for key in changes)

    def update(self) -> None:
        """Let layout and columns follow the settings."""
        source = self.source()
        self.layout, self.wanted = source.table_layout(), source.wanted()


@dataclass(frozen=True)
class Head:
    """A table as it is written: names of the columns, their cells as text, which are numbers, and where rows lie."""

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    places: Places


def name_column(head: Head, index: int, finding: Finding) -> str | int:
    """Return a column as a setting names it: by its position if it has no name of its own."""
    named = finding.settings.get("header") != "none" and head.names.count(head.names[index]) == 1
    return head.names[index] if named else index


def resolve_columns(key: str, value: Any, names: Sequence[str], file: str) -> Any:
    """Return the columns that a user has named; DataError for one that is not there."""
    if not isinstance(value, Asked):
        return value
    columns = [column for text in value.texts for column in _columns(text, names)]
    for column in columns:
        position(names, column, f"--{key}", file)
    return columns if value.several or len(columns) > 1 else columns[0]


def _columns(text: str, names: Sequence[str]) -> list[str | int]:
    """Read `a`, `a,b` or `"with, comma",b`; a number is a position unless a column is called so."""
    parts = [text] if text in names else next(csv.reader([text], skipinitialspace=True), [text])
    return [int(part) if part not in names and part.lstrip("-").isdigit() else part for part in parts]
