"""What a run is scored again by equals what training with these metrics logs, in its journal and in the store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.run_folder import hold
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.query import Wanted, select

QUICK = ("tracking.figures=false", "trainer.epochs=2", "trainer.batch_size=16")
SMALL = ("model=gru", "model.units=[2]")
PLUGIN = """
import numpy as np
from rnnexp import register

@register("metric")
def rescored_worst(actual, predicted):
    return np.abs(np.asarray(actual, float) - np.asarray(predicted, float)).max()
"""
TOP = "sparse_top_k_categorical_accuracy"
# Data, a metric of Keras that is not logged without being asked, and a metric of another task.
TASKS = {
    "forecasting": (("data=sine", "data.points=80", *SMALL), "log_cosh_error", "bleu"),
    "regression": (("data=random", "data.examples=60", *SMALL), "log_cosh_error", "bleu"),
    "classification": (("data=text_lines", "data.path=kinds.txt", *SMALL), TOP, "mase"),
    "tagging": (("data=text_tags", "data.path=tags.txt", *SMALL), TOP, "mase"),
    "language_modeling": (
        ("data=corpus", "data.path=rhyme.txt", "data.tokens=character", "data.sequence_length=10", *SMALL),
        TOP,
        "bleu",
    ),
    "sequence_to_sequence": (("data=reverse_digits", "data.examples=60", "model=encoder_decoder"), TOP, "mase"),
}
SCORED_BY_OWN = ("forecasting", "regression", "classification", "tagging")
Answer = Callable[..., Any]


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Answer:
    """Run a command; return what it prints, or of a failure what it says."""

    def run(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        found = main([*map(str, words)])
        out, err = capsys.readouterr()
        assert (found, "Traceback" in err) == (code, False), err
        return (
            err
            if code and not out
            else json.loads(out[re.search(r"^[\[{]$|^\[\]$", out, re.M).start() :])
            if "--json" in words
            else out
        )  # after log lines

    return run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a file of data for each task that reads one, and a plugin."""
    folder = tmp_path_factory.mktemp("rescored")
    (folder / "rescored_plugin.py").write_text(PLUGIN)
    (folder / "rhyme.txt").write_text("the cat purrs at dog\nthe cow moos at hen\n" * 60)
    (folder / "kinds.txt").write_text("".join(f"{'good' if n % 2 else 'bad'}\tword{n % 5} end\n" for n in range(40)))
    (folder / "tags.txt").write_text("the DET\ncat NOUN\nruns VERB\n\na DET\nbig ADJ\ndog NOUN\n\n" * 12)
    return folder


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return project


def train(*words: str) -> rx.RunResult:
    return rx.run(rx.compose(*QUICK, *words))


def stored(run_id: str | None) -> dict[str, float]:
    (run,) = [run for run in select(None, Wanted(run=run_id)) if run.run_id == run_id]
    return dict(run.metrics)


@pytest.mark.end_to_end
@pytest.mark.parametrize("task", TASKS)
def test_what_is_added_is_what_training_with_it_logs(task: str, here: Path, answer: Answer) -> None:
    words, of_keras, of_others = TASKS[task]
    old = train(*words, f"name=old_{task}")
    before = stored(old.run_id)
    asked = train(*words, f"name=new_{task}", "tracking=off", "plugins=[rescored_plugin]",
                  f"metrics=[{of_keras},rescored_worst]", "trainer.restore_best=true").metrics  # fmt: skip
    due = {key: value for key, value in asked.items() if key not in before and not key.startswith("best/train/")}
    assert any(of_keras in key for key in due)
    assert any("rescored_worst" in key for key in due) == (task in SCORED_BY_OWN)

    command = ("rescore", old.run_dir, f"metrics=[{of_keras},rescored_worst]", "--plugins", "rescored_plugin")
    (said,) = answer(*command, "--json")
    assert said["added"] == pytest.approx(due, rel=1e-5)
    after = stored(old.run_id)
    assert after == pytest.approx({**before, **due}, rel=1e-5)
    assert {key: after[key] for key in before} == before
    other = {key: value * 1.001 + 1e-3 for key, value in due.items()}
    assert said["added"] != pytest.approx(other, rel=1e-5)

    size = RunJournal(old.run_dir).rows.file.size()
    (again,) = answer(*command, "--json")
    assert again["added"] == {}
    if task in SCORED_BY_OWN:
        assert again["known"] == [of_keras, "rescored_worst"]
        assert "log_cosh_error is there already" in answer(*command) or of_keras == TOP
    assert RunJournal(old.run_dir).rows.file.size() == size
    mistake = answer("rescore", old.run_dir, f"metrics=[{of_others}]", code=2)
    assert f"Keras has no metric `{of_others}`" in mistake


