"""What a file of a stranger is answered with: the key, the line, and a repair that can be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp.config.compose import compose
from rnnexp.config.grammar import parsed
from rnnexp.errors import ConfigError

PAIRS = "a list is given where `key: value` pairs are needed, or pairs where a list is$"
REPAIRS = {
    "model: {units: '[8]'}": r"^model.units: '\[8\]' given; .*; without the quotes it is a list \(experiments/mine",
    "model: {units: z}": r"^model.units: 'z' given; must be a valid integer or a valid list \(experiments",
    "model: {units: [-8]}": r"^model.units.0: -8 given; must be greater than or equal to 1 \(.*mine.yaml:1\)$",
    "data: {split: {train: [1]}}": r"^data.split.train: \[1\] given; must be a valid integer",
    "metrics: mae": r"write 'metrics=\[mae\]'",
    "trainer.epochs: 3": "^trainer.epochs: unknown key; in a file it is `epochs:` below `trainer:`",
    "defaults: [override /model: lstmm]": "Could not find 'model/lstmm'.*; did you mean `lstm`\\?$",
    "defaults: [override /modell: lstm]": "Could not override 'modell'.*; did you mean `model`\\?$",
    "data: {split: [1]}": f"^data.split: {PAIRS}",
    "callbacks: [early_stopping]": f"^callbacks: {PAIRS}",
    "hydra: {sweeper: {params: [1]}}": f"^hydra.sweeper.params: {PAIRS}",
    "~: 3": "mine.yaml: a key is empty, null or a list; write a name",
    "name: ${oc.env:RNNEXP_NO_SUCH}": "^name: \"Environment variable 'RNNEXP_NO_SUCH' not found\"",
    "name: ${oc.env:PATH}": r"^name: '/.*do not begin with `.` or `~` \(experiments",  # no word of numbers
}
IN_ANOTHER_BASE = {"010": 8, "1:30": 90, "-017": -15, "12:30:00": 45000, "1_0:00": 600}
AS_WRITTEN = {"0": 0, "10": 10, "1_000": 1000, "0x10": 16}


def write(folder: Path, text: str) -> None:
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / "mine.yaml").write_text(text)


@pytest.mark.parametrize("written", REPAIRS)
@pytest.mark.fault("F3", "F6", "F8", "F9")
def test_a_mistake_in_a_file_is_told_with_its_repair(tmp_path: Path, written: str) -> None:
    write(tmp_path, written)
    with pytest.raises(ConfigError, match=REPAIRS[written]):
        compose("experiment=mine")


@pytest.mark.parametrize("number", IN_ANOTHER_BASE)
@pytest.mark.parametrize("text", ["seed: 1\nname: a\n{}", "{}", "list: [1, {}]"])
@pytest.mark.fault("F6")
def test_a_number_in_another_base_is_not_taken_for_what_it_looks_like(tmp_path: Path, number: str, text: str) -> None:
    write(tmp_path, text.format(f"seed: {number}" if "list" not in text else number))
    told = rf"mine.yaml:{3 if 'name' in text else 1}: {number} is {IN_ANOTHER_BASE[number]} to YAML"
    with pytest.raises(ConfigError, match=told):
        compose("experiment=mine")


@pytest.mark.parametrize("number", AS_WRITTEN)
@pytest.mark.fault("F6")
def test_a_number_that_is_what_it_looks_like_is_taken(tmp_path: Path, number: str) -> None:
    write(tmp_path, f"seed: {number}\nname: 'at 010 or 12:30'\n# 010 1:30\n")
    assert compose("experiment=mine").seed == AS_WRITTEN[number]


@pytest.mark.parametrize(
    ("word", "near"), [("airline", "airline_"), ("arline_lstm", "airline_lstm"), ("sine", "sine_")]
)
@pytest.mark.fault("F2")
def test_an_experiment_that_begins_so_is_nearer_than_one_that_looks_so(word: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean `{near}"):
        compose(f"experiment={word}")


SPACES = {
    "seed=1,": r"several values are separated by single commas: seed=1$",
    "seed=1,,2": r"several values are separated by single commas: seed=1,2$",
    "seed=(1,2)": r"several values are separated by single commas: seed=1,2$",
    "seed={1,2}": r"several values are separated by single commas: seed=1,2$",
    "model.units=8;16": r"several values are separated by single commas: model.units=8,16$",
    "x=(a b)": "put quotes around values with spaces",
    "x=log(1e-4,1e-2)": r"there is no function `log`; did you mean `tag\(log, interval\(LOW, HIGH\)\)`\?$",
    "x=uniform(1,2)": r"there is no function `uniform`; did you mean `interval\(LOW, HIGH\)`\?$",
    "x=choise(1,2)": r"there is no function `choise`; did you mean `choice`\?$",
    "x=foo(1,2)": "there is no function `foo`; there are choice, range, interval and tag$",
}


@pytest.mark.parametrize("line", SPACES)
@pytest.mark.fault("F7")
def test_a_space_in_another_notation_is_told_in_ours(line: str) -> None:
    with pytest.raises(ConfigError, match=SPACES[line]) as caught:
        parsed(line)
    assert "BRACKET_OPEN" not in str(caught.value)
    key = line.partition("=")[0]
    for written in ("1,2", "choice(1,2)", "tag(log, interval(1,2))", "range(1,3)"):
        assert parsed(f"{key}={written}").is_sweep_override()
