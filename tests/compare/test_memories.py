"""What the networks of a sweep remember: a line for each setting that has a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sweep_maker import Made

from rnnexp.cli.main import main
from rnnexp.compare import find, memories
from rnnexp.compare.report import html


@pytest.fixture
def remembered(made: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Give the runs of two settings of a sweep a table, and one of these the norm of its gradient."""
    groups = find.sweep(made.uri).compared().groups[:2]
    tables = {}
    for group, weight in zip(groups, (0.5, 1.1)):
        lags = np.arange(20)
        tables[group.runs[0].run_id] = pandas.DataFrame({"lag": lags, "norm": weight**lags, "initial": 0.9**lags})
    first = groups[0].runs[0].run_id
    monkeypatch.setattr(
        memories, "artifact", lambda uri, run, path: tables[run.run_id].to_csv() if run.run_id in tables else None
    )
    monkeypatch.setattr(
        memories, "histories", lambda uri, ids, metric: {first: [(0, 9.0), (1, 3.0), (2, 1.0)]} if first in ids else {}
    )
    return made


def lines(ax: Any) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}


def test_each_setting_with_a_table_is_a_line_before_and_after_training(remembered: Made) -> None:
    figure = memories.draw_memories(remembered.uri, find.sweep(remembered.uri).compared())
    assert figure is not None
    before, after, gradient = map(lines, figure.axes)
    assert [name.rpartition(": ")[2] for name in after] == ["memory 5 of 20", "memory 20 of 20"]
    assert [values[1] for values in after.values()] == pytest.approx([0.5, 1.1])
    assert [values[1] for values in before.values()] == pytest.approx([0.9, 0.9])
    assert [*gradient.values()] == [[3.0, 1.0]]
    assert all(ax.get_yscale() == "log" for ax in figure.axes)


def test_the_report_and_plot_draw_it(remembered: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "<h2>Effective memory of the networks</h2>" in html(remembered.uri, None)
    assert main(["plot", remembered.run_id, "--uri", remembered.uri, "-o", str(tmp_path / "here")]) == 0
    assert (tmp_path / "here" / "memory.png").stat().st_size > 10_000
    assert "drew memory" in capsys.readouterr().out


def test_a_sweep_without_tables_has_no_such_picture(made: Made) -> None:
    assert memories.draw_memories(made.uri, find.sweep(made.uri).compared()) is None
    assert "Effective memory of the networks" not in html(made.uri, None)
