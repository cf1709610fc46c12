"""Pieces of a page in Markdown that every viewer of git shows alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
# What would be markup outside of code: a name in angle brackets, a star, an underline before a word.
MARKUP = re.compile(r"(?<![\w`])[*_](?=\w)|[<>]|(?<=\w)\*")


def code(text: object) -> str:
    """Write a text as code; a blank text is no code."""
    text = str(text)
    fence = "``" if "`" in text else "`"
    blank = " " if "`" in text else ""
    return f"{fence}{blank}{text}{blank}{fence}" if text else ""


def prose(text: str) -> str:
    """Escape what would be markup in a sentence of the package, code in it excepted."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return MARKUP.sub(lambda found: f"\\{found.group()}", text).replace("`", "\\`")
    parts[::2] = [MARKUP.sub(lambda found: f"\\{found.group()}", part) for part in parts[::2]]
    return "`".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; a pipe in a cell, in code too, is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page(*parts: str) -> str:
    """Put parts under each other, with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def sentence(text: str, values: str = "") -> str:
    """Begin a text with a capital, unless it begins with code or one of `values`, and end it as a sentence."""
    text = text.strip()
    if not text:
        return ""
    first = text.split()[0]
    is_word = re.fullmatch("[a-z][a-z-]*,?", first) and first not in re.split(r"\W+", values)
    start = text[0].upper() + text[1:] if is_word else text
    return start if start[-1] in ".!?…" else f"{start}."
