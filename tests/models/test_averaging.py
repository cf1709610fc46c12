"""Networks that are averaged are one network, which any program with Keras can load."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import bundle, exporter
from rnnexp.models.averaging import build_average, list_members, list_seeds
from rnnexp.models.build import build
from rnnexp.models.logits import softmax

X = np.random.default_rng(0).normal(size=(5, 6, 3)).astype("float32")
PAST = {"past": InputSpec((6, 3))}
NUMBERS = TaskSpec("regression", PAST, (2,), targets=("a", "b"))
CLASSES = TaskSpec("classification", PAST, (3,), outputs="logits", classes=("a", "b", "c"))
SCALING = {"kind": "none"}


def settings() -> Any:
    return registry.lookup("model", "gru")(units=[3])


def average(spec: TaskSpec, exponents: list[float] | None = None, seeds: int = 3) -> tuple[Any, np.ndarray]:
    """Return an averaged network, and the answers of its members, (members, examples, outputs)."""
    model = build_average(settings(), spec, list_seeds(0, seeds), {}, exponents)
    return model, np.stack([member.predict(X, verbose=0) for member in list_members(model)]).astype(np.float64)


def test_numbers_are_averaged_as_they_are() -> None:
    model, alone = average(NUMBERS)
    np.testing.assert_allclose(model.predict(X, verbose=0), alone.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert alone.std(axis=0).min() > 1e-4, "members are alike"


def test_of_classes_the_probabilities_are_averaged() -> None:
    model, alone = average(CLASSES)
    found = softmax(model.predict(X, verbose=0))
    np.testing.assert_allclose(found, softmax(alone).mean(axis=0), atol=1e-6)
    assert np.abs(found - softmax(alone.mean(axis=0))).max() > 1e-5, "logits were averaged"


def test_behind_a_logarithm_the_exponentials_are_averaged() -> None:
    exponents = np.array([0.5, 2.0])
    model, alone = average(NUMBERS, [*exponents])
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(np.exp(found * exponents), np.exp(alone * exponents).mean(axis=0), rtol=1e-5)
    assert np.abs(found - alone.mean(axis=0)).max() > 1e-4, "logarithms were averaged"


def test_each_quantile_is_averaged_by_itself() -> None:
    spec = NUMBERS.with_quantiles((0.1, 0.5, 0.9))
    model, alone = average(spec)
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, alone.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert (np.diff(found.reshape(5, 2, 3), axis=-1) >= 0).all()
    model, alone = average(spec, [0.5, 2.0])
    each = np.repeat([0.5, 2.0], 3)
    np.testing.assert_allclose(np.exp(model.predict(X, verbose=0) * each), np.exp(alone * each).mean(axis=0), rtol=1e-5)


def test_members_have_the_first_weights_of_single_networks() -> None:
    first, second = list_members(average(NUMBERS, seeds=2)[0])
    for seed, member in zip((0, 10_000), (first, second)):
        alone = build(settings(), NUMBERS, seed)
        assert all(np.array_equal(*pair) for pair in zip(member.get_weights(), alone.get_weights(), strict=True))
    assert not np.array_equal(first.get_weights()[0], second.get_weights()[0])


def test_runs_of_neighboring_seeds_have_no_member_in_common() -> None:
    seeds = [seed for run in range(100) for seed in list_seeds(run, 64)]
    assert len(set(seeds)) == len(seeds)
    assert list_seeds(2**31 - 1, 3) == [2**31 - 1, 9_999, 19_999]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model, _ = average(CLASSES)
    exporter.save(tmp_path, bundle.Bundle(model, CLASSES, SCALING, settings()))
    return tmp_path


def pass_exponents(monkeypatch: pytest.MonkeyPatch, found: list[float] | None = None) -> None:
    monkeypatch.setattr(bundle, "find_exponents", lambda spec, scaling: found)


def test_a_saved_one_is_built_again(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pass_exponents(monkeypatch)
    model, alone = average(CLASSES)
    found = bundle.load(saved)
    assert len(list_members(found.model)) == 3
    assert np.array_equal(found.model.predict(X, verbose=0), model.predict(X, verbose=0))
    np.testing.assert_allclose(found.predict(X), softmax(alone).mean(axis=0), atol=1e-6)


@pytest.mark.end_to_end
def test_keras_alone_loads_the_saved_one(
    saved: Path, in_new_process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_exponents(monkeypatch)
    np.save(saved / "x.npy", X)
    script = (
        "import sys, numpy as np, keras\n"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras')\n"
        "np.save(sys.argv[1] + '/y.npy', model.predict(np.load(sys.argv[1] + '/x.npy'), verbose=0))\n"
        "assert not any(name.startswith('rnnexp') for name in sys.modules)\n"
    )
    done = in_new_process(script, str(saved))
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(saved / "y.npy"), bundle.load(saved).predict(X), atol=1e-6)


@pytest.mark.parametrize("members", [0, -1, 10**9])
def test_a_file_cannot_ask_for_more_members_than_it_has_weights(saved: Path, members: int) -> None:
    about = json.loads((saved / "model.json").read_text())
    assert about["members"] == 3
    (saved / "model.json").write_text(json.dumps({**about, "members": members}))
    with pytest.raises(
        ConfigError, match=f"model.json: {members:,} members are asked for; weights.npz holds 15 arrays"
    ):
        bundle.load(saved)


def test_a_file_of_fewer_members_does_not_fit(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pass_exponents(monkeypatch)
    about = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps({**about, "members": 2}))
    with pytest.raises(ConfigError, match="`member_2/gru_1/gru_cell/kernel` belongs to no layer"):
        bundle.load(saved)


def test_what_goes_on_from_batch_to_batch_has_no_mean() -> None:
    spec = TaskSpec(
        "language_modeling", {"past": InputSpec((None,), "int32", 5)}, (5,), "logits", per_step=True, carried=True
    )
    with pytest.raises(ConfigError, match="ensemble: given, but an answer of language_modeling depends on"):
        build_average(settings(), spec, [0, 1], {}, None)


def test_a_class_of_its_own_is_refused() -> None:
    import keras

    class Own(keras.Model):
        pass

    class Settings:
        name = "own"

        def build(self, spec: TaskSpec) -> Any:
            past = keras.Input((6, 3), name="past")
            return Own(past, keras.layers.Dense(2)(keras.layers.Flatten()(past)))

    with pytest.raises(ConfigError, match="is a model of a class of its own, Own, whose training step would be lost"):
        build_average(Settings(), NUMBERS, [0, 1], {}, None)
