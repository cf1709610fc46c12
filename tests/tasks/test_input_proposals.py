"""A folder of a main table and longer ones is recognized as examples with several inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.cli.main import main
from rnnexp.errors import DataError


@pytest.fixture(autouse=True)
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generator, people, steps = (
        np.random.default_rng(0),
        ["patient,note,age,sex,outcome,score"],
        ["patient,second,pulse"],
    )
    for i in range(40):
        people.append(f"p{i},slept {'well' if i % 3 else 'badly'} on day {i},{20 + i},{'mf'[i // 2 % 2]},")
        people[-1] += f"{'ill' if i % 2 else 'well'},{i / 7:.2f}"
        steps += [f"p{i},{step},{generator.normal():.2f}" for step in range(4) if i != 7]
    Path("clinic").mkdir()
    Path("clinic/people.csv").write_text("\n".join(people) + "\n")
    Path("clinic/vitals.csv").write_text("\n".join(steps) + "\n")


def test_inputs_ids_and_label_are_found() -> None:
    draft = tasks.propose("clinic", {})
    assert draft.defaults == {"data": "multi_input_table", "model": "multi_input"}
    assert draft.data == {
        "path": "clinic/people.csv",
        "id": "patient",
        "label": "outcome",
        "inputs": {
            "note": {"kind": "text"},
            "people": {"kind": "table", "columns": ["age", "sex", "score"]},
            "vitals": {"kind": "sequence", "path": "vitals.csv", "time": "second"},
        },
        "on_missing": "mask",
    }


def test_a_label_of_numbers_that_the_user_names_is_predicted() -> None:
    draft = tasks.propose("clinic", {"label": "score"})
    assert draft.data["task"] == "regression"
    assert draft.data["inputs"]["people"]["columns"] == ["age", "sex", "outcome"]


def test_what_is_written_is_an_experiment_that_reads_the_tables() -> None:
    assert main(["init", "clinic"]) == 0
    experiment = rx.compose("experiment=clinic")
    assert experiment.model.name == "multi_input"
    dataset = tasks.load(experiment.data)
    assert {"note", "people", "vitals"} <= set(dataset.spec.inputs)


def test_tables_without_an_id_in_common_are_no_inputs() -> None:
    vitals = Path("clinic/vitals.csv")
    vitals.write_text(vitals.read_text().replace("patient,", "someone,"))
    with pytest.raises(DataError, match="clinic"):
        tasks.propose("clinic", {})
