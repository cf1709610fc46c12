"""What a program gives as Python values is read as what was meant, and as the same experiment as what is typed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp.config.grammar import parsed
from rnnexp.config.written import write_overrides, write_space

VALUES: dict[str, tuple[Any, Any]] = {
    "a whole number": (64, 64),
    "a negative one": (-3, -3),
    "a small one": (1e-7, 1e-7),
    "one of NumPy": (np.int64(7), 7),
    "a float of NumPy": (np.float64(0.1), 0.1),
    "a truth": (True, True),
    "a truth of NumPy": (np.bool_(False), False),
    "nothing": (None, None),
    "a word": ("gru", "gru"),
    "a path": (Path("a/b.csv"), "a/b.csv"),
    "a path with blanks": ("my data/sales 2020.csv", "my data/sales 2020.csv"),
    "a text like a number": ("3", "3"),
    "a text like a truth": ("true", "true"),
    "a text like nothing": ("null", "null"),
    "a comma": (",", ","),
    "a semicolon": (";", ";"),
    "a tab": ("\t", "\t"),
    "a format of dates": ("%d.%m.%Y", "%d.%m.%Y"),
    "quotes": ('it\'s "so"', 'it\'s "so"'),
    "a backslash": ("a\\b", "a\\b"),
    "signs of the grammar": ("a=b[1]{c}", "a=b[1]{c}"),
    "another script": ("Größe (kWh)", "Größe (kWh)"),
    "no text": ("", ""),
    "a sweep within a text": ("a,b", "a,b"),
    "a date": (date(2020, 1, 31), "2020-01-31"),
    "a date of pandas": (pd.Timestamp("2020-01-31 12:30"), "2020-01-31 12:30:00"),
    "a list": ([64, 32], [64, 32]),
    "a list of texts": (["a b", "3", "c"], ["a b", "3", "c"]),
    "an empty list": ([], []),
    "a range": (range(3), [0, 1, 2]),
    "an array": (np.array([0.5, 0.25]), [0.5, 0.25]),
    "a column": (pd.Series([1, 2]), [1, 2]),
    "nested lists": ([[1, 2], [3]], [[1, 2], [3]]),
    "a mapping": ({"train": 0.7, "test": "2020-01-01"}, {"train": 0.7, "test": "2020-01-01"}),
}


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_read_as_it_was_meant(value: str) -> None:
    given, meant = VALUES[value]
    (line,) = write_overrides({"data.split": given})
    read = parsed(line)
    assert not read.is_sweep_override()
    found = read.value()
    assert found == meant
    assert type(found) is type(meant)


def test_texts_mappings_and_nested_mappings_ask_for_the_same_experiment() -> None:
    typed = rx.compose("model=gru", "model.units=[8]", "trainer.epochs=3", "seed=1")
    forms: list[list[str]] = [
        write_overrides({"model": "gru", "model.units": [8], "trainer.epochs": 3, "seed": 1}),
        write_overrides({"model": {"name": "gru", "units": [8]}, "trainer": {"epochs": 3}}, "seed=1"),
        write_overrides("model=gru", {"seed": 1, "model": {"units": (8,)}, "trainer": {"epochs": np.int64(3)}}),
    ]
    assert [rx.compose(*form) for form in forms] == [typed] * 3
    assert rx.compose("model=gru", {"model.units": [8]}, trainer={"epochs": 3}, seed=1) == typed
    assert rx.compose(*forms[0][:-1]) != typed


def test_a_mapping_in_a_key_is_a_value() -> None:
    split = rx.compose(*write_overrides({"data": {"split": {"train": 0.5, "val": 0.25, "test": 0.25}}})).data.split
    assert split == rx.compose("data.split={train:0.5,val:0.25,test:0.25}").data.split


def test_the_values_of_a_sweep_are_a_list_or_a_text() -> None:
    lines = write_space({"model": ["lstm", "gru"], "seed": range(2), "model.units": [[8], [16, 8]]})
    assert lines == ["model=lstm,gru", "seed=0,1", "model.units=[8],[16,8]"]
    assert write_space({"model": {"dropout": "interval(0,0.5)"}}) == ["model.dropout=interval(0,0.5)"]
    assert all(parsed(line).is_sweep_override() for line in lines)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([3], r"3 given; settings are texts \(\"model.units=64\"\) or mappings"),
        ([["a"]], r"\['a'\] given; settings are texts"),
        ([{3: 1}], "3: is no key of a setting; write it as a text"),
        ([{"seed": object()}], "seed: <object object .* given, a object; give a number, a text, a list or a mapping"),
        ([{"model": {"units": lambda: 3}}], "model.units: <function .* given, a function"),
    ],
)
def test_what_is_no_setting_is_refused(settings: list[Any], said: str) -> None:
    with pytest.raises(rx.ConfigError, match=said):
        write_overrides(*settings)


@pytest.mark.parametrize("values", [3, [], None])
def test_what_is_no_space_is_refused(values: Any) -> None:
    with pytest.raises(rx.ConfigError, match="params: seed: .* given; give its values as a list, or a text such as"):
        write_space({"seed": values})
