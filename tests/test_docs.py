"""The README is short, and every link of README and docs leads to a file and a heading that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme import FILES, PAGES, README, ROOT, prose_of

LINES = 150
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors_of(text: str) -> set[str]:
    """Return the anchors that a viewer of Git and the site both make of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose_of(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(file: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere, within the project, in a text without blocks of code."""
    broken = []
    for link in LINK.findall(re.sub(r"`[^`]*`", "", prose_of(text))):
        path, _, anchor = link.partition("#")
        if re.match(r"\w+:", path):
            continue
        to = (file.parent / path).resolve() if path else file
        there = to.exists() and to.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors_of(to.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= LINES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(file: Path) -> None:
    assert broken_links(file, PAGES[file.relative_to(ROOT).as_posix()]) == []


def test_links_are_found() -> None:
    assert len(LINK.findall(prose_of(README))) > 30


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](docs/words.md) ![b](docs/report.png) [c](docs/words.md#keys) [d](#tasks) [e](experiments)", []),
        ("[a](docs/word.md)", ["docs/word.md"]),
        ("[a](docs/words.md#kees)", ["docs/words.md#kees"]),
        ("[a](#task)", ["#task"]),
        ("[a](../elsewhere.md)", ["../elsewhere.md"]),
        ("[a](https://example.org/b#c) `[a](b)`\n```\n[c](d)\n```\n", []),
    ],
)
def test_a_link_that_leads_nowhere_would_be_found(text: str, broken: list[str]) -> None:
    assert broken_links(ROOT / "README.md", text + "\n## Tasks") == broken
