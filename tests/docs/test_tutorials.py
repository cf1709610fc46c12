"""The program takes each command of the tutorials and of the pages beside them, and prints what a tutorial shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readme import commands_of
from test_readme import check

from rnnexp import errors
from tests.docs.pictures import MOST_BYTES
from tests.docs.tutorial import (
    FOLDER,
    PICTURE,
    ROOT,
    TUTORIALS,
    find_missing,
    is_like,
    keep_steady,
    read_files,
    read_steps,
    run_page,
)

DOCS = FOLDER.parent
PAGES = [*sorted(FOLDER.glob("*.md")), *sorted((DOCS / "coming_from").glob("*.md")), DOCS / "concepts.md"]
STAND_IN = "# @package _global_\ndefaults:\n  - override /data: airline_passengers\n"
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def shown_commands(text: str) -> list[list[str]]:
    """Return the commands in the blocks and in the backticks of a page."""
    blocks = [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if kind in ("", "bash")]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    spans = [span for span in re.findall(r"`(rnnexp [^`]+)`", prose) if "..." not in span and len(span.split()) > 2]
    lines = [
        re.sub(r"^timeout \S+ \d+ ", "", line) for block in blocks for line in block.replace("\\\n", " ").splitlines()
    ]
    return [words for line in [*lines, *spans] for words in commands_of(line.removesuffix(" &"))]


def is_taken(words: list[str]) -> bool:
    """Tell a command that the program takes; for what `init` writes stands an experiment on a shipped series."""
    named = [word.partition("=")[2] for word in words if word.startswith("experiment=")]
    for name in [name for name in named if not (ROOT / "experiments" / f"{name}.yaml").exists()]:
        Path("experiments").mkdir(exist_ok=True)
        Path(f"experiments/{name}.yaml").write_text(STAND_IN)
    try:
        check(words)
    except (errors.ConfigError, SystemExit):
        return False
    return True


@pytest.mark.end_to_end  # a few seconds for each page that has many
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_program_takes_every_command_of_a_page(page: Path) -> None:
    assert [words for words in shown_commands(page.read_text(encoding="utf-8")) if not is_taken(words)] == []


def test_a_command_that_is_wrong_would_be_found() -> None:
    page = "```bash\nrnnexp train model.unit=3\n```\nor `rnnexp predicts RUN now`, `rnnexp show model=gru`\n"
    assert [is_taken(words) for words in shown_commands(page)] == [False, False, True]
    assert len([words for page in PAGES for words in shown_commands(page.read_text(encoding="utf-8"))]) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_and_picture_of_a_page_is_there(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pictures_are_small_and_each_stands_in_a_page() -> None:
    pictures = {file.name: file.stat().st_size for file in (FOLDER / "pictures").iterdir()}
    assert {name: size for name, size in pictures.items() if size > MOST_BYTES} == {}
    shown = {Path(link).name for page in [*PAGES, DOCS / "gallery.md"] for link in LINK.findall(page.read_text())}
    assert set(pictures) <= shown


@pytest.mark.end_to_end
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [line for step, printed in run_page(text, tmp_path) for line in find_missing(step.shown, printed)] == []
    assert [source for source, _ in PICTURE.findall(text) if not [*tmp_path.glob(source)]] == []


SHOWN = "  lstm                  9.4414  <- this run\n  skill +0.334: lstm beats its best baseline, linear\n"


def test_other_spaces_and_roundings_are_alike_and_other_figures_and_words_are_not() -> None:
    printed = "epoch 3\n lstm   9.4423 <- this run\n  skill +0.335: lstm beats its best baseline, linear\n"
    assert find_missing(SHOWN, printed) == []
    assert find_missing(SHOWN.replace("9.4414", "11.44"), printed) == [SHOWN.splitlines()[0].replace("9.4414", "11.44")]
    assert find_missing(SHOWN.replace("beats", "LOSES to"), printed) == [
        SHOWN.splitlines()[1].replace("beats", "LOSES to")
    ]
    assert not is_like("2 runs", "3 runs")


def test_a_figure_that_is_changed_in_a_page_is_noticed(tmp_path: Path) -> None:
    page = (
        "```python\n# six.py\nprint('score', 2 * 3.5)\n```\n\n```bash\npython six.py\n```\n\n```text\nscore 7.0\n```\n"
    )
    for text, missing in ((page, []), (page.replace("7.0", "8.0"), ["score 8.0"])):
        assert [line for step, out in run_page(text, tmp_path) for line in find_missing(step.shown, out)] == missing


def test_a_page_is_cut_into_files_scripts_and_what_they_print() -> None:
    page = "```yaml\n# experiments/a.yaml\nx: 1\n```\n```bash\nls\n```\nso:\n```text\na\n...\n```\n```bash\npwd\n```\n"
    assert read_files(page) == {"experiments/a.yaml": "# experiments/a.yaml\nx: 1\n"}
    assert [(step.script, step.shown) for step in read_steps(page)] == [("ls\n", "a\n...\n"), ("pwd\n", "")]
    assert keep_steady("  run      abc\nscore 1\n  weights of epoch 2; 3.0 s\n") == "score 1\n"
