"""Language models in both engines, alone and together: the states are the engine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runner
from rnnexp.models import stateful
from rnnexp.models.logits import log_softmax
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.program_key import make_program_key
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.tasks.language_modeling.dataset import TextStream
from rnnexp.training import batcher
from rnnexp.training.checkpoint import load_weights
from rnnexp.training.fit import fit
from rnnexp.training.plan import History

CLOSE = 1e-5
LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
SMALL = ("data=corpus", "data.sequence_length=5", "trainer.batch_size=6", "model.units=[5]", "model.embedding_dim=4")


def composed(rhyme: str, *settings: str) -> Any:
    return rx.compose(*SMALL, f"data.path={rhyme}", "model=gru", "trainer.epochs=3", *LIGHT, *settings)


def trained(experiment: Any, folder: Path | None = None) -> tuple[Any, TextStream, History]:
    device = runner.configure_runtime(experiment, None)
    dataset = runner.load_data(experiment)
    model = runner.build_model(experiment, dataset, device)
    plan = runner.make_plan(experiment, folder or Path())(dataset.spec)
    history = fit(model, dataset, plan)
    assert isinstance(dataset, TextStream)
    return model, dataset, history


def losses(history: History, name: str = "train/loss") -> np.ndarray:
    return np.array([epoch[name] for epoch in history.epochs])


@pytest.mark.parametrize(
    "settings",
    [
        ("model=lstm", "model.dropout=0.3", "model.variational_dropout=true"),
        ("model=gru", "model.tie_weights=true", "model.units=[4]", "model.word_dropout=0.2", "optimizer.use_ema=true"),
    ],
    ids=["lstm", "gru"],
)
@pytest.mark.end_to_end
def test_engines_agree(settings: tuple[str, ...], rhyme: str) -> None:
    keras, compiled = (trained(composed(rhyme, *settings, f"trainer.engine={e}"))[2] for e in ("keras", "compiled"))
    for name in ("train/loss", "val/loss", "train/perplexity"):
        np.testing.assert_allclose(losses(keras, name), losses(compiled, name), rtol=CLOSE)
    other = trained(composed(rhyme, *settings, "seed=1"))[2]
    assert not np.allclose(losses(other), losses(compiled), rtol=CLOSE)


@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_speed_is_told_in_tokens(engine: str, rhyme: str) -> None:
    _, dataset, history = trained(composed(rhyme, "data.split=none", f"trainer.engine={engine}"))
    stretches = len(dataset.parts["train"].side_by_side(6))
    epoch = history.epochs[-1]
    assert epoch["time/samples_per_s"] * epoch["time/epoch_s"] >= 5 * stretches * 0.999
    assert dataset.parts["train"].side_by_side(6).samples == 5 * stretches


@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_validation_starts_from_rest_and_reads_on_from_batch_to_batch(
    engine: str, rhyme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "MAX_STEPS", 2)  # so that the part is several blocks
    still = ("optimizer=sgd", "optimizer.learning_rate=1e-9", "trainer.epochs=2", f"trainer.engine={engine}")
    model, dataset, history = trained(composed(rhyme, *still, "model.initial_range=1.5"))
    val = dataset.parts["val"].side_by_side(6)
    batches = val.indices.reshape(-1, 6)
    assert len(batches) > 2
    lanes = np.stack([dataset.values[batches[:, i, None] + np.arange(6)] for i in range(6)])
    x = lanes[:, :, :-1].reshape(6, -1)
    y = lanes[:, :, 1:].reshape(6, -1)
    expected = surprise(model, x, y).mean()
    np.testing.assert_allclose(losses(history, "val/loss"), expected, rtol=1e-5)
    np.testing.assert_allclose(losses(history, "val/perplexity"), np.exp(expected), rtol=1e-4)
    forgetful = np.mean([surprise(model, x[:, i : i + 10], y[:, i : i + 10]).mean() for i in (0, 10)])
    assert abs(forgetful / expected - 1) > 1e-4


def surprise(model: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the nats of each token of `y` (lanes, time), read from rest."""
    scores = model.predict_on_batch({"past": x, **stateful.make_zero_states(model, len(x))})[stateful.OUTPUT]
    return -np.take_along_axis(log_softmax(np.asarray(scores)), y[..., None], axis=2)


@pytest.mark.parametrize("engine", ["keras", "compiled"])
@pytest.mark.end_to_end
def test_the_norm_of_the_gradient_is_of_the_first_batch_from_rest(engine: str, rhyme: str) -> None:
    asked = ("trainer.log_grad_norm=true", "trainer.epochs=1", f"trainer.engine={engine}", "model.initial_range=1.5")
    model, dataset, history = trained(composed(rhyme, *asked))
    part = dataset.parts["train"].side_by_side(6)
    x, y, _ = dataset.batch(part.arrays, part.order(0, 1, 6)[:6])
    assert losses(history, "opt/grad_norm")[0] == pytest.approx(norm(model, x, y, 0), rel=1e-4)
    assert norm(model, x, y, 0.5) != pytest.approx(norm(model, x, y, 0), rel=1e-2)