@pytest.fixture
def sine(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rx.RunResult:
    """Train on a table that can be changed, in a project of its own."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{2 + (n % 7) + n / 100}\n" for n in range(80))
    (tmp_path / "table.csv").write_text(f"value\n{rows}")
    return train("data=csv", "data.path=table.csv", "data.sequence_length=4", "data.target=value", *SMALL, "name=table")


def test_changed_data_are_refused_with_both_digests_or_marked(sine: rx.RunResult, answer: Answer) -> None:
    table = Path("table.csv")
    table.write_text(table.read_text().replace("2.0\n", "2.5\n", 1))
    before = stored(sine.run_id)
    refused = answer("rescore", sine.run_dir, "metrics=[log_cosh_error]", code=3)
    assert "the data have changed since" in refused
    assert refused.count("digest ") == 1
    assert ", then " in refused
    assert stored(sine.run_id) == before
    answer("rescore", sine.run_dir, "metrics=[log_cosh_error]", "--allow-data-change")
    (run,) = [run for run in select(None, Wanted(run=sine.run_id)) if run.run_id == sine.run_id]
    assert "best/val/log_cosh_error_scaled" in run.metrics
    assert run.tags["rnnexp.rescored_data_digest"] != run.tags["rnnexp.data_digest"]
    assert run.status == "FINISHED"


MISTAKES = {
    "metrics=[log_cosh_eror]": "did you mean `log_cosh_error`",
    "metrics=[bleu]": "Keras has no metric `bleu`",
    "metrics=[]": "metrics: is empty",
    "metrics=[{name: mape}]": "metrics: {'name': 'mape'} given; must be names",
    "metrics=[[1]]": "metrics",
    "metric=[mae]": "only `metrics` can be asked",
    "metrics=mae,mse": "key=[…] for a list",
}


def test_a_mistake_is_told_before_anything_is_loaded(sine: rx.RunResult, answer: Answer) -> None:
    Path("table.csv").unlink()  # it would be missed
    for word, told in MISTAKES.items():
        assert told in answer("rescore", sine.run_dir, word, code=2)
    assert "table.csv" in answer("rescore", sine.run_dir, "metrics=[log_cosh_error]", code=3)


def test_a_live_run_is_left_alone(sine: rx.RunResult, answer: Answer) -> None:
    with hold(sine.run_dir):
        assert "another process writes to it" in answer("rescore", sine.run_dir, "metrics=[log_cosh_error]", code=7)


@pytest.mark.end_to_end
def test_each_run_of_a_sweep_is_scored_and_shown(
    here: Path, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ("data=sine", "data.points=80", *SMALL, *QUICK, "name=swept")
    answer("train", "-m", *settings, "seed=0,1")
    (sweep,) = Path("runs/sweeps").iterdir()
    said = answer("rescore", sweep.name, "metrics=[rescored_worst]", "--plugins", "rescored_plugin", "--json")
    assert len(said) == 2
    values = [one["added"]["test/rescored_worst"] for one in said]
    assert values[0] != values[1]
    shown = answer("compare", "--metric", "test/rescored_worst", "--json")
    assert shown["test_metric"] == "test/rescored_worst"
    assert "test/rescored_worst" in answer("compare", "--metric", "rescored_worst")
