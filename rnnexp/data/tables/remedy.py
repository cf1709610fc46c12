"""Tables that are refused though settings would read them: the settings are part of the error, and of its text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnexp.errors import DataError

UNQUOTED = re.compile(r"[A-Za-z_%][A-Za-z0-9_.%:+-]*")
RESERVED = {"true", "false", "null", "none", "nan", "inf", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True)
class Remedy:
    """Settings of `data` that read what was refused, and what it then says: '1,144 is 1144'."""

    settings: Mapping[str, Any]
    meaning: str = ""

    def __str__(self) -> str:
        meaning = f" ({self.meaning})" if self.meaning else ""
        return " ".join(write_word(f"data.{key}", value) for key, value in self.settings.items()) + meaning


class Advised(DataError):
    """What is wrong with rows, and in `advice` the setting under which it is not, which not everybody can set."""

    def __init__(self, message: str, advice: str) -> None:
        self.message, self.advice = message, advice
        super().__init__(f"{message}{advice}")

    def __reduce__(self) -> tuple[type[Advised], tuple[Any, ...]]:
        return type(self), (self.message, self.advice)


class Refused(Advised):
    """A flaw, and the settings under which it is none, one remedy for each reading that there is.

    `rnnexp init` takes a lone remedy, and says so; between several the user has to choose.
    Both are read by the same reader.
    """

    def __init__(self, message: str, *remedies: Remedy) -> None:
        self.remedies = remedies
        super().__init__(message, self._advice())

    def __reduce__(self) -> tuple[type[Refused], tuple[Any, ...]]:
        return type(self), (self.message, *self.remedies)

    def _advice(self) -> str:
        """Say what to add to the command."""
        if len(self.remedies) == 1:
            return f". Read it with {self.remedies[0]}"
        return f". Say which is meant: {', or '.join(map(str, self.remedies))}" if self.remedies else ""


class Undecided(DataError):
    """What has several readings: only the user can tell which is meant."""

    def __init__(self, *questions: Refused) -> None:
        self.questions = questions
        super().__init__("\n".join(map(str, questions)))

    def __reduce__(self) -> tuple[type[Undecided], tuple[Refused, ...]]:
        return type(self), self.questions


def write_word(key: str, value: object) -> str:
    """Write a setting as a word of a command line, quoted for the shell: what stands after `=` is YAML, too."""
    return shlex.quote(f"{key}={_written(value)}")


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, str):
        plain = UNQUOTED.fullmatch(value) and value.lower() not in RESERVED
        # In Hydra's quotes a backslash is one, unless a quote follows it.
        escaped = re.sub(r'(\\+)(?="|$)', r"\1\1", value).replace('"', '\\"')
        return value if plain else f'"{escaped}"'
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
