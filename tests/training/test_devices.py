"""Several devices share out the batches of one training: nothing but last digits changes.

Measured: 2e-7 at most in weights, losses and gradients after 60 steps with dropout, on CPU devices that share one CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import toy

from rnnexp import compose
from rnnexp.config.identity import config_hash
from rnnexp.errors import ConfigError, ResourceError
from rnnexp.training.compiled.devices import check_devices, count_devices, make_placement
from rnnexp.training.fit import choose_engine, fit

HERE = Path(__file__).parent
CLOSE = 1e-6  # of numbers about 1, and relative of losses and scores; another seed changes them by a tenth and more


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `several_devices` saw with four devices, of which a process knows from its beginning."""
    environment = {
        **{key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"},
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4",
        "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}",
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "several_devices.py")],
        capture_output=True,
        text=True,
        timeout=800,
        env=environment,
        cwd=tmp_path_factory.mktemp("devices"),
    )
    told = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert told, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(told[0].removeprefix("FOUND "))
    return found


@pytest.mark.end_to_end
def test_devices_that_do_not_divide_the_last_batch_train_as_one_does(seen: dict[str, Any]) -> None:
    assert max(seen["two"], seen["all"]) < CLOSE
    assert seen["other_seed"] > 0.1


@pytest.mark.end_to_end
def test_the_gradients_of_several_devices_are_summed(seen: dict[str, Any]) -> None:
    one, two = seen["reductions"]
    assert one == 0
    assert two > 0


@pytest.mark.end_to_end
def test_a_training_goes_on_to_the_same_bits_on_as_many_devices_and_to_last_digits_on_others(
    seen: dict[str, Any],
) -> None:
    assert seen["gone_on"] == 0.0
    assert 0 < seen["gone_on_with_four"] < CLOSE


@pytest.mark.end_to_end
@pytest.mark.parametrize("kind", ["run", "averaged", "group"])
def test_runs_alone_averaged_and_side_by_side_end_as_on_one_device(seen: dict[str, Any], kind: str) -> None:
    assert seen[kind] < CLOSE
    assert seen["of_seeds"] > 0.1


@pytest.mark.end_to_end
def test_one_row_is_forecast_by_what_several_devices_have_trained(seen: dict[str, Any]) -> None:
    assert seen["forecast"] == 0


@pytest.mark.end_to_end
def test_what_several_devices_cannot_do_is_said(seen: dict[str, Any]) -> None:
    refused = seen["refused"]
    assert refused["more than there are"] == (
        "ResourceError: trainer.devices: 5 given, but jax sees 4 (cpu); for as many on one CPU, to try it: "
        "XLA_FLAGS=--xla_force_host_platform_device_count=5"
    )
    assert "a batch of the training set has 3 examples" in refused["a small training part"]


def test_more_devices_than_there_are_are_refused() -> None:
    with pytest.raises(ResourceError, match="trainer.devices: 99 given, but jax sees"):
        fit(toy.network(), toy.windows(), toy.plan(devices=99, batch_size="full"))


def test_what_the_compiled_engine_cannot_train_takes_one_device() -> None:
    trainer = toy.plan(devices=2).trainer
    engine = choose_engine(trainer, {"own": object()}, "jax")
    with pytest.raises(ConfigError, match="2 given, .* but callbacks.own may do anything after each epoch; set"):
        check_devices(trainer.devices, *engine)
    with pytest.raises(ConfigError, match="all given, .* but another backend or engine was asked for; set"):
        check_devices("all", *choose_engine(trainer, {}, "torch"))
    assert check_devices(1, *engine) == 1


def test_one_device_needs_no_placement() -> None:
    assert count_devices(1) == 1
    assert make_placement(1, 8).mesh is None


def test_mistakes_with_devices_are_found_at_the_border() -> None:
    wrong = {
        "must be at least 1, or `all`": ("trainer.devices=0",),
        "but batch_size=2: some would have none": ("trainer.devices=3", "trainer.batch_size=2"),
        "several need engine=compiled or auto, not keras": ("trainer.devices=2", "trainer.engine=keras"),
        "several need backend=jax, not torch": ("trainer.devices=all", "backend=torch"),
    }
    for problem, words in wrong.items():
        with pytest.raises(ConfigError, match=problem):
            compose(*words)
        assert compose(*(word for word in words if "devices" not in word))


def test_one_device_is_the_configuration_that_says_nothing_of_devices() -> None:
    assert config_hash(compose("trainer.devices=1")) == config_hash(compose())
    assert config_hash(compose("trainer.devices=2")) != config_hash(compose())
