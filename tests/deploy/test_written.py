"""What a trained encoder-decoder writes, and its score: from files like its own, in the way that is asked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.cli.main import main

SETTINGS = ("data=text_pairs", "data.path=pairs.tsv", "data.encoding=latin-1", "data.beam=2", "data.max_pairs=30",
            "model=encoder_decoder", "model.units=[6]", "model.embedding_dim=4", "trainer.epochs=2",
            "optimizer.learning_rate=0.05", "tracking.figures=false", "tracking=off")  # fmt: skip
LINES = [f"caf\xe9 {i % 7} {i}\tth\xe9 {i} {i % 5}" for i in range(60)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder, before = tmp_path_factory.mktemp("written"), Path.cwd()
    os.chdir(folder)
    Path("pairs.tsv").write_text("\n".join(LINES), encoding="latin-1")
    try:
        yield rx.run(rx.compose(*SETTINGS), quiet=True).run_dir
    finally:
        os.chdir(before)


@pytest.fixture
def run(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made.parents[2])
    return made


def answers(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *words: object, code: int = 2) -> str:
    capsys.readouterr()
    assert main([*map(str, words)]) == code
    return capsys.readouterr().err


def test_other_pairs_are_all_scored_whatever_the_run_left_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answers(capsys, "evaluate", run, "--data", "pairs.tsv")
    assert found["examples"] == 60
    assert {"baseline/dictionary/exact_match", "skill/exact_match"} <= set(found["metrics"])
    assert answers(capsys, "evaluate", run, "--data", "max_pairs=10")["examples"] == 10


def test_known_sources_are_counted_however_they_are_spelled(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def known(file: str) -> list[str]:
        notes = " ".join(answers(capsys, "evaluate", run, "--data", file)["notes"])
        return re.findall(r"(\d+) of the 60 sources are among those", notes)

    Path("spelled.tsv").write_text("\n".join(LINES).upper(), encoding="latin-1")
    Path("new.tsv").write_text("\n".join(LINES).replace("caf", "cof"), encoding="latin-1")
    assert known("pairs.tsv") == known("spelled.tsv") == ["25"]  # of train and val
    assert known("new.tsv") == []


def test_a_score_is_of_texts_written_in_the_way_that_is_asked(run: Path) -> None:
    from rnnexp.deploy.score import score
    from rnnexp.deploy.trained import Asked, trained

    model = trained(Asked(str(run), "evaluate"), Path())
    own, wide = (score(model, {"path": "pairs.tsv", **more}).report for more in ({}, {"beam": 1, "length_penalty": 5}))
    assert list(own.predictions.predicted) != list(wide.predictions.predicted)
    again = score(model, {"path": "pairs.tsv", "beam": 2}).report
    assert list(again.predictions.predicted) == list(own.predictions.predicted)


def test_texts_are_written_in_the_way_that_is_asked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [line.split("\t")[0] for line in LINES[:20]]
    Path("texts.txt").write_text("\n".join(texts), encoding="latin-1")

    def written(*words: str) -> list[str]:
        return [row["written"] for row in answers(capsys, "predict", run, "texts.txt", *words)["rows"]]

    assert written("--data", "beam=1") != written()
    assert written("--data", "beam=2") == written()
    assert "data.beam: 0 given; must be" in refusal(capsys, "predict", run, "texts.txt", "--data", "beam=0")


def test_a_table_is_read_as_the_one_of_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.tsv").write_text('caf\xe9 1\tx\n"caf\xe9" 2\ty\n', encoding="latin-1")
    Path("named.csv").write_text("id,text\n7,caf\xe9 3\n", encoding="latin-1")

    def texts(*words: str) -> list[str]:
        return [row["text"] for row in answers(capsys, "predict", run, *words)["rows"]]

    assert texts("new.tsv") == ["caf\xe9 1", '"caf\xe9" 2']
    assert texts("new.tsv", "--data", "text=1") == ["x", "y"]
    assert texts("named.csv") == ["caf\xe9 3"]
    assert texts("named.csv", "--data", "encoding=cp1251") == ["caf\u0439 3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new.txt", "--data", "encodng=latin-1"], "data.encodng: unknown for these texts; known: encoding, beam"),
        (["new.txt", "--data", "encodng=latin-1"], "did you mean `encoding`?"),
        (["new.txt", "--data", "header=none"], "data.header: unknown for these texts"),
        (["new.csv", "--data", "header=never"], "data.header: 'never' given; must be 'first' or 'none'"),
        (["new.csv", "--data", "separator=foo"], "data.separator: `foo` is not auto, tab or one character"),
        (["new.txt", "--level", "90", "--data", "nonsense=1"], "2 mistakes in the configuration"),
    ],
)
def test_settings_that_change_nothing_are_refused(
    words: list[str], message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("new.txt").write_text("a\n")
    Path("new.csv").write_text("text\na\n")
    assert message in refusal(capsys, "predict", run, *words)
