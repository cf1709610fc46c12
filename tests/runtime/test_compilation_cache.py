"""The folder of compiled programs stays small by what was used longest ago, at the cost of a look an hour."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rnnexp.runtime.compilation_cache import CHECK_S, MARK, remove_unused

HOUR = 3600


def keep(folder: Path, **hours: float) -> None:
    """Keep programs of 100 bytes that were used so many hours ago, all written ten hours ago."""
    for name, ago in hours.items():
        file = folder / f"{name}-cache"
        file.write_bytes(b"x" * 100)
        os.utime(file, (time.time() - ago * HOUR, time.time() - 10 * HOUR))


def list_kept(folder: Path) -> set[str]:
    return {file.name.removesuffix("-cache") for file in folder.glob("*-cache")}


def test_what_was_used_longest_ago_is_removed_where_a_folder_is_too_large(tmp_path: Path) -> None:
    keep(tmp_path, first=1, second=9, third=2, fourth=8, fifth=3)
    remove_unused(tmp_path, 499)
    assert list_kept(tmp_path) == {"first", "third", "fifth"}


def test_a_folder_that_is_small_enough_stays_whole(tmp_path: Path) -> None:
    keep(tmp_path, first=1, second=9, third=2, fourth=8, fifth=3)
    remove_unused(tmp_path, 500)
    assert len(list_kept(tmp_path)) == 5


@pytest.mark.parametrize(("since", "left"), [(0, 3), (CHECK_S - 60, 3), (CHECK_S + 60, 1)])
def test_a_folder_is_looked_at_once_an_hour(since: float, left: int, tmp_path: Path) -> None:
    remove_unused(tmp_path, 199)
    os.utime(tmp_path / MARK, (time.time() - since,) * 2)
    keep(tmp_path, first=1, second=9, third=2)
    remove_unused(tmp_path, 199)
    assert len(list_kept(tmp_path)) == left


def test_a_clock_that_was_ahead_does_not_stop_the_looking(tmp_path: Path) -> None:
    keep(tmp_path, first=1, second=9, third=2)
    (tmp_path / MARK).touch()
    os.utime(tmp_path / MARK, (time.time() + 1000 * HOUR,) * 2)
    remove_unused(tmp_path, 199)
    assert list_kept(tmp_path) == {"first"}


def test_a_folder_that_cannot_be_looked_at_stops_nothing(tmp_path: Path) -> None:
    remove_unused(tmp_path / "gone", 0)
    assert not (tmp_path / "gone").exists()
