"""The README, the pages of docs and the headers of the experiments, cut into what tests ask about."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in FILES}
README = PAGES["README.md"]
# The README and the pages that it is the beginning of: every key, number and table in them is looked up.
GUIDE = "\n".join(text for name, text in PAGES.items() if name.startswith(("README.md", "docs/guide/")))
HEADERS = {file.stem: file.read_text().partition("# @package")[0] for file in sorted(ROOT.glob("experiments/*.yaml"))}


def prose_of(text: str) -> str:
    """Return what stands outside blocks of code."""
    return " ".join(text.split("\n```")[::2])


def blocks_of(text: str) -> list[str]:
    """Return the blocks of code, each with its language before the first line."""
    return text.split("\n```")[1::2]


PROSE, BLOCKS = prose_of(GUIDE), blocks_of(GUIDE)


def commands_of(text: str) -> list[list[str]]:
    """Return the words of each line that calls our command, without comments, redirections and what installs it."""
    lines = text.replace("\\\n", " ").splitlines()
    ours = [line.partition(" > ")[0] for line in lines if re.match(r"(pip install .* && )?rnnexp ", line)]
    return [shlex.split(re.sub("^pip install .* && ", "", line), comments=True)[1:] for line in ours]


def rows_under(head: str) -> list[list[str]]:
    """Return the cells of the table whose first line begins so."""
    lines = GUIDE[GUIDE.index(f"\n| {head}") :].split("\n\n")[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def header(name: str) -> str:
    """Return the header of an experiment as one line."""
    return " ".join(HEADERS[name].replace("\n#", " ").split())
