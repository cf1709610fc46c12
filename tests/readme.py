"""The README and the headers of the experiments, cut into what tests ask about."""

from __future__ import annotations

import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PROSE = " ".join(README.split("\n```")[::2])
BLOCKS = README.split("\n```")[1::2]
HEADERS = {file.stem: file.read_text().partition("# @package")[0] for file in sorted(ROOT.glob("experiments/*.yaml"))}


def commands_of(text: str) -> list[list[str]]:
    """Return the words of each line that begins with our command, without comments and redirections."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [line.partition(" > ")[0] for line in lines if line.startswith("rnnexp ")]
    return [shlex.split(line, comments=True)[1:] for line in found]


def rows_under(head: str) -> list[list[str]]:
    """Return the cells of the table whose first line begins so."""
    lines = README[README.index(f"\n| {head}") :].split("\n\n")[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def header(name: str) -> str:
    """Return the header of an experiment as one line."""
    return " ".join(HEADERS[name].replace("\n#", " ").split())
