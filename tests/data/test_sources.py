"""The sources that ship, the calendar, and what a dataset says of itself."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from dataclasses import fields, replace
from functools import partial
from inspect import isclass
from pathlib import Path

import numpy as np
import pytest
from pydantic.fields import FieldInfo

from rnnexp import registry
from rnnexp.config.compose import compose
from rnnexp.data import calendar
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources import SEVERAL
from rnnexp.data.sources.airline_passengers import airline_passengers
from rnnexp.data.sources.associative_recall import associative_recall
from rnnexp.data.sources.selective_copying import selective_copying
from rnnexp.data.sources.simulated import share_price, weather
from rnnexp.data.sources.synthetic import adding, mackey_glass, ramp, random, sine, values
from rnnexp.errors import ConfigError, DataError
from rnnexp.registry import lookup, register, settings
from rnnexp.tasks import load

SHIPPED = [
    sine,
    mackey_glass,
    ramp,
    values,
    random,
    adding,
    selective_copying,
    associative_recall,
    airline_passengers,
    share_price,
    weather,
]


def test_a_sine_is_a_wave_with_noise_of_the_given_size():
    noise = sine().read().values[:, 0] - np.sin(np.linspace(0, 50, 1000))
    assert 0.09 < noise.std() < 0.11
    np.testing.assert_allclose(sine(noise=0.0).read().values[:, 0], np.sin(np.linspace(0, 50, 1000)))


@pytest.mark.parametrize(
    "source",
    [
        sine,
        random,
        adding,
        share_price,
        partial(weather, target=0, points=900),
        partial(selective_copying, examples=60),
        partial(associative_recall, examples=60, answers=2),
    ],
)
def test_a_seed_names_the_draw(source):
    one, same, other = load(source(seed=1)), load(source(seed=1)), load(source(seed=2))
    assert one.summary.digest == same.summary.digest != other.summary.digest


def test_a_chaotic_series_follows_its_equation():
    """Euler's method in tiny steps comes to the same values; with another delay it would not."""
    step, lag = 0.01, 1700
    x = np.full(lag + 52001, 1.2)
    for now in range(lag, len(x) - 1):
        x[now + 1] = x[now] + step * (0.2 * x[now - lag] / (1 + x[now - lag] ** 10) - 0.1 * x[now])
    found = mackey_glass(points=4).read().values[:, 0]
    np.testing.assert_allclose(found, x[lag + 50000 :: 600][:4], atol=0.005)
    assert np.abs(mackey_glass(points=4, delay=18).read().values[:, 0] - found).max() > 0.05
    np.testing.assert_array_equal(mackey_glass(points=8, every=3).read().values[::2, 0], found)


def test_a_ramp_is_a_list_of_numbers():
    assert ramp().read().values[:, 0].tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert ramp(values=[1, 2.5]).read().values[:, 0].tolist() == [1, 2.5]


def test_values_are_rows_of_one_column_or_of_several():
    assert values(values=[1, 2.5]).read().tolist() == [1, 2.5]
    dataset = load(values(values=[[i, -i] for i in range(20)], target=1, features=[0], sequence_length=3))
    assert (dataset.spec.targets, dataset.pipeline.columns) == (("column_1",), ("column_1", "column_0"))
    assert dataset.history.values[:3, 0].tolist() == [0, -1, -2]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[1,x]", r"data\.values\.1: 'x' given; must be a valid number"),
        ("[1,null]", r"data\.values\.1: None given"),
        ("[1,nan]", r"data\.values\.1: nan given; must be a finite number"),
        ("[1,true]", r"data\.values\.1: True given"),
        ("['1',2]", r"data\.values\.0: '1' given"),
        ("5", r"data\.values: 5 given; must be a valid list"),
        ("[]", r"data\.values: \[\] given; List should have at least 1 item"),
        ("[[]]", "row 1 is empty; give a number for each column"),
        ("[[1,2],[3]]", "row 2 is a list of 1; row 1 is a list of 2"),
        ("[1,[2]]", "row 2 is a list of 1; row 1 is a number"),
        ("???", r"data\.values: has no value yet"),
    ],
)
def test_values_that_are_no_table_are_refused(written, message):
    with pytest.raises(ConfigError, match=message):
        compose("data=values", f"data.values={written}")


def test_values_alone_choose_their_source():
    chosen = compose("data=values", "data.values=[1,2]")
    assert compose("data.values=[1,2]") == chosen
    assert compose("data.values=[1,2]", "data=ramp").data == ramp(values=[1, 2])
    with pytest.raises(ConfigError, match="it belongs to data=ramp, values"):
        compose("data.values=[1,2]", "data=sine")
    with pytest.raises(ConfigError, match="data.values: unknown key"):
        compose("data.values=[1,2]", "experiment=airline_lstm")


