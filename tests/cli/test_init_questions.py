"""What `rnnexp init` cannot know is asked; what a flag says is not guessed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rnnexp.cli.main import main

HOLES = "date,y\n" + "".join(f"2020-01-{day:02d},{'' if day % 7 == 0 else day}\n" for day in range(1, 32))
MONTHS = "date,shop,y,promo\n" + "".join(
    f"20{year}-{month:02d}-01,{shop},{month},{month % 2}\n"
    for shop in "AB"
    for year in range(14, 20)
    for month in range(1, 13)
)


def written(*flags: str, file: str = "my.csv") -> dict[str, object]:
    """Return the data settings that `rnnexp init` writes under these flags."""
    assert main(["init", file, "--force", *flags]) == 0
    found: dict[str, object] = yaml.safe_load(Path(f"experiments/{Path(file).stem}.yaml").read_text())["data"]
    return found


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--known", "promo", "--horizon", "3"], {"known": ["promo"], "horizon": 3, "target": "y", "series": "shop"}),
        (["--target", "promo", "--features", "y"], {"target": "promo", "features": ["y"]}),
        (["--target", "2", "--series", "1"], {"target": 2, "series": 1}),
        (["--target", "y,promo"], {"target": ["y", "promo"]}),
        (["--target", "y", "--target", "promo"], {"target": ["y", "promo"]}),
        (["--time", "date", "--time-format", "%Y-%m-%d"], {"time": "date", "time_format": "%Y-%m-%d"}),
        (["--season", "6", "--sequence-length", "7"], {"season": 6, "sequence_length": 7}),
        (["--na=-200", "--na", "?,x"], {"na": [-200, "?", "x"]}),
        (["--na=--", "--na", "n.a."], {"na": ["--", "n.a."]}),
        (["--scaler", "difference,standard"], {"scaler": ["difference", "standard"]}),
        (["--split", "none"], {"split": "none"}),
        (["--split", "{train: 48, val: 12, test: 12}"], {"split": {"train": 48, "val": 12, "test": 12}}),
        (["--per-series", "true"], {"per_series": True}),
        (["--series", "none", "--duplicates", "mean", "--unsorted", "sort"], {"series": None, "duplicates": "mean"}),
        (["--calendar", "month"], {"calendar": ["month"]}),
    ],
)
def test_a_flag_is_a_decision(flags: list[str], expected: dict[str, object]) -> None:
    Path("my.csv").write_text(MONTHS)
    assert expected.items() <= written(*flags).items()


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--tagret", "y"], 2, "there is no flag --tagret; did you mean `--target`?"),
        (["--target", "x"], 3, '--target: there is no column "x"'),
        (["--known", "promotion"], 3, '--known: there is no column "promotion"; did you mean'),
        (["--horizon", "two"], 2, "--horizon: 'two' given"),
        (["--horizon", "2", "--horizon", "3"], 2, "--horizon: 2 and 3 given; give one value"),
        (["--missing", "dorp"], 2, "--missing: 'dorp' given; must be 'fail', 'drop'"),
        (["--horizon", "x", "--missing", "y"], 2, "2 mistakes in the configuration"),
        (["--time", "none", "--series", "none", "--time-format", "%Y"], 2, "there are no dates to apply it to"),
        (["--time", "date", "--time-format", "%d.%m.%Y"], 3, "Read as `%d.%m.%Y`"),
        (["--series", "y", "--target", "y"], 3, 'column "y" is named twice'),
        (["--encoding", "nonsense"], 2, "`nonsense` is unknown"),
        (["--target", "9"], 3, "--target: there is no column 9; positions run from 0 to 3"),
    ],
)
def test_a_flag_that_cannot_be_is_said_and_nothing_is_written(
    flags: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.csv").write_text(MONTHS)
    assert exit_code("init", "my.csv", *flags) == code
    assert told in capsys.readouterr().err
    assert not Path("experiments").exists()


def exit_code(*words: str) -> object:
    try:
        return main([*words])
    except SystemExit as stop:  # argparse has said why
        return stop.code


def test_a_name_with_a_comma_is_one_column() -> None:
    Path("my.csv").write_text(MONTHS.replace("promo", '"promo, all"'))
    assert written("--target", "promo, all")["target"] == "promo, all"
    assert written("--features", '"promo, all"')["features"] == ["promo, all"]


def test_a_column_that_is_called_by_a_number_is_meant_by_its_name() -> None:
    Path("my.csv").write_text(MONTHS.replace("promo", "1"))
    assert written("--target", "1")["target"] == "1"


def in_terminal(*keys: str) -> tuple[int, str]:
    """Run `rnnexp init my.csv` in a terminal where somebody types these lines; return exit code and output."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "rnnexp", "init", "my.csv"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(ours, "".join(keys).encode())
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # Linux: the other side is closed
        pass
    os.close(ours)
    return process.wait(60), said.decode()


def test_in_a_terminal_a_question_waits_for_a_number() -> None:
    Path("my.csv").write_text(HOLES)
    code, said = in_terminal("\n", "nine\n", "7\n", "2\n")
    assert code == 0, said
    assert "4 missing values" in said
    assert "2  --missing" in said
    assert said.count("Which, 1 to 3?") == 4
    assert "missing: ffill" in Path("experiments/my.yaml").read_text()


def test_the_end_of_the_input_leaves_nothing() -> None:
    Path("my.csv").write_text(HOLES)
    code, said = in_terminal("\x04")
    assert code == 3, said
    assert "nothing is written: a question was left open" in said
    assert not Path("experiments").exists()
