"""A run from end to end: what is trained, scored, tracked and kept."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.summary import summary
from rnnexp.errors import DataError, DivergedError
from rnnexp.tracking.journal import RunJournal

TUTORIAL = "data.split={train: 96, val: 0, test: 46, gap: 1}"
QUICK = ("trainer.epochs=3", "model.units=[4]")
UNTRACKED = (*QUICK, "tracking=off", "tracking.figures=false", "tracking.log_model=false")

PLUGIN = """
from typing import Literal
import numpy as np
from rnnexp import register
from rnnexp.data.source import SequenceSource

@register("model")
def breaking(spec, units: int = 50):
    raise RuntimeError("this model cannot be built")

@register("callback")
def failing(after: int = 1):
    import keras

    class Failing(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("broken on purpose")

    return Failing()

@register("metric")
def worst(actual, predicted):
    return np.abs(actual - predicted).max()

@register("data")
class signs(SequenceSource):
    name: Literal["signs"] = "signs"

    def read(self):
        generator = np.random.default_rng(self.seed)
        labels = generator.choice(["down", "up"], size=60, p=[0.6, 0.4])
        level = np.where(labels == "up", 1.0, -1.0)
        return level[:, None, None] + 0.1 * generator.normal(size=(60, 4, 1)), labels
"""


class Done(NamedTuple):
    """A finished run, the folder it was started in, and the run as MLflow has it."""

    result: Any
    folder: Path
    tracked: Any
    client: Any


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Run the airline experiment once, tracked, in a folder of its own."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("airline")
    before = Path.cwd()
    os.chdir(folder)
    try:
        config = rx.compose("experiment=airline_lstm", "trainer.epochs=5", TUTORIAL, "model.units=[3]")
        result = rx.run(config, command="rnnexp train experiment=airline_lstm", quiet=True)
    finally:
        os.chdir(before)
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    return Done(result, folder, client.get_run(result.run_id), client)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a module of components; each test imports it anew."""
    monkeypatch.delitem(sys.modules, "my_parts", raising=False)
    (tmp_path / "my_parts.py").write_text(PLUGIN)


def test_a_run_ends_finished(done: Done) -> None:
    assert done.tracked.info.status == "FINISHED"
    assert done.tracked.data.tags["rnnexp.outcome"] == "ok"


def test_parameters_are_dotted_as_in_yaml(done: Done) -> None:
    params = done.tracked.data.params
    assert (params["model.units"], params["trainer.epochs"], params["seed"]) == ("[3]", "5", "0")


def test_all_parameters_are_logged_and_a_tag_says_how_many(done: Done) -> None:
    params = done.tracked.data.params
    assert params["trainer.on_divergence"] == "stop"  # the last of the trainer's
    assert int(done.tracked.data.tags["rnnexp.params"]) == len(params) > 60


def test_the_linear_baseline_of_the_tutorial_is_beside_the_score(done: Done) -> None:
    assert round(done.tracked.data.metrics["baseline/linear/rmse"], 2) == 14.55


def test_the_final_metrics_are_there(done: Done) -> None:
    logged = done.tracked.data.metrics
    wanted = {"test/rmse", "test/mae", "test/mase", "skill/rmse", "best/epoch", "best/train/loss", "data/n_train"}
    assert wanted <= set(logged)
    assert logged["test/rmse"] == pytest.approx(done.result.metrics["test/rmse"])


def test_each_epoch_is_one_step_from_one(done: Done) -> None:
    history = done.client.get_metric_history(done.result.run_id, "train/loss")
    assert [point.step for point in history] == [1, 2, 3, 4, 5]


def test_a_run_that_loses_to_its_baseline_carries_the_tag(done: Done) -> None:
    tags = done.tracked.data.tags
    assert (tags["rnnexp.beats_baseline"], tags["rnnexp.best_baseline"]) == ("false", "linear")


def test_the_summary_says_that_it_loses(done: Done) -> None:
    text = "\n".join(summary(done.result))
    assert "lstm LOSES to its best baseline, linear" in text
    assert "RMSE in thousand passengers on the test set, 46 examples" in text


def test_the_summary_says_where_the_runs_of_a_server_are_shown(done: Done) -> None:
    assert "all runs: mlflow ui" in "\n".join(summary(done.result))
    tracking = dataclasses.replace(done.result.experiment.tracking, uri="http://127.0.0.1:5000")
    there = dataclasses.replace(done.result.experiment, tracking=tracking)
    text = "\n".join(summary(dataclasses.replace(done.result, experiment=there)))
    assert "all runs: open http://127.0.0.1:5000" in text


@pytest.mark.fault("C3")
def test_a_run_that_the_store_does_not_hold_yet_is_told_by_its_folder(done: Done, tmp_path: Path) -> None:
    assert f"rnnexp predict {done.result.run_id[:8]}" in "\n".join(summary(done.result))
    copied = shutil.copytree(done.folder / done.result.run_dir, tmp_path / "one")
    RunJournal(copied).append("tags", tags={"late": "1"})
    text = "\n".join(summary(dataclasses.replace(done.result, run_dir=copied)))
    assert "rnnexp predict one" in text
    assert "all runs: mlflow ui" not in text


def test_pictures_tables_and_configuration_are_artifacts(done: Done) -> None:
    found = {
        artifact.path
        for folder in ("figures", "tables", "config")
        for artifact in done.client.list_artifacts(done.result.run_id, folder)
    }
    pictures = {f"figures/{name}.png" for name in ("learning_curves", "prediction", "residuals")}
    assert pictures | {"tables/predictions.csv", "config/config.yaml"} <= found


def test_the_mlflow_experiment_is_named_after_the_data(done: Done) -> None:
    experiment = done.client.get_experiment(done.tracked.info.experiment_id)
    assert experiment.name == "airline_passengers"
    assert experiment.tags["mlflow.experiment.primaryMetric.name"] == "test/rmse"
    assert done.tracked.data.tags["rnnexp.loss"] == "unpenalized"


def test_the_tracked_model_takes_raw_rows_and_gives_original_units(done: Done) -> None:
    import mlflow
    import pandas

    mlflow.set_tracking_uri(f"sqlite:///{done.folder / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"runs:/{done.result.run_id}/model")
    rows = pandas.DataFrame({"passengers": [461.0, 390.0, 432.0]})
    assert model.predict(rows)["passengers"].item() == pytest.approx(done.result.forecast.item(), rel=1e-4)
    assert model.predict(rows / 2)["passengers"].item() != pytest.approx(done.result.forecast.item(), rel=1e-4)


def test_a_run_can_be_composed_again_from_what_it_logged(done: Done) -> None:
    import yaml

    from rnnexp.config.parse import parse

    logged = yaml.safe_load((done.result.run_dir / "config" / "config.yaml").read_text())
    assert parse(logged) == done.result.experiment


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    def score(*more: str) -> float:
        return rx.run(rx.compose("data=sine", "data.points=80", *UNTRACKED, *more), quiet=True).metrics["test/rmse"]

    first = score("seed=1", "data.seed=0")
    assert score("seed=1", "data.seed=0") == first
    assert score("seed=2", "data.seed=0") != first


@pytest.mark.fault("A11")
def test_a_run_in_a_thread_leaves_the_handlers_of_signals_alone() -> None:
    def work() -> float:
        return rx.run(rx.compose("data=sine", "data.points=80", *UNTRACKED), quiet=True).metrics["test/rmse"]

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == work()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


READ = """
import hashlib, os, sys
from rnnexp.config.compose import compose
from rnnexp.tasks import load

columns = ("data.series=name", "data.time=date", "data.target=y", "data.sequence_length=2")
data = load(compose("data=csv", "data.path='s*.csv'", *columns).data)
order = data.parts["train"].order(0, 1, 4)
print(data.summary.digest, hashlib.sha256(order.tobytes()).hexdigest())
"""


@pytest.mark.fault("D9")
def test_data_and_their_order_depend_on_no_hash_and_on_no_order_of_files(tmp_path: Path) -> None:
    said = set()
    for seed, names in (("1", "abc"), ("2", "cba"), ("random", "bca")):
        folder = tmp_path / names
        folder.mkdir()
        for name in names:  # made in another order, a folder lists them in another one
            rows = [f"{name},2020-01-{day:02d},{day * ord(name)}" for day in range(1, 21)]
            (folder / f"s{name}.csv").write_text("name,date,y\n" + "\n".join(rows) + "\n")
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", READ]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    assert len(said) == 1


def test_tracking_off_keeps_the_folder_alone(tmp_path: Path) -> None:
    result = rx.run(rx.compose("data=sine", "data.points=80", *QUICK, "tracking=off"), quiet=True)
    assert result.run_id is None
    assert not (tmp_path / "mlflow.db").exists()
    assert (result.run_dir / "figures" / "prediction.png").exists()


@pytest.mark.fault("A9", "C17")
def test_a_failing_training_ends_failed_with_its_traceback(plugin: None, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    config = rx.compose("plugins=[my_parts]", "data.points=80", *QUICK, "callbacks.failing.after=1")
    with pytest.raises(RuntimeError, match="broken on purpose"):
        rx.run(config, quiet=True)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert (run.info.status, run.data.tags["rnnexp.outcome"]) == ("FAILED", "failed")
    assert "error.txt" in [artifact.path for artifact in client.list_artifacts(run.info.run_id)]


def test_bad_data_end_before_anything_is_tracked(tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("y\n1\n2\n")
    with pytest.raises(DataError, match="2 rows"):
        rx.run(rx.compose("data=csv", "data.path=short.csv", *QUICK), quiet=True)
    assert not list(tmp_path.glob("mlartifacts/*"))


@pytest.mark.parametrize("scaler", ["minmax", "[standard,instance]", "[difference,standard]"])
def test_the_validation_part_is_scored_in_original_units_whatever_the_scaler(scaler: str) -> None:
    words = ("data.points=90", f"data.scaler={scaler}", "trainer.epochs=2")
    found = rx.run("data=sine", *words, "model.units=[3]", "tracking=off", quiet=True)
    again = rx.load(found.run_dir).evaluate(part="val").metrics["val/rmse"]
    assert found.metrics["best/val/rmse"] == pytest.approx(again, rel=1e-6)
    assert found.metrics["best/val/rmse"] != pytest.approx(found.metrics["best/val/loss"] ** 0.5, rel=1e-3)


def test_one_sequence_with_lags_as_features_is_trained_and_scored() -> None:
    layout = ("data.layout=sequence", "data.sequence_length=2", TUTORIAL)
    result = rx.run(rx.compose("data=airline_passengers", *UNTRACKED, *layout), quiet=True)
    assert result.predictions.actual.shape == (46, 1, 1)


def test_a_recursive_strategy_reaches_the_horizon() -> None:
    strategy = ("data.strategy=recursive", "data.horizon=3")
    result = rx.run(rx.compose("data=airline_passengers", *UNTRACKED, *strategy), quiet=True)
    assert result.predictions.predicted.shape[1] == 3
    assert result.forecast.shape == (1, 3, 1)


def test_classes_are_scored_beside_the_majority(plugin: None) -> None:
    config = rx.compose("plugins=[my_parts]", "data=signs", "data.task=classification", *QUICK, "tracking=off")
    result = rx.run(config, quiet=True)
    assert {"test/accuracy", "test/f1", "baseline/majority/accuracy"} <= set(result.metrics)
    assert (result.run_dir / "figures" / "confusion.png").exists()


UNTRAINED = r"epoch 1: (val|train)/loss is infinite, .* \((nan|inf|.*e\+\d+)\), and no epoch has left trained weights"


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize("split", ["{train: 0.6, val: 0.2, test: 0.2}", "{train: 0.8, val: 0, test: 0.2}"])
@pytest.mark.fault("G1")
def test_weights_that_were_never_trained_are_not_scored(engine: str, split: str) -> None:
    words = (
        *QUICK,
        "data.points=80",
        "tracking=off",
        "tracking.figures=false",
        f"trainer.engine={engine}",
        f"data.split={split}",
    )
    with pytest.raises(DivergedError, match=UNTRAINED):
        rx.run(rx.compose(*words, "optimizer=sgd", "optimizer.learning_rate=1e30", "trainer.on_divergence=stop"))
    assert rx.run(rx.compose(*words, "trainer.on_divergence=stop"), quiet=True).history.best_epoch > 0


def test_a_metric_of_the_users_own_is_reported(plugin: None) -> None:
    config = rx.compose("plugins=[my_parts]", "data.points=80", "metrics=[worst,mae]", *UNTRACKED)
    result = rx.run(config, quiet=True)
    errors = result.predictions.predicted - result.predictions.actual
    assert result.metrics["test/worst"] == pytest.approx(np.abs(errors).max())
    assert "val/mae_scaled" in result.history.epochs[0]


def test_a_regression_is_scored_beside_the_training_mean() -> None:
    config = rx.compose("data=adding", "data.examples=40", "data.sequence_length=6", *UNTRACKED)
    assert "baseline/mean/rmse" in rx.run(config, quiet=True).metrics


def test_the_run_folder_holds_a_model_without_pickle(done: Done) -> None:
    about = json.loads((done.result.run_dir / "model" / "model.json").read_text())
    assert about["architecture"]["units"] == [3]
    with np.load(done.result.run_dir / "model" / "weights.npz", allow_pickle=False) as weights:
        assert len(weights.files) == 5
