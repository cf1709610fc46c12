"""A task is one folder and one entry: one that the package knows nothing of works in every command."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp import registry, task, tasks
from rnnexp.cli.main import main
from rnnexp.tracking.query import Wanted, select

PLUGIN = str(Path(__file__).parent)
QUICK = ("plugins=[counting]", "trainer.epochs=3", "tracking.uri=sqlite:///mlflow.db")
DATA = ("data=marks", "data.path=marks.txt", "model=summing_head", *QUICK)


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write lines with a plain connection between what is seen and what is asked."""
    monkeypatch.syspath_prepend(PLUGIN)
    for name in [name for name in sys.modules if name.partition(".")[0] == "counting"]:
        del sys.modules[name]
    generator = np.random.default_rng(0)
    made = ["".join(".|"[mark] for mark in row) for row in generator.integers(0, 2, (60, 8))]
    Path("marks.txt").write_text("\n".join(made))
    return made


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_it_is_known_by_its_name_and_by_that_of_its_metrics() -> None:
    assert "counting" not in registry.names("task")
    registry.load_plugins(["counting"])
    assert tasks.of("counting").takes == "lines of marks"
    assert task.rises("test/exact_share")
    assert not task.rises("test/count_error")
    assert "test/exact_share" in task.scores()


@pytest.mark.parametrize("engine", ["compiled", "keras"])
def test_it_trains_on_both_engines(engine: str) -> None:
    result = rx.run(
        rx.compose(*DATA, f"trainer.engine={engine}", "tracking=off", "tracking.figures=false", "trainer.epochs=2")
    )
    assert {"test/exact_share", "baseline/mean/exact_share", "skill/exact_share"} <= result.metrics.keys()
    losses = [epoch["train/loss"] for epoch in result.history.epochs]
    assert losses[1] < losses[0]


@pytest.mark.end_to_end
def test_both_engines_train_alike() -> None:
    both = [
        rx.run(
            rx.compose(*DATA, f"trainer.engine={engine}", "tracking=off", "tracking.figures=false", "trainer.epochs=2")
        )
        for engine in ("compiled", "keras")
    ]
    compiled, keras = ([epoch["train/loss"] for epoch in result.history.epochs] for result in both)
    assert compiled == pytest.approx(keras, rel=1e-5)
    assert compiled[0] != pytest.approx(compiled[1], rel=1e-5)


def test_init_proposes_an_experiment_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conf").mkdir()
    Path("conf/config.yaml").write_text("plugins: [counting]\n")
    assert "60 lines of 8 marks" in said(capsys, "init", "marks.txt", "--task", "counting")
    written = Path("experiments/marks.yaml").read_text()
    assert "override /data: marks" in written
    assert '"marks"' in said(capsys, "schema", "data")
    trained = said(capsys, "train", "experiment=marks", "trainer.epochs=1", "tracking=off")
    assert "share of counts that are right on the test set, 9 lines" in trained


def test_a_task_to_whose_data_a_file_does_not_look_alike_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "marks.txt", "--task", "tagging"]) == 2
    assert "--task tagging: marks.txt does not look like its data" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_a_sweep_trains_it_as_one_program_and_compare_ranks_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-m", *DATA, "model.units=2,5", "seed=0,1", "hydra/launcher=vectorized"]) == 0
    capsys.readouterr()
    runs = select("sqlite:///mlflow.db", Wanted())
    children = [run for run in runs if run.tags.get("mlflow.parentRunId")]
    assert len(children) == 4
    assert {run.tags.get("rnnexp.primary_metric", "test/exact_share") for run in children} == {"test/exact_share"}
    table = said(capsys, "compare", "--uri", "sqlite:///mlflow.db")
    assert "model.units" in table or "units" in table


def test_a_trained_run_predicts_evaluates_and_is_served(capsys: pytest.CaptureFixture[str], lines: list[str]) -> None:
    import mlflow

    result = rx.run(rx.compose(*DATA))
    assert result.run_id is not None
    given = [result.run_id, "--uri", "sqlite:///mlflow.db", "--plugins", "counting"]
    Path("new.txt").write_text("||||....\n|.|.|.|.\n" + lines[0])
    rows = json.loads(said(capsys, "predict", result.run_id, "new.txt", *given[1:], "--json"))["rows"]
    assert [row["marks"] for row in rows] == ["||||....", "|.|.|.|.", lines[0]]
    found = json.loads(said(capsys, "evaluate", *given, "--data", "new.txt", "-o", "rows.csv", "--json"))
    table = pd.read_csv("rows.csv")
    assert list(table["actual"]) == [4, 4, lines[0].count("|")]
    assert list(table["predicted"]) == [row["count"] for row in rows]
    assert found["metrics"]["all/exact_share"] == np.mean(table["actual"] == table["predicted"])
    assert any(re.match(r"1 of the 3 scored examples are among those", note) for note in found["notes"])
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNEXP_PLUGINS", "counting")
        served = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    answer = served.predict(pd.DataFrame({"marks": ["||||....", "|.|.|.|."]}))
    assert list(answer["count"]) == [row["count"] for row in rows[:2]]
    assert (result.run_dir / "figures" / "counts.png").is_file()


def test_no_file_of_the_package_names_it() -> None:
    package = Path(rx.__file__).parent
    assert not [file for file in package.rglob("*.py") if "counting" in file.read_text().lower().split('"counting"')]
