"""What a user reads is said in the words of the field: help, errors, notes, titles, and comments of YAML."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# What was said before, and what Keras, MLflow, Hydra or plain English say.
TURNED_DOWN = {
    r"(training|validation|test|scored) parts?": "set",
    r"share out": "split",
    r"pictures?": "figure; of a file, image",
    r"(?<!\.)lanes?": "stream",
    r"(cut|cuts) (a |the |raw )?texts? (in)?to": "tokenize, or truncate",
    r"cut (in)?to (the |other |\w+ )?tokens": "tokenize, or truncate",
    r"take capital letters for small ones": "convert to lower case",
    r"beginnings of a text": "beam",
    r"first (weights|biases)": "initial weights",
    r"weights (that )?are drawn|drawn weights": "randomly initialized",
    r"likel?iest|likelier": "most likely",
    r"by heart": "overfit",
    r"found nothing: whatever": "learned nothing",
    r"remembers?|is remembered": "tracks, stores, or effective memory",
    r"(is|are|be) (gone|going) on with|go(es|ing)? on with|this goes on": "resume",
    r"(start|starts|train|trained|compiles?) (it |them )?anew": "again, or from epoch 1",
    r"without a word": "without reporting it",
    r"died": "ended, was killed",
    r"left alone": "not changed, not removed",
    r"what (it|they|he) (is|are) worth": "its score",
    r"(and )?says so": "leave it out",
    r"as if each": "say what is computed",
    r"has (not )?settled|settled by": "fixed by",
    r"has its say|they vote|which vote": "is averaged",
    r"by a hair": "narrowly",
    r"as sure as|surest": "confident, calibrated",
    r"freed of": "normalized",
    r"is heard|are heard": "name the computation",
    r"last words": "end of the log",
    r"put down": "stop",
    r"stands? there twice": "is there twice",
    r"upon each other": "stacked",
    r"(an |no )?honest (score|number)": "unbiased",
    r"for want of": "because there are no",
}
PATTERNS = {re.compile(rf"\b({phrase})\b", re.IGNORECASE): better for phrase, better in TURNED_DOWN.items()}


def read_strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each string of Python that is no docstring; what stands in braces is left out."""
    tree = ast.parse(source)
    docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, DOCUMENTED) and _opens(node.body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def _opens(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def read_comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of what stands behind a `#`; also of a value with one, which does no harm."""
    for number, line in enumerate(source.splitlines(), 1):
        if "#" in line:
            yield number, line.partition("#")[2]


def find_turned_down(strings: Iterator[tuple[int, str]]) -> Iterator[str]:
    for line, text in strings:
        for pattern, better in PATTERNS.items():
            if match := pattern.search(" ".join(text.split())):
                yield f"{line}: `{match.group()}`; better: {better}"


def list_texts() -> dict[str, Iterator[tuple[int, str]]]:
    """Return what users read of each file of Python and of YAML."""
    code = [file for place in ("rnnexp", "hydra_plugins") for file in sorted((ROOT / place).rglob("*.py"))]
    yaml = [file for place in ("conf", "experiments") for file in sorted((ROOT / place).rglob("*.yaml"))]
    return {
        **{file.relative_to(ROOT).as_posix(): read_strings(file.read_text(encoding="utf-8")) for file in code},
        **{file.relative_to(ROOT).as_posix(): read_comments(file.read_text(encoding="utf-8")) for file in yaml},
    }


def test_users_read_the_words_of_the_field() -> None:
    texts = list_texts()
    assert {"rnnexp/cli/main.py", "conf/config.yaml", "experiments/sine_lstm.yaml"} <= texts.keys()
    assert not [f"{name}:{found}" for name, strings in texts.items() for found in find_turned_down(strings)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise ValueError("the training "\n    "part is empty")', ["1: `training part`; better: set"]),
        ('note = f"{name}: what MLflow remembers"', ["1: `remembers`; better: tracks, stores, or effective memory"]),
        ('"""The picture of a docstring."""\nx = "a picture"', ["2: `picture`; better: figure; of a file, image"]),
        ('x = f"{picture}: the training set, planes and particles"', []),
        ('def f():\n    """Learned by heart."""\n    return "learned by\\nheart"', ["3: `by heart`; better: overfit"]),
    ],
)
def test_a_phrase_that_was_turned_down_would_be_found(source: str, found: list[str]) -> None:
    assert list(find_turned_down(read_strings(source))) == found


def test_a_comment_of_yaml_is_read() -> None:
    assert list(find_turned_down(read_comments("a: 1\nb: 2  # lanes of the text"))) == ["2: `lanes`; better: stream"]
    assert list(find_turned_down(read_comments("lanes: 1\nb: 2  # streams of the text"))) == []
