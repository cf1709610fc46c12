"""The pages of docs/reference are what the code says now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import rnnexp
from rnnexp.cli.main import COMMANDS
from rnnexp.config.explain import Explanation
from rnnexp.deploy import proof
from rnnexp.task import tasks
from tests.reference import file_page, metric_page, trouble_page
from tests.reference.command_page import examples, helpless, untold_flags
from tests.reference.markdown import FOLDER, code, prose, sentence, table
from tests.reference.pages import PAGES
from tests.reference.python_page import listed, untold
from tests.reference.setting_pages import all_keys, write_value


def wordless(keys: list[Explanation]) -> list[str]:
    return [item.key for item in keys if not item.description.strip()]


def targets(text: str) -> set[str]:
    """Return what the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_is_generated_now(name: str) -> None:
    kept = (FOLDER / name).read_text(encoding="utf-8")
    assert PAGES[name]() == kept, f"write it anew: python -m tests.reference {name}"


def test_every_page_of_the_folder_is_generated() -> None:
    assert {file.name for file in FOLDER.glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        file, _, part = link.partition("#")
        there = FOLDER / file if file else FOLDER / name
        assert there.exists(), link
        assert not part or part in targets(there.read_text(encoding="utf-8")), link


def test_no_key_is_without_a_meaning() -> None:
    keys = [*all_keys()]
    assert len(keys) > 450
    assert wordless(keys) == []


def test_a_key_without_a_meaning_would_be_found() -> None:
    first, *_ = all_keys()
    assert wordless([first, replace(first, description=" ")]) == [first.key]


def test_every_key_stands_on_a_page() -> None:
    text = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("settings.md", "settings-data.md"))
    assert [item.key for item in all_keys() if f"| `{item.key}` |" not in text] == []
    assert "| `data.no_such_key` |" not in text


def test_values_are_written_as_they_are_typed() -> None:
    assert write_value({"train": 0.7, "names": ["a", None]}) == "{train: 0.7, names: [a, null]}"
    assert [write_value(value) for value in (True, "", None, [64], "auto")] == ["true", '""', "null", "[64]", "auto"]


def test_text_of_the_package_is_no_markup() -> None:
    assert prose("mixed_* and <b>, of `a*b`") == r"mixed_\* and \<b\>, of `a*b`"
    assert code("a`b") == "`` a`b ``"
    assert code("") == ""
    assert table(("a",), [("x | y",)]).splitlines()[-1] == r"| x \| y |"
    assert sentence("rows of one input") == "Rows of one input."
    assert sentence("auto takes a GPU", "auto or cpu") == "auto takes a GPU."


