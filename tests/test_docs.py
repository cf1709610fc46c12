"""The README is short, every link of README and docs leads to a file and a heading, and the site is built of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
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


# The site


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a folder as CI does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)


def copy_sources(to: Path) -> Path:
    """Copy what the site is made of."""
    shutil.copytree(ROOT / "docs", to / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CHANGELOG.md", "mkdocs.yml", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, to / name)
    for folder in ("experiments", "examples", "tests"):  # some pages link to them
        (to / folder).symlink_to(ROOT / folder)
    return to


def asked_hosts(site: Path) -> list[str]:
    """Return the addresses that a browser fetches by itself when it shows a page."""
    pages = [page.read_text(encoding="utf-8") for page in site.rglob("*.html")]
    styles = [style.read_text(encoding="utf-8") for style in site.rglob("*.css")]
    fetched = [
        address
        for page in pages
        for tag in re.findall(r"<(?:script|link|img|iframe|source|video)\b[^>]*>", page)
        for address in re.findall(r"(?:src|srcset|href)=[\"']?((?:https?:)?//[^\"' >]+)", tag)
    ]
    return fetched + re.findall(r"url\([\"']?((?:https?:)?//[^\"')]+)", " ".join(pages + styles))


@pytest.mark.end_to_end
def test_the_site_is_built_and_asks_no_other_host(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    home = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert 'id="the-first-sweep"' in home
    assert 'href="guide/sweeps.html"' in home
    assert 'src="prediction.png"' in home
    assert len(list((tmp_path / "site").rglob("*.html"))) > len(FILES)
    assert asked_hosts(tmp_path / "site") == []
    assert list((tmp_path / "site").rglob("*.py*")) == []
    page = (tmp_path / "site/guide/engines.html").read_text(encoding="utf-8")
    assert "<code>tests/benchmarks</code>" in page  # a link to what the site lacks


def test_a_page_that_asks_another_host_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://a.org"><img src="https://b.org/c.png"><script src=//d.org/e.js>')
    (tmp_path / "a.css").write_text('@font-face { src: url("https://f.org/g") } a { background: url(h.png) }')
    assert asked_hosts(tmp_path) == ["https://b.org/c.png", "//d.org/e.js", "https://f.org/g"]


@pytest.mark.end_to_end
def test_a_new_page_appears_in_its_group_and_a_wrong_link_ends_the_build(tmp_path: Path) -> None:
    root = copy_sources(tmp_path)
    (root / "docs/tutorials").mkdir(exist_ok=True)
    (root / "docs/tutorials/zebra.md").write_text("# A zebra\n\nSee [sweeps](../guide/sweeps.md).\n")
    done = build(root, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert 'href="zebra.html"' in (tmp_path / "site/tutorials/zebra.html").read_text(encoding="utf-8")
    assert "Tutorials" in (tmp_path / "site/index.html").read_text(encoding="utf-8")
    (root / "docs/tutorials/zebra.md").write_text("# A zebra\n\nSee [sweeps](../guide/sweep.md).\n")
    done = build(root, tmp_path / "site")
    assert done.returncode == 1
    assert "sweep.md" in done.stderr
