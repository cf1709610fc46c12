"""What is logged as loss is without penalties, on every engine, so that settings of different penalties compare."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy

import rnnexp as rx
from rnnexp.errors import ConfigError
from rnnexp.runner.context import RunContext
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.training.fit import fit
from rnnexp.training.plan import History

LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false", "trainer.epochs=3", "model.units=[3]")
TOY = ("data.points=80", "data.seed=0", *LIGHT)


def penalized(kind: str) -> Any:
    """Return the toy network with one kind of penalty, from the weights that it has without any."""
    import keras

    class Adding(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(0.1 * keras.ops.mean(x**2))
            return x

    plain = toy.network()
    past = keras.Input((4, 1), name="past")
    rnn = {"kernel": "kernel_regularizer", "recurrent": "recurrent_regularizer", "bias": "bias_regularizer"}
    cell = {rnn[kind]: keras.regularizers.L1L2(0.01, 0.02)} if kind in rnn else {}
    head = {"activity_regularizer": keras.regularizers.L2(0.1)} if kind == "activity" else {}
    hidden = keras.layers.SimpleRNN(3, name="rnn", **cell)(past)
    hidden = Adding()(hidden) if kind == "added" else hidden
    model = keras.Model(past, keras.layers.Reshape((1, 1))(keras.layers.Dense(1, **head)(hidden)))
    model.set_weights(plain.get_weights())
    return model


def train(kind: str, engine: str, **settings: Any) -> tuple[History, Any]:
    import keras

    model = penalized(kind)
    still = keras.optimizers.SGD(settings.pop("rate", 0.0) or 1e-30)
    history = fit(model, toy.windows(21, val=7), toy.plan(still, epochs=2, engine=engine, **settings))
    return history, model


@cache
def train_plain(engine: str) -> History:
    return train("none", engine)[0]


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.parametrize("kind", ["kernel", "recurrent", "bias", "activity", "added"])
def test_the_loss_is_that_of_the_same_network_without_penalties(kind: str, engine: str) -> None:
    plain, history = train_plain(engine), train(kind, engine)[0]
    for part in ("train", "val"):
        assert [e[f"{part}/loss"] for e in history.epochs] == pytest.approx([e[f"{part}/loss"] for e in plain.epochs])
        if kind != "bias":  # biases are 0 at first
            assert all(e[f"{part}/total_loss"] > e[f"{part}/loss"] * 1.001 for e in history.epochs)
        assert f"{part}/total_loss" not in plain.epochs[0]


@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_training_goes_the_way_that_keras_goes_with_the_penalty(engine: str) -> None:
    """To the same weights as `Model.fit`, whose loss is the sum."""
    import keras

    history, model = train("kernel", engine, rate=0.1, batch_size="full")
    data, reference = toy.windows(21, val=7), penalized("kernel")
    reference.compile(keras.optimizers.SGD(0.1), "mse")
    x, y, _ = data.batch(data.parts["train"].arrays, data.parts["train"].indices)
    told = reference.fit(x, y, batch_size=21, epochs=2, shuffle=False, verbose=0).history["loss"]
    assert [epoch["train/total_loss"] for epoch in history.epochs] == pytest.approx(told, rel=1e-6)
    assert [epoch["train/loss"] for epoch in history.epochs] != pytest.approx(told, rel=1e-3)
    kept = history.best_epoch == 2
    assert not kept or np.allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-6)


@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_the_best_epoch_is_chosen_by_the_loss_without_penalties(engine: str) -> None:
    """A strong penalty falls for as long as the weights shrink, however bad the network becomes."""
    settings = ("model=simple_rnn", "model.l2=1.0", "trainer.epochs=12", "optimizer.learning_rate=0.03")
    history = rx.run(rx.compose(*TOY, *settings, f"trainer.engine={engine}"), quiet=True).history
    losses, sums = ([epoch[f"val/{name}"] for epoch in history.epochs] for name in ("loss", "total_loss"))
    assert history.best_epoch == 1 + int(np.argmin(losses))
    assert history.best_epoch != 1 + int(np.argmin(sums))
    assert history.best["val/loss"] == min(losses)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("engine", "settings"),
    [
        ("compiled", ("model=lstm", "data=sine", "data.layout=sequence", "data.points=80", "optimizer.use_ema=true")),
        ("keras", ("model=gru", "data=corpus", "data.path=book.txt", "data.sequence_length=8", "data.split=none")),
        ("compiled", ("model=gru", "data=text_lines", "data.path=lines.txt", "trainer.class_weights=balanced")),
        ("keras", ("model=simple_rnn", "data=text_tags", "data.path=tags.conll", "model.dropout=0.2")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else value,
)
def test_a_penalty_of_next_to_nothing_leaves_every_loss_as_it_is(engine: str, settings: tuple[str, ...]) -> None:
    """Weighed steps and classes, averaged weights, states that are carried on, padding: a loss is averaged alike."""
    Path("book.txt").write_text("it was the best of times, it was the worst of times. " * 6)
    Path("lines.txt").write_text("".join(f"{i % 3 // 2} word{i % 3} word{i % 5} and\n" for i in range(30)))
    Path("tags.conll").write_text("".join(f"a X\nb Y\n{'c Y' if i % 2 else 'd X'}\n\n" for i in range(30)))
    words = (*LIGHT, *settings, f"trainer.engine={engine}")
    with_it, without = (rx.run(rx.compose(*words, *more), quiet=True).history for more in (["model.l2=1e-30"], []))
    for name in ("train/loss", "val/loss"):
        if name in without.epochs[0]:
            assert [e[name] for e in with_it.epochs] == pytest.approx([e[name] for e in without.epochs], rel=1e-5)
            assert [e[name.replace("loss", "total_loss")] for e in with_it.epochs] == pytest.approx(
                [e[name] for e in without.epochs], rel=1e-5
            )
    assert with_it.best_epoch == without.best_epoch


@pytest.mark.end_to_end
def test_members_of_a_group_have_their_own_penalties(tmp_path: Path) -> None:
    """Trained as one program, each at its own strength, they log what each logs alone."""
    experiments = [rx.compose(*TOY, "model=gru", f"model.l2={l2}") for l2 in (1e-3, 1.0)]
    contexts = [RunContext(tmp_path / str(number)) for number in range(2)]
    for context in contexts:
        context.run_dir.mkdir()
    found: dict[int, Any] = {}
    run_vectorized(experiments, contexts, found.__setitem__, lambda _: None)
    for number, experiment in enumerate(experiments):
        alone = rx.run(experiment, quiet=True).history
        for name in ("train/loss", "train/total_loss", "val/loss", "val/total_loss"):
            told = [epoch[name] for epoch in found[number].history.epochs]
            assert told == pytest.approx([epoch[name] for epoch in alone.epochs], rel=1e-4)
    penalties = [one.history.best["val/total_loss"] - one.history.best["val/loss"] for one in found.values()]
    assert penalties[1] > 100 * penalties[0]


def test_a_total_loss_can_be_watched_where_there_is_one() -> None:
    words = (*TOY, "model=gru", "trainer.monitor=val/total_loss")
    history = rx.run(rx.compose(*words, "model.l2=0.1"), quiet=True).history
    assert history.best["val/total_loss"] == min(epoch["val/total_loss"] for epoch in history.epochs)
    with pytest.raises(ConfigError, match="`val/total_loss` is not logged; choose from train/loss, val/loss"):
        rx.compose(*words)