def test_every_command_and_word_stands_on_the_page_with_a_meaning() -> None:
    text = (FOLDER / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n## rnnexp {name}\n" not in text] == []
    assert "\n## rnnexp fly\n" not in text
    assert helpless() == []
    assert untold_flags() == set()


def test_examples_of_a_command_have_a_line_each() -> None:
    assert examples("examples: rnnexp a b   rnnexp c") == "rnnexp a b\nrnnexp c"


def test_all_that_is_offered_to_python_stands_on_the_page() -> None:
    text = (FOLDER / "python.md").read_text(encoding="utf-8")
    assert [name for name in rnnexp.__all__ if f"rx.{name}" not in text] == []
    assert untold() == []


def test_a_docstring_with_a_list_of_names_is_a_list() -> None:
    assert listed("run:  its id\n      or folder\nuri: the store") == [
        ("run", "its id or folder"),
        ("uri", "the store"),
    ]
    assert listed("Raises ConfigError: for one,\nor another") is None


def test_every_metric_stands_in_the_glossary() -> None:
    known = metric_page.known_metrics()
    reported = {name for task in tasks().values() for name in (*task.reported, *task.headline)}
    assert reported <= known.keys()
    assert metric_page.untold(known) == []


def test_a_metric_that_is_not_told_of_would_be_found() -> None:
    known = [*metric_page.known_metrics()]
    assert metric_page.untold([*known, "new_metric"]) == ["new_metric"]
    assert metric_page.untold(known[1:]) == known[:1]


def test_each_message_of_troubleshooting_is_one_of_the_package() -> None:
    found = trouble_page.messages()
    assert len(found) >= 40
    assert {one["text"]: parts for one in found if (parts := trouble_page.unspoken(one["text"]))} == {}
    assert {one["code"] for one in found} == trouble_page.TITLES.keys()
    assert trouble_page.TITLES.keys() == {error.exit_code for error in trouble_page.ERRORS}


def test_a_message_that_nobody_says_would_be_found() -> None:
    assert trouble_page.unspoken("…: unknown key…; the moon is full") == ["; the moon is full"]


def test_what_is_advised_names_keys_that_there_are() -> None:
    known = {item.key for item in all_keys()}
    text = trouble_page.write_troubleshooting() + metric_page.write_metrics()
    assert trouble_page.unknown_keys(text, known) == []
    assert trouble_page.unknown_keys("`data.missing=drop`, `data.mising`", known) == ["data.mising"]


def expand(pattern: str) -> Iterator[str]:
    """Yield a path for each alternative of a pattern of paths."""
    if group := re.search(r"\(\?:([^()]*)\)", pattern):
        for one in group[1].split("|"):
            yield from expand(pattern[: group.start()] + one + pattern[group.end() :])
    else:
        yield re.sub(r"\\w\+|\.\+", "one", re.sub(r"\\d\+", "1", pattern)).replace("\\", "")


def alternatives(pattern: str) -> Iterator[str]:
    """Yield the paths of a pattern whose alternatives stand side by side, groups of them within."""
    for one in re.split(r"\|(?![^()]*\))", pattern):
        yield from expand(one)


def test_the_files_that_clean_knows_are_those_of_the_page() -> None:
    of_run = [*alternatives(proof._OF_RUN.pattern), "earlier-1"]
    of_sweep = [*alternatives(proof._OF_SWEEP.pattern), "jobs/1/run.json", "jobs/1.attempt1/run.json"]
    assert "checkpoints/epoch-1/meta.json" in of_run
    assert len(of_run) > 30
    assert file_page.untold(of_run, "run") == []
    assert file_page.untold(of_sweep, "sweep") == []
    assert file_page.untold(["model/other.bin"], "run") == ["model/other.bin"]


def test_a_file_of_the_page_is_one_that_clean_knows() -> None:
    patterns = (proof._OF_RUN, proof._OF_SWEEP, proof._UNLOGGED, proof._JOB, proof._EARLIER)
    paths = [file_page.example_of(one["path"]) for of in ("run", "sweep") for one in file_page.entries(of)]
    assert [path for path in paths if not any(one.fullmatch(path) for one in patterns)] == [
        "start.txt",  # known by the journal of the run, as all that is logged
        "history.csv",
    ]


@pytest.mark.end_to_end
def test_each_file_of_a_run_and_of_a_sweep_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, small = {"points": 80, "sequence_length": 4}, {"units": [2]}
    run = rnnexp.run("data=sine", data=data, model=small, trainer={"epochs": 2}, callbacks="csv_log", quiet=True)
    swept = rnnexp.sweep(
        "data=sine", data=data, model=small, trainer={"epochs": 1}, params={"seed": [0, 1]}, launcher="serial"
    )
    there = list_files(run.run_dir)
    assert file_page.untold(there, "run") == []
    assert {"run.json", "metrics.jsonl", "model/weights.npz", "tables/predictions.csv"} <= {*there}
    own = [path for path in list_files(swept.folder) if not path.startswith("jobs/")]
    left = file_page.untold(own, "sweep")
    assert file_page.untold(left, "run") == []
    assert {"sweep.json", "jobs.jsonl"} <= {*own}
    assert file_page.untold(list_files(swept.folder / "jobs" / "0"), "run") == []


def list_files(folder: Path | None) -> list[str]:
    assert folder is not None
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
