"""What the site has beyond the pages of docs: files of the top folder, and groups of pages that nobody has to list.

Pages are written for a viewer of Git. Links to files outside of docs, which the site lacks, become plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
ROOT = DOCS.parent
NAMES = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
TOP = {page: ROOT / name for page, name in NAMES.items() if (ROOT / name).exists()}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are there in place of the patterns of the navigation."""
    named = set(list_names(config.nav))
    config.nav = [{title: pages} for group in config.nav or () for title, pages in fill_group(group, named)]
    return config


def list_names(node: Any) -> Iterator[str]:
    """Yield the pages and patterns of a navigation."""
    if isinstance(node, str):
        yield node
    else:
        for part in node.values() if isinstance(node, dict) else node:
            yield from list_names(part)


def fill_group(group: dict[str, str | list[str]], named: set[str]) -> Iterator[tuple[str, str | list[str]]]:
    """Yield the title of a group and its pages, unless there are none."""
    for title, pages in group.items():
        filled = pages if isinstance(pages, str) else [page for one in pages for page in find_pages(one, named)]
        if filled:
            yield title, filled


def find_pages(pattern: str, named: set[str]) -> list[str]:
    """Return the pages that an entry of the navigation stands for, the index of a folder first."""
    if "*" not in pattern:
        return [pattern] if pattern in TOP or (DOCS / pattern).exists() else []
    found = {file.relative_to(DOCS).as_posix() for file in DOCS.glob(pattern)} - named
    return sorted(found, key=lambda page: (not page.endswith(("index.md", "README.md")), page))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the top folder as pages."""
    for page, file in TOP.items():
        files.append(File.generated(config, page, content=lead_to_pages(file.read_text(encoding="utf-8"), ROOT, "")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Make the links of a page those of the site."""
    if page.file.src_uri in TOP:
        return markdown
    return lead_to_pages(markdown, (DOCS / page.file.src_uri).parent, "../" * page.file.src_uri.count("/"))


def lead_to_pages(text: str, folder: Path, up: str) -> str:
    """Return a text of this folder whose links lead to pages; the words of a link to what has no page stay.

    A link that leads nowhere stays, too: the build names it.
    """
    pages = {file: page for page, file in TOP.items()}

    def lead(match: re.Match[str]) -> str:
        words, path, anchor = match[1], match[2], match[3] or ""
        file = (folder / path).resolve()
        if file in pages:
            return f"[{words}]({up}{pages[file]}{anchor})"
        if file.is_relative_to(DOCS):
            return f"[{words}]({up}{file.relative_to(DOCS).as_posix()}{anchor})"
        return words if file.exists() else match[0]

    return re.sub(r"(!\[[^\]]*\]\()docs/", r"\1", LINK.sub(lead, text))
