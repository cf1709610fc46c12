"""Keys of a mapping can be typed in any letters, and with quotes, wherever overrides are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.config.compose import compose
from rnnexp.config.grammar import parsed, quote_letters
from rnnexp.config.overrides import inspect_overrides
from rnnexp.errors import ConfigError

SCRIPTS = ("a-z", "à-ÿ", "α-ω", "а-я", "א-ת", "ا-ي", "अ-ह", "ก-ฮ", "ぁ-ん", "一-龥", "가-힣", "𐐀-𐐏")
LETTERS = st.sampled_from(SCRIPTS).flatmap(
    lambda span: st.characters(min_codepoint=ord(span[0]), max_codepoint=ord(span[2]))
)
WORDS = st.text(LETTERS, min_size=1, max_size=6).filter(lambda word: word.lower() not in ("null", "nan", "inf", "true"))
QUOTED = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=8)
FAST = settings(deadline=None, max_examples=60)


@given(st.dictionaries(WORDS, WORDS | st.integers(0, 99), min_size=1, max_size=4), st.sampled_from(["", "'", '"']))
@FAST
def test_a_mapping_is_read_as_it_is_typed(expected: dict[str, str | int], quote: str) -> None:
    line = f"data.path={{{', '.join(f'{quote}{key}{quote}: {value}' for key, value in expected.items())}}}"
    override = parsed(quote_letters(line))
    assert override.value() == expected
    assert override.key_or_group == "data.path"
    swept = parsed(quote_letters(f"{line},{{other: 1}}"))
    texts = list(swept.sweep_string_iterator())
    assert [parsed(quote_letters(f"data.path={text}")).value() for text in texts] == [expected, {"other": 1}]


@given(QUOTED)
@FAST
def test_a_key_in_quotes_may_hold_anything(key: str) -> None:
    written = key.replace("\\", "\\\\").replace('"', '\\"')
    assert parsed(f'a={{"{written}": 1, b: [{{"{written}": c}}]}}').value() == {key: 1, "b": [{key: "c"}]}


@given(WORDS)
@FAST
def test_a_single_key_is_typed_after_a_dot(word: str) -> None:
    (line,) = inspect_overrides([f"trainer.class_weights.{word}=2"]).lines
    assert (parsed(line).key_or_group, parsed(line).value()) == (f"trainer.class_weights.{word}", 2)


def test_quotes_around_values_and_numbers_as_keys_stay_what_they_are() -> None:
    found = parsed("""a={1: "b", '1': {"null": c}, d: ["e", f]}""").value()
    assert found == {1: "b", "1": {"null": "c"}, "d": ["e", "f"]}
    assert parsed("""a='{"b": 1}'""").value() == '{"b": 1}'
    with pytest.raises(ConfigError, match="not `key=value`"):
        parsed('a={"b" c: 1}')


def test_an_experiment_is_composed_with_them() -> None:
    words = ("data=text_files", "data.path={好: a.txt, '坏 评': b.txt}", 'trainer.class_weights={"好": 1.5, 坏 评: 2}')
    found = compose(*words)
    assert found.data.path == {"好": "a.txt", "坏 评": "b.txt"}
    assert found.trainer.class_weights == {"好": 1.5, "坏 评": 2.0}


@pytest.mark.end_to_end
def test_sweeps_their_jobs_and_what_is_made_of_them_know_them(capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (("好", "雨 雪 风"), ("坏", "山 水 石")):
        Path(f"{name}.txt").write_text("\n".join(f"{words} {number}" for number in range(30)) + "\n")
    small = ["data.tokens=blank", "model.units=[2]", "trainer.epochs=1", "tracking.figures=false"]
    words = ["data=text_files", "data.path={好: 好.txt, '坏': 坏.txt}", *small]
    swept = "trainer.class_weights={好: 1.5, 坏: 1},{'好': 1, '坏': 2.5}"
    assert main(["train", "-m", *words, swept]) == 0
    capsys.readouterr()
    (sweep,) = Path("runs/sweeps").iterdir()
    assert main(["train", "-m", *words, swept]) == 0
    assert "2 jobs, 2 done, 0 to run" in capsys.readouterr().out
    assert set(rx.runs()["params.trainer.class_weights.好"].dropna()) == {1.5, 1.0}
    assert main(["best", f"{sweep}/"]) == 0
    assert "坏: 坏.txt" in capsys.readouterr().out
    assert main(["show", *words, "trainer.class_weights.好=3"]) == 0
    assert "好: 3" in capsys.readouterr().out
