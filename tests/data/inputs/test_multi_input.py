"""Several inputs of each example: read from tables, joined by ids, and learned from the training part only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import tasks
from rnnexp.data.inputs.dataset import MultiInputDataset
from rnnexp.data.inputs.examples import Examples
from rnnexp.data.inputs.input_pipeline import InputPipeline
from rnnexp.errors import ConfigError, DataError, RnnexpError
from rnnexp.registry import lookup
from rnnexp.tasks.requests import rebuilt

INPUTS = {
    "notes": {"kind": "text", "min_count": 1},
    "vitals": {"kind": "sequence", "path": "vitals.csv", "time": "second"},
    "person": {"kind": "table", "columns": ["age", "sex"]},
}


@pytest.fixture(autouse=True)
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write patients with notes, a row of a table and readings, those of p1 in wrong order."""
    monkeypatch.chdir(tmp_path)
    generator, rows, steps = np.random.default_rng(0), ["patient,notes,age,sex,outcome,stay"], ["patient,second,pulse"]
    for i in range(40):
        note = f'"word{i}, {"worse" if i % 3 else "better"} today"'
        rows.append(f"p{i},{note},{20 + i},{'mf'[i // 2 % 2]},{'ill' if i % 2 else 'well'},{i / 2}")
        order = [1, 0, 2] if i == 1 else [0, 1, 2]
        steps += [f"p{i},{step},{generator.normal():.3f}" for step in order]
    write("patients.csv", *rows)
    write("vitals.csv", *steps)


def write(name: str, *lines: str) -> None:
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def change(name: str, old: str, new: str) -> None:
    text = Path(name).read_text(encoding="utf-8")
    assert old in text
    Path(name).write_text(text.replace(old, new), encoding="utf-8")


def source(**own: Any) -> Any:
    usual = {"path": "patients.csv", "id": "patient", "label": "outcome", "inputs": INPUTS}
    return rebuilt({"name": "multi_input_table"}, {**usual, **own})


def load(**own: Any) -> MultiInputDataset:
    found = tasks.load(source(**own))
    assert isinstance(found, MultiInputDataset)
    return found


def batch_of(dataset: MultiInputDataset, *examples: int) -> dict[str, np.ndarray]:
    x: dict[str, np.ndarray] = dataset.batch(dataset.parts["train"].arrays, np.array(examples))[0]
    return x


def test_a_batch_has_each_input_by_its_name_with_the_steps_in_order() -> None:
    dataset = load()
    x = batch_of(dataset, 1, 2)
    shapes = {name: values.shape for name, values in x.items()}
    wanted = {"notes": (2, 4), "notes_mask": (2, 4), "vitals": (2, 3, 1), "vitals_mask": (2, 3), "person": (2, 3)}
    assert shapes == wanted
    assert set(dataset.spec.inputs) == set(wanted)
    raw = dataset.examples.inputs["vitals"][1]
    lines = [line.split(",") for line in Path("vitals.csv").read_text().splitlines() if line.startswith("p1,")]
    assert raw[:, 0].tolist() == [float(value) for _, _, value in sorted(lines)]
    assert raw[:, 0].tolist() != [float(value) for _, _, value in lines]
    assert dataset.examples.inputs["notes"][1] == "word1, worse today"


def test_scalers_categories_and_words_are_learned_from_the_training_part_alone() -> None:
    dataset = load()
    assert tasks.check_leakage(dataset) == []
    train = dataset.parts["train"].indices
    ages = np.array([20 + i for i in train])
    table = dataset.pipeline.inputs_by_name["person"]
    assert table.features == ["age", "sex=f", "sex=m"]
    assert table.mean["age"] == pytest.approx(ages.mean())
    assert table.mean["age"] != pytest.approx(np.arange(20, 60).mean())
    test = [f"word{i}" for i in dataset.parts["test"].indices]
    known = dataset.pipeline.inputs_by_name["notes"].encoder.vocabulary.ids
    assert not set(test) & set(known)
    assert {f"word{i}" for i in train} <= set(known)


def test_a_scaler_that_has_seen_other_parts_is_found() -> None:
    dataset = load()
    person = dataset.scaling["inputs"]["person"]
    shifted = {**dataset.scaling["inputs"], "person": {**person, "mean": {"age": person["mean"]["age"] + 5}}}
    changed = InputPipeline.from_json({**dataset.scaling, "inputs": shifted})
    found = tasks.check_leakage(replace(dataset, scaling={**dataset.scaling, "inputs": shifted}, pipeline=changed))
    assert found == ["the scaler of `person` was not fitted on the training examples alone"]


