"""What a rehearsal of several networks comes to, by what has been answered about each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rnnexp.errors import ConfigError, DataError, ResourceError
from rnnexp.sweeps import preflight
from rnnexp.sweeps.executor import Hardware

SMALL = {
    "parameters": 10,
    "validated": True,
    "primary": ("test/rmse", False),
    "validation_score": "rmse",
    "setup_s": 0.5,
    "first_epoch_s": 2.0,
    "epoch_s": 1.0,
    "trainings": 1,
}
HUGE = {"code": ResourceError.exit_code, "error": ["model: a network with 9 weights; but 0.1 GB are free"]}
WRONG = {"code": ConfigError.exit_code, "error": ["model.units: 0 given"]}
MISSING = {"code": DataError.exit_code, "error": ["data.path: there is no such file"]}


def rehearse(monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], last: str = "jax") -> preflight.Findings:
    monkeypatch.setattr(preflight, "_in_process", lambda *_, **__: answers)
    backends = ["jax"] * (len(answers) - 1) + [last]
    mappings = [
        {"data": {}, "model": {"units": [units]}, "optimizer": {}, "backend": backend}
        for units, backend in enumerate(backends)
    ]
    jobs: Any = [SimpleNamespace(mapping=mapping, values={}) for mapping in mappings]
    return preflight.rehearse(jobs, Hardware(frozenset({"jax"}), cpu_only=True), threads=1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_network_that_is_too_big_for_memory_fails_alone(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    answers = [SMALL, {**SMALL, "parameters": 30}]
    answers.insert(place, HUGE)
    found = rehearse(monkeypatch, answers)
    assert (found.networks, found.parameters, sorted(found.sizes.values())) == (2, (10, 30), [10, 30])


def test_a_sweep_of_nothing_but_networks_that_are_too_big_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResourceError, match=r"GB are free") as caught:
        rehearse(monkeypatch, [HUGE, HUGE])
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(("mistake", "kind"), [(WRONG, ConfigError), (MISSING, DataError)])
def test_any_other_mistake_of_one_network_refuses_them_all(
    monkeypatch: pytest.MonkeyPatch, mistake: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=mistake["error"][0]):
        rehearse(monkeypatch, [SMALL, mistake])


def test_a_backend_of_one_job_that_is_not_installed_refuses_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else object())
    assert rehearse(monkeypatch, [SMALL, SMALL]).networks == 2
    with pytest.raises(ResourceError, match=r"`torch` is not installed; run: pip install 'rnnexp\[torch\]'"):
        rehearse(monkeypatch, [SMALL, SMALL], last="torch")
