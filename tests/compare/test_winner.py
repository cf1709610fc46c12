"""The best setting becomes an experiment file that composes to the configuration of the best run."""

from __future__ import annotations

import itertools
import random
import re
import sys
from pathlib import Path

import pytest
import yaml
from every_field import PAIRS, Two
from sweep_maker import Job, Made, curve, make_sweep

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.compare import find
from rnnexp.compare.experiment_file import experiment_file
from rnnexp.compare.winner import winner
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import plain_values
from rnnexp.errors import ConfigError
from rnnexp.tracking.query import Wanted, select

# `data.fold` goes with its folds, and neither the name nor the choice of code belongs to a setting.
FIELDS = [two for two in PAIRS if two.other and two.key not in ("name", "plugins")]


def composed(text: str) -> rx.Experiment:
    """Write an experiment into ./experiments, as a user would, and compose it."""
    Path("experiments").mkdir(exist_ok=True)
    Path("experiments/winner.yaml").write_text(text, encoding="utf-8")
    return rx.compose("experiment=winner")


def test_the_winner_runs_as_the_best_run_did(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", made.name, "--uri", made.uri]) == 0
    text = capsys.readouterr().out
    (best,) = select(made.uri, Wanted(run=made.children[0][0]))
    assert config_hash(composed(text)) == best.tags["rnnexp.config_hash"]
    assert "learning_rate: 0.01\n" in text
    another = text.replace("learning_rate: 0.01\n", "learning_rate: 0.02\n")
    assert config_hash(composed(another)) != best.tags["rnnexp.config_hash"]


def test_the_header_names_sweep_objective_scores_and_baseline(made: Made) -> None:
    text = winner(made.uri, find.sweep(made.uri)).text
    assert "# The best setting of sweep sine_lstm-3fa2c1: model gru, learning_rate 0.01.\n" in text
    assert "# Objective: best/val/loss (the less the better) 0.01010 ± 0.00026, n = 4\n" in text
    assert "# seed 0, 1, 2, 3: the first seed is kept\n" in text
    assert "beats its best baseline, linear" in text
    assert "\n# @package _global_\ndefaults:\n  - override /data: sine\n  - override /model: gru\n\nseed: 0\n" in text


def test_only_what_differs_from_the_defaults_is_written(made: Made) -> None:
    written = yaml.safe_load(winner(made.uri, find.sweep(made.uri)).text)
    del written["defaults"]
    rest = {"data": {"scaler": "none"}, "model": {"units": [50]}, "optimizer": {"learning_rate": 0.01}}
    assert written == {"seed": 0, **rest}


EXPERIMENTS = [
    ("experiment=airline_winner", "seed=7"),
    ("experiment=airline_lstm_sequence", "seed=4"),
    ("experiment=long_memory", "seed=1", "data.seed=5"),
    ("data=csv", "data.path='a b, {c}/ünï$.csv'", "data.target=[y, 'on', '1e3']", "data.scaler=[log,standard]"),
    ("data.split={train: 600, val: 0, test: 400, gap: 1}", "trainer.batch_size=full", "trainer=quick"),
    ("data.split=none", "loss=huber", "loss.delta=2.0", "metrics=[mae]", "deterministic=true"),
    ("callbacks=early_stopping", "callbacks.early_stopping.patience=3", "+callbacks.csv_log={}"),
    ("callbacks=plateau", "optimizer=sgd", "optimizer.momentum=0.9", "schedule=cosine"),
    ("model=gru", "model.units=[8,4]", "model.bidirectional=true", "optimizer=lion", "threads=1", "device=cpu"),
    ("optimizer.clipnorm=1.0", "optimizer.learning_rate=1e-5", "backend=tensorflow", "tracking.experiment=mine"),
]


@pytest.mark.parametrize("overrides", EXPERIMENTS, ids=" ".join)
def test_any_configuration_can_be_said_as_a_short_file(overrides: tuple[str, ...]) -> None:
    config = rx.compose(*overrides)
    again = composed(experiment_file(plain_values(config), ["a comment\nwith: two lines"]))
    assert config_hash(again) == config_hash(config)
    assert again.tracking.experiment == config.tracking.experiment
    assert config_hash(rx.compose("experiment=winner", "seed=99")) != config_hash(config)


def test_a_default_of_one_s_own_is_overridden(tmp_path: Path) -> None:
    """The project's own conf/ decides what a default is; the file must still give the run's configuration."""
    config = plain_values(rx.compose("model=lstm", "model.units=[5]"))
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "small.yaml").write_text("name: lstm\nunits: [5]\n")
    text = experiment_file(config, [])
    assert "override /model: small" in text
    assert "units" not in text
    assert config_hash(composed(text)) == config_hash(rx.compose("model=lstm", "model.units=[5]"))


