"""Networks that are averaged are trained as one, each with its own seed, its own end and its own best weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

from rnnexp.errors import ConfigError, DivergedError
from rnnexp.models.averaging import build_average, list_members, list_seeds
from rnnexp.models.build import build
from rnnexp.registry import lookup
from rnnexp.training import checkpoint
from rnnexp.training.averaged_training import AveragedTraining, compute_means
from rnnexp.training.fit import fit, run_all, validate
from rnnexp.training.keeper import FOLDER, TrainingStopped, restore_newest
from rnnexp.training.plan import History

MEMBERS, SEED = 4, 1
LATE = 4  # epochs after which some have stopped
DATA = toy.windows(24, val=8)


def settings() -> Any:
    return lookup("model", "simple_rnn")(units=[3], dropout=0.2)


def network(members: int = MEMBERS) -> Any:
    return build_average(settings(), DATA.spec, list_seeds(SEED, members), {}, None)


def plan(folder: Path | None = None, stop: Callable[[], str | None] | None = None, **trainer: Any) -> Any:
    """Plan a training in which members stop early, at different epochs."""
    import keras

    callbacks = {"early_stopping": lookup("callback", "early_stopping")(patience=1)}
    fields = {"run_dir": folder, "stop": stop, "callbacks": callbacks}
    return toy.plan(keras.optimizers.Adam(0.1), seed=SEED, plan=fields, **{"epochs": 8, **trainer})


def train(model: Any, planned: Any, engine: str = "compiled", kept: Path | None = None) -> History:
    """Train on an engine, from the newest checkpoint that is kept in a folder."""
    training = AveragedTraining(model, DATA, planned, engine)
    if kept:
        assert restore_newest(training, kept / FOLDER)
    return run_all(training.steps(lambda *_: None))


def facts(history: History, model: Any) -> tuple[Any, ...]:
    def untimed(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
        return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]

    weights = [array.tobytes() for array in model.get_weights()]
    members = [untimed(own.epochs) for own in history.members]
    return untimed(history.epochs), untimed([history.best]), members, weights, history.stopped


@pytest.mark.parametrize("engine", ["compiled", pytest.param("keras", marks=pytest.mark.end_to_end)])
def test_each_member_is_what_a_run_with_its_seed_would_be(engine: str) -> None:
    model = network()
    history = train(model, plan(), engine)
    for seed, own, member in zip(list_seeds(SEED, MEMBERS), history.members, list_members(model), strict=True):
        alone = build(settings(), DATA.spec, seed)
        single = fit(alone, DATA, replace(plan(engine=engine), seed=seed))
        assert (len(own.epochs), own.best_epoch, own.stopped) == (len(single.epochs), single.best_epoch, single.stopped)
        for one, other in zip(member.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert len({len(own.epochs) for own in history.members}) > 1, "they have not stopped by themselves"
    first, second, *_ = list_members(model)
    assert not np.allclose(first.get_weights()[0], second.get_weights()[0], rtol=0.1)


def test_one_member_alone_is_trained_to_the_bits_of_a_single_network() -> None:
    model, alone = network(1), build(settings(), DATA.spec, SEED)
    assert train(model, plan()).members[0].best["val/loss"] == fit(alone, DATA, plan()).best["val/loss"]
    assert [one.tobytes() for one in model.get_weights()] == [one.tobytes() for one in alone.get_weights()]


def test_what_is_heard_are_means_over_the_members_that_are_still_trained() -> None:
    heard: list[dict[str, float]] = []

    def listen(first: int, rows: Sequence[dict[str, float]], _: Any) -> None:
        assert first == len(heard) + 1
        heard.extend(rows)

    history = run_all(AveragedTraining(network(), DATA, plan(), "compiled").steps(listen))
    assert heard == history.epochs
    assert len(heard) == max(len(own.epochs) for own in history.members)
    for epoch, row in enumerate(heard):
        there = [own.epochs[epoch]["val/loss"] for own in history.members if epoch < len(own.epochs)]
        assert row["val/loss"] == np.mean(there)
    assert compute_means([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0}


def test_the_validation_of_the_end_is_that_of_the_averaged_network() -> None:
    model = network()
    history = train(model, plan())
    assert history.best["val/loss"] == validate(model, DATA, plan())["val/loss"]
    assert history.best["val/loss"] < np.mean([own.best["val/loss"] for own in history.members])  # as it is convex
    assert history.best["train/loss"] == np.mean([own.best["train/loss"] for own in history.members])


@pytest.mark.fault("D1")
@pytest.mark.parametrize("engine", ["compiled", pytest.param("keras", marks=pytest.mark.end_to_end)])
@pytest.mark.parametrize(
    "late", [pytest.param(False, marks=pytest.mark.end_to_end, id="early"), pytest.param(True, id="late")]
)
def test_what_is_put_down_goes_on_to_the_same_bits(
    late: bool, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnexp.training.compiled import ensemble

    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 1)
    monkeypatch.setattr(ensemble, "WORTH_S", 0.0)  # a program of fewer rows is always worth compiling
    whole = network()
    expected = facts(train(whole, plan(), engine), whole)
    left = iter([None] * ((LATE if engine == "compiled" else 3 * LATE) if late else 0))
    with pytest.raises(TrainingStopped, match="enough") as stopped:
        train(network(), plan(tmp_path, lambda: next(left, "enough")), engine)
    assert stopped.value.checkpoint is not None
    found = checkpoint.load(stopped.value.checkpoint)
    assert any(path.startswith("ended/") for path in found.arrays) == late, "a member is to have ended by then"
    narrowed = bool(json.loads(str(found.arrays["about"]))["later"])
    assert narrowed == (late and engine == "compiled"), "the program is to have become smaller"
    again = network()
    assert facts(train(again, plan(tmp_path), engine, tmp_path), again) == expected
    other = network()
    assert facts(train(other, replace(plan(), seed=7), engine), other) != expected


def test_a_checkpoint_of_other_members_is_refused(tmp_path: Path) -> None:
    left = iter([None])
    with pytest.raises(TrainingStopped, match="enough") as stopped:
        train(network(), plan(tmp_path, lambda: next(left, "enough")))
    fewer = AveragedTraining(network(2), DATA, plan(), "compiled")
    with pytest.raises(ConfigError, match="it is of 4 members, this training is of 2"):
        fewer.restore(stopped.value.snapshot)
    with pytest.raises(ConfigError, match="of engine compiled, averaged on jax, this training is of engine keras"):
        AveragedTraining(network(), DATA, plan(), "keras").restore(stopped.value.snapshot)


@pytest.mark.end_to_end
def test_a_listener_ends_all_members() -> None:
    told: list[int] = []

    def listen(first: int, rows: Sequence[Any], _: Any) -> str:
        told.append(first)
        return "pruned"

    history = run_all(AveragedTraining(network(), DATA, plan(engine="keras"), "keras").steps(listen))
    assert (history.stopped, told, len(history.epochs)) == ("pruned", [1], 1)


@pytest.mark.end_to_end
def test_a_member_that_diverges_fails_all_where_that_is_wished() -> None:
    import keras

    wild = {"optimizer": keras.optimizers.SGD(1e30), "on_divergence": "fail", "epochs": 3}
    with pytest.raises(DivergedError, match="is infinite, not a number or above"):
        train(network(), toy.plan(**wild))
