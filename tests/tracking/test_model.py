"""A logged model takes raw rows and answers in real units, in any process that has rnnexp."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from rnnexp import registry
from rnnexp.config.settings import Tracking
from rnnexp.tasks import load
from rnnexp.tasks.forecasting.predict import Columns, table
from rnnexp.tracking import RunInfo, start
from rnnexp.tracking.model import requirements


class Logged(NamedTuple):
    """A run with a model, the rows it was given, and what the network answered to them in this process."""

    run_id: str
    store: str
    rows: pd.DataFrame
    answer: np.ndarray


@pytest.fixture(scope="module")
def logged(store: str, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """Log an untrained network: its weights do not matter here."""
    from rnnexp import runtime
    from rnnexp.models import bundle, exporter
    from rnnexp.models.build import build

    runtime.configure()
    folder = tmp_path_factory.mktemp("logged")
    source = registry.lookup("data", "airline_passengers")(sequence_length=3, horizon=2)
    dataset = load(source)
    architecture = registry.lookup("model", "lstm")(units=[4])
    model = build(architecture, dataset.spec, 0)
    exporter.save(folder / "model", bundle.Bundle(model, dataset.spec, dataset.scaling, architecture))
    rows = dataset.example()
    info = RunInfo("airline", "lstm", {"model.units": "[4]"}, {}, "", "", "test/rmse", False, folder)
    with start(Tracking(uri=store), info) as run:
        run.log_epochs(1, [{"train/loss": float("nan")}], 5.0, 6.0)
        run.log_summary({"test/rmse": 14.5})
        run.log_model(folder / "model", rows)
    assert run.run_id is not None
    ahead = dataset.forecast()
    answer = ahead.restore(ahead.roll(lambda x: np.asarray(model(x))))
    return Logged(run.run_id, store, rows, answer)


def test_the_run_has_one_model_with_signature_and_its_scores(logged: Logged, client: Any) -> None:
    (output,) = client.get_run(logged.run_id).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.name, model.status) == ("model", "READY")
    assert model.source_run_id == logged.run_id
    assert model.params == {"model.units": "[4]"}
    assert [(metric.key, metric.value) for metric in model.metrics] == [("test/rmse", 14.5)]
    assert client.get_run(logged.run_id).data.metrics == {"test/rmse": 14.5, "diverged": 1.0}


def test_the_model_is_no_pickle_and_names_what_it_needs(logged: Logged, client: Any) -> None:
    (output,) = client.get_run(logged.run_id).outputs.model_outputs
    folder = Path(client.get_logged_model(output.model_id).artifact_location.removeprefix("file://"))
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"MLmodel", "requirements.txt", "input_example.json", "weights.npz", "model.json"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    needed = (folder / "requirements.txt").read_text()
    for package in ("rnnexp==", "keras==", "jax==", "numpy==", "pandas==", "mlflow=="):
        assert package in needed
    assert "tensorflow" not in needed


def test_requirements_follow_the_backend() -> None:
    assert any(line.startswith("tensorflow==") for line in requirements("tensorflow"))
    assert not any(line.startswith("jax") for line in requirements("tensorflow"))


LOAD = """
import os, sys
assert "KERAS_BACKEND" not in os.environ
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"runs:/{sys.argv[2]}/model")
print(model.predict(model.input_example).to_json(orient="records", date_format="iso"))
assert "tensorflow" not in sys.modules
"""


@pytest.mark.end_to_end
def test_a_new_process_without_a_backend_gives_the_same_answer(logged: Logged, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, logged.store, logged.run_id],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    assert [row["step"] for row in answer] == [1, 2]
    assert [row["time"][:10] for row in answer] == ["1961-01-01", "1961-02-01"]
    np.testing.assert_allclose([row["passengers"] for row in answer], logged.answer[0, :, 0], rtol=1e-5)


def environment() -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    folder = str(Path(sys.executable).parent)
    return {**mine, "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": f"{folder}:{mine['PATH']}"}


def test_other_rows_give_another_answer(logged: Logged) -> None:
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(logged.store)
    try:
        model = load_model(f"runs:/{logged.run_id}/model")
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]
    answer = model.predict(logged.rows)["passengers"].to_numpy()
    np.testing.assert_allclose(answer, logged.answer[0, :, 0], rtol=1e-5)
    whole_numbers = logged.rows.assign(passengers=(logged.rows["passengers"] * 2).astype(int))
    assert not np.allclose(model.predict(whole_numbers)["passengers"], answer, rtol=0.01)


@pytest.mark.end_to_end
def test_the_scoring_server_answers_json(logged: Logged, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"runs:/{logged.run_id}/model"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    where = {**environment(), "MLFLOW_TRACKING_URI": logged.store}
    with (tmp_path / "server.log").open("w") as output:
        server = subprocess.Popen(
            command, env=where, cwd=tmp_path, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        rows = logged.rows.assign(time=logged.rows["time"].dt.strftime("%Y-%m-%d"))
        body = json.dumps({"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)["predictions"]
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)
    np.testing.assert_allclose([row["passengers"] for row in answer], logged.answer[0, :, 0], rtol=1e-5)


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(url)


def test_forecasts_are_laid_out_one_row_per_series_and_step() -> None:
    values = np.arange(8.0).reshape(2, 2, 2)
    frame = table(values, ("a", "b"), ids=("x", "y"))
    assert frame.to_dict("list") == {
        "unique_id": ["x", "x", "y", "y"],
        "step": [1, 2, 1, 2],
        "a": [0.0, 2.0, 4.0, 6.0],
        "b": [1.0, 3.0, 5.0, 7.0],
    }


def test_dates_are_given_where_they_are_known() -> None:
    time_ahead = np.array([["2020-01-01", "2020-01-02"]], dtype="datetime64[ns]")
    frame = table(np.zeros((1, 2, 1)), ("a",), time=time_ahead)
    assert list(frame.columns) == ["ds", "step", "a"]
    assert str(frame["ds"][1]) == "2020-01-02 00:00:00"


def test_a_column_of_the_users_that_is_called_step_keeps_its_name() -> None:
    time_ahead = np.array([["2020-01-01", "2020-01-02"]], dtype="datetime64[ns]")
    frame = table(np.ones((1, 2, 1)), ("a",), time=time_ahead, columns=Columns(None, "step"))
    assert list(frame.columns) == ["step", "step_ahead", "a"]
    assert frame["step"].dtype.kind == "M"
    frame = table(np.ones((1, 2, 1)), ("step",), time=time_ahead)
    assert list(frame["step"]) == [1.0, 1.0]
    assert list(frame["step_ahead"]) == [1, 2]
