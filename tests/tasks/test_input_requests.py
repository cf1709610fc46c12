"""From tables to a served model of several inputs, beside linear models of all inputs and of each alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.data.inputs.dataset import MultiInputDataset, lay_rows
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation.kept_baselines import choose, gather
from rnnexp.registry import lookup
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.program_key import make_program_key
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.tasks import input_baselines, input_requests
from rnnexp.tasks.classification.report import list_inputs, list_kinds
from rnnexp.training.compiled import ensemble

DRAWN = ("data=text_and_pulse", "data.examples=120", "data.seed=0", "model=multi_input", "model.units=[4]")
QUICK = (*DRAWN, "model.combine=attention", "trainer.epochs=2", "trainer.batch_size=16")
OFF = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")


@pytest.fixture(scope="module")
def drawn() -> MultiInputDataset:
    found = tasks.load(lookup("data", "text_and_pulse")(examples=300))  # type: ignore[call-arg]
    assert isinstance(found, MultiInputDataset)
    return found


def accuracy(one: Any, dataset: MultiInputDataset) -> float:
    return float((one.predict(list_inputs(dataset, "test")).argmax(axis=1) == dataset.truth("test")).mean())


def test_no_linear_model_solves_what_needs_both_inputs(drawn: MultiInputDataset) -> None:
    y = drawn.truth("train")
    fits = input_baselines.list_fits(drawn.pipeline, list_inputs(drawn, "train"), y, 2)
    assert list(fits) == ["all_inputs", "only_report", "only_pulse"]
    assert all(accuracy(fit(), drawn) < 0.75 for fit in fits.values())


def test_a_linear_model_of_all_inputs_finds_what_one_of_them_tells(drawn: MultiInputDataset) -> None:
    storms = np.array(["storm" in text for text in drawn.examples.inputs["report"]]).astype(int)
    train, test = (drawn.parts[part].indices for part in ("train", "test"))
    fits = input_baselines.list_fits(drawn.pipeline, list_inputs(drawn, "train"), storms[train], 2)
    right = {
        name: float((fit().predict(list_inputs(drawn, "test")).argmax(axis=1) == storms[test]).mean())
        for name, fit in fits.items()
    }
    assert right["all_inputs"] > 0.9
    assert right["only_report"] > 0.9
    assert right["only_pulse"] < 0.75


def test_numbers_are_predicted_by_ridge_regression(drawn: MultiInputDataset) -> None:
    storms = np.array([["storm" in text] for text in drawn.examples.inputs["report"]]).astype(float)
    train, test = (drawn.parts[part].indices for part in ("train", "test"))
    fits = input_baselines.list_fits(drawn.pipeline, list_inputs(drawn, "train"), 10 + storms[train], 0)
    off = fits["only_report"]().predict(list_inputs(drawn, "test")) - 10 - storms[test]
    assert np.sqrt((off**2).mean()) < 0.25
    assert off.shape == (len(test), 1)


def test_a_baseline_that_is_kept_answers_as_before(drawn: MultiInputDataset, tmp_path: Path) -> None:
    made = input_baselines.list_fits(drawn.pipeline, list_inputs(drawn, "train"), drawn.truth("train"), 2)
    one = made["only_report"]()
    gather("accuracy", {}, {"only_report": one}).write(tmp_path)
    read = choose(tmp_path, list_kinds, "only_report").baseline.with_pipeline(drawn.pipeline)
    asked = list_inputs(drawn, "test")
    np.testing.assert_allclose(read.predict(asked), one.predict(asked))
    with pytest.raises(ConfigError, match="is neither the network nor a baseline"):
        choose(tmp_path, list_kinds, "only_reports")


def test_rows_in_memory_are_read_as_those_of_a_file(drawn: MultiInputDataset) -> None:
    rows = lay_rows(drawn.examples.take(np.arange(3)), drawn.pipeline)
    read = input_requests.serve_examples(rows, drawn.pipeline)
    assert list(read.inputs["report"]) == drawn.examples.inputs["report"][:3]
    assert all(np.array_equal(a, b) for a, b in zip(read.inputs["pulse"], drawn.examples.inputs["pulse"]))
    lacking = rows.assign(pulse=[None, *rows["pulse"][1:]])
    assert input_requests.serve_examples(lacking, drawn.pipeline).list_missing("pulse").tolist() == [0]


WRONG = {
    "a list": (lambda rows: rows["report"].tolist(), "examples must be a table with a row for each"),
    "a column less": (lambda rows: rows.drop(columns="pulse"), "there is no column `pulse`, but example, report"),
    "one channel": (lambda rows: rows.assign(pulse=[[[1.0]]] * len(rows)), "row 1: `pulse` must be a list of steps"),
    "a word": (lambda rows: rows.assign(pulse=["fast"] * len(rows)), "row 1: `pulse` must be a list of steps"),
}


@pytest.mark.parametrize(("spoil", "message"), WRONG.values(), ids=WRONG)
def test_rows_that_do_not_fit_are_told(drawn: MultiInputDataset, spoil: Any, message: str) -> None:
    rows = lay_rows(drawn.examples.take(np.arange(3)), drawn.pipeline)
    with pytest.raises(DataError, match=message):
        input_requests.serve_examples(spoil(rows), drawn.pipeline)


def test_numbers_of_a_table_are_written_as_in_its_file() -> None:
    assert [*map(input_requests._write_cell, (3.0, 2.5, None, float("nan"), 7, "m "))] == ["3", "2.5", "", "", "7", "m"]


@pytest.mark.end_to_end
def test_a_run_is_scored_tracked_and_served(tmp_path: Path) -> None:
    import mlflow

    result = rx.run(rx.compose(*QUICK), quiet=True)
    assert {"baseline/all_inputs/accuracy", "baseline/only_report/f1", "test/log_loss"} <= result.metrics.keys()
    weights = result.report.tables["input_weights"]
    assert weights["input"].tolist() == ["report", "pulse"]
    assert weights["weight"].sum() == pytest.approx(1, abs=1e-5)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    from mlflow import artifacts

    picture = artifacts.download_artifacts(run_id=result.run_id, artifact_path="figures/input_weights.png")
    assert Path(picture).stat().st_size > 5000
    drawn = tasks.load(rx.compose(*QUICK).data)
    assert isinstance(drawn, MultiInputDataset)
    rows = lay_rows(drawn.examples.take(drawn.parts["test"].indices), drawn.pipeline)
    answer = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model").predict(rows)
    assert answer.columns.tolist() == ["example", "label", "p(alarm)", "p(quiet)"]
    np.testing.assert_allclose(answer[["p(alarm)", "p(quiet)"]], result.predictions.predicted, rtol=1e-4)
    by_baseline = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model").predict(rows, {"model": "only_report"})
    kept = result.report.baselines["only_report"].predicted
    np.testing.assert_allclose(by_baseline[["p(alarm)", "p(quiet)"]], kept, rtol=1e-4)


@pytest.mark.end_to_end
def test_both_engines_and_a_group_train_alike(tmp_path: Path) -> None:
    experiments = [rx.compose(*QUICK, *OFF, f"seed={seed}") for seed in (0, 1)]
    assert len({make_program_key(one) for one in experiments}) == 1
    occasions = []
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        occasions.append(RunContext(tmp_path / str(number), member=Membership("test", None, number)))
    ended: dict[int, Any] = {}
    run_vectorized(experiments, occasions, ended.__setitem__, lambda _: None)
    alone = [rx.run(one, quiet=True) for one in experiments]
    by_keras = rx.run(rx.compose(*QUICK, *OFF, "seed=0", "trainer.engine=keras"), quiet=True)
    for one, other in ((ended[0], alone[0]), (ended[1], alone[1]), (by_keras, alone[0])):
        assert isinstance(one, Result), one
        np.testing.assert_allclose(losses(one), losses(other), rtol=1e-5)
    assert not np.allclose(losses(alone[0]), losses(alone[1]), rtol=1e-5)


def losses(result: Any) -> np.ndarray:
    return np.array([epoch["train/loss"] for epoch in result.history.epochs])


@pytest.mark.end_to_end
@pytest.mark.parametrize("engine", ["compiled", "keras"])
def test_a_training_that_was_put_down_goes_on_to_the_same_bits(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnexp.models.build import build
    from rnnexp.runner.assembly import make_plan
    from rnnexp.training import checkpoint, keeper
    from rnnexp.training.fit import fit

    often = "trainer.checkpoint_every_s=0"
    config = rx.compose(*QUICK, *OFF, "trainer.epochs=4", f"trainer.engine={engine}", often)
    dataset = tasks.load(config.data)
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 1)
    monkeypatch.setattr(keeper, "KEEP", 100)
    monkeypatch.setattr(keeper, "SHARE", 1e9)

    def train(run_dir: Path | None, snapshot: Any = None) -> list[bytes]:
        model = build(config.model, dataset.spec, 0)
        fit(model, dataset, make_plan(config, run_dir)(dataset.spec), snapshot=snapshot)
        return [np.asarray(weight).tobytes() for weight in model.get_weights()]

    (tmp_path / "run").mkdir()
    whole = train(tmp_path / "run")
    snapshot = checkpoint.load(checkpoint.list_newest(tmp_path / "run" / keeper.FOLDER)[-1])
    assert snapshot.position.epoch < 4
    assert train(None, snapshot) == whole
    assert train(None, None) == whole


@pytest.mark.end_to_end
def test_new_files_are_predicted_and_scored_by_their_main_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rnnexp.cli.main import main

    monkeypatch.chdir(tmp_path)
    drawn = lookup("data", "text_and_pulse")(examples=120).read()  # type: ignore[call-arg]
    for folder, first in (("old", 0), ("new", 100)):
        own = drawn.take(np.arange(first, 120))
        Path(folder).mkdir()
        table = {"person": own.ids, "report": own.inputs["report"], "label": own.targets}
        pd.DataFrame(table).to_csv(f"{folder}/people.csv", index=False)
        steps = [(one, t, *row) for one, pulse in zip(own.ids, own.inputs["pulse"]) for t, row in enumerate(pulse)]
        kept = pd.DataFrame(steps[: -len(own.inputs["pulse"][-1])], columns=["person", "t", "a", "b"])
        kept.to_parquet(f"{folder}/pulse.parquet")
    inputs = "{report: {kind: text}, pulse: {kind: sequence, path: pulse.parquet, time: t}}"
    words = ["data=multi_input_table", "data.path=old/people.csv", "data.id=person", f"data.inputs={inputs}"]
    words += ["data.on_missing=mask", *QUICK[3:], "tracking=off"]
    assert main(["train", *words]) == 0
    run = str(next(Path("runs").glob("*/*")))
    capsys.readouterr()
    assert main(["predict", run, "new/people.csv"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "person,label,p(alarm),p(quiet)"
    assert len(out.splitlines()) == 21
    assert "1 of 20 examples without `pulse`" in err
    assert main(["evaluate", run, "--data", "new/people.csv"]) == 0
    assert "on all rows of people.csv, 20 examples" in capsys.readouterr().out
