"""The baselines of a run are kept with it: they answer new input by name, and the best is chosen on validation."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from tiny_runs import Done, Rows, Say, sales, train

import rnnexp as rx
from rnnexp import tasks
from rnnexp.cli.main import main
from rnnexp.deploy.answer import predict
from rnnexp.deploy.trained import Asked, trained
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation import kept_baselines
from rnnexp.evaluation.kept_baselines import FILE, NETWORK, KeptBaselines, choose, gather
from rnnexp.tasks.classification.report import list_inputs
from rnnexp.tasks.forecasting import baselines, linear
from rnnexp.tasks.forecasting.linear import make_past
from rnnexp.tasks.regression.report import list_inputs as list_numbers
from rnnexp.tasks.requests import PredictRequest
from rnnexp.tasks.sequence_to_sequence.report import predict_by
from tests.fuzz import models as kinds

ONE_EPOCH = ("trainer.epochs=1", "tracking=off", "model.units=[3]")
RULES = ("persistence", "drift", "seasonal_naive", "seasonal_growth")


@cache
def run(kind: str) -> rx.RunResult:
    """Train a network of each kind for one epoch, once per process."""
    folder = Path(mkdtemp())
    kinds.data(folder)
    words = [word.replace("{}", str(folder)) for word in kinds.KINDS[kind]]
    words += ["trainer.batch_size=4"] * (kind == "language")
    return rx.run(rx.compose(*words, *ONE_EPOCH), folder / "run", quiet=True)


def code_of(result: rx.RunResult) -> Any:
    return tasks.of(result.experiment.data.task)


def kept_of(result: rx.RunResult) -> KeptBaselines:
    return KeptBaselines(**json.loads((result.run_dir / "model" / FILE).read_text()))


def revive(result: rx.RunResult, name: str) -> Any:
    return choose(result.run_dir / "model", code_of(result).baseline_kinds, name).baseline


def answer(data: Any, baseline: Any, part: str) -> Any:
    """Let a baseline answer to a part of the data of its run."""
    task = data.spec.task
    if task == "forecasting":
        origins = data.starts(part) + data.pipeline.plan.sequence_length - 1
        return baseline.method.predict(make_past(data, origins), data.pipeline.plan)
    if task == "classification":
        from rnnexp.tasks.classification.report import fill_cut

        return fill_cut(baseline, data.pipeline).predict(list_inputs(data, part))
    if task == "sequence_to_sequence":
        return predict_by(baseline, data.pipeline, list(data.references(part)))
    if task == "regression":
        return baseline.predict(list_numbers(data, part))
    asked = {"tagging": "words", "language_modeling": "ids"}.get(task)
    return baseline.predict(getattr(data, str(asked))(part))


OFTEN = ("rows", "texts", "numbers")
KINDS = [pytest.param(kind, marks=[pytest.mark.end_to_end] * (kind not in OFTEN)) for kind in kinds.KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_each_baseline_that_a_run_was_scored_beside_answers_as_it_did_then(kind: str) -> None:
    result = run(kind)
    kept, scored, data = kept_of(result), result.report.baselines, tasks.load(result.experiment.data)
    assert list(kept.states) == list(scored)
    for name, then in scored.items():
        now = answer(data, revive(result, name), result.scored)
        if then.predicted.dtype == object:
            assert list(now) == list(then.predicted)
        else:
            np.testing.assert_allclose(np.reshape(now, then.predicted.shape), then.predicted, rtol=1e-9, atol=1e-12)


OFTEN = ("rows", "texts", "numbers")
KINDS = [pytest.param(kind, marks=[pytest.mark.end_to_end] * (kind not in OFTEN)) for kind in kinds.KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_each_baseline_answers_the_command_in_the_place_of_the_network(kind: str, capsys: Any) -> None:
    result = run(kind)
    asked = kinds.INPUTS[kind].replace("{}", str(Path(str(getattr(result.experiment.data, "path", ""))).parent))
    words = [str(result.run_dir), *([asked] if asked else []), "--json"]
    answers = {}
    for name in (NETWORK, *kept_of(result).states):
        assert main(["predict", *words, "--model", name]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["answered_by"] == name
        answers[name] = said["rows"]
    own = answers.pop(NETWORK)
    assert all(len(rows) == len(own) for rows in answers.values())
    assert own not in answers.values()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_sees_all_rows_of_a_table_and_not_only_the_window_of_the_network(
    shop: Done, predicted: Rows, name: str
) -> None:
    values = sales()["sales"].to_numpy()[:, None]
    task = baselines.Task(values, np.array([len(values) - 1]), np.array([0]), 2, 12)
    own = baselines.SIMPLE[name](task)[0, :, 0]
    for words in ([], [str(shop.file)]):
        rows = predicted(shop, shop.run_id, *words, "--model", name)
        assert [row["sales"] for row in rows] == pytest.approx(own)
    assert [row["sales"] for row in predicted(shop, shop.run_id)] != pytest.approx(own)


def test_the_linear_baseline_forecasts_from_the_last_row_as_it_was_fitted(
    shop: Done, predicted: Rows, tmp_path: Path
) -> None:
    file = tmp_path / "two_fewer.csv"
    sales().head(118).to_csv(file, sep=";", decimal=",", index=False)
    data: Any = tasks.load(shop.result.experiment.data)
    own, earlier = (linear.forecast(data, np.array([row]))[0, :, 0] for row in (117, 116))
    rows = predicted(shop, shop.run_id, str(file), "--model", "linear")
    assert [row["sales"] for row in rows] == pytest.approx(own)
    assert own != pytest.approx(earlier)


def test_the_best_is_that_of_the_scores_on_the_validation_part(shop: Done, said: Say) -> None:
    kept = kept_of(shop.result)
    found = json.loads(said(shop, "evaluate", shop.run_id, "--part", "val", "--json"))["metrics"]
    own = {name: found[f"baseline/{name}/rmse"] for name in kept.states} | {NETWORK: found["val/rmse"]}
    assert kept.scores == pytest.approx(own)
    assert kept.scores != pytest.approx({**own, NETWORK: shop.result.metrics["test/rmse"]})
    best = min(own, key=lambda name: own[name])
    told = said(shop, "predict", shop.run_id, "--model", "best", stream="err")
    assert f"note: the best on the validation set is {best}: rmse {own[best]:.6g}, network {own[NETWORK]:.6g}" in told
    assert said(shop, "predict", shop.run_id, "--model", "best") == said(shop, "predict", shop.run_id, "--model", best)


def test_a_network_that_is_best_on_validation_answers_whatever_the_test_part_says(tmp_path: Path) -> None:
    kept = KeptBaselines("accuracy", {NETWORK: 0.9, "majority": 0.5, "nearest": 0.8}, {"majority": {}, "nearest": {}})
    kept.write(tmp_path)
    choice = choose(tmp_path, dict, "best")
    assert choice.baseline is None
    assert choice.note == "the best on the validation set is network: accuracy 0.9, nearest 0.8"


def test_intervals_of_a_baseline_are_made_from_its_own_errors(shop: Done, predicted: Rows, said: Say) -> None:
    row = predicted(shop, shop.run_id, "--model", "linear", "--level", "80")[0]
    own = predicted(shop, shop.run_id, "--level", "80")[0]
    assert row["sales_lo_80"] < row["sales"] < row["sales_hi_80"]
    assert row["sales_hi_80"] - row["sales"] == pytest.approx(row["sales"] - row["sales_lo_80"])
    assert row["sales_hi_80"] - row["sales_lo_80"] != pytest.approx(own["sales_hi_80"] - own["sales_lo_80"])
    refused = said(shop, "predict", shop.run_id, "--model", "linear", "--level", "81", code=3)
    assert "there is no 81 % interval: kept were 50, 80" in refused


def test_the_answer_is_that_of_the_model_in_mlflow(shop: Done, predicted: Rows) -> None:
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(shop.uri)
    try:
        model = load_model(f"runs:/{shop.run_id}/model")
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]
    frame = sales()
    answers = {name: list(model.predict(frame, params={"model": name})["sales"]) for name in (NETWORK, "best", "drift")}
    for name, values in answers.items():
        assert [row["sales"] for row in predicted(shop, shop.run_id, "--model", name)] == pytest.approx(values)
    assert list(model.predict(frame)["sales"]) == answers[NETWORK] != answers["drift"]
    with pytest.raises(ConfigError, match="model drft: is neither .* did you mean `drift`"):
        model.predict(frame, params={"model": "drft"})


def test_a_baseline_answers_without_keras(shop: Done, monkeypatch: pytest.MonkeyPatch, predicted: Rows) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr("rnnexp.models.bundle.load", refuse)
    assert predicted(shop, shop.run_id, "--model", "drift")
    assert main(["predict", shop.run_id, "--uri", shop.uri]) != 0


def test_the_name_of_the_architecture_stands_for_the_network(shop: Done, said: Say) -> None:
    assert said(shop, "predict", shop.run_id, "--model", "gru") == said(shop, "predict", shop.run_id)


def test_a_mistyped_name_gets_a_suggestion(shop: Done, said: Say) -> None:
    told = said(shop, "predict", shop.run_id, "--model", "seasonal_naiv", code=2)
    assert "--model seasonal_naiv: is neither the network nor a baseline of this run; give one of best, network" in told
    assert told.strip().endswith("did you mean `seasonal_naive`?")


def test_a_run_of_an_earlier_version_is_to_be_trained_again(shop: Done, said: Say, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(shop.result.run_dir, folder)
    (folder / "model" / FILE).unlink()
    told = said(shop, "predict", str(folder), "--model", "best", code=2)
    assert "--model best: no baselines were kept with this model" in told
    assert "train it again, or give network" in told
    assert said(shop, "predict", str(folder), "--model", "network") == said(shop, "predict", shop.run_id)


def test_without_a_validation_part_there_is_no_best_and_a_baseline_is_named(
    uri: str, said: Say, tmp_path: Path
) -> None:
    file = tmp_path / "sales.csv"
    sales(60)[["month", "sales"]].to_csv(file, index=False)
    words = ("data.time=month", "data.time_format='%d.%m.%Y'", "data.target=sales", "data.sequence_length=4")
    done = train(uri, tmp_path / "run", file, *words, "data.split={train: 0.8, val: 0, test: 0.2}")
    told = said(done, "predict", done.run_id, "--model", "best", code=2)
    assert "best: is chosen on a validation set, and the run has none; give one of network, persistence" in told
    told = said(done, "predict", done.run_id, "--model", "drift", stream="err")
    assert "no prediction intervals: there are no forecasts of it for a validation set" in told


def test_rows_for_which_a_baseline_is_not_defined_are_told(shop: Done, said: Say, tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    sales().tail(8).to_csv(file, sep=";", decimal=",", index=False)
    told = said(shop, "predict", shop.run_id, str(file), "--model", "seasonal_naive", code=3)
    assert "seasonal_naive cannot answer: a forecast has less than one season before it; ask the network" in told
    assert said(shop, "predict", shop.run_id, str(file), "--model", "linear")  # on fewer lags


def test_of_what_is_large_the_best_on_either_part_is_kept_unless_it_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = {"majority": 0.5, "naive_bayes": 0.9, "tfidf_linear": 0.8}
    fitted = {name: run("texts").report.fitted[name] for name in scores}
    monkeypatch.setattr(kept_baselines, "MAX_SMALL", 120)
    assert list(gather("accuracy", {}, fitted).states) == ["majority"]
    kept = gather("accuracy", scores, fitted)
    assert list(kept.states) == ["majority", "naive_bayes"]
    assert "it is not the best baseline" in kept.left_out["tfidf_linear"]
    assert list(gather("accuracy", scores, fitted, "tfidf_linear").states) == list(fitted)
    monkeypatch.setattr(kept_baselines, "MAX_BYTES", 120)
    assert "the most is 0" in gather("accuracy", scores, fitted).left_out["naive_bayes"]


def test_a_best_that_is_not_kept_is_told_with_the_reason(tmp_path: Path) -> None:
    KeptBaselines("accuracy", {NETWORK: 0.5, "nearest": 0.9}, {}, {"nearest": "it takes 9.0 MiB"}).write(tmp_path)
    with pytest.raises(ConfigError, match="is nearest: accuracy 0.9.*; nearest is not kept with the run: it takes 9"):
        choose(tmp_path, dict, "best")


def test_from_python_the_best_answers_too(shop: Done, tmp_path: Path) -> None:
    found = trained(Asked(shop.run_id, "predict", shop.uri), tmp_path)
    best = predict(found, PredictRequest(), "best")
    assert best.choice.name in kept_of(shop.result).states
    assert best.response.frame.equals(predict(found, PredictRequest(), best.choice.name).response.frame)
    assert not best.response.frame.equals(predict(found, PredictRequest()).response.frame)


def test_an_ngram_writes_no_texts() -> None:
    from rnnexp.tracking.pyfunc import _load_pyfunc

    served = _load_pyfunc(str(run("language").run_dir / "model"))
    assert len(served.predict(["the cat purrs"], {"model": "ngram"})) == 1
    with pytest.raises(ConfigError, match="an n-gram scores texts here, and writes none; use the network"):
        served.predict(["the cat purrs"], {"model": "ngram", "length": 3})


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_state_is_told_and_nothing_else_happens(kind: str, tmp_path: Path) -> None:
    """Each value of each state becomes one of another kind: that is an error of ours, or an answer."""
    result = run(kind)
    kept, code, data = kept_of(result), code_of(result), tasks.load(result.experiment.data)
    refused: set[object] = set()
    for name, state in kept.states.items():
        for path in find_paths(state):
            for value in ("x", -3, 10**9):
                changed = json.loads(json.dumps(state))
                inner = changed
                for key in path[:-1]:
                    inner = inner[key]
                inner[path[-1]] = value
                KeptBaselines(kept.metric, states={name: changed}).write(tmp_path)
                try:
                    answer(data, choose(tmp_path, code.baseline_kinds, name).baseline, "val")
                except (ConfigError, DataError, kept_baselines.Undefined):
                    refused.add(value)
    assert "x" in refused


def find_paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to each key of nested mappings, and to the first place of each list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [found for key, one in inner for found in [(*path, key), *find_paths(one, (*path, key))]]