def norm(model: Any, x: np.ndarray, y: np.ndarray, state: float) -> float:
    """Return the norm of the gradient of the mean surprise of `y`, read from one value in all states."""
    import jax
    import keras

    states = {name: value + state for name, value in stateful.make_zero_states(model, len(x)).items()}
    given = {name: keras.ops.convert_to_tensor(value) for name, value in {"past": x, **states}.items()}

    def loss(weights: list[Any]) -> Any:
        outputs, _ = model.stateless_call(weights, [v.value for v in model.non_trainable_variables], given)
        scores = jax.nn.log_softmax(outputs[stateful.OUTPUT])
        return -jax.numpy.take_along_axis(scores, y[..., None], axis=2).mean()

    gradients = jax.grad(loss)([variable.value for variable in model.trainable_variables])
    return float(np.sqrt(sum(np.square(np.asarray(gradient)).sum() for gradient in gradients)))


@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_a_checkpoint_holds_the_states_that_its_epoch_ended_with(engine: str, rhyme: str, tmp_path: Path) -> None:
    settings = (
        "callbacks=checkpoints",
        "callbacks.checkpoints.every=1",
        f"trainer.engine={engine}",
        "trainer.epochs=1",
    )
    still = ("optimizer=sgd", "optimizer.learning_rate=1e-9", "trainer.log_grad_norm=true")
    model, dataset, _ = trained(composed(rhyme, *settings, *still), tmp_path)
    _, weights, _ = load_weights(tmp_path / "checkpoints" / "epoch-000001")
    found = {path.split("/")[-1]: value for path, value in weights.items() if path.endswith("_h")}
    part = dataset.parts["train"].side_by_side(6)
    starts = part.order(0, 1, 6).reshape(-1, 6)
    text = np.concatenate([dataset.values[row[:, None] + np.arange(5)] for row in starts], axis=1)
    ends = model.predict_on_batch({"past": text, **stateful.make_zero_states(model, 6)})
    assert list(found) == ["gru_1_h"]
    np.testing.assert_allclose(found["gru_1_h"], ends["gru_1_h"], atol=1e-5)
    assert np.abs(found["gru_1_h"]).max() > 1e-3


def test_the_sum_over_time_is_the_mean_times_the_steps(rhyme: str) -> None:
    still = ("optimizer=sgd", "optimizer.learning_rate=1e-9", "trainer.epochs=1")
    mean = trained(composed(rhyme, *still))[2]
    total = trained(composed(rhyme, *still, "loss=token_cross_entropy", "loss.sum_over_time=true"))[2]
    np.testing.assert_allclose(losses(total), 5 * losses(mean), rtol=1e-5)
    np.testing.assert_allclose(losses(total, "train/perplexity"), losses(mean, "train/perplexity"), rtol=1e-5)


@pytest.mark.end_to_end
def test_members_that_are_trained_together_are_what_they_would_have_been_alone(rhyme: str, tmp_path: Path) -> None:
    varied = [("seed=0", "model.dropout=0.2"), ("seed=1", "model.dropout=0.4"), ("optimizer.learning_rate=0.01",)]
    base = ("model.dropout=0.2", "model.embedding_dropout=0.1", "model.word_dropout=0.1", "model.initial_range=0.2")
    experiments = [composed(rhyme, *base, *own) for own in varied]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    ended: dict[int, Any] = {}
    occasions = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        occasions.append(RunContext(tmp_path / str(number), member=Membership("test", None, number)))
    run_vectorized(experiments, occasions, ended.__setitem__, lambda _: None)
    for number, experiment in enumerate(experiments):
        alone, member = rx.run(experiment, quiet=True), ended[number]
        assert isinstance(member, Result)
        np.testing.assert_allclose(losses(member.history), losses(alone.history), rtol=CLOSE)
        assert member.metrics["test/nats"] == pytest.approx(alone.metrics["test/nats"], rel=CLOSE)
    assert not np.allclose(losses(ended[0].history), losses(ended[1].history), rtol=CLOSE)


def test_too_many_lanes_for_a_text_are_said_with_what_to_do(rhyme: str) -> None:
    from rnnexp.errors import DataError

    with pytest.raises(
        DataError,
        match=r"the val set has 138 tokens, too few for one batch: 20 streams \(trainer\.batch_size\) of 20 steps",
    ):
        trained(composed(rhyme, "trainer.batch_size=20", "data.sequence_length=20"))
