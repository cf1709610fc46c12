"""What a run reports arrives in MLflow and in the run's own folder."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pandas as pd
import pytest
from matplotlib.figure import Figure

from rnnexp.cli.main import main
from rnnexp.config.settings import Tracking
from rnnexp.errors import ResourceError
from rnnexp.tracking import Data, start

OFF = Tracking(name="off")


def test_parameters_tags_and_description_arrive(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info()) as run:
        pass
    stored = client.get_run(run.run_id)
    assert stored.info.run_name == "lstm-u8-lr1e-3-a1b2"
    assert stored.data.params == {"model.units": "[8]", "optimizer.learning_rate": "0.001"}
    assert stored.data.tags["mlflow.note.content"] == "**sine_lstm**"
    assert stored.data.tags["mlflow.source.name"] == "rnnexp"
    assert stored.data.tags["rnnexp.version"] == "0.1.0"
    assert stored.data.tags["rnnexp.outcome"] == "ok"


def test_the_experiment_names_its_primary_metric(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info(greater_is_better=True)) as run:
        pass
    tags = client.get_experiment(run.experiment_id).tags
    assert tags["mlflow.experiment.primaryMetric.name"] == "test/rmse"
    assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "True"


def test_a_last_run_on_all_data_does_not_change_the_primary_metric(
    settings: Tracking, make_info: Any, client: Any
) -> None:
    for metric in ("test/rmse", "train/rmse"):
        with start(settings, make_info(primary_metric=metric)) as run:
            pass
    tags = client.get_experiment(run.experiment_id).tags
    assert tags["mlflow.experiment.primaryMetric.name"] == "test/rmse"
    assert "compare runs by `test/rmse`" in tags["mlflow.note.content"]


def test_a_run_may_turn_out_to_be_judged_by_another_metric(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info(greater_is_better=False)) as run:
        run.judge_by("test/bleu", greater_is_better=True)
    tags = client.get_experiment(run.experiment_id).tags
    assert tags["mlflow.experiment.primaryMetric.name"] == "test/bleu"
    assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "True"


def test_every_epoch_is_one_step_with_its_own_time(settings: Tracking, make_info: Any, client: Any) -> None:
    rows = [{"train/loss": 1 / epoch, "val/loss": 2 / epoch} for epoch in (1, 2, 3)]
    with start(settings, make_info()) as run:
        run.log_epochs(1, rows, 5.0, 8.0)
    for metric, first in (("train/loss", 1.0), ("val/loss", 2.0)):
        history = client.get_metric_history(run.run_id, metric)
        assert [(point.step, point.value) for point in history] == [(1, first), (2, first / 2), (3, first / 3)]
        assert [point.timestamp for point in history] == [6000, 7000, 8000]


def test_many_epochs_cost_training_next_to_nothing(
    settings: Tracking, make_info: Any, client: Any, clients_seconds: Any
) -> None:
    """MLflow's client takes 40 times as long; both are measured here, so that no machine is too slow."""
    row = {f"train/m{i}": 0.5 for i in range(6)}
    with start(settings, make_info()) as run:
        before = time.thread_time()  # of the training's thread alone, whatever else the machine is doing
        for epoch in range(1, 1001):
            run.log_epochs(epoch, [row], 5.0, 6.0)
        spent = time.thread_time() - before
    assert len(client.get_metric_history(run.run_id, "train/m5")) == 1000
    clients = clients_seconds(20, 6) * 50
    assert spent < clients / 4, f"{spent:.2f} s beside {clients:.2f} s"


@pytest.mark.fault("C13")
def test_a_loss_that_is_not_finite_is_told_and_not_sent(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info()) as run:
        run.log_epochs(1, [{"train/loss": 1.0}], 5.0, 6.0)
        run.log_epochs(2, [{"train/loss": float("nan"), "val/loss": float("inf")}], 5.0, 6.0)
    stored = client.get_run(run.run_id).data.metrics
    assert stored == {"train/loss": 1.0, "diverged": 1.0}


@pytest.mark.fault("G13")
def test_a_summary_leaves_out_what_is_undefined(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info()) as run:
        run.log_summary({"test/rmse": 14.5, "test/mape": float("inf")})
    assert client.get_run(run.run_id).data.metrics == {"test/rmse": 14.5}


def test_the_parts_of_the_data_are_linked_with_our_digest(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info()) as run:
        run.log_data(
            Data("train", "d" * 40, "sine", 98, ("value",)),
            Data("test", "d" * 40, __file__, 44),
            Data("val", "d" * 40, "https://u:hunter2@h/x.csv"),
        )
    inputs = {one.dataset.name: one for one in client.get_run(run.run_id).inputs.dataset_inputs}
    assert {name: one.tags[0].value for name, one in inputs.items()} == {
        "train": "training",
        "val": "validation",
        "test": "test",
    }
    assert inputs["train"].dataset.digest == "d" * 36
    assert json.loads(inputs["train"].dataset.profile) == {"num_rows": 98}
    assert {name: one.dataset.source_type for name, one in inputs.items()} == {
        "train": "code",
        "test": "local",
        "val": "http",
    }
    assert inputs["val"].dataset.source == '{"url": "https://***@h/x.csv"}'


