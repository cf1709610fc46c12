"""The notebook of the docs: its cells run without an error, and it was stored as it had been executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
CELLS = [cell for cell in json.loads(PAGE.read_text())["cells"] if cell["cell_type"] == "code"]
BYTES = 300_000


def find_flaws(cells: list[dict[str, Any]]) -> list[str]:
    """Return what is not as one execution from the first to the last cell leaves it."""
    counts = [cell["execution_count"] for cell in cells]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    flaws = [f"executed in the order {counts}"] if counts != [*range(1, len(cells) + 1)] else []
    return flaws + (["an error is stored"] if "error" in kinds else [])


def test_it_is_stored_as_executed_and_is_small() -> None:
    assert find_flaws(CELLS) == []
    assert find_flaws(CELLS[1:]) != []
    assert PAGE.stat().st_size < BYTES


@pytest.mark.end_to_end
def test_its_cells_run_and_forecast_what_follows_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    names: dict[str, Any] = {}
    for cell in CELLS:
        exec(compile("".join(cell["source"]), str(PAGE), "exec"), names)
    assert list(names["swept"].to_frame()["status"]) == ["done"] * 4
    forecast = names["model"].predict(names["sales"])
    assert (str(forecast["Month"].iloc[0])[:10], len(forecast)) == ("2025-01-01", 12)
