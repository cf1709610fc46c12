"""`rnnexp predict` with runs that classify sequences and texts: files, folders and texts in, labels out."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.compare.plot import _scored
from rnnexp.deploy.trained import Asked
from rnnexp.deploy.trained import trained as read_run

QUICK = ("trainer.epochs=8", "model.units=[4]", "tracking.figures=false", "optimizer.learning_rate=0.02")
WORDS = {"good": "fine lovely warm bright", "bad": "dull cold bitter grey"}


class Trained(NamedTuple):
    """Where two runs were made, and their folders."""

    folder: Path
    sequences: Path
    texts: Path


def write_sequences(folder: Path) -> None:
    """Write twenty tables of two channels; those of `high` lie above 0; every second has its columns the other way."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    rows = ["file,label"]
    for number in range(20):
        label = ("low", "high")[number % 2]
        values = generator.normal(size=(3 + number % 4, 2)) * 0.1 + (1 if label == "high" else -1)
        frame = pandas.DataFrame(values, columns=["x", "y"])
        frame[["y", "x"] if number % 3 == 0 else ["x", "y"]].to_csv(folder / f"s{number}.csv", index=False)
        rows.append(f"s{number}.csv,{label}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def write_texts(path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = [
        f"{label} {' '.join(generator.choice(words.split(), 3))}" for label, words in WORDS.items() for _ in range(15)
    ]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    folder, before = tmp_path_factory.mktemp("labels"), Path.cwd()
    os.chdir(folder)
    write_sequences(folder / "recordings")
    write_texts(folder / "reviews.txt")
    try:
        one = rx.run(rx.compose("data=sequence_folder", "data.path=recordings", *QUICK), quiet=True)
        other = rx.run(rx.compose("data=text_lines", "data.path=reviews.txt", "model=gru", *QUICK), quiet=True)
        yield Trained(folder, one.run_dir, other.run_dir)
    finally:
        os.chdir(before)


@pytest.fixture
def trained(made: Trained, monkeypatch: pytest.MonkeyPatch) -> Trained:
    monkeypatch.chdir(made.folder)
    return made