def test_pictures_tables_texts_and_files_are_artifacts_and_lie_in_the_folder(
    settings: Tracking, make_info: Any, client: Any, tmp_path: Path
) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    (tmp_path / "weights.bin").write_bytes(b"123")
    info = make_info()
    with start(settings, info) as run:
        run.log_figure("learning_curves", figure)
        run.log_table("scores", pd.DataFrame({"model": ["lstm"], "rmse": [14.5]}))
        run.log_text("model_summary.txt", "two layers")
        run.log_file(tmp_path / "weights.bin", "checkpoints")
    wanted = {
        "config/config.yaml",
        "figures/learning_curves.png",
        "tables/scores.csv",
        "model_summary.txt",
        "checkpoints/weights.bin",
        "metrics.jsonl",
    }
    assert artifacts(client, run.run_id) >= wanted
    assert {path.relative_to(info.run_dir).as_posix() for path in info.run_dir.rglob("*") if path.is_file()} >= wanted
    assert (info.run_dir / "figures/learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert (info.run_dir / "tables/scores.csv").read_text() == "model,rmse\nlstm,14.5\n"


def artifacts(client: Any, run_id: str, folder: str | None = None) -> set[str]:
    found = set()
    for item in client.list_artifacts(run_id, folder):
        found |= artifacts(client, run_id, item.path) if item.is_dir else {item.path}
    return found


@pytest.mark.fault("I5")
def test_a_name_cannot_lead_out_of_the_folder(make_info: Any, tmp_path: Path) -> None:
    info = make_info()
    with start(OFF, info) as run:
        path = run.log_text("../../escaped.txt", "x")
    assert path.resolve().is_relative_to(info.run_dir)


def test_the_log_file_is_kept_at_the_end(settings: Tracking, make_info: Any, client: Any) -> None:
    info = make_info()
    with start(settings, info) as run:
        (info.run_dir / "train.log").write_text("epoch 1\ntoken: hunter2secret\n")
    text = Path(client.download_artifacts(run.run_id, "train.log", str(info.run_dir.parent))).read_text()
    assert text == "epoch 1\ntoken: ***\n"


def test_without_mlflow_the_folder_has_it_all(tmp_path: Path, make_info: Any) -> None:
    info = make_info()
    with start(OFF, info) as run:
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
        run.log_summary({"test/rmse": 14.5})
        run.log_data(Data("train", "abc", "sine"))
        run.set_tags({"rnnexp.beats_baseline": "false"})
        run.log_model(tmp_path, None)
    assert (run.run_id, run.uri, run.experiment_id) == (None, None, None)
    lines = [json.loads(line) for line in (info.run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["metrics"]) for line in lines] == [(1, {"train/loss": 0.5}), (0, {"test/rmse": 14.5})]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_a_child_names_its_parent(settings: Tracking, make_info: Any, client: Any) -> None:
    with start(settings, make_info()) as parent:
        pass
    with start(settings, make_info(parent=parent.run_id)) as child:
        pass
    assert client.get_run(child.run_id).data.tags["mlflow.parentRunId"] == parent.run_id


@pytest.mark.fault("C16")
def test_the_environment_of_another_run_has_no_effect(
    settings: Tracking, make_info: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with start(settings, make_info()) as first:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", str(first.run_id))
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    with caplog.at_level(logging.INFO, logger="rnnexp"), start(settings, make_info()) as second:
        pass
    assert second.run_id != first.run_id
    assert client.get_experiment(second.experiment_id).name == "sine"
    assert "MLFLOW_RUN_ID is ignored" in caplog.text


@pytest.mark.fault("C16")
def test_an_active_run_of_a_notebook_stays_what_it_is(
    settings: Tracking, make_info: Any, client: Any, store: str
) -> None:
    import mlflow

    mlflow.set_tracking_uri(store)
    try:
        with mlflow.start_run() as mine, start(settings, make_info()) as run:
            run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
            assert mlflow.active_run().info.run_id == mine.info.run_id  # type: ignore[union-attr]
        assert "mlflow.parentRunId" not in client.get_run(run.run_id).data.tags
        assert client.get_run(mine.info.run_id).data.metrics == {}
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


@pytest.mark.fault("C2")
def test_a_store_that_breaks_does_not_stop_the_run(
    settings: Tracking, make_info: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    info = make_info()
    with start(settings, info) as run:
        run.flush()
        client.delete_run(run.run_id)  # as somebody may do in the UI
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
        run.log_text("note.txt", "hello")
        run.set_tags({"rnnexp.beats_baseline": "false"})
    assert caplog.text.count("could not be stored") == 1
    assert "all of it is in the run's folder" in caplog.text
    assert '"train/loss": 0.5' in (info.run_dir / "metrics.jsonl").read_text()


@pytest.mark.fault("C15")
def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    settings: Tracking, make_info: Any, client: Any, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    with start(settings, make_info()) as run:
        (run.folder / "stolen.log").symlink_to(tmp_path / "secret.txt")
        (run.folder / "own.txt").write_text("own")
        (run.folder / "own.log").symlink_to("own.txt")
        run.log_text("note.txt", "a note")
        (run.folder / "note.txt").unlink()
        (run.folder / "note.txt").symlink_to(tmp_path / "secret.txt")
    names = {item.path for item in client.list_artifacts(run.run_id)}
    assert "own.log" in names
    assert "stolen.log" not in names
    for name in names - {"config"}:
        assert "secret" not in Path(client.download_artifacts(run.run_id, name)).read_text()


@pytest.mark.fault("B10", "C15")
@pytest.mark.parametrize("name", ["a b", "ünï çödé 名", "#1 100% ?x=y&z", "x" * 240, "a'b\"c$d`e"])
def test_whatever_the_folder_and_the_files_of_a_run_are_called_they_can_be_downloaded(
    settings: Tracking, make_info: Any, client: Any, tmp_path: Path, name: str
) -> None:
    with start(settings, make_info(run_dir=tmp_path / name, run_name=name[:200])) as run:
        kept = run.log_text(f"{name}.txt", "hello")
    assert Path(client.download_artifacts(run.run_id, kept.name)).read_text() == "hello"
    assert client.get_run(run.run_id).info.status == "FINISHED"


PIP = r"MLflow cannot be imported .*; run: pip install 'mlflow>=3.17,<4', or set tracking=off"


@pytest.mark.parametrize("mode", ["online", "strict", "offline"])
@pytest.mark.fault("C18")
def test_without_mlflow_no_run_begins_that_it_would_have_to_store(
    mode: Any, make_info: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    info = make_info()
    with pytest.raises(ResourceError, match=PIP), start(Tracking(uri="sqlite:///other.db", mode=mode), info):
        pass
    assert [*info.run_dir.iterdir()] == []


@pytest.mark.fault("C18")
def test_without_mlflow_a_run_that_is_not_tracked_trains(make_info: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with start(Tracking(mode="off"), make_info()) as run:
        run.log_epochs(1, [{"train/loss": 0.5}], 5.0, 6.0)
    assert (run.folder / "metrics.jsonl").read_text().count("train/loss") == 1


SETTINGS = ("data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking.figures=false")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("train", *SETTINGS), 6),
        (("train", *SETTINGS, "tracking.mode=offline"), 6),
        pytest.param(("train", "-m", *SETTINGS, "seed=0,1", "hydra/launcher=serial"), 6, marks=pytest.mark.end_to_end),
        (("compare", "--uri", "http://127.0.0.1:9"), 6),
        (("train", *SETTINGS, "tracking=off"), 0),
        pytest.param(
            ("train", "-m", *SETTINGS, "seed=0,1", "hydra/launcher=serial", "tracking=off"),
            0,
            marks=pytest.mark.end_to_end,
        ),
    ],
    ids=lambda value: " ".join(word for word in value if word not in SETTINGS) if isinstance(value, tuple) else None,
)
@pytest.mark.fault("C18")
def test_without_mlflow_a_command_that_needs_it_ends_with_6_and_the_line_that_installs_it(
    words: tuple[str, ...],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert main([*words]) == code
    printed = capsys.readouterr()
    assert re.findall(PIP, printed.err) == [ANY] * (code == 6)
    assert "Traceback" not in printed.out + printed.err
    assert bool(list(tmp_path.glob("runs/**/metrics.jsonl"))) == (code == 0)


@pytest.mark.end_to_end
@pytest.mark.fault("C14")
def test_a_million_points_take_no_more_memory_than_a_hundred_thousand(
    settings: Tracking, make_info: Any, client: Any
) -> None:
    import resource

    def log(run: Any, first: int, steps: int) -> int:
        for step in range(first, first + steps, 1000):
            run.log_epochs(step, [{f"train/m{i}": float(i) for i in range(10)}] * 1000, 0.0, 1.0)
        assert run.flush(300)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with start(settings, make_info()) as run:
        before = log(run, 1, 10_000)
        assert log(run, 10_001, 100_000) - before < 100_000  # kilobytes
    assert len(client.get_metric_history(run.run_id, "train/m0")) == 110_000
