"""Long recordings are cut into windows, stay in one part, and are judged by the votes of their windows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnexp as rx
from rnnexp.data.recordings import cut
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.sources.npz import npz
from rnnexp.data.sources.sequence_folder import sequence_folder
from rnnexp.data.sources.ts import ts
from rnnexp.errors import ConfigError, DataError
from rnnexp.models import bundle
from rnnexp.runner import Result
from rnnexp.tasks import check_leakage, load
from rnnexp.tracking.pyfunc import Served

FAST = settings(deadline=None, max_examples=80)
SMALL = ("model=simple_rnn", "model.units=[3]", "trainer.epochs=2", "trainer.batch_size=8", "tracking.figures=false")
CUT = ("data.sequence_length=6", "data.stride=4")


def write_recordings(lengths: Any, numbers: bool = False, channels: int = 2) -> None:
    """Write r.npz: recordings of these lengths, whose class or number is how they swing."""
    dice, longest = np.random.default_rng(1), max(lengths)
    y = np.arange(len(lengths)) % 2
    x = dice.normal(size=(len(lengths), longest, channels)) + np.sin(np.arange(longest) * (0.5 + y[:, None]))[..., None]
    targets = y + dice.normal(0, 0.1, len(y)) if numbers else np.array(["slow", "fast"])[y]
    np.savez("r.npz", x=x, y=targets, n=np.array(lengths), who=np.arange(len(lengths)) // 2, w=1.0 + y)


def archive(task: str = "classification", **fields: Any) -> npz:
    return npz(path="r.npz", lengths="n", task=task, **fields)  # type: ignore[arg-type]


def trained(*words: str, task: str = "classification") -> Result:
    given = ("data=npz", "data.path=r.npz", "data.lengths=n", f"data.task={task}")
    return rx.run(rx.compose(*given, *SMALL, *words), quiet=True)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 12), st.integers(1, 15))
@FAST
def test_windows_begin_every_stride_and_the_last_one_ends_with_its_recording(
    lengths: list[int], steps: int, stride: int
) -> None:
    windows = cut(lengths, (steps, stride))
    expected = []
    for recording, length in enumerate(lengths):
        starts = [start for start in range(0, length, stride) if start + steps <= length] or [0]
        starts += [length - steps] if length - steps > starts[-1] else []
        expected += [(recording, sum(lengths[:recording]) + start, min(steps, length)) for start in starts]
    assert list(zip(windows.recording, windows.begin, windows.length)) == expected
    everything = np.arange(len(windows))
    held = {step for _, first, count in expected for step in range(first, first + count)}
    assert windows.find_steps(everything).tolist() == sorted(held)
    assert len(held) == sum(lengths) or stride > steps, "no step is left over but between windows that lie apart"
    values = np.random.default_rng(0).random((len(windows), 3))
    votes = [values[windows.recording == one].mean(axis=0) for one in range(len(lengths))]
    np.testing.assert_array_equal(windows.vote_all(values), votes)
    assert windows.count_all().tolist() == np.bincount(windows.recording).tolist()


@pytest.mark.parametrize(("fold", "held_out"), [(None, "val"), *((n, h) for n in (1, 2, 3) for h in ("val", "test"))])
@pytest.mark.parametrize("groups", [None, "who"])
def test_no_recording_and_no_group_has_windows_in_two_parts(
    fold: int | None, held_out: str, groups: str | None
) -> None:
    write_recordings([15 + i % 9 for i in range(24)])
    folds = {"folds": 3, "fold": fold, "held_out": held_out} if fold else {}
    data = load(archive(groups=groups, sequence_length=6, stride=2, scaler="standard", **folds))
    assert check_leakage(data) == []
    own = {name: set(data.windows.recording[part.indices].tolist()) for name, part in data.parts.items()}
    rows = {name: set(data.windows.find_steps(part.indices).tolist()) for name, part in data.parts.items()}
    for found in (own, rows):
        assert sum(map(len, found.values())) == len(set.union(*found.values()))
    assert sum(map(len, rows.values())) == sum(15 + i % 9 for i in range(24))
    if groups:
        assert len({i // 2 for i in own["train"]} & {i // 2 for i in own["test"]}) == 0


def test_a_window_that_is_moved_to_another_part_is_a_leak() -> None:
    write_recordings([20] * 12)
    data = load(archive(sequence_length=6, stride=3))
    train, test = data.parts["train"], data.parts["test"]
    moved = replace(train, indices=np.append(train.indices, test.indices[0]))
    kept = replace(test, indices=test.indices[1:])
    mixed = replace(data, parts={**data.parts, "train": moved, "test": kept})
    assert "1 recording with windows in train and in test, such as example 1" in str(check_leakage(mixed))


def test_the_same_parts_are_drawn_as_without_windows() -> None:
    write_recordings([20 + i % 4 for i in range(16)])
    whole, windows = load(archive()), load(archive(sequence_length=6))
    for part in whole.parts:
        assert windows.list_examples(part).tolist() == whole.list_examples(part).tolist()
        assert windows.truth(part).tolist() == whole.truth(part).tolist()


@pytest.mark.parametrize(("task", "stride"), [("classification", 4), ("regression", 15)])
@pytest.mark.end_to_end
def test_windows_as_long_as_the_longest_recording_change_nothing(task: str, stride: int) -> None:
    write_recordings([9 + i % 4 for i in range(20)], numbers=task == "regression")
    off = ("tracking=off",)
    whole = trained(*off, task=task)
    windows = trained(*off, "data.sequence_length=12", f"data.stride={stride}", task=task)
    np.testing.assert_array_equal(windows.predictions.predicted, whole.predictions.predicted)
    unlike = {name for name, value in whole.metrics.items() if windows.metrics[name] != value}
    assert unlike <= {name for name in whole.metrics if name.startswith("time/")}
    shorter = trained(*off, "data.sequence_length=6", task=task)
    assert not np.array_equal(shorter.predictions.predicted, whole.predictions.predicted)


@pytest.mark.parametrize(
    ("task", "lengths"),
    [("classification", [4 + 3 * (i % 8) for i in range(24)]), ("regression", [26] * 16)],
    ids=["ragged", "even"],
)
def test_votes_are_the_means_of_windows_and_predict_says_what_evaluate_does(task: str, lengths: list[int]) -> None:
    write_recordings(lengths, numbers=task == "regression")
    result = trained(*CUT, "data.scaler=standard", "data.weight=w", task=task)
    data, model = result.dataset, rx.load(result.run_dir)
    recordings = [data.sequences.one(int(i)) for i in data.list_examples("test")]
    columns = ["p(fast)", "p(slow)"] if task == "classification" else ["target_0"]
    asked = model.predict(recordings)
    predicted = result.predictions.predicted.reshape(len(recordings), -1)
    np.testing.assert_allclose(asked[columns], predicted, rtol=1e-5, atol=1e-6)

    starts = [sorted({*range(0, max(len(one) - 5, 1), 4), max(len(one) - 6, 0)}) for one in recordings]
    pieces = [[one[at : at + 6] for at in own] for one, own in zip(recordings, starts)]
    assert asked["windows"].tolist() == list(map(len, pieces))
    single = [model.predict(own)[columns].to_numpy() for own in pieces]
    np.testing.assert_allclose([np.mean(one, axis=0) for one in single], predicted, rtol=1e-5, atol=1e-6)
    assert not np.allclose([one[0] for one in single], predicted), "a vote is not what the first window says"

    frame = result.predictions.to_frame()
    assert frame["windows"].tolist() == asked["windows"].tolist()
    again = model.evaluate("r.npz")
    own = again.predictions.to_frame().iloc[data.list_examples("test")]
    shown = columns if task == "classification" else ["predicted"]
    np.testing.assert_allclose(own[shown].to_numpy(), predicted, rtol=1e-5, atol=1e-6)
    served = Served(bundle.load(result.run_dir / "model")).predict(recordings)
    np.testing.assert_array_equal(served[columns], asked[columns])
    assert served["windows"].tolist() == asked["windows"].tolist()


def test_scores_are_of_recordings_and_those_of_windows_stand_beside_them() -> None:
    from sklearn.metrics import accuracy_score

    write_recordings([20] * 24)
    result = trained(*CUT, "tracking=off")
    data, voters = result.dataset, result.dataset.parts["test"].indices
    network = rx.load(result.run_dir)
    seen = network.predict(data.windows.split(data.sequences.values, voters))["label"]
    true = np.array(data.spec.classes)[data.parts["test"].arrays["y"][voters]]
    assert result.metrics["test/windows/accuracy"] == accuracy_score(true, seen)
    votes = result.predictions.predicted.argmax(axis=1)
    assert result.metrics["test/accuracy"] == accuracy_score(data.truth("test"), votes)
    assert len(votes) == len(data.list_examples("test")) < len(voters) == len(result.report.tables["windows"])
    for one in result.report.baselines.values():
        assert one.predicted.shape == result.predictions.predicted.shape
    nearest = result.report.fitted["nearest"]
    inputs = data.windows.split(data.sequences.values, voters)
    by_window = nearest.predict(inputs)
    whose = data.windows.recording[voters]
    means = [by_window[whose == one].mean(axis=0) for one in data.list_examples("test")]
    np.testing.assert_array_equal(result.report.baselines["nearest"].predicted, means)
    assert any("recordings predicted by the mean of the predictions for" in note for note in result.report.notes)
    assert any("24 recordings cut into 120 windows of 6 steps, every 4; 24 end with" in n for n in data.summary.notes)


def test_a_baseline_answers_by_votes_as_well() -> None:
    write_recordings([20 + i % 2 for i in range(24)])
    result = trained(*CUT, "data.scaler=standard")
    recordings = [result.dataset.sequences.one(int(i)) for i in result.dataset.list_examples("test")]
    asked = rx.load(result.run_dir).predict(recordings, model="nearest")
    expected = result.report.baselines["nearest"].predicted
    np.testing.assert_allclose(asked[["p(fast)", "p(slow)"]], expected, atol=1e-12)
    kept = json.loads((result.run_dir / "model/baselines.json").read_text())["scores"]
    known = [result.dataset.sequences.one(int(i)) for i in result.dataset.list_examples("val")]
    said = rx.load(result.run_dir).predict(known)["label"]
    true = np.array(result.dataset.spec.classes)[result.dataset.truth("val")]
    assert kept["network"] == (said == true).mean()


def test_quantiles_are_means_of_those_of_windows_and_never_cross() -> None:
    write_recordings([18 + i % 3 for i in range(30)], numbers=True)
    result = trained(*CUT, "loss=quantile", "loss.quantiles=[0.1,0.5,0.9]", task="regression")
    quantiles = result.predictions.quantiles
    assert quantiles is not None
    assert quantiles.shape == (*result.predictions.predicted.shape, 3)
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    np.testing.assert_array_equal(quantiles[..., 1], result.predictions.predicted)


def test_a_recording_that_is_shorter_than_a_window_is_padded_or_refused_as_sequences_are() -> None:
    write_recordings([20] * 12)
    even = load(archive(sequence_length=6, stride=4))
    assert even.pipeline.length == 6
    assert "mask" not in even.spec.inputs
    short = np.zeros((5, 2))
    with pytest.raises(DataError, match="sequence 2 has 5 steps; the model takes sequences of 6 steps or more"):
        even.pipeline.inputs([np.zeros((9, 2)), short])
    write_recordings([20] * 12 + [4, 5])
    ragged = load(archive(sequence_length=6, stride=4))
    assert ragged.pipeline.length is None
    assert "mask" in ragged.spec.inputs
    assert ragged.pipeline.inputs([np.zeros((9, 2)), short])["mask"].sum(axis=1).tolist() == [6, 6, 5]
    assert "2 are shorter than a window" in ragged.summary.notes[-1]
    assert SequencePipeline.from_json(json.loads(json.dumps(ragged.scaling))) == ragged.pipeline
    with pytest.raises(DataError, match="`window` does not fit the `length`"):
        SequencePipeline.from_json({**even.scaling, "window": [5, 4]})


@pytest.mark.parametrize("source", [npz, ts, sequence_folder])
def test_a_stride_without_windows_is_a_mistake(source: Any) -> None:
    problem = "data.stride: 3 is given without data.sequence_length, the steps of a window; give both"
    assert source(path="r", stride=3).check() == [problem]
    assert source(path="r", stride=3, sequence_length=5).check() == []


def test_folders_of_tables_and_archives_of_sequences_are_cut_alike() -> None:
    write_recordings([11, 14, 9, 12, 10, 13, 11, 12], channels=1)
    whole = load(archive())
    Path("f").mkdir()
    Path("waves.ts").write_text(
        "@classLabel true fast slow\n@data\n"
        + "".join(
            f"{','.join(map(repr, whole.sequences.one(i)[:, 0].tolist()))}:{('slow', 'fast')[i % 2]}\n"
            for i in range(8)
        )
    )
    for i in range(8):
        pd.DataFrame({"x": whole.sequences.one(i)[:, 0]}).to_csv(f"f/{i}.csv", index=False)
    pd.DataFrame({"file": [f"{i}.csv" for i in range(8)], "label": ["slow", "fast"] * 4}).to_csv("f/labels.csv")
    fields: dict[str, Any] = {"sequence_length": 4, "stride": 3}
    found = [
        load(one) for one in (archive(**fields), ts(path="waves.ts", **fields), sequence_folder(path="f", **fields))
    ]
    for one in found[1:]:
        assert one.windows.begin.tolist() == found[0].windows.begin.tolist()
        assert one.summary.sizes == found[0].summary.sizes
        np.testing.assert_array_equal(one.parts["train"].arrays["values"], found[0].parts["train"].arrays["values"])
    assert len({one.summary.digest for one in (*found[:1], load(archive(sequence_length=4)), whole)}) == 3


@pytest.mark.end_to_end
def test_what_the_model_has_settled_is_not_changed_but_windows_may_lie_closer() -> None:
    write_recordings([20] * 12)
    model = rx.load(trained(*CUT).run_dir)
    with pytest.raises(ConfigError, match="data.sequence_length: is fixed by the trained model"):
        model.evaluate("r.npz", sequence_length=7)
    closer = model.evaluate("r.npz", stride=1).predictions.to_frame()
    assert set(closer["windows"]) == {15}
    assert "9 of the 12 scored examples" in str(model.evaluate("r.npz").notes)


def test_other_data_are_scored_without_what_only_shares_them_out() -> None:
    write_recordings([20] * 12)
    model = rx.load(trained(*CUT, "data.groups=who", "tracking.mode=off").run_dir)
    with np.load("r.npz") as whole:
        np.savez("other.npz", **{name: whole[name] for name in ("x", "y", "n")})
    assert len(model.evaluate("other.npz").predictions.actual) == 12
    with pytest.raises(DataError, match="there is no array `who`"):
        model.evaluate("other.npz", groups="who")
