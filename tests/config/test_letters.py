"""Values in any letters can be typed: files, columns and labels are called what people call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp.cli.main import main
from rnnexp.config.compose import compose
from rnnexp.config.grammar import parsed, quote_letters
from rnnexp.config.overrides import inspect_overrides

WORDS = ("Größe", "温度", "été", "数据/评论.csv", "temp_°C", "Äpfel und Öl", "км/ч", "naïve-2024", "~/über.csv", "ä:ö")


@pytest.mark.parametrize("word", WORDS)
def test_a_value_is_read_as_it_is_typed(word: str) -> None:
    assert parsed(f"data.target={word}").value() == word
    assert parsed(f"data.features=[{word}, b, 'x, {word}']").value() == [word, "b", f"x, {word}"]
    assert parsed(f"data.roles={{a: {word}, b: c}}").value() == {"a": word, "b": "c"}
    border = inspect_overrides([f"name={word},other,1"], sweep=True)
    assert border.problems == []
    override = parsed(border.lines[0])
    assert [parsed(f"name={text}").value() for text in override.sweep_string_iterator()] == [word, "other", 1]


@pytest.mark.parametrize("line", ["a=b c", "a=[x,'ü']", 'a="ü"', "a='ü, ö'", "model=lstm,gru", "a={b: c}"])
def test_what_is_plain_or_quoted_is_left_alone(line: str) -> None:
    assert quote_letters(line) == line


def test_what_stands_around_an_interpolation_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "Größe")
    assert compose("name=für ${oc.env:PLACE}").name == "für Größe"
    assert compose("data=csv", "data.path=ä.csv", "data.target=ö", "name=${data.target}").name == "ö"


def test_an_experiment_and_its_columns_have_such_names() -> None:
    Path("experiments").mkdir()
    Path("experiments/größe.yaml").write_text("defaults: [override /data: csv]\ndata: {path: ä.csv, target: Größe}\n")
    assert main(["check"]) == 0
    assert compose("experiment=größe", "data.path=ö.csv").data.path == "ö.csv"
