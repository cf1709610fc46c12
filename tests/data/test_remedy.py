"""What a refusal advises can be pasted into the command."""

from __future__ import annotations

import pickle
import shlex

import pytest

from rnnexp.config.compose import compose_mapping
from rnnexp.data.tables.remedy import Refused, Remedy, write_word

VALUES = [
    ("thousands", ","),
    ("thousands", "."),
    ("thousands", "'"),
    ("thousands", "\u202f"),
    ("time_format", "%d.%m.%Y %H:%M"),
    ("time_format", "%Y"),
    ("time", ["Datum", "Uhr zeit"]),
    ("time", [0, 1]),
    ("na", ["-", "n.a.", "null", "-999", '"', "a\\b"]),
    ("missing", "drop"),
    ("comment", "#"),
    ("comment", "//"),
    ("header", "none"),
    ("separator", "|"),
    ("separator", ";"),
]


@pytest.mark.parametrize(("key", "value"), VALUES)
def test_a_word_gives_the_value_it_was_written_for(key: str, value: object) -> None:
    words = shlex.split(write_word(f"data.{key}", value))
    assert len(words) == 1
    composed = compose_mapping(["data=csv", "data.path=x.csv", *words])
    assert composed["data"][key] == value


def test_another_value_is_another_word() -> None:
    assert write_word("data.thousands", ",") != write_word("data.thousands", ".")


def test_one_reading_is_advised_and_of_several_the_user_chooses() -> None:
    one = Refused("x.csv, line 1: a title", Remedy({"skip_lines": 1}))
    assert str(one) == "x.csv, line 1: a title. Read it with data.skip_lines=1"
    two = Refused("x", Remedy({"missing": "drop"}, "2 rows fewer"), Remedy({"missing": "ffill"}))
    assert str(two) == "x. Say which is meant: data.missing=drop (2 rows fewer), or data.missing=ffill"
    assert str(Refused("x.csv: torn")) == "x.csv: torn"


def test_an_error_of_another_process_keeps_its_readings() -> None:
    error = pickle.loads(pickle.dumps(Refused("x", Remedy({"skip_lines": 1}))))
    assert (str(error), error.remedies[0].settings) == ("x. Read it with data.skip_lines=1", {"skip_lines": 1})
