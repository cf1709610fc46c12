"""Data are drawn before anything is trained: the parts of a series, classes, lengths, sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.cli.main import main
from rnnexp.evaluation.data_figures import draw_classes, draw_lengths, draw_parts

CASES = {
    "a series": (("data=sine", "data.points=80"), ["whole_series"]),
    "labeled texts": (("data=text_lines", "data.path=kinds.txt"), ["classes", "lengths", "parts"]),
    "tagged texts": (("data=text_tags", "data.path=tags.txt"), ["classes", "parts"]),
    "numbers of sequences": (("data=random", "data.examples=60"), ["parts"]),
    "a text": (("data=corpus", "data.path=rhyme.txt", "data.tokens=character", "data.sequence_length=10"), ["parts"]),
    "pairs": (("data=reverse_digits", "data.examples=60", "model=encoder_decoder"), ["lengths", "parts"]),
}


@pytest.fixture(autouse=True)
def files() -> None:
    Path("rhyme.txt").write_text("the cat purrs at dog\nthe cow moos at hen\n" * 60)
    Path("kinds.txt").write_text(
        "".join(f"{'good' if n % 4 else 'bad'}\tword{n}{' more' * (n % 3)} end\n" for n in range(60))
    )
    Path("tags.txt").write_text("the DET\ncat NOUN\nruns VERB\n\na DET\nbig ADJ\ndog NOUN\n\n" * 12)


def load(case: str) -> Any:
    return tasks.load(rx.compose(*CASES[case][0]).data)


@pytest.mark.parametrize("case", CASES)
def test_the_data_of_each_task_are_drawn(case: str) -> None:
    dataset = load(case)
    drawn = dict(tasks.of(dataset.spec.task).draw_data(dataset))
    assert list(drawn) == CASES[case][1]
    assert all(ax.has_data() for figure in drawn.values() for ax in figure.axes if ax.get_visible())


def test_the_shares_of_classes_are_those_of_the_parts() -> None:
    dataset = load("labeled texts")
    (ax,) = draw_classes(dataset).axes
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(len(dataset.parts), 2)
    assert heights.sum(axis=1) == pytest.approx(1)
    counts = np.array([dataset.count_labels(part) for part in dataset.parts])
    assert counts.sum() == 60
    assert heights == pytest.approx(counts / counts.sum(axis=1, keepdims=True))
    assert heights[0, 0] != pytest.approx(heights[0, 1])


def test_lengths_are_counted_in_whole_steps() -> None:
    lengths = {"train": np.array([1, 2, 2, 3]), "test": np.array([40, 80])}
    (ax,) = draw_lengths(lengths).axes
    edges = {float(x) for patch in ax.patches for x in patch.get_xy()[:, 0]}
    assert {edge % 3 for edge in edges} == {0.0}
    assert max(edges) > 80


@pytest.mark.parametrize(("case", "what"), [("a text", "tokens"), ("labeled texts", "examples")])
def test_the_sizes_of_parts_are_said(case: str, what: str) -> None:
    dataset = load(case)
    (ax,) = draw_parts(dataset).axes
    assert ax.get_ylabel() == what
    assert [text.get_text() for text in ax.texts] == [f"{part.samples:,}" for part in dataset.parts.values()]


def test_the_command_draws_without_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "--data", "data=sine", "data.points=80", "name=small", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["files"] == ["small-data/whole_series.png"]
    assert Path("small-data/whole_series.png").read_bytes().startswith(b"\x89PNG")
    assert not Path("runs").exists()
    assert not Path("mlflow.db").exists()
    assert main(["plot", "--data", "data=sine", "data.points=80", "-o", "elsewhere"]) == 0
    assert Path("elsewhere/whole_series.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "give a run, or --data"),
        (["some", "--data", "data=sine"], 2, "give a run, or --data"),
        (["--data", "data=sime"], 2, "did you mean `sine`"),
        (["--data", "data=csv", "data.path=none.csv"], 3, "there is no file `none.csv`"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", *words]) == code
    assert said in capsys.readouterr().err
