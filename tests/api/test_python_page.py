"""The page on Python: its blocks run, one after the other, and give what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx

pytestmark = pytest.mark.end_to_end

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all blocks in an empty folder and return what they have defined."""
    found: dict[str, Any] = {"folder": tmp_path_factory.mktemp("page")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found["folder"])
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for block in BLOCKS:
            exec(compile(block, str(PAGE), "exec"), found)
    return found


@pytest.fixture
def page(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(names["folder"])
    return names


def test_the_blocks_run_and_their_columns_are_the_users_own(page: dict[str, Any]) -> None:
    assert len(BLOCKS) > 5
    assert list(page["frame"].columns[:4]) == ["example", "series", "Month", "step"]
    assert list(page["model"].predict(page["sales"]).columns) == [
        "Month",
        "step",
        "Shoes",
        "Shoes_lo_90",
        "Shoes_hi_90",
    ]
    assert page["evaluation"].best_baseline in page["evaluation"].to_frame().index
    assert Path("shoes.png").stat().st_size > 5_000


def test_the_sweep_of_the_page_has_a_row_per_job(page: dict[str, Any]) -> None:
    frame = page["swept"].to_frame()
    assert list(frame["status"]) == ["done"] * 4
    assert list(frame["model"]) == ["gru", "gru", "simple_rnn", "simple_rnn"]
    assert set(rx.runs(sweep=page["swept"].name)["run_id"]) == set(frame["run_id"])
    assert page["swept"].best_run_id in set(frame["run_id"])


def test_the_errors_of_the_page_are_all_that_there_are() -> None:
    named = set(re.findall(r"^\| `rx\.(\w+)`", PAGE.read_text(), re.M))
    exported = {
        name for name in rx.__all__ if isinstance(kind := getattr(rx, name), type) and issubclass(kind, Exception)
    }
    assert named == exported - {"RnnexpError"}
