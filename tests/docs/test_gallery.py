"""The gallery shows what the headers of the experiments say."""

from __future__ import annotations

import re

from tests.docs.gallery import GROUPS, PAGE, PICTURES, ROOT, make_page, read_header, read_source

HEADER = """# yaml-language-server: $schema=schema.json
# Does it learn? It
# does.
# Command: rnnexp train experiment=one   (FOLDER/one)
# and another
# Time: 3 s.
# Result: RMSE 1.5
# @package _global_
"""


def test_the_page_is_made_from_the_headers_of_today() -> None:
    assert make_page() == PAGE.read_text(encoding="utf-8"), "write it anew: python -m tests.docs.gallery"


def test_another_result_would_have_another_page() -> None:
    assert read_header(HEADER).result == "RMSE 1.5"
    assert read_header(HEADER.replace("1.5", "1.6")) != read_header(HEADER)
    assert read_header(HEADER).question == "Does it learn? It does."


def test_every_experiment_stands_in_one_group() -> None:
    names = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / "experiments").glob("*.yaml")}
    assert sorted(re.findall(r"^### \[(\w+)\]", make_page(), re.M)) == sorted(names)
    assert {read_source(text) for text in names.values()} <= {one for group in GROUPS.values() for one in group}


def test_the_pictures_are_there() -> None:
    assert [file for file in PICTURES.values() if not (PAGE.parent / file).is_file()] == []