def test_values_alone_are_of_the_source_that_a_project_has_chosen():
    Path("conf").mkdir()
    text = (Path(__file__).parents[2] / "conf" / "config.yaml").read_text()
    Path("conf/config.yaml").write_text(text.replace("- data: sine", "- data: ramp"))
    assert compose("data.values=[1,2]").data == ramp(values=[1, 2])


def test_random_targets_have_nothing_to_do_with_the_inputs():
    dataset = load(random())
    assert dataset.spec.task == "regression"
    assert dataset.spec.inputs["past"].shape == (10, 1)
    assert dataset.summary.sizes == {"train": 70, "val": 15, "test": 15}
    assert 0 <= dataset.parts["train"].arrays["y"].min() < dataset.parts["train"].arrays["y"].max() < 1


def test_the_adding_problem_marks_one_number_in_each_half():
    inputs, targets = adding(examples=500, sequence_length=20).read()
    marks = inputs[..., 1]
    assert (marks[:, :10].sum(axis=1) == 1).all()
    assert (marks[:, 10:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(targets, (inputs[..., 0] * marks).sum(axis=1))
    assert abs(((targets - 1) ** 2).mean() - 1 / 6) < 0.02


def test_selective_copying_asks_for_all_letters_in_order():
    source = selective_copying(examples=40, sequence_length=20, copied=3, alphabet_size=5)
    tagged = source.read()
    assert len(tagged) == 40
    assert {len(tagged.sequence(i)) for i in range(40)} == {20}
    for i in range(40):
        words, tags = tagged.sequence(i), tagged.tags[20 * i : 20 * i + 20]
        letters = [word for word in words if word not in ".?"]
        assert len(letters) == 3
        assert words[17:] == ("?", "?", "?")
        assert tags == ("O",) * 17 + tuple(f"B-{letter}" for letter in letters)
    assert {word for word in tagged.words if word not in ".?"} == set("abcde")
    assert len({tuple(word in ".?" for word in tagged.sequence(i)) for i in range(40)}) > 30  # scattered


def test_more_letters_than_fit_are_refused():
    with pytest.raises(ConfigError, match=r"data.copied: 9 letters and as many questions do not fit"):
        compose("data=selective_copying", "data.sequence_length=16", "data.copied=9")
    assert compose("data=selective_copying", "data.sequence_length=18", "data.copied=9").data.copied == 9


def test_a_rule_answers_associative_recall_and_the_last_value_does_not():
    texts = associative_recall(examples=200, sequence_length=20, pairs=6, keys=8, answers=5).read()
    cut = [text.split() for text in texts.texts]
    assert {len(words) for words in cut} == {20}
    assert {sum(word[0] == "k" for word in words[:-1]) for words in cut} == {6}
    assert all(len({word for word in words[:-1] if word[0] == "k"}) == 6 for words in cut)
    assert all(words[words.index(words[-1]) + 1] == label for words, label in zip(cut, texts.labels))
    last = [next(word for word in reversed(words) if word[0] == "v") for words in cut]
    assert sum(word == label for word, label in zip(last, texts.labels)) < 100
    assert {words[-1] for words in cut} == {f"k{i}" for i in range(1, 9)}
    assert set(texts.labels) == {f"v{i}" for i in range(1, 6)}


def test_pairs_that_do_not_fit_or_need_more_keys_are_refused():
    with pytest.raises(ConfigError, match=r"data.pairs: 9 pairs and a key do not fit .*; they need 19") as raised:
        compose("data=associative_recall", "data.sequence_length=18", "data.pairs=9", "data.keys=8")
    assert "data.pairs: 9 pairs need as many different keys; data.keys=8" in str(raised.value)
    assert compose("data=associative_recall", "data.sequence_length=19", "data.pairs=9", "data.keys=9").data.pairs == 9


def test_the_airline_series_is_shipped_with_dates_and_units():
    dataset = load(airline_passengers(sequence_length=13))
    summary = dataset.summary
    assert (summary.rows, summary.season, summary.frequency) == (144, 12, "MS")
    assert (summary.first[:7], summary.last[:7], summary.unit) == (
        "1949-01",
        "1960-12",
        "thousand passengers",
    )
    assert dataset.history.values[[0, -1], 0].tolist() == [112, 432]


def test_the_tutorial_targets_of_the_airline_series_can_be_chosen():
    dataset = load(airline_passengers(sequence_length=2, split={"train": 97, "val": None, "test": 46}))
    assert (dataset.starts("test") + 2).tolist() == list(range(97, 143))


@pytest.mark.parametrize("source", SHIPPED, ids=lambda source: source.__name__)
def test_every_field_is_described(source):
    for one in fields(source):
        if one.name != "name":
            default = one.default if isinstance(one.default, FieldInfo) else source.__pydantic_fields__[one.name]
            assert default.description, one.name


@pytest.mark.parametrize("source", SHIPPED, ids=lambda source: source.__name__)
def test_every_source_is_found_by_its_name(source):
    assert lookup("data", source.__name__) is source


def test_the_folder_of_a_kind_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks and their metrics are looked up hundreds of times in a run."""
    known = registry.names("data")
    monkeypatch.setattr(pkgutil, "iter_modules", lambda path: pytest.fail(f"{path} is read again"))
    assert registry.names("data") == known
    assert registry.components("data").keys() == set(known)


@pytest.mark.parametrize(("module", "listed"), SEVERAL.items())
def test_a_module_of_several_sources_stands_with_all_of_them(module, listed):
    held = vars(importlib.import_module(f"rnnexp.data.sources.{module}")).items()
    own = {name for name, found in held if getattr(found, "__module__", "").endswith(f".{module}") and isclass(found)}
    assert own == set(listed)


def test_a_plugin_s_source_stays_when_a_module_brings_one_of_its_name(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {kind: {} for kind in registry.KINDS})
    monkeypatch.delitem(sys.modules, "rnnexp.data.sources.synthetic")

    @register("data")
    def sine(points: int = 40) -> np.ndarray:
        return np.zeros(points)

    mine = lookup("data", "sine")
    assert lookup("data", "ramp").__name__ == "ramp"
    assert lookup("data", "sine") is mine


def test_a_function_of_a_user_becomes_a_source():
    @register("data")
    def staircase(points: int = 40) -> np.ndarray:
        return np.repeat(np.arange(points / 4), 4)

    dataset = load(lookup("data", "staircase")(points=80, sequence_length=4))
    assert (dataset.summary.rows, dataset.spec.targets, dataset.summary.source) == (
        80,
        ("value",),
        "staircase",
    )


@settings
class Labeled(SequenceSource):
    name: str = "labeled"
    task: str = "classification"
    labels: int = 2

    def read(self):
        labels = np.array(["ham", "spam", "eggs"])[np.arange(30) % self.labels]
        return np.ones((30, 4, 1)), labels


def test_labels_become_sorted_classes():
    dataset = load(Labeled(labels=3))
    assert (dataset.spec.classes, dataset.spec.output_shape) == (("eggs", "ham", "spam"), (3,))
    part = dataset.parts["train"]
    x, y, weight = dataset.batch(part.arrays, part.indices)
    assert (x.shape, y.dtype, y.shape, weight) == ((21, 4, 1), np.int32, (21,), None)
    restored = dataset.restore("train", np.full((len(part), 3), 1 / 3))
    assert restored.predicted.shape == (len(part), 3)
    assert np.array_equal(restored.actual, y)


@pytest.mark.fault("E8")
def test_one_label_is_not_enough():
    with pytest.raises(DataError, match=r"classification needs at least 2 labels; the data have \['ham'\]"):
        load(Labeled(labels=1))


@pytest.mark.fault("E8")
def test_a_constant_input_is_divided_by_1_and_noted():
    dataset = load(Labeled(scaler="standard"))
    assert dataset.summary.notes == ("channel `0` is constant in the training set: divided by 1",)


def test_folds_of_independent_examples_cover_everything_but_the_test_part():
    parts = [load(random(folds=4, fold=fold)).parts for fold in (1, 2, 3, 4)]
    held_out = np.sort(np.concatenate([one["val"].indices for one in parts]))
    assert len({tuple(one["test"].indices) for one in parts}) == 1
    assert np.array_equal(np.sort(np.r_[held_out, parts[0]["test"].indices]), np.arange(100))
    assert all(len(np.intersect1d(one["train"].indices, one["val"].indices)) == 0 for one in parts)


def test_restoring_numbers_puts_them_beside_the_truth():
    dataset = load(random())
    part = dataset.parts["test"]
    y = dataset.batch(part.arrays, part.indices)[1]
    restored = dataset.restore("test", y)
    assert restored.predicted.shape == (15, 1, 1)
    np.testing.assert_array_equal(restored.predicted, restored.actual)
    assert not np.array_equal(dataset.restore("test", y[::-1]).predicted, restored.actual)


@pytest.mark.parametrize(
    ("frequency", "rows"),
    [
        ("MS", 12), ("ME", 12), ("QS-OCT", 4), ("W-SUN", 52), ("D", 7), ("B", 5), ("h", 24), ("2h", 12),
        ("C-TUE-WED-THU", 3), ("15min", 96), ("30min", 48), ("min", 60), ("YS", None), ("5h", None), (None, None),
    ],
)  # fmt: skip
def test_the_season_follows_from_the_frequency(frequency, rows):
    assert calendar.season_of(frequency) == rows


def test_a_season_is_inferred_only_where_training_holds_two(make):
    assert make.load(make.series(30, frequency="D"), sequence_length=2).season == 7
    assert make.load(make.series(18, frequency="D"), sequence_length=2).season is None
    assert make.load(make.series(18, frequency="D"), sequence_length=2, season=7).season == 7


def test_december_lies_beside_january_on_the_circle():
    months = np.arange("2020-01", "2021-01", dtype="datetime64[M]")
    points = calendar.encode(months, ["month"])
    steps = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])


@pytest.mark.parametrize("part", list(calendar.CYCLES))
def test_every_part_of_the_calendar_is_encoded(part):
    hours = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[h]")
    points = calendar.encode(hours, [part])
    np.testing.assert_allclose((points**2).sum(axis=1), 1)
    assert (len(np.unique(points.round(6), axis=0)) > 1) == (part != "minute")


def test_a_calendar_without_dates_is_an_error(make):
    with pytest.raises(DataError, match="data.calendar needs dates, but the data have none: give data.time"):
        make.load(make.series(40), calendar=["month"])


def test_calendar_columns_are_known_ahead(make):
    dataset = make.load(make.series(40, frequency="D"), calendar=["dayofweek"], horizon=2)
    assert dataset.spec.inputs["past"].shape == (10, 3)
    assert dataset.spec.inputs["future"].shape == (2, 2)


def test_the_digest_follows_values_and_settings(make):
    data = make.wavy(60)
    digest = make.load(data).summary.digest
    assert len(digest) == 32
    assert make.load(make.wavy(60)).summary.digest == digest
    assert make.load(data, horizon=2).summary.digest != digest
    changed = replace(data, values=data.values.copy())
    changed.values[-1] += 1e-9
    assert make.load(changed).summary.digest != digest


def test_several_columns_without_a_target_ask_which(make):
    with pytest.raises(DataError, match="data.target: choose what to forecast; the data have the columns a, b"):
        make.load(make.wavy(40, columns=2))


@pytest.mark.fault("E4")
def test_an_unknown_column_is_named_with_a_suggestion(make):
    data = replace(make.wavy(40, columns=2), columns=("load", "temperature"))
    with pytest.raises(
        DataError, match="data.features: there is no column `temprature`; .* did you mean `temperature`"
    ):
        make.load(data, target=0, features=["temprature"])


def test_a_column_given_by_position_and_by_name_is_told_apart_from_two(make):
    with pytest.raises(DataError, match="column `b` is given twice among data.target, data.features and data.known"):
        make.load(make.wavy(40, columns=2), target="b", features=[1])


def test_a_value_that_is_no_number_is_refused(make):
    data = make.wavy(40)
    data.values[3] = np.nan
    with pytest.raises(DataError, match="column `a` has no finite value in row 4"):
        make.load(data)


def test_the_price_of_a_share_goes_nowhere_on_average_and_its_size_of_step_comes_in_clusters():
    ends = [share_price(points=61, seed=seed).read().values[-1, 0] for seed in range(800)]
    assert abs(np.mean(ends) / 100 - 1) < 4 * np.std(ends) / 100 / np.sqrt(800) < 0.02
    returns = np.diff(np.log(share_price(points=20_000).read().values[:, 0]))
    assert abs(np.corrcoef(returns[1:], returns[:-1])[0, 1]) < 0.03
    assert np.corrcoef(np.square(returns[1:]), np.square(returns[:-1]))[0, 1] > 0.1
    assert 0.012 < returns.std() < 0.018


def test_shares_are_traded_on_business_days():
    series = share_price(points=600).read()
    assert (np.is_busday(series.time.astype("datetime64[D]"))).all()
    assert series.frequency == "B"
    assert load(share_price(points=600)).season == 5


def test_weather_has_years_days_and_skies_that_change_the_days():
    series = weather(points=4 * 8766).read()
    assert series.columns == ("temperature", "pressure", "humidity", "wind")
    days = series.values[: 1461 * 24].reshape(1461, 24, 4)
    temperature, pressure = days[..., 0], days[..., 1].mean(axis=1)
    months = series.time[: 1461 * 24 : 24].astype("datetime64[M]").astype(int) % 12
    assert temperature[months == 6].mean() > temperature[months == 0].mean() + 15
    assert temperature.mean(axis=0).argmax() == 15
    swing = temperature[:, 15] - temperature[:, 3]
    high, low = pressure > np.quantile(pressure, 0.8), pressure < np.quantile(pressure, 0.2)
    assert swing[high].mean() > 3 * swing[low].mean() > 0
    assert 10 <= series.values[:, 2].min() <= series.values[:, 2].max() <= 100
