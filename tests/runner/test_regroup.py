"""Runs that are trained as one are put down together and go on together, each to the bits that it would have had."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp.errors import DataError
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.groups import GroupStore
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.stopping import Ending
from rnnexp.tracking.journal import RunJournal
from rnnexp.tracking.store import open_store
from rnnexp.training import checkpoint
from rnnexp.training.compiled import ensemble

WORDS = (
    *("data.points=80", "model=simple_rnn", "model.units=[3]", "model.dropout=0.2", "trainer.batch_size=full"),
    *("trainer.epochs=8", "trainer.checkpoint_every_s=0", "tracking.figures=false"),
)
OFF = (*WORDS, "tracking=off")
Ended = dict[int, Result | BaseException]


@pytest.fixture(autouse=True)
def a_checkpoint_after_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnexp.training.keeper.SHARE", 1e9)
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 1)


def group(words: tuple[str, ...] = OFF, **own: Any) -> dict[int, Any]:
    """Compose three members: other seeds, one of fewer epochs."""
    more = own or {"a": "seed=0", "b": "trainer.epochs=6", "c": "seed=2"}
    return {number: rx.compose(*words, *word.split()) for number, word in enumerate(more.values())}


def train(
    folder: Path, experiments: dict[int, Any], look: Callable[[int], str | None] = lambda _: None, said: Any = None
) -> Ended:
    """Train runs as one in folders that may hold what an earlier attempt has left; `look` ends one of them."""
    ended: Ended = {}
    contexts = []
    for number in experiments:
        (folder / str(number)).mkdir(parents=True, exist_ok=True)
        ending = Ending(look=lambda number=number: look(number))
        contexts.append(RunContext(folder / str(number), member=Membership("mine", None, number), ending=ending))
    numbers = list(experiments)
    turn = (lambda index: said.append(numbers[index])) if said is not None else lambda _: None

    def heard(index: int, result: Result | BaseException) -> None:
        ended[numbers[index]] = result

    store = GroupStore(folder / "group.json")
    run_vectorized(list(experiments.values()), contexts, heard, turn, store)
    return ended


def put_down(folder: Path, experiments: dict[int, Any], epoch: int) -> None:
    """End all members as their sweep does, once the first has trained so many epochs."""
    rows = folder / "0" / "metrics.jsonl"

    def look(_: int) -> str | None:
        return "enough" if rows.exists() and rows.read_text().count("\n") >= epoch else None

    ended = train(folder, experiments, look)
    assert {type(end).__name__ for end in ended.values()} == {"TrainingStopped"}


def facts(result: Any) -> tuple[Any, ...]:
    """Return all of a result that must not depend on where it was put down."""
    assert isinstance(result, Result), result
    scores = {key: value for key, value in result.metrics.items() if not key.startswith("time/")}
    epochs = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in result.history.epochs]
    return scores, epochs, result.history.best_epoch, result.predictions.predicted.tobytes()


def differing(one: Ended, other: Ended) -> list[int]:
    return [number for number in one if facts(one[number]) != facts(other[number])]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Return what an uninterrupted group comes to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MAX_EPOCHS", 1)
        return train(tmp_path_factory.mktemp("whole"), group())


def steps(folder: Path) -> list[int]:
    return [row["step"] for row in RunJournal(folder).rows.records()]


@pytest.mark.fault("A1")
def test_a_group_goes_on_to_the_same_bits(tmp_path: Path, whole: Ended, caplog: pytest.LogCaptureFixture) -> None:
    put_down(tmp_path, group(), 3)
    assert (tmp_path / "1" / "origin.json").exists()
    caplog.set_level("INFO", "rnnexp")
    gone_on = train(tmp_path, group())
    assert "resuming 1 from epoch 3, step 0" in caplog.text
    assert differing(gone_on, whole) == []
    assert {number: steps(tmp_path / str(number)) for number in (0, 1)} == {
        0: [1, 2, 3, 4, 5, 6, 7, 8, 0],
        1: [1, 2, 3, 4, 5, 6, 0],
    }
    other = train(tmp_path / "other", group(a="seed=0", b="trainer.epochs=6", c="seed=3"))
    assert differing(other, whole) == [2]  # the comparison can fail


def test_after_a_death_it_goes_on_from_the_newest_moment_that_all_have_kept(tmp_path: Path, whole: Ended) -> None:
    put_down(tmp_path, group(), 4)
    newest = checkpoint.list_newest(tmp_path / "2" / "checkpoints")
    (newest[0] / "state.npz").write_bytes(b"torn")  # as if it died before the last of three was whole
    gone_on = train(tmp_path, group())
    assert differing(gone_on, whole) == []
    assert steps(tmp_path / "0") == [1, 2, 3, 4, 5, 6, 7, 8, 0]


def test_those_that_are_left_go_on_without_the_others(tmp_path: Path, whole: Ended) -> None:
    put_down(tmp_path, group(), 3)
    left = {number: one for number, one in group().items() if number != 1}
    assert differing(train(tmp_path, left), whole) == []


@pytest.mark.parametrize("lost", ["checkpoints", "origin.json"])
def test_one_that_starts_anew_does_not_take_the_others_back(
    tmp_path: Path, whole: Ended, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    put_down(tmp_path, group(), 3)
    (tmp_path / "1" / lost).rename(tmp_path / "elsewhere")
    caplog.set_level("INFO", "rnnexp")
    gone_on = train(tmp_path, group())
    assert differing(gone_on, whole) == []
    assert re.findall(r"resuming (\d) from epoch 3", caplog.text) == ["0", "2"]
    assert [(tmp_path / str(number) / "earlier-1").exists() for number in (0, 1, 2)] == [False, True, False]
    assert steps(tmp_path / "1" / "earlier-1") == [1, 2, 3]
    assert steps(tmp_path / "1") == [1, 2, 3, 4, 5, 6, 0]


def test_without_a_moment_in_common_all_start_anew_and_say_so(
    tmp_path: Path, whole: Ended, caplog: pytest.LogCaptureFixture
) -> None:
    put_down(tmp_path, group(), 4)
    for kept in checkpoint.list_newest(tmp_path / "1" / "checkpoints")[:1]:
        (kept / "state.npz").write_bytes(b"torn")
    for kept in checkpoint.list_newest(tmp_path / "2" / "checkpoints")[1:]:
        (kept / "state.npz").write_bytes(b"torn")
    anew = train(tmp_path, group())
    assert differing(anew, whole) == []
    assert "the group starts again from epoch 1: its members have no checkpoint of the same step" in caplog.text
    assert steps(tmp_path / "0") == [1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert steps(tmp_path / "0" / "earlier-1") == [1, 2, 3, 4]


def test_a_checkpoint_of_a_group_of_another_width_is_of_another_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_down(tmp_path, group(), 3)
    (tmp_path / "group.json").unlink()
    train(tmp_path, {number: one for number, one in group().items() if number != 1})
    assert "the group starts again from epoch 1" in caplog.text


def test_never_starts_anew(tmp_path: Path, whole: Ended) -> None:
    put_down(tmp_path, group(), 3)
    anew = train(tmp_path, {number: replace(one, resume="never") for number, one in group().items()})
    assert differing(anew, whole) == []
    assert steps(tmp_path / "0" / "earlier-1") == [1, 2, 3]


def test_changed_data_are_told_before_anything_goes_on(tmp_path: Path) -> None:
    rows = "\n".join(f"{number % 7 + number / 10}" for number in range(80))
    (tmp_path / "a.csv").write_text(f"y\n{rows}\n")
    words = [word for word in OFF if not word.startswith("data.")] + ["data=csv", "data.path=a.csv", "data.target=y"]
    put_down(tmp_path, group(tuple(words)), 3)
    (tmp_path / "a.csv").write_text(f"y\n{rows}\n0.5\n")
    with pytest.raises(DataError, match=r"(?s)its data have changed since:.*a\.csv: sha256 .* now"):
        train(tmp_path, group(tuple(words)))


def test_each_member_stays_one_run_in_the_store_with_no_step_twice_and_no_old_error(tmp_path: Path) -> None:
    put_down(tmp_path, group(WORDS), 3)
    client = open_store(f"sqlite:///{tmp_path}/mlflow.db")
    killed = client.search_runs(["1"])
    assert {run.info.status for run in killed} == {"KILLED"}
    assert all("error.txt" in [file.path for file in client.list_artifacts(run.info.run_id)] for run in killed)
    train(tmp_path, group(WORDS))
    runs = client.search_runs(["1"])
    assert {run.info.run_id for run in runs} == {run.info.run_id for run in killed}
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    for run in runs:
        points = [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")]
        assert sorted(points) == [*range(1, int(run.data.params["trainer.epochs"]) + 1)]
        assert "error.txt" not in [file.path for file in client.list_artifacts(run.info.run_id)]
    assert not list(tmp_path.glob("*/error.txt"))
