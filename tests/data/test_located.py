"""Files that are not there are told before anything heavy is imported, all at once, and nothing is left behind."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import compose, registry
from rnnexp.cli.main import main
from rnnexp.data.located import InRoot, list_absent, refuse_absent
from rnnexp.errors import DataError

PAIR = {"source": "a.en", "target": "a.de"}
PULSE = {"kind": "sequence", "path": "pulse.csv"}
MODELS = {"multi_input_table": "multi_input", "text_pairs": "encoder_decoder"}  # of sources that no other model reads
ABSENT: dict[str, dict[str, Any]] = {
    "audio_folder": {"path": "sounds"},
    "audio_strings": {"path": "sounds.zip"},
    "corpus": {"path": "words.txt"},
    "csv": {"path": "sales.csv"},
    "frames": {"path": "clips"},
    "m4": {"group": "Weekly"},
    "multi_input_table": {"path": "main.csv", "inputs": {"notes": {"kind": "text"}, "pulse": PULSE}, "label": "y"},
    "npz": {"path": "a.npz"},
    "sensors": {"path": "pump.csv"},
    "sequence_folder": {"path": "recordings"},
    "sequence_table": {"path": "rows*.csv"},
    "text_files": {"path": "texts"},
    "text_lines": {"path": "lines.txt"},
    "text_pairs": {"path": PAIR},
    "text_table": {"path": "table.csv"},
    "text_tags": {"path": "tags.conll"},
    "ts": {"path": "a_TRAIN.ts"},
}


def source(name: str, **settings: Any) -> Any:
    return compose(f"data={name}", f"model={MODELS.get(name, 'lstm')}", data=settings).data


def test_these_are_all_sources_of_files() -> None:
    of_files = {name for name in registry.names("data") if issubclass(registry.lookup("data", name), InRoot)}
    assert of_files == ABSENT.keys()


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_source_says_what_is_absent_as_its_reader_does(name: str) -> None:
    chosen = source(name, **ABSENT[name])
    with pytest.raises(DataError, match="there is no|no file matches") as raised:
        chosen.read()
    assert chosen.find_absent()[0] == str(raised.value)


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("sales.csv", ["sales.csv"]),
        ("20*.csv", ["2019.csv"]),
        ("**/[ab].csv", ["x/y/b.csv"]),
        ("parts", ["parts/one.parquet"]),
        ("[1].csv", ["[1].csv"]),
        ("far.csv", ["elsewhere/far.csv"]),
    ],
)
def test_what_is_there_is_not_missed(path: str, files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNEXP_DATA", "elsewhere")
    assert source("csv", path=path).find_absent()
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text("a\n1\n")
    assert source("csv", path=path).find_absent() == []


@pytest.mark.parametrize(
    ("name", "settings", "absent"),
    [
        ("ts", {"path": "a.ts", "test_path": "b.ts"}, ["a.ts", "b.ts"]),
        ("text_lines", {"path": "a.txt", "val_path": "b.txt", "test_path": "a.txt"}, ["a.txt", "b.txt"]),
        ("text_lines", {"path": "here.txt", "labels_per_class": 2, "unlabeled": "more.txt"}, ["more.txt"]),
        ("text_files", {"path": {"good": "g*.txt", "bad": "here.txt"}, "test_path": "texts"}, ["g*.txt", "texts"]),
        ("text_pairs", {"path": PAIR, "test_path": "t.tsv"}, ["a.en", "a.de", "t.tsv"]),
        ("text_tags", {"path": "here.txt", "vectors": "glove.txt"}, ["glove.txt"]),
    ],
)
def test_all_that_is_absent_is_said_at_once(name: str, settings: dict[str, Any], absent: list[str]) -> None:
    Path("here.txt").write_text("x\n")
    told = source(name, **settings).find_absent()
    assert [problem.partition(":")[0] for problem in told] == absent
    with pytest.raises(DataError, match=absent[-1].replace("*", r"\*")) as raised:
        refuse_absent(source(name, **settings), compose("data=sine").data)
    assert str(raised.value).splitlines() == told


def test_a_folder_without_its_drive_is_empty() -> None:
    chosen = source("text_files", path="texts")
    Path("texts").mkdir()
    assert chosen.find_absent() == ["texts: is an empty folder; is its drive mounted?"]
    Path("texts/a.txt").write_text("x")
    assert chosen.find_absent() == []


@pytest.mark.parametrize(
    ("code", "told"),
    [(errno.ESTALE, "Stale file handle; is the drive or the server that has it still there?"), (0, "")],
)
def test_what_cannot_be_looked_at_is_absent_if_its_drive_has_gone(
    monkeypatch: pytest.MonkeyPatch, code: int, told: str
) -> None:
    def fail(path: Path) -> bool:
        raise OSError(code or errno.EACCES, os.strerror(code or errno.EACCES), str(path))

    table, m4, sine = source("csv", path="a.csv"), source("m4"), compose("data=sine").data
    monkeypatch.setattr(Path, "exists", fail)
    assert table.find_absent() == ([f"a.csv: {told}"] if told else [])
    assert list_absent(sine) == []
    if told:
        assert told in list_absent(m4)[0]
    else:
        with pytest.raises(PermissionError, match="Permission denied"):
            list_absent(m4)


def test_a_table_beside_the_main_one_is_looked_for_there() -> None:
    Path("ward").mkdir()
    Path("ward/main.csv").write_text("id,y\n1,a\n")
    chosen = source("multi_input_table", **{**ABSENT["multi_input_table"], "path": "ward/main.csv"})
    assert "there is no file `pulse.csv`" in chosen.find_absent()[0]
    Path("ward/pulse.csv").write_text("id,v\n1,2\n")
    assert chosen.find_absent() == []


def test_the_training_file_of_m4_is_enough_where_no_other_is_read() -> None:
    Path("m4").mkdir()
    Path("m4/Weekly-train.csv").write_text('"V1","V2"\n"W1","3"\n')
    assert "Weekly-test" in source("m4", group="Weekly").find_absent()[0]
    assert source("m4", group="Weekly", rows="train").find_absent() == []


@pytest.mark.fault("E1")
@pytest.mark.parametrize("words", [["data.path=sale.csv"], ["-m", "data.path=sale.csv", "seed=0,1"]])
def test_a_command_tells_it_first_and_leaves_nothing(words: list[str]) -> None:
    Path("sales.csv").write_text("a\n1\n")
    script = (
        "import sys; from rnnexp.cli.main import main; code = main(sys.argv[1:]);"
        "print([name for name in ('keras', 'jax', 'mlflow') if name in sys.modules], code)"
    )
    command = [sys.executable, "-c", script, "train", "data=csv", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr.startswith("rnnexp: sale.csv: there is no file `sale.csv` in ")
    assert "near it: sales.csv" in ended.stderr
    assert ended.stdout.splitlines() == ["[] 3"]
    assert [path.name for path in Path().iterdir()] == ["sales.csv"]


@pytest.mark.fault("H16")
def test_a_sweep_whose_file_is_gone_waits_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Its jobs would fail, one by one, and be tried again only by `--retry-failed`."""
    values = "\n".join(map(str, np.sin(np.arange(60))))
    Path("a.csv").write_text(f"v\n{values}\n")
    words = ["data=csv", "data.path=a.csv", "trainer.epochs=1", "tracking=off", "hydra/launcher=serial"]
    asked = ["train", "-m", *words, "model.units=[2]", "seed=0,1"]
    assert main(asked) == 0
    (journal,) = Path("runs/sweeps").glob("*/jobs.jsonl")
    whole = journal.read_text().splitlines(keepends=True)
    ended = next(place for place, line in enumerate(whole) if '"end","job":1,' in line)
    journal.write_text("".join(whole[:ended]))  # as if it had been killed while job 1 was trained
    shutil.rmtree(journal.parent / "jobs" / "1")

    Path("a.csv").rename("b.csv")
    before = journal.read_text()
    assert main(asked) == 3
    assert "there is no file `a.csv`" in capsys.readouterr().err
    assert journal.read_text() == before
    Path("b.csv").rename("a.csv")
    assert main(asked) == 0
    assert (journal.parent / "jobs" / "1").is_dir()
    Path("a.csv").unlink()
    assert main(asked) == 0  # all is trained, which is told again without the file


def test_from_python_nothing_is_left_either() -> None:
    with pytest.raises(DataError, match="no file `sale.csv`"):
        rx.run("data=csv", data={"path": "sale.csv"})
    assert [*Path().iterdir()] == []


def test_what_is_there_but_no_table_is_told_of_each_network_of_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.csv", "b.csv"):
        np.save(name, np.zeros(3))
        Path(f"{name}.npy").rename(name)
    words = ["data=csv", "data.path=a.csv,b.csv", "trainer.epochs=1", "tracking=off", "hydra/launcher=serial"]
    assert main(["train", "-m", *words]) == 3
    told = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("rnnexp: ").partition(":")[0] for line in told if "NumPy array" in line] == [
        "a.csv",
        "b.csv",
    ]