def test_ids_and_whole_examples_in_two_parts_are_found() -> None:
    dataset = load()
    one, other = int(dataset.parts["train"].indices[0]), int(dataset.parts["test"].indices[0])
    ids = dataset.examples.ids.copy()
    ids[other] = ids[one]
    assert tasks.check_leakage(replace(dataset, examples=replace(dataset.examples, ids=ids))) == [
        f"1 id in train and in test, such as `p{one}`"
    ]
    inputs = {name: list(values) for name, values in dataset.examples.inputs.items()}
    for values in inputs.values():
        values[other] = values[one]
    again = replace(dataset, examples=replace(dataset.examples, inputs=inputs))
    assert tasks.check_leakage(again) == ["1 example with the same inputs in train and in test"]


def test_an_input_that_is_missing_is_refused_or_masked_and_counted() -> None:
    change("patients.csv", '"word4, worse today"', "")
    lines = Path("vitals.csv").read_text().splitlines()
    write("vitals.csv", *(line for line in lines if not line.startswith(("p3,", "p39,"))))
    with pytest.raises(DataError, match=r"1 of 40 examples without `notes`, such as .*patients.csv, line 6; data.on_m"):
        load()
    dataset = load(on_missing="mask")
    assert any("2 of 40 examples without `vitals`" in note for note in dataset.summary.notes)
    x = batch_of(dataset, 3, 4, 39)
    assert x["vitals_mask"].any(axis=1).tolist() == [False, True, False]
    assert x["notes_mask"].any(axis=1).tolist() == [True, False, True]
    assert not x["vitals"][0].any()
    assert not x["vitals"][2].any()


def test_an_empty_number_is_filled_with_the_mean_and_marked() -> None:
    index = int(load().parts["train"].indices[0])
    change("patients.csv", f",{20 + index},", ",,")
    dataset = load()
    assert dataset.pipeline.inputs_by_name["person"].features == ["age", "age is missing", "sex=f", "sex=m"]
    assert batch_of(dataset, index)["person"][0, :2].tolist() == [0, 1]
    assert any("1 of 28 training cells of `age` are empty" in note for note in dataset.summary.notes)


def test_rows_of_ids_that_no_example_has_are_counted() -> None:
    write("vitals.csv", *Path("vitals.csv").read_text().splitlines(), "zz,0,1")
    assert any("rows of 1 id that no example has are left out, such as `zz`" in note for note in load().summary.notes)


def test_without_columns_a_table_has_all_that_have_no_other_part() -> None:
    dataset = load(inputs={**INPUTS, "person": {"kind": "table"}})
    assert dataset.examples.columns["person"] == ("age", "sex", "stay")


def test_numbers_may_be_predicted() -> None:
    dataset = load(task="regression", label="stay")
    assert dataset.spec.output_shape == (1,)
    assert dataset.truth("train")[:, 0].tolist() == [index / 2 for index in dataset.parts["train"].indices]


def test_what_was_learned_is_the_same_after_it_was_kept() -> None:
    dataset = load()
    again = InputPipeline.from_json(json.loads(json.dumps(dataset.scaling)))
    assert again == dataset.pipeline
    found, kept = again.inputs(dataset.examples), batch_of(dataset, *range(40))
    assert all(np.array_equal(found[name], kept[name]) for name in kept)
    assert again.mismatch(dataset.spec) == ""
    assert again.mismatch(replace(dataset.spec, inputs={})) == "the network is for other inputs"


DAMAGE = {
    "no inputs": (lambda saved: saved.pop("inputs"), "the inputs are damaged"),
    "a deviation of 0": (lambda saved: saved["inputs"]["person"]["deviation"].update(age=0.0), "do not fit"),
    "another column": (lambda saved: saved["inputs"]["person"].update(columns=["age"]), "do not fit the columns"),
    "no vocabulary": (lambda saved: saved["inputs"]["notes"].pop("vocabulary"), "encoder of the model is damaged"),
}


