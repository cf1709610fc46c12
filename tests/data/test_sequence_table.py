"""One long table with a column that says which recording a row belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnexp as rx
from rnnexp.data.sources.npz import npz
from rnnexp.data.sources.sequence_table import sequence_table
from rnnexp.errors import DataError
from rnnexp.tasks import load
from rnnexp.tracking.pyfunc import Served

LABELS = ("walk", "run", "sit")


def table(recordings: int = 12, steps: int = 10, **more: Any) -> pd.DataFrame:
    """Make recordings of `steps` or one step more, whose label is how fast they swing."""
    dice, made = np.random.default_rng(0), []
    for number in range(recordings):
        length = steps + number % 2
        x = np.sin(np.arange(length) * (0.3 + 0.4 * (number % 3))) + dice.normal(0, 0.1, length)
        columns = {"recording": f"r{number}", "time": np.arange(length) / 50, "x": x, "y": dice.normal(size=length)}
        made.append(pd.DataFrame(columns | {"label": LABELS[number % 3], "person": f"p{number // 3}"}))
    return pd.concat(made, ignore_index=True).assign(**more)


def source(frame: pd.DataFrame, **fields: Any) -> sequence_table:
    frame.to_csv("a.csv", index=False)
    return sequence_table(path="a.csv", **{"channels": ["x", "y"], **fields})


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.randoms(use_true_random=False), st.booleans())
@settings(deadline=None, max_examples=25)
def test_what_is_read_is_what_pandas_groups(lengths: list[int], dice: Any, dates: bool) -> None:
    rows = [(f"r{i}", step, dice.random(), i % 2) for i, steps in enumerate(lengths) for step in range(steps)]
    frame = pd.DataFrame(rows, columns=["recording", "t", "x", "label"])
    if dates:
        frame["t"] = pd.Timestamp("2024-01-31 23:59:58") + pd.to_timedelta(frame.t, unit="s")
    mixed = frame.sample(frac=1, random_state=dice.randrange(1000))
    mixed.to_csv("a.csv", index=False)
    mixed.to_parquet("a.parquet")
    for file in ("a.csv", "a.parquet"):
        found = sequence_table(path=file, time="t", channels=["x"]).read()
        first = list(dict.fromkeys(mixed.recording))
        assert found.targets.tolist() == [str(int(name[1:]) % 2) for name in first]
        for at, name in enumerate(first):
            expected = frame[frame.recording == name].x.to_numpy()
            np.testing.assert_allclose(found.one(at)[:, 0], expected, rtol=1e-15)


def test_it_is_the_same_as_an_archive_of_these_sequences() -> None:
    frame = table(steps=8).query("time < 0.16")
    x = np.stack([one[["x", "y"]].to_numpy() for _, one in frame.groupby("recording", sort=False)])
    np.savez("a.npz", x=x, y=np.array(LABELS)[np.arange(12) % 3])
    fields: dict[str, Any] = {"sequence_length": 4, "stride": 2, "scaler": "standard"}
    one = load(source(frame, **fields))
    other = load(npz(path="a.npz", task="classification", **fields))
    for part in one.parts:
        np.testing.assert_array_equal(one.parts[part].indices, other.parts[part].indices)
        np.testing.assert_allclose(one.parts[part].arrays["values"], other.parts[part].arrays["values"], rtol=1e-6)
    assert one.spec.classes == other.spec.classes


def test_groups_weights_and_parts_are_those_of_their_columns() -> None:
    frame = table()
    frame["w"] = 1.0 + (frame.recording == "r3")
    frame["part"] = np.where(frame.person == "p3", "test", "")
    found = source(frame, groups="person", weight="w", part="part").read()
    assert found.groups is not None
    assert found.weights is not None
    assert found.parts is not None
    assert found.groups.tolist() == [f"p{i // 3}" for i in range(12)]
    assert found.weights.tolist() == [1.0 + (i == 3) for i in range(12)]
    assert found.parts.tolist() == [""] * 9 + ["test"] * 3
    assert found.place(3) == 'a.csv, recording "r3", from line 33'


def test_the_test_part_may_have_a_file_of_its_own_with_the_same_names() -> None:
    table(4).to_csv("b.csv", index=False)
    found = source(table(), test_path="b.csv").read()
    assert found.parts is not None
    assert found.parts.tolist() == [""] * 12 + ["test"] * 4


def test_without_channels_all_other_columns_are_read() -> None:
    found = source(table(), channels=[], groups="person", time="time").read()
    assert found.channels == ("x", "y")


def test_several_columns_name_a_recording_together() -> None:
    frame = table()
    frame["trial"] = frame.recording.str[1:].astype(int) % 3
    found = source(frame, recording=["person", "trial"]).read()
    assert len(found) == 12
    with pytest.raises(DataError, match=r'the rows of recording "0" do not lie together: they go on in line 33; '):
        source(frame, recording="trial").read()
    with pytest.raises(DataError, match=r'recording "0": 93 rows with the time of another of the same recording'):
        source(frame, recording="trial", time="time").read()


def test_a_label_that_changes_begins_another_recording_if_asked() -> None:
    frame = table()
    with pytest.raises(DataError, match=r"line 12: `label` changes from `walk` to `run` within a recording \(2 such"):
        source(frame.query("person == 'p0'"), recording="person").read()
    found = source(frame, recording="person", groups="person", on_change="cut").read()
    assert found.targets.tolist() == [LABELS[i % 3] for i in range(12)]
    assert found.notes == ("4 recordings cut into 12 where the label changes (data.on_change=cut)",)
    alone = source(frame, recording=None, on_change="cut", ignore_labels=["sit"]).read()
    assert alone.targets.tolist() == [LABELS[i % 3] for i in range(12) if i % 3 < 2]
    assert "data.groups keeps those of one person or machine in one set" in alone.notes[0]
    assert alone.notes[1] == "4 recordings left out for the label (data.ignore_labels)"


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        ({"recording": ""}, {}, "lines 2, 3, 4, 5, 6 and 121 more: the cell of data.recording is empty"),
        ({"label": ""}, {}, "the cell of data.label is empty; data.ignore_labels"),
        ({"x": "much"}, {}, 'column "x": 126 cells are not usable numbers'),
        ({}, {"label": "lable"}, 'there is no column "lable"; did you mean `label`'),
        ({}, {"channels": ["x", "z"]}, 'data.channels: there is no column "z"'),
        (
            {},
            {"channels": []},
            'column "person": 126 cells are not usable numbers .*; without data.channels all columns',
        ),
        ({"w": np.arange(126.0)}, {"weight": "w"}, "data.weight must be the same in all rows of one"),
        ({"part": "later"}, {"part": "part"}, "the part `later` is not one of train, val, test"),
        ({}, {"ignore_labels": list(LABELS)}, "data.ignore_labels leaves out all recordings"),
        ({}, {"task": "regression"}, r'recording "r0", from line 2: the target `walk` is not a number'),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(change: Any, fields: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        source(table(**change), **fields).read()


def test_a_column_that_says_the_label_is_no_channel() -> None:
    frame = table()
    frame["code"] = frame.label.map({"walk": 3, "run": 1, "sit": 2})
    frame["row"] = np.arange(len(frame))
    said = r'"code" says the label of each row, as label does; column "row" numbers the rows.*data.channels=\[x,"y"\]'
    with pytest.raises(DataError, match=said):
        source(frame, channels=[], groups="person", time="time").read()
    assert source(frame, channels=["x", "code"]).read().channels == ("x", "code")


def test_missing_values_are_mended_within_their_recording() -> None:
    frame = table()
    frame.loc[[11, 12], "x"] = np.nan
    with pytest.raises(DataError, match=r'a.csv, recording "r1": column "x": 2 missing values .*data.missing=drop'):
        source(frame).read()
    assert len(source(frame, missing="drop").read().one(1)) == 9
    filled = source(frame, missing="interpolate").read().one(1)
    np.testing.assert_allclose(filled[1:3, 0], frame.x[10] + (frame.x[13] - frame.x[10]) * np.array([1, 2]) / 3)
    frame.loc[10, "x"] = np.nan
    with pytest.raises(DataError, match=r'recording "r1".*no value before to fill from'):
        source(frame, missing="ffill").read()


def test_mistakes_between_settings_are_told_before_data_are_read() -> None:
    found = sequence_table(path="a", recording=[], channels=["x", "label"], time_format="%d", stride=2).check()
    assert [problem.partition(":")[0] for problem in found] == [
        *("data.stride", "data.recording", "data.time_format", "data.channels")
    ]


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.end_to_end
def test_a_run_answers_for_each_recording_of_a_table(task: str) -> None:
    numbers = {"label": table().recording.str[1:].astype(float)} if task == "regression" else {}
    frame = table(20, recording=table(20).recording.str[1:].astype(int)) if not numbers else table(**numbers)
    frame.to_csv("a.csv", index=False)
    words = ("data=sequence_table", "data.path=a.csv", "data.time=time", "data.groups=person", f"data.task={task}")
    small = ("model.units=[3]", "trainer.epochs=2", "tracking.figures=false", "data.sequence_length=6", "data.stride=3")
    result = rx.run(rx.compose(*words, *small), quiet=True)
    model, asked = rx.load(result.run_dir), frame.drop(columns=["label", "person"])
    made = model.predict(asked)
    assert made.columns[0] == "recording"
    assert made.recording.tolist() == list(dict.fromkeys(frame.recording))
    pd.testing.assert_frame_equal(model.predict("a.csv"), made)
    served = Served(model.found.load()).predict(asked.sample(frac=1, random_state=0).sort_values("recording"))
    assert len(served) == len(made)
    pd.testing.assert_frame_equal(
        served.sort_values("recording", ignore_index=True), made.sort_values("recording", ignore_index=True)
    )
    alone = model.predict(asked.query("recording == @made.recording[0]").drop(columns="recording"))
    for mine, theirs in zip(alone.iloc[0, 1:], made.iloc[0, 1:]):
        assert mine == theirs if isinstance(mine, str) else mine == pytest.approx(theirs, rel=1e-5)
    scored = model.evaluate(frame.drop(columns="person"))
    assert scored.metrics == model.evaluate("a.csv").metrics
    assert "rows.csv" not in str(scored)
    with pytest.raises(DataError, match='the rows: data.recording or data.time: there is no column "x"|no column "x"'):
        model.predict(asked.drop(columns="x"))


def test_files_are_read_in_their_own_layout() -> None:
    frame = table().assign(x=np.round(table().x, 3))
    frame.to_csv("a.csv", index=False, sep=";", decimal=",")
    found = sequence_table(path="a.csv", decimal=",", channels=["x"], time="time").read()
    np.testing.assert_array_equal(found.values[:, 0], frame.x)
    assert Path("a.csv").is_file()
