"""The compiled engine gives what the `keras` engine gives, for every kind of network, optimizer, task and callback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

import rnnexp as rx
from rnnexp import optimizers
from rnnexp.registry import lookup
from rnnexp.training.checkpoint import load_weights
from rnnexp.training.compiled import dispatch, ensemble
from rnnexp.training.compiled.batch_plan import Pieces
from rnnexp.training.fit import fit, make_training, run_all
from rnnexp.training.plan import History

# Relative, of every loss and metric of every epoch: the two add up in another order, and training multiplies the
# difference. Measured: 3e-7 to 2e-6 after a few epochs; another seed changes a loss by 1e-2 and more.
CLOSE = 2e-5
LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
SINE = ("data.points=90", "data.seed=0", "model.units=[4]", "trainer.epochs=4", *LIGHT)
WHOLE = ("trainer.batch_size=full", "schedule=cosine", "schedule.warmup_epochs=2")
OFTEN = ("adam", "muon", "rmsprop", "sgd")  # optimizers
EPOCHS = 14  # the same wherever it may be: so many make another program, which has to be compiled anew


def table(history: History) -> dict[str, np.ndarray]:
    """Return every metric over the epochs, times left out."""
    names = [name for name in history.epochs[0] if not name.startswith("time/")]
    return {name: np.array([epoch[name] for epoch in history.epochs]) for name in names}


def agree(one: History, other: History) -> bool:
    """Say whether two histories are the same within the stated tolerance."""
    first, second = table(one), table(other)
    same = (list(first), one.best_epoch, one.stopped, one.monitor) == (
        list(second),
        other.best_epoch,
        other.stopped,
        other.monitor,
    )
    return same and all(
        first[name].shape == second[name].shape and np.allclose(first[name], second[name], rtol=CLOSE, atol=1e-7)
        for name in first
    )


def both(train: Callable[[str], History]) -> tuple[History, History]:
    return train("keras"), train("compiled")


@pytest.mark.parametrize(
    "settings",
    [
        ("model=simple_rnn", "model.bidirectional=true", "optimizer.use_ema=true", "trainer.log_grad_norm=layers"),
        pytest.param(
            ("model=lstm", "model.units=[4, 3]", "model.dropout=0.3", "model.l2=0.001"), marks=pytest.mark.end_to_end
        ),
        pytest.param(
            ("model=gru", "model.recurrent_dropout=0.2", "model.layer_norm=true", "optimizer.clipnorm=0.5"),
            marks=pytest.mark.end_to_end,
        ),
        pytest.param(("model=lstm", "data.layout=sequence"), marks=pytest.mark.end_to_end),
        ("model=gru", "data.horizon=3", "data.scaler=instance", "metrics=[mae]", "loss=huber", *WHOLE),
        pytest.param(
            ("model=simple_rnn", "data=adding", "data.examples=60", "data.sequence_length=6"),
            marks=pytest.mark.end_to_end,
        ),
        pytest.param(
            ("model=lstm", "model.patch_size=5", "model.skip_connection=true", "data.horizon=3"),
            marks=pytest.mark.end_to_end,
        ),
    ],
    ids=lambda settings: " ".join(settings[:2]),
)
def test_runs_agree(settings: tuple[str, ...]) -> None:
    keep = [line for line in SINE if not ("data=adding" in settings and line.startswith("data."))]
    histories = both(
        lambda engine: rx.run(rx.compose(*keep, *settings, f"trainer.engine={engine}"), quiet=True).history
    )
    assert agree(*histories)


def test_another_seed_is_not_taken_for_the_same() -> None:
    histories = [
        fit(toy.network(dropout=0.3), toy.windows(21), toy.plan(seed=seed, engine="compiled")) for seed in (0, 1)
    ]
    assert not agree(*histories)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in OFTEN else pytest.mark.end_to_end) for name in optimizers.available()],
)
@pytest.mark.end_to_end
def test_every_optimizer_agrees(name: str) -> None:
    def train(engine: str) -> History:
        optimizer = optimizers.load(name)(learning_rate=0.01).build()
        return fit(toy.network(), toy.windows(21), toy.plan(optimizer, epochs=6, batch_size="full", engine=engine))

    assert agree(*both(train))


def callbacks(**named: dict[str, Any]) -> dict[str, Any]:
    return {name: lookup("callback", name)(**settings) for name, settings in named.items()}


@pytest.mark.parametrize(
    "named",
    [
        {"early_stopping": {"patience": 2, "monitor": "val/loss", "min_delta": 0.01, "start_epoch": 3}},
        {
            "plateau": {"patience": 1, "min_delta": 0.05, "cooldown": 1, "min_learning_rate": 0.002},
            "early_stopping": {"patience": 5, "min_delta": 0.05},
        },
    ],
    ids=lambda named: " and ".join(named),
)
def test_carried_callbacks_agree(named: dict[str, dict[str, Any]]) -> None:
    def train(engine: str) -> History:
        given = toy.plan(epochs=EPOCHS, engine=engine, plan={"callbacks": callbacks(**named)})
        return fit(toy.network(), toy.windows(21, val=6), given)

    histories = both(train)
    assert agree(*histories)
    idle = fit(toy.network(), toy.windows(21, val=6), toy.plan(epochs=EPOCHS, engine="compiled"))
    assert not agree(idle, histories[1])


@pytest.mark.fault("G1")
def test_a_training_that_diverges_agrees() -> None:
    import keras

    def train(engine: str) -> History:
        wild = toy.plan(keras.optimizers.SGD(1e12), epochs=6, engine=engine)
        return fit(toy.network(), toy.windows(16, val=4), wild)

    one, other = both(train)
    assert one.stopped == other.stopped == "diverged"
    assert len(one.epochs) == len(other.epochs)
    assert one.best_epoch == other.best_epoch


def test_checkpoints_are_the_same_at_the_epochs_that_are_due(tmp_path: Path) -> None:
    def train(engine: str) -> History:
        given = callbacks(checkpoints={"every": 3, "keep": 9, "best": False})
        return fit(
            toy.network(),
            toy.windows(21, val=6),
            toy.plan(epochs=EPOCHS, engine=engine, plan={"callbacks": given, "run_dir": tmp_path / engine}),
        )

    both(train)
    folders = {engine: sorted((tmp_path / engine / "checkpoints").glob("epoch-*")) for engine in ("keras", "compiled")}
    assert [f.name for f in folders["compiled"]] == [f.name for f in folders["keras"]] != []
    for one, other in zip(*folders.values()):
        (epoch, weights, _), (same, others, _) = load_weights(one), load_weights(other)
        assert epoch == same
        assert all(np.allclose(weights[path], others[path], rtol=1e-4, atol=1e-6) for path in weights)


def test_the_best_checkpoint_is_of_the_best_epoch(tmp_path: Path) -> None:
    given = callbacks(checkpoints={"every": 100, "keep": 1})
    wanted = toy.plan(epochs=EPOCHS, engine="compiled", plan={"callbacks": given, "run_dir": tmp_path})
    history = fit(toy.network(), toy.windows(21, val=6), wanted)
    best = re.findall(r'"epoch": (\d+)', (tmp_path / "checkpoints" / "best.json").read_text())
    assert int(best[0]) == history.best_epoch


def fit_in_calls(
    monkeypatch: pytest.MonkeyPatch, seconds: float, val: int, **settings: Any
) -> tuple[tuple[Any, ...], list[tuple[int, int]]]:
    """Train by calls that last so long, 0 for one piece each; return all that is left, and the pieces of each call."""
    monkeypatch.setattr(ensemble, "LONG_S", seconds)
    monkeypatch.setattr(dispatch, "PROMPT_S", seconds)
    calls, run = [], dispatch.Dispatch.run

    def noted(self: dispatch.Dispatch, span: Any, *given: Any) -> Any:
        calls.append(span)
        return run(self, span, *given)

    monkeypatch.setattr(dispatch.Dispatch, "run", noted)
    model = toy.network(dropout=0.2)
    plan = toy.plan(metrics=("mae",), **{"batch_size": 4, "engine": "compiled", **settings})
    history = fit(model, toy.windows(23, val=val), plan)
    monkeypatch.setattr(dispatch.Dispatch, "run", run)
    rows = {name: values.tolist() for name, values in table(history).items()}
    return (rows, history.best_epoch, [weight.tobytes() for weight in model.get_weights()]), calls


@pytest.mark.fault("D2")
@pytest.mark.parametrize(
    ("pieces", "val", "settings"),
    [
        (6, 0, {}),
        (6, 6, {"log_grad_norm": True}),
        (1, 6, {"batch_size": "full"}),
        (9, 1100, {"monitor": "val/mae"}),  # batches of validation are of 512
        (4, 1024, {"batch_size": "full"}),
    ],
    ids=["steps", "steps and one batch of validation", "nothing to cut", "steps and validation", "validation"],
)
def test_an_epoch_in_pieces_has_the_bits_of_a_whole_one(
    pieces: int, val: int, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = fit_in_calls(monkeypatch, 1e9, val, **settings)
    cut, pieced = fit_in_calls(monkeypatch, 0.0, val, **settings)
    assert set(calls) == {(0, pieces)}
    assert pieced == [(piece, piece + 1) for piece in range(pieces)] * 3
    assert cut == whole
    assert fit_in_calls(monkeypatch, 0.0, val, **settings, seed=1)[0] != whole


def test_an_epoch_that_lasts_longer_than_it_was_thought_to_is_cut_from_the_next_one_on() -> None:
    pace = dispatch.Pace(Pieces(steps=100, trained=101, tests=10), is_long=False)
    assert pace.count_epochs() == 1
    pace.take((0, 112), 1, seconds=30.0)
    assert pace.count_epochs() == 0
    calls, at = [], 0
    while at < 112:
        last = pace.last_piece(at)
        calls.append((at, last))
        pace.take((at, last), 1, 0.3 * (last - at) if at < 100 else 0.05 * (last - at))
        at = last
    assert calls == [
        *[
            (0, 1),
            *((first, first + 2) for first in (1,)),
            *((first, first + 3) for first in range(3, 99, 3)),
            (99, 100),
        ],
        *[(100, 101), (101, 103), (103, 107), (107, 112)],
    ]
    assert pace.count_epochs() == 0
    pace.take((0, 112), 1, seconds=0.01)  # the load has gone
    assert pace.count_epochs() == 16


def test_chunks_of_any_length_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {"epochs": EPOCHS, "engine": "compiled"}
    usual = fit(toy.network(), toy.windows(21, val=6), toy.plan(**plan))
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 2)
    short = fit(toy.network(), toy.windows(21, val=6), toy.plan(**plan))
    for name, values in table(usual).items():
        assert (values == table(short)[name]).all()
    assert dispatch.PROMPT_S == 1.0


def test_epochs_that_last_longer_than_a_chunk_may_are_trained_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks() -> list[int]:
        heard: list[int] = []
        training = make_training(toy.network(), toy.windows(21, val=6), toy.plan(epochs=EPOCHS, engine="compiled"))
        run_all(training.steps(lambda _, rows, __: heard.append(len(rows))))
        return heard

    assert max(chunks()) > 1
    monkeypatch.setattr(dispatch, "PROMPT_S", 1e-9)  # each epoch lasts longer
    assert chunks() == [1] * EPOCHS


def test_what_cannot_be_compiled_is_trained_by_keras_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    import keras

    from rnnexp.training.fit import choose_engine

    trainer, mine = toy.plan(engine="compiled").trainer, {"mine": keras.callbacks.Callback()}
    assert choose_engine(trainer, mine, "jax") == (
        "keras",
        "not the compiled engine: callbacks.mine may do anything after each epoch",
    )
    assert choose_engine(trainer, {}, "torch") == ("keras", "not the compiled engine: it needs backend=jax, not torch")
    assert choose_engine(toy.plan(monitor="time/epoch_s").trainer, {}, "jax")[1] == (
        "not the compiled engine: trainer.monitor watches the clock"
    )
    assert choose_engine(toy.plan().trainer, {}, "jax") == ("compiled", None)
    assert choose_engine(toy.plan().trainer, {}, "torch") == ("keras", None)