@pytest.mark.parametrize(("harm", "message"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_is_refused(harm: Any, message: str) -> None:
    saved = json.loads(json.dumps(load().scaling))
    harm(saved)
    with pytest.raises(RnnexpError, match=message):
        InputPipeline.from_json(saved)


WRONG = {
    "a repeated id": (("p7,", "p6,"), {}, r"line 8 and .*line 9 have the same id, `p6`"),
    "no id": (("p7,", ","), {}, r"line 9: the id is empty"),
    "no label": (("well,0.0", ",0.0"), {}, r"line 2: the label is empty"),
    "an id among the columns": (
        ("patient,", "patient,"),
        {"id": "notes"},
        r"data.inputs.vitals.id: there is no column \"notes\"",
    ),
    "a telltale column": (
        ("stay\n", "code\n"),
        {"inputs": {**INPUTS, "person": {"kind": "table", "columns": ["age", "outcome"]}}},
        "column `outcome` says the label of each row, as `outcome` does",
    ),
    "names as categories": (
        ("stay\n", "stay\n"),
        {"inputs": {**INPUTS, "person": {"kind": "table", "columns": ["age", "notes"]}}},
        "`notes` has 28 categories in 28 training rows.*is it an id or a text",
    ),
    "an absent column": (
        ("stay\n", "stay\n"),
        {"inputs": {**INPUTS, "person": {"kind": "table", "columns": ["agee"]}}},
        r'data.inputs.person.columns: there is no column "agee"; did you mean',
    ),
    "a word for a number": (
        ("vitals", "vitals"),
        {"task": "regression", "label": "sex"},
        r"line 2: `sex` is `m`, not a number",
    ),
}


@pytest.mark.parametrize(("edit", "own", "message"), WRONG.values(), ids=WRONG)
def test_mistakes_in_tables_are_told_with_their_place(edit: tuple[str, str], own: dict[str, Any], message: str) -> None:
    text = Path("patients.csv").read_text().replace(*edit, 1)
    Path("patients.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load(**own)


def test_the_same_example_in_two_parts_is_refused() -> None:
    rows = Path("patients.csv").read_text().splitlines()
    dataset = load()
    one = int(dataset.parts["train"].indices[0])
    other = next(int(index) for index in dataset.parts["test"].indices if (index - one) % 2 == 0)
    rows[other + 1] = rows[one + 1].replace(f"p{one},", f"p{other},", 1)
    steps = Path("vitals.csv").read_text().splitlines()
    steps[1 + 3 * other : 4 + 3 * other] = [
        line.replace(f"p{one},", f"p{other},", 1) for line in steps[1 + 3 * one : 4 + 3 * one]
    ]
    write("patients.csv", *rows)
    write("vitals.csv", *steps)
    with pytest.raises(DataError, match="have the same inputs, and data.split puts one into train"):
        load()


BORDER = {
    "a setting of another kind": ({"notes": {"kind": "text", "time": "x"}}, "notes.time: is no setting of a text"),
    "no file": ({"vitals": {"kind": "sequence"}}, "vitals.path: a sequence needs the file of its rows"),
    "a name that is taken": ({"past": {"kind": "text"}}, "inputs.past: take another name"),
    "a name of a mask": ({"a_mask": {"kind": "text"}}, "inputs.a_mask: take another name"),
    "a category elsewhere": (
        {"person": {"kind": "table", "columns": ["age"], "categories": ["sex"]}},
        "categories: `sex` is not one of its columns",
    ),
    "an unknown kind": ({"notes": {"kind": "image"}}, "image.*'text', 'sequence' or 'table'"),
}


@pytest.mark.parametrize(("inputs", "message"), BORDER.values(), ids=BORDER)
def test_mistakes_in_settings_are_told_before_a_file_is_read(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        source(path="absent.csv", inputs={**INPUTS, **inputs})


def test_one_input_is_sent_to_the_sources_of_one() -> None:
    with pytest.raises(ConfigError, match=r"data.inputs: 1 given; for one input take data=text_table"):
        source(inputs={"notes": {"kind": "text"}})


def test_drawn_examples_need_both_inputs() -> None:
    drawn: Examples = lookup("data", "text_and_pulse")(examples=400).read()  # type: ignore[call-arg]
    storm = np.array(["storm" in text for text in drawn.inputs["report"]])
    rising = np.array([pulse[-3:, 0].mean() > pulse[:3, 0].mean() for pulse in drawn.inputs["pulse"]])
    alarm = drawn.targets == "alarm"
    assert abs(np.mean(storm == alarm) - 0.5) < 0.06
    assert abs(np.mean(rising == alarm) - 0.5) < 0.06
    assert np.mean((storm ^ rising) == alarm) > 0.95
