"""What `rnnexp init` cannot know: asked in a terminal, and in a pipe listed with the flags of each answer."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from rnnexp.cli.flags import write_flags
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from rnnexp.data.tables.remedy import Refused, Undecided


def is_interactive() -> bool:
    """Tell whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def listed(path: str, undecided: Undecided) -> str:
    """List all questions, each answer as the flags that give it."""
    told = [line for question in undecided.questions for line in (question.message, *_answers(question))]
    each = "of each question " if len(undecided.questions) > 1 else ""
    command = shlex.join(["rnnexp", "init", path])
    return "\n".join([*told, f"Say which is meant: add one of these lines {each}to `{command}`"])


def ask(undecided: Undecided) -> dict[str, Any]:
    """Let the user choose one answer to each question."""
    given: dict[str, Any] = {}
    for question in undecided.questions:
        print(f"\n{question.message}")
        print("\n".join(f"{number}{line}" for number, line in enumerate(_answers(question), start=1)))
        given |= question.remedies[_number(len(question.remedies)) - 1].settings
    return given


def _answers(question: Refused) -> list[str]:
    """Write each answer as flags, and what it means as a comment of the shell."""
    flags = [write_flags(remedy.settings) for remedy in question.remedies]
    width = max(map(len, flags))
    meanings = [f"  # {remedy.meaning}" if remedy.meaning else "" for remedy in question.remedies]
    return [f"  {flag:<{width}}{meaning}".rstrip() for flag, meaning in zip(flags, meanings)]


def _number(most: int) -> int:
    """Read a number from 1 to `most`; an empty line chooses nothing, and the end of the input ends the command."""
    while True:
        try:
            text = input(f"Which, 1 to {most}? ").strip()
        except EOFError:
            raise DataError("nothing is written: a question was left open") from None
        if text.isdecimal() and 1 <= int(text) <= most:
            return int(text)
