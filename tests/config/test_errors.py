"""The table of bad configuration: each mistake, and the exact words that answer it."""

from __future__ import annotations

import re

import pytest
import yaml

from rnnexp.config.compose import compose, compose_mapping
from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError

MISTAKES = {
    "a misspelled key": ("model.unit=3", "model.unit: unknown key; did you mean `model.units`?"),
    "a misspelled key behind a plus": ("+model.unit=3", "model.unit: unknown key; did you mean `model.units`?"),
    "a key of another component": ("data.columns=[1,0]", "data.columns: unknown key; it belongs to data=text_pairs"),
    "a key of many others": (
        "data.path=a.csv",
        "data.path: unknown key; it belongs to data=audio_folder, .*corpus, .*csv, .*, ...",
    ),
    "a misspelled top-level key": ("sed=3", "sed: unknown key; did you mean `seed`?"),
    "a misspelled group": ("modle=gru", "modle: unknown key; did you mean `model`?"),
    "a misspelled trainer key": ("epoch=3", "epoch: unknown key"),
    "an unknown option": (
        "model=lstmm",
        "model: `lstmm` is not one of cnn_lstm, cnn_rnn, encoder_decoder, gru, lstm, lstm_fcn, min_gru, min_lstm, "
        "multi_input, simple_rnn, slstm; did you mean `lstm`?",
    ),
    "a model of one's own whose module is not named": (
        "model=wave",
        "model: `wave` is not one of .*, slstm; one of your own is known once its module is named: 'plugins=[MODULE]'",
    ),
    "a word for a list": ("plugins=colorsys", "plugins: .*; write 'plugins=[colorsys]'"),
    "an unknown backend": (
        "backend=theano",
        "backend: 'theano' given; must be 'jax', 'tensorflow' or 'torch'",
    ),
    "a word for a number": ("trainer.epochs=many", "trainer.epochs: 'many' given; must be a valid integer"),
    "a fraction for a count": ("trainer.epochs=2.5", "trainer.epochs: 2.5 given; must be a valid integer"),
    "a truth for a number": ("trainer.epochs=true", "trainer.epochs: True given; must be a valid integer"),
    "no epochs": ("trainer.epochs=0", "trainer.epochs: 0 given; must be greater than or equal to 1"),
    "too much dropout": ("model.dropout=1.5", "model.dropout: 1.5 given; must be less than 1"),
    "not a number": ("model.dropout=nan", "model.dropout: nan given; must be a finite number"),
    "an infinite number": ("model.l2=inf", "model.l2: inf given; must be a finite number"),
    "no units": ("model.units=[0]", "model.units.0: 0 given; must be greater than or equal to 1"),
    "a negative learning rate": (
        "optimizer.learning_rate=-1",
        "optimizer.learning_rate: -1 given; must be greater than 0",
    ),
    "an unknown optimizer argument": (
        "optimizer.learning_rat=1",
        "optimizer.learning_rat: unknown key; did you mean `optimizer.learning_rate`?",
    ),
    "a sweep without -m": (
        "seed=1,2",
        "seed: `seed=1,2` asks for several runs; add -m for a sweep, or write seed=[…] for a list",
    ),
    "a missing experiment": (
        "experiment=airline_lsm",
        "experiment: `airline_lsm` is not one of the .* that `rnnexp train --help` lists; did you mean `airline_lstm`?",
    ),
    "a group set to a mapping": (
        "model={units:3}",
        "model: {'units': 3} given; choose one by name (`model=…`) and set keys as `model.key=value`",
    ),
    "a value that is still missing": ("seed=???", "seed: has no value yet; set it with seed=…"),
    "no assignment": ("model", "`model`: not `key=value`"),
    "an unset environment variable": ("seed=${oc.env:NOT_SET_HERE}", "seed: .*'NOT_SET_HERE' not found"),
    "a reference to nothing": ("seed=${sed}", "seed: Interpolation key 'sed' not found"),
    "more patience than epochs": (
        "callbacks.early_stopping.patience=100",
        "callbacks.early_stopping.patience: 100 given",
    ),
    "an unknown callback": (
        "callbacks.early.patience=3",
        "callbacks.early: `early` is not one of .*early_stopping",
    ),
    "a monitor that is not a metric": (
        "trainer.monitor=val/los",
        "trainer.monitor: .*did you mean `val/loss`?",
    ),
    "a misspelled metric": (
        "metrics=[mae,rsme]",
        "metrics: Keras has no metric `rsme`, and none is registered under this name; did you mean `rmse`?",
    ),
    "a metric unlike any other": (
        "metrics=[xyzzy]",
        "metrics: Keras has no metric `xyzzy`.*; choose from acc, accuracy, auc",
    ),
    "a metric that needs arguments": ("metrics=[MeanIoU]", "metrics: `MeanIoU` needs num_classes"),
    "a metric that compares nothing": ("metrics=[sum]", "metrics: `sum` does not compare predictions"),
    "a metric that does not fit forecasts": (
        "metrics=[r2]",
        "metrics: Keras cannot compute `r2` of forecasting while training; the report at the end has mse, rmse",
    ),
    "fractions that do not add up": ("data.split.train=0.9", "data.split"),
    "a fold beyond the folds": ("data.folds=3 data.fold=4", "data.fold"),
    "an ensemble of language models": (
        "ensemble=2 data=corpus data.path=a.txt",
        "ensemble: a language model carries its states from one part of a text to the next",
    ),
    "an ensemble that translates": (
        "ensemble=2 data=reverse_digits model=encoder_decoder",
        "ensemble: a translation is searched for word by word with the states of one network",
    ),
    "an ensemble that writes the files of one training": (
        "ensemble=2 callbacks.csv_log={}",
        "callbacks.csv_log: writes the files of one training, and ensemble=2; leave it out",
    ),
    "an ensemble of nothing": ("ensemble=0", "ensemble: 0 given; must be greater than or equal to 1"),
    "two ways to clip": ("optimizer.clipnorm=1 optimizer.clipvalue=1", "optimizer"),
}


