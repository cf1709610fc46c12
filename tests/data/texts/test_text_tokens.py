"""Tokens: what each rule cuts, and that two ways to write a text are cut alike."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnexp.data.texts import subwords
from rnnexp.data.texts.tokens import Kind, Tokenizer
from rnnexp.errors import DataError, ResourceError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't stop!", ["don't", "stop", "!"]),
        ("'quoted' words...", ["'", "quoted", "'", "words", ".", ".", "."]),
        ("rock’n’roll at 3.50 $", ["rock’n’roll", "at", "3", ".", "50", "$"]),
        ("snake_case co-worker", ["snake_case", "co", "-", "worker"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("好 film 😀", ["好", "film", "😀"]),
    ],
)
def test_words_are_runs_of_letters_with_their_accents_and_apostrophes(text: str, tokens: list[str]) -> None:
    assert Tokenizer("word").split(text) == tokens


@pytest.mark.parametrize(
    ("kind", "tokens"), [("blank", ["it", "'s", "n't", "<unk>"]), ("character", list("it 's  n't <unk>"))]
)
def test_other_rules_cut_at_blanks_or_everywhere(kind: Kind, tokens: list[str]) -> None:
    assert Tokenizer(kind).split(" it 's  n't <unk>\n") == tokens


def test_capital_letters_stay_if_asked() -> None:
    assert Tokenizer("word", lowercase=False).split("A good Film") == ["A", "good", "Film"]


@pytest.mark.parametrize("kind", ["word", "blank", "character"])
@given(text=TEXTS)
def test_composed_and_decomposed_characters_are_cut_alike(kind: Kind, text: str) -> None:
    apart, together = (unicodedata.normalize(form, text) for form in ("NFD", "NFC"))
    assert Tokenizer(kind).split(apart) == Tokenizer(kind).split(together)


def test_compatible_characters_stay_apart() -> None:
    assert Tokenizer("word").split("ﬁlm") != Tokenizer("word").split("film")


@pytest.mark.parametrize("kind", ["word", "blank", "character"])
@given(text=TEXTS)
def test_only_blanks_are_left_out(kind: Kind, text: str) -> None:
    rule = Tokenizer(kind)
    joined = "".join(rule.split(text))
    assert "".join(joined.split()) == "".join(rule.normal(text).split())


PLACES = ["the film was filmed", "films of the filmed", "the films"] * 5


@pytest.fixture(scope="module")
def learned() -> str:
    pytest.importorskip("tokenizers")
    return subwords.learn(PLACES, 265)


def test_subwords_are_frequent_pieces_of_words(learned: str) -> None:
    assert Tokenizer("subword", subwords=learned).split("The FILM of filmings")[:3] == ["Ġthe", "Ġfilm", "Ġ"]


@given(text=TEXTS)
def test_subwords_lose_nothing(learned: str, text: str) -> None:
    rule = Tokenizer("subword", subwords=learned)
    tokenizers = pytest.importorskip("tokenizers")
    decoded = tokenizers.decoders.ByteLevel().decode(rule.split(text))
    assert decoded.removeprefix(" ") == rule.normal(text).removeprefix(" ")


def test_subwords_are_the_same_in_every_process(learned: str) -> None:
    script = f"from rnnexp.data.texts.subwords import learn\nprint(learn({PLACES!r}, 265))"
    environment = {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == learned
    assert subwords.learn(PLACES, 264) != learned


def test_damaged_subwords_are_refused() -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(DataError, match="the subwords of the model are damaged"):
        Tokenizer("subword", subwords="{}").split("a")


def test_without_the_library_a_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ResourceError, match=r"pip install 'rnnexp\[text\]'"):
        subwords.learn(PLACES, 300)
    assert Tokenizer("word").split("a b") == ["a", "b"]
