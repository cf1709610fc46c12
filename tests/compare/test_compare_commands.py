"""The commands that read what a sweep has left."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest
from sweep_maker import Made

from rnnexp.cli.main import main


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_compare_shows_the_latest_sweep_in_an_aligned_table(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "compare", "--uri", made.uri).splitlines()
    assert lines[0] == f"sweep {made.name}"
    head, first, second = lines[2:5]
    assert head.split()[:4] == ["#", "model", "learning_rate", "n"]
    assert first.split()[:5] == ["1", "gru", "0.01", "4", "0.01010"]
    assert head.index("verdict") == first.index("best") == second.index("within noise")
    assert lines[7].startswith("-  baseline linear")
    assert "Best: model gru, learning_rate 0.01, with val/loss 0.01010 ± 0.00026 over 4 runs." in lines[9]
    assert lines[10].startswith("note: 1 run was repeated")


def test_compare_takes_a_filter(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "compare", "params.model.name = 'lstm'", "--uri", made.uri, "--json"))
    assert found["sweep"] is None
    assert found["objective"] == "best/val/loss"
    assert "model.name" not in found["columns"]
    assert [group["setting"]["optimizer.learning_rate"] for group in found["groups"]] == [0.01, 0.001]


def test_a_filter_without_runs_is_a_mistake(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "params.model.name = 'none'", "--uri", made.uri]) == 2
    assert "no run of rnnexp fits the filter" in capsys.readouterr().err


def test_compare_writes_json_csv_and_markdown(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(printed(capsys, "compare", made.name, "--uri", made.uri, "--json"))
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "compare", made.name, "--uri", made.uri, "--csv"))))
    lines = printed(capsys, "compare", made.name, "--uri", made.uri, "--md").splitlines()
    assert [group["verdict"] for group in whole["groups"]] == [row["verdict"] for row in rows]
    assert float(rows[0]["mean"]) == whole["groups"][0]["objective"]["mean"] == pytest.approx(0.0101)
    assert len(lines) == 2 + len(rows) + 1
    assert lines[2].startswith("| 1 | gru | 0.01 | 4 | 0.01010 ± 0.00026 | ")


def test_a_single_run_is_told_to_be_no_sweep(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    job = made.children[0][0]
    for command in ("compare", "report"):
        assert main([command, job, "--uri", made.uri]) == 2
        said = capsys.readouterr().err
        assert f"`{job}` is a single run" in said
        assert f"no sweep; its sweep is {made.name}" in said


def test_an_unknown_sweep_exits_with_2(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "sine_lstn", "--uri", made.uri]) == 2
    assert "there is no sweep `sine_lstn`; did you mean `sine_lstm-3fa2c1`?" in capsys.readouterr().err


def test_comparing_a_local_store_needs_neither_mlflow_nor_keras(made: Made) -> None:
    """MLflow alone would cost two seconds to import."""
    code = (
        "import sys; from rnnexp.cli.main import main; "
        f"main(['compare', '--uri', {made.uri!r}]); "
        "print([name for name in ('mlflow', 'keras', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