@pytest.mark.parametrize(("overrides", "answer"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.fault("F1", "F2", "F3", "F4", "F5", "F8")
def test_the_answer_to(overrides: str, answer: str) -> None:
    pattern = ".*".join(re.escape(part) for part in answer.split(".*"))
    with pytest.raises(ConfigError, match=pattern):
        compose(*overrides.split(" "))


@pytest.mark.fault("F3")
def test_a_word_among_numbers_is_not_to_be_made_a_list() -> None:
    with pytest.raises(ConfigError, match=r"^data.values.1: 'x' given; must be a valid number or a valid list$"):
        compose("data.values=[1,x]")


def test_a_correct_configuration_is_not_refused() -> None:
    assert compose("model=gru", "model.units=[3]", "trainer.epochs=2").model.units == [3]


@pytest.mark.fault("F4")
def test_all_mistakes_are_reported_together() -> None:
    wrong = ("model.unit=3", "model.dropout=2", "threads=0", "trainer.epochs=x", "tracking=of", "a=1,2")
    with pytest.raises(ConfigError, match="6 mistakes in the configuration") as caught:
        compose(*wrong)
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize("before", [(), ("experiment=airline_lstm",)], ids=["alone", "an experiment"])
@pytest.mark.fault("F5")
def test_a_value_that_is_missing_hides_no_other_mistake(before: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(*before, "data=ts", "data.paht=a.ts", "model.unit=3", "trainer.epochs=0")
    wanted = ("data.path: has no value", "data.paht: unknown", "model.unit: unknown", "trainer.epochs: 0")
    assert [text for text in wanted if not any(problem.startswith(text) for problem in caught.value.problems)] == []
    with pytest.raises(ConfigError, match="^data.path: has no value yet; set it with data.path=…$"):
        compose("data=ts")


@pytest.mark.parametrize("deleted", ["~data.path", "~data.name", "~model", "~optimizer"])
@pytest.mark.fault("F5")
def test_what_a_deleted_key_leaves_behind_is_not_shown(deleted: str) -> None:
    with pytest.raises(ConfigError, match=f"^{deleted[1:].removesuffix('.name')}: ") as caught:
        compose("experiment=airline_lstm", "data=csv", "data.path=a.csv", deleted)
    assert max(map(len, caught.value.problems)) < 250


@pytest.mark.fault("F2")
def test_keys_of_a_misspelled_choice_are_not_blamed() -> None:
    with pytest.raises(ConfigError, match=r"^model: `grux` is not one of"):
        compose("model=grux", "model.width=3")


@pytest.mark.fault("F1")
def test_a_mistake_in_a_file_names_file_and_line(tmp_path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("model:\n  units: [3]\n  dropot: 0.1\n")
    with pytest.raises(ConfigError, match=r"model.dropot: unknown key.*\(experiments/mine.yaml:3\)"):
        compose("experiment=mine")


@pytest.mark.fault("F6")
def test_yaml_that_is_not_yaml_is_named(tmp_path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("model: [3\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: not valid YAML"):
        compose("experiment=mine")


@pytest.mark.fault("I8")
def test_a_yaml_tag_that_would_run_code_is_refused(tmp_path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("seed: !!python/object/apply:os.system ['touch canary']\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        compose("experiment=mine")
    assert not (tmp_path / "canary").exists()


def test_optunas_sweeper_is_answered_with_the_sampler() -> None:
    told = "Optuna's samplers are chosen by hydra.sweeper.sampler=tpe, not by hydra/sweeper; .*: basic rnnexp$"
    with pytest.raises(ConfigError, match=told):
        compose("hydra/sweeper=optuna")
    with pytest.raises(ConfigError, match="Could not find 'hydra/sweeper/optun' .*: basic rnnexp$"):
        compose("hydra/sweeper=optun")


def test_a_launchers_setting_in_an_experiment_needs_its_choice(tmp_path) -> None:
    (tmp_path / "experiments").mkdir()
    text = "# @package _global_\ndefaults: [{choice}override /model: gru]\nhydra: {{launcher: {{vectorize: false}}}}\n"
    (tmp_path / "experiments" / "mine.yaml").write_text(text.format(choice=""))
    with pytest.raises(ConfigError, match="`defaults` must choose: `- override /hydra/launcher: local`"):
        compose("experiment=mine")
    (tmp_path / "experiments" / "mine.yaml").write_text(text.format(choice="override /hydra/launcher: local, "))
    assert compose("experiment=mine").model.name == "gru"


@pytest.mark.fault("I3")
def test_a_target_in_yaml_is_an_unknown_key_and_runs_nothing(tmp_path) -> None:
    with pytest.raises(ConfigError, match="model._target_: unknown key; settings name no code: `name` chooses"):
        compose("+model._target_=os.system", "+model.command='touch canary'")
    assert not (tmp_path / "canary").exists()


UNQUOTED = {
    "data: {name: text_files, path: {yes: a.txt, no: b.txt}}": ("data.path.True", "data.path.False"),
    "data: {name: text_files, path: {on: a.txt, Off: b.txt}}": ("data.path.True", "data.path.False"),
    "data: {name: text_files, path: d, ignore_labels: [no]}": ("data.ignore_labels.0",),
    "data: {name: text_table, path: a.csv, text: t, label: yes}": ("data.label",),
    "data: {name: text_table, path: a.csv, text: t, label: l, labels: [yes, no]}": ("data.labels.0", "data.labels.1"),
    "data: {name: text_table, path: a.csv, text: t, label: l, labels: {1: yes}}": ("data.labels.1",),
    "data: {name: text_table, path: a.csv, text: t, label: l, labels: {no: 'No'}}": ("data.labels.False",),
    "data: {name: csv, path: a.csv, target: on}": ("data.target",),
    "data: {name: csv, path: a.csv, target: a, na: [no]}": ("data.na.0",),
    "data: {name: sequence_folder, path: a, channels: [x, y, no]}": ("data.channels.2",),
    "trainer: {class_weights: {yes: 2.0}}": ("trainer.class_weights.True",),
    "name: yes": ("name",),
    "metrics: [no]": ("metrics.0",),
}


@pytest.mark.parametrize("written", UNQUOTED)
@pytest.mark.fault("F6")
def test_a_word_that_yaml_takes_for_a_truth_is_asked_for_in_quotes(written: str) -> None:
    values = yaml.safe_load(written)
    with pytest.raises(ConfigError) as caught:
        parse({**compose_mapping([]), **values, "trainer": values.get("trainer", {})})
    for key in UNQUOTED[written]:
        (said,) = [problem for problem in caught.value.problems if problem.startswith(f"{key}: ")]
        assert said.endswith("YAML takes yes, no, on, off, true and false for truths: write the word in quotes")


@pytest.mark.parametrize("word", ["no", "off", "0", "0.0"])
@pytest.mark.fault("F6")
def test_a_name_that_yaml_takes_for_something_else_is_not_replaced(tmp_path, word: str) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(f"name: {word}\n")
    with pytest.raises(ConfigError, match=r"^name: .* must be a valid string; .* quotes.*\(experiments/mine.yaml:1\)$"):
        compose("experiment=mine")
    (tmp_path / "experiments" / "mine.yaml").write_text(f'name: "{word}"\n')
    assert compose("experiment=mine").name == word


@pytest.mark.parametrize("given", ["data.path=2024", "data.unit=2.5", "metrics=[1]", "name=7"])
@pytest.mark.fault("F3")
def test_a_number_in_the_place_of_a_text_is_one_in_quotes(given: str) -> None:
    with pytest.raises(ConfigError, match="must be a valid string; in quotes it is one"):
        compose("data=csv", "data.path=a.csv", given)
    for other in ("trainer.epochs=true", "seed=x"):
        with pytest.raises(ConfigError) as caught:
            compose(other)
        assert "quotes" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "key"), [("data", "season"), ("trainer", "epochs"), ("data", "sequence_length"), ("optimizer", "clipnorm")]
)
def test_a_whole_number_beyond_all_counting_is_refused_with_its_digits(part: str, key: str) -> None:
    values = compose_mapping(["data=sine", "model=gru"])
    values[part][key] = 10**400
    with pytest.raises(ConfigError, match=f"^{part}.{key}: a number of 401 digits given; must be at most 9,223,"):
        parse(values)
    values[part][key] = 3
    assert parse(values)


COUNTS = {
    "trainer.epochs": ("sine", 1_000_000),
    "ensemble": ("sine", 1_000),
    "threads": ("sine", 1_024),
    "data.points": ("sine mackey_glass share_price weather", 10_000_000),
    "data.examples": ("adding random reverse_digits associative_recall selective_copying text_and_pulse", 10_000_000),
}


@pytest.mark.parametrize(("key", "data"), [(key, name) for key in COUNTS for name in COUNTS[key][0].split()])
@pytest.mark.fault("F3")
def test_a_count_that_would_never_end_or_fill_memory_is_refused(key: str, data: str) -> None:
    most = COUNTS[key][1]
    for count in (most + 1, 10**9, 10**18):
        with pytest.raises(ConfigError, match=f"{key}: {count} given; must be less than or equal to {most}"):
            compose(f"data={data}", f"{key}={count}")
    models = {"reverse_digits": "encoder_decoder", "text_and_pulse": "multi_input"}
    compose(f"data={data}", f"{key}={most}", f"model={models.get(data, 'lstm')}")