def predicted(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["predict", str(run), *words, "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["predict", *words]) in (2, 3)
    return capsys.readouterr().err


def test_a_folder_of_tables_is_labeled(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    rows = predicted(capsys, trained.sequences, "recordings")
    truth = pandas.read_csv("recordings/labels.csv").set_index("file")["label"]
    assert len(rows) == 20
    assert [row["label"] for row in rows] == [truth[row["example"]] for row in rows]
    assert all(row["p(high)"] + row["p(low)"] == pytest.approx(1) for row in rows)


@pytest.mark.fault("E16")
def test_columns_are_matched_by_name(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pandas.read_csv("recordings/s1.csv")
    frame.assign(note=1.0)[["y", "note", "x"]].to_csv("turned.csv", index=False)
    frame.rename(columns={"x": "y", "y": "x"}).to_csv("swapped.csv", index=False)
    (own,), (turned,) = (predicted(capsys, trained.sequences, name) for name in ("recordings/s1.csv", "turned.csv"))
    assert turned["p(high)"] == own["p(high)"]
    assert predicted(capsys, trained.sequences, "swapped.csv")[0]["p(high)"] != own["p(high)"]


def test_arrays_and_ts_files_are_labeled_alike(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    one = pandas.read_csv("recordings/s1.csv")[["y", "x"]].to_numpy()  # in the order of the first table
    np.savez("some.npz", x=np.stack([one, one]))
    text = ":".join(",".join(map(str, channel)) for channel in one.T)
    Path("some.ts").write_text(f"@classLabel false\n@data\n{text}\n")
    expected = predicted(capsys, trained.sequences, "recordings/s1.csv")[0]["p(high)"]
    assert [row["p(high)"] for row in predicted(capsys, trained.sequences, "some.npz")] == pytest.approx([expected] * 2)
    assert predicted(capsys, trained.sequences, "some.ts")[0]["p(high)"] == pytest.approx(expected)


def test_a_text_a_file_a_table_and_a_folder_are_labeled(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = "warm lovely fine", "cold grey bitter"
    Path("new.txt").write_text(f"{good}\n\n{bad}\n")
    pandas.DataFrame({"id": [1, 2], "text": [good, bad]}).to_csv("new.csv", index=False)
    Path("folder").mkdir(exist_ok=True)
    for name, text in (("a.txt", good), ("b.txt", bad)):
        (Path("folder") / name).write_text(text)
    single = predicted(capsys, trained.texts, good)[0]
    assert (single["label"], single["text"]) == ("good", good)
    for given in ("new.txt", "new.csv", "folder"):
        rows = predicted(capsys, trained.texts, given)
        assert [row["label"] for row in rows] == ["good", "bad"]
        assert rows[0]["p(good)"] == pytest.approx(single["p(good)"], rel=1e-5)
        assert rows[1]["p(good)"] != pytest.approx(single["p(good)"], rel=1e-5)


def test_labels_before_the_texts_are_noticed(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    for given, noticed in (("reviews.txt", True), ("new.txt", False)):
        Path("new.txt").write_text("warm fine\ngood cold\n")
        assert main(["predict", str(trained.texts), given]) == 0
        assert ("each text begins with a label" in capsys.readouterr().err) == noticed


def test_lines_come_from_standard_input(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"warm fine\n\ncold grey\n")))
    assert main(["predict", str(trained.texts), "-", "-o", "labels.parquet"]) == 0
    assert list(pandas.read_parquet("labels.parquet")["label"]) == ["good", "bad"]
    assert "1 blank line left out" in capsys.readouterr().err


def test_unknown_words_are_counted(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(trained.texts), "warm zebra"]) == 0
    assert "50.0% of the tokens are unknown to the model" in capsys.readouterr().err


def evaluated(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["evaluate", str(run), *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_run_scores_on_its_own_data_as_it_did(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    for run in (trained.sequences, trained.texts):
        table = pandas.read_csv(run / "tables" / "predictions.csv", dtype=str)
        share = (table["actual"] == table["predicted"]).mean()
        assert evaluated(capsys, run)["metrics"]["test/accuracy"] == pytest.approx(share)


def test_every_label_is_written_beside_the_truth(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    for run in (trained.sequences, trained.texts):
        evaluated(capsys, run, "-o", "rows.parquet")
        own = pandas.read_csv(run / "tables" / "predictions.csv", dtype={"actual": str, "predicted": str})
        assert list(pandas.read_parquet("rows.parquet")["predicted"]) == list(own["predicted"])


@pytest.mark.parametrize(("which", "others"), [("sequences", "recordings"), ("texts", "reviews.txt")])
def test_a_run_whose_model_was_saved_with_its_softmax_scores_the_same(
    which: str, others: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = getattr(trained, which)
    earlier = shutil.copytree(run, tmp_path / "earlier")
    about = json.loads((run / "model" / "model.json").read_text())
    assert about["spec"]["outputs"] == "logits"
    about["spec"]["outputs"] = "probabilities"
    (earlier / "model" / "model.json").write_text(json.dumps(about))
    for words in ((), ("--data", others)):
        scores = evaluated(capsys, run, *words)["metrics"]
        assert evaluated(capsys, earlier, *words)["metrics"] == pytest.approx(scores, rel=1e-5)
        log_loss = next(value for name, value in scores.items() if name.endswith("/log_loss"))
        assert abs(log_loss - np.log(2)) > 1e-2  # which the softmax of probabilities comes near to
    found = read_run(Asked(str(earlier), "plot"), tmp_path)
    drawn = _scored(found, found.configuration())[1].metrics
    assert drawn["test/log_loss"] == pytest.approx(evaluated(capsys, run)["metrics"]["test/log_loss"], rel=1e-5)


def test_other_texts_are_scored_with_the_vocabulary_of_the_run(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("others.txt").write_text("good warm zebra\nbad cold zebra\nbad warm lovely\ngood fine warm\n")
    found = evaluated(capsys, trained.texts, "--data", "others.txt")
    assert found["examples"] == 4
    assert found["metrics"]["all/accuracy"] == 0.75
    assert found["metrics"]["baseline/majority/accuracy"] == 0.5
    assert found["metrics"]["baseline/naive_bayes/accuracy"] == 0.75  # fitted to the run's own training texts
    assert "unknown tokens: 25.0%" in found["notes"]


def test_examples_that_the_run_has_learned_from_are_counted(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    own = evaluated(capsys, trained.sequences, "--data", "recordings")
    assert {"baseline/nearest/accuracy", "baseline/summary/accuracy"} <= set(own["metrics"])
    assert "17 of the 20 scored examples are among those that the run was trained on" in own["notes"]
    Path("fresh").mkdir(exist_ok=True)
    Path("fresh/a.csv").write_text("x,y\n1,1\n2,2\n")
    Path("fresh/labels.csv").write_text("file,label\na.csv,high\n")
    assert not [note for note in evaluated(capsys, trained.sequences, "--data", "fresh")["notes"] if "learned" in note]


@pytest.mark.fault("E16")
def test_a_label_that_the_model_does_not_know_is_refused(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    Path("strange.txt").write_text("good warm\nbda cold\n")
    assert main(["evaluate", str(trained.texts), "--data", "strange.txt"]) == 3
    said = capsys.readouterr().err
    assert "strange.txt, line 2: the label `bda` is not one of the model's, bad, good" in said
    assert "did you mean `bad`?" in said


MISTAKES = {
    "a missing column": ("sequences", "lost.csv", 'lost.csv: data.channels: there is no column "y"'),
    "a missing file": ("sequences", "nowhere.ts", "nowhere.ts: there is no file"),
    "too many channels": ("sequences", "wide.ts", "sequence 1 has the shape (3, 3); the model takes (time, 2)"),
    "a value that is not finite": ("sequences", "hole.npz", "sequence 1, step 2, channel `y` is not finite"),
    "an empty folder": ("sequences", "nothing", "nothing: holds no table"),
    "an interval": ("sequences", "recordings --level 90", "intervals are for forecasts"),
    "a text file that is not there": ("texts", "lost.txt", "lost.txt: there is no such file"),
    "a misspelled file": ("texts", "othre.csv", "othre.csv: there is no such file; near it: other.csv"),
    "a misspelled folder": ("texts", "reviews/tst", "reviews/tst: there is no such file"),
    "a column that is not there": ("texts", "other.csv", 'no column "text"'),
    "an empty text": ("texts", "gap.csv", "gap.csv, line 3: the text is empty (1 such rows)"),
    "an encoding": ("texts", "latin.txt", "latin.txt"),
}


@pytest.mark.parametrize(("kind", "words", "answer"), MISTAKES.values(), ids=MISTAKES)
def test_the_answer_to(
    kind: str, words: str, answer: str, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("lost.csv").write_text("x\n1\n2\n")
    Path("wide.ts").write_text("@classLabel false\n@data\n1,2,3:1,2,3:1,2,3\n")
    np.savez("hole.npz", x=np.array([[[1.0, 1.0], [np.nan, 1.0], [1.0, 1.0]]]))
    Path("nothing").mkdir(exist_ok=True)
    Path("other.csv").write_text("id,body\n1,warm\n")
    Path("gap.csv").write_text("id,text\n1,warm\n2,\n")
    Path("latin.txt").write_bytes("grüße".encode("latin-1"))
    assert answer in refused(capsys, str(getattr(trained, kind)), *words.split())