PLUGIN = """
from rnnexp import register

@register("model")
def winning_mlp(spec, width: int = 4):
    raise NotImplementedError
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with a component of one's own, importable as a user's would be."""
    (tmp_path / "winning_models.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "winning_models", raising=False)
    return "winning_models"


def test_a_plugin_is_imported_only_if_it_is_allowed(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = rx.compose(f"plugins=[{plugin}]", "model=winning_mlp", "model.width=9")
    del sys.modules[plugin]  # as in a process that has not trained with it
    with pytest.raises(ConfigError, match="allow the import with RNNEXP_PLUGINS=winning_models"):
        experiment_file(plain_values(config), [])
    monkeypatch.setenv("RNNEXP_PLUGINS", plugin)
    text = experiment_file(plain_values(config), [])
    assert "plugins: [winning_models]" in text
    assert config_hash(composed(text)) == config_hash(config)


def test_the_first_seed_is_kept_by_its_size(store: str, made: Made) -> None:
    """10 is before 9 as a text, not as a number."""
    jobs = {number: [Job((f"seed={seed}",), curve(0.02))] for number, seed in enumerate((10, 9, 11))}
    sweep = make_sweep(store, "older_seeds-000001", ["seed"], jobs)
    try:
        won = winner(store, find.sweep(store, sweep.run_id))
        assert won.run.params["seed"] == "9"
        assert "seed: 9\n" in won.text
    finally:
        delete(store, sweep)


SWEPT = [
    (("model=lstm",), ("model",), "override /model: lstm"),
    (("optimizer=adam",), ("optimizer",), "override /optimizer: adam"),
    (("trainer=default",), ("trainer",), "override /trainer: default"),
    (("callbacks=none",), ("callbacks",), "override /callbacks: none"),
    (("model.units=[64]",), ("model.units",), "units: [64]"),
    (("optimizer.learning_rate=0.001",), ("optimizer.learning_rate",), "learning_rate: 0.001"),
    (("optimizer.learning_rate=1e-05",), ("optimizer.learning_rate",), "learning_rate: 1e-05"),
    (("optimizer.clipnorm=null",), ("optimizer.clipnorm",), "clipnorm: null"),
    (("metrics=[]",), ("metrics",), "metrics: []"),
    (("deterministic=false", "backend=null"), ("deterministic", "backend"), "deterministic: false\nbackend: null"),
    (("data.split=none",), ("data.split",), 'split: "none"'),
    (("data.split.gap=0",), ("data.split.gap",), "split: {gap: 0}"),
    (("data.split={train: 0.7, val: 0.15, test: 0.15}",), ("data.split",), "split: {train: 0.7, val: 0.15, test: 0.15"),
    (("callbacks=early_stopping",), ("callbacks.early_stopping.patience",), "early_stopping: {patience: 10}"),
    (("data=csv", "data.path=a", "data.target='on'", "data.unit='a: ${b} # é'"), ("data.unit",), "unit: "),
    (("data=ts", "data.path=a.ts", "trainer.class_weights={a: 1.0, b: 2.0}"), ("trainer.class_weights",), "{a: 1.0, b"),
    (("model=lstm",), ("model", "model.filters"), "override /model: lstm"),
    (("model=cnn_lstm",), ("model", "model.filters"), "filters: [64]"),
    (("experiment=airline_lstm",), ("experiment",), "override /data: airline_passengers"),
]


@pytest.mark.end_to_end
@pytest.mark.parametrize(("overrides", "swept", "said"), SWEPT, ids=lambda value: " ".join(value)[:40])
def test_what_was_swept_is_written_even_if_it_is_the_default(
    overrides: tuple[str, ...], swept: tuple[str, ...], said: str
) -> None:
    config = rx.compose(*(line.replace("${", "\\${") for line in overrides))
    text = experiment_file(plain_values(config), [], swept)
    assert said in text
    assert "{}" not in text
    assert config_hash(composed(text)) == config_hash(config)


@pytest.mark.parametrize("two", random.Random(0).sample(FIELDS, 8), ids=str)
def test_any_field_can_be_what_was_swept(two: Two) -> None:
    assert two.other
    text = experiment_file(plain_values(two.other), [], [two.key])
    assert re.search(rf"\b{two.key.rpartition('.')[2]}: ", text)
    assert config_hash(composed(text)) == config_hash(two.other)


def test_the_winner_of_folds_learns_from_all_rows(store: str, made: Made) -> None:
    """The folds have chosen the setting: a file that held one of them out would throw away what it can learn from."""
    jobs = {
        number: [Job((f"model.units=[{units}]", "data.folds=3", f"data.fold={fold}"), curve(units / 1000 + fold / 100))]
        for number, (units, fold) in enumerate(itertools.product((64, 70), (1, 2, 3)))
    }
    sweep = make_sweep(store, "folded-000001", ["model.units", "data.fold"], jobs)
    try:
        text = winner(store, find.sweep(store, sweep.run_id)).text
    finally:
        delete(store, sweep)
    settings = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert "fold" not in settings
    assert "units: [64]\n" in settings
    assert "# data.folds 3 is left out: no fold is held out, data.split alone says what is learned" in text
    assert config_hash(composed(text)) == config_hash(rx.compose("experiment=sine_lstm", "model.units=[64]"))


def delete(store: str, sweep: Made) -> None:
    from rnnexp.tracking.store import open_store

    client = open_store(store)
    for run_id in (sweep.run_id, *(child for children in sweep.children.values() for child in children)):
        client.delete_run(run_id)


def test_a_sweep_without_a_result_has_no_winner(store: str, made: Made) -> None:
    jobs = {0: [Job(("seed=0",), [1.0], outcome="failed", status="FAILED")]}
    sweep = make_sweep(store, "broken-000001", ["seed"], jobs)
    try:
        with pytest.raises(ConfigError, match="no run has finished with a value of best/val/loss"):
            winner(store, find.sweep(store, sweep.run_id))
    finally:
        delete(store, sweep)
