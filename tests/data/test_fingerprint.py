"""The files that settings name, and one digest of them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnnexp.data.fingerprint import hash_data, join_digests
from rnnexp.runtime.digests import hash_code, hash_plugins


def test_files_that_change_places_are_other_data() -> None:
    Path("a.txt").write_text("1 one\n")
    Path("b.txt").write_text("0 two\n")
    settings = {"name": "text_lines", "path": "a.txt", "test_path": "b.txt"}
    before = join_digests(hash_data([settings]))
    assert join_digests(hash_data([settings])) == before
    Path("a.txt").rename("c.txt")
    Path("b.txt").rename("a.txt")
    Path("c.txt").rename("b.txt")
    assert join_digests(hash_data([settings])) != before


def test_what_runs_leave_behind_is_no_data() -> None:
    Path("rows").mkdir()
    Path("rows", "a.csv").write_text("v\n1\n")
    before = hash_data([{"path": "rows"}])
    for name in ("runs/x/metrics.jsonl", "mlflow.db", ".hidden", "mlartifacts/1/a.png"):
        Path("rows", name).parent.mkdir(parents=True, exist_ok=True)
        Path("rows", name).write_text("new")
    assert hash_data([{"path": "rows"}]) == before
    Path("rows", "b.csv").write_text("v\n1\n")
    assert hash_data([{"path": "rows"}]) != before


def test_a_word_that_is_a_file_by_chance_is_no_data() -> None:
    Path("date").write_text("x")
    assert hash_data([{"name": "csv", "time": "date", "path": "absent.csv", "split": {"train": 0.7}}]) == {}


def test_a_file_in_the_second_folder_keeps_its_name_where_that_folder_lies_elsewhere() -> None:
    for root in ("one", "two"):
        Path(root).mkdir()
        Path(root, "a.csv").write_text("v\n1\n")
    named = [hash_data([{"path": path, "root": root}]) for root in ("one", "two") for path in ("a.csv", "*.csv")]
    assert named[:2] == named[2:]
    assert all(list(files) == ["a.csv"] for found in named for files in found.values())


def test_a_file_that_was_rewritten_in_the_same_size_is_read_again() -> None:
    path = Path("a.csv")
    path.write_text("1")
    before = hash_data([{"path": "a.csv"}])
    path.write_text("2")
    os.utime(path, ns=(1, 1))
    assert hash_data([{"path": "a.csv"}]) != before


def test_code_is_that_of_plugins_and_of_the_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    Path("extra_layers.py").write_text("import json\nfrom rnnexp import register\n")
    assert list(hash_plugins(["extra_layers"])["extra_layers"]) == ["extra_layers.py"]
    assert len({hash_code((), "jax"), hash_code((), "torch"), hash_code(("extra_layers",), "jax")}) == 3
