"""Settings held against each other: what is proposed stays unless another is better by more than its seeds differ."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.errors import count
from rnnexp.runner.candidates import Trial, choose, try_seeds

TOY = ("data.points=60", "model.units=[2]", "trainer.epochs=2", "tracking=off")


def trial(*losses: float) -> Trial:
    return Trial(losses, 1.0)


def test_a_better_setting_is_taken_if_it_is_better_seed_by_seed() -> None:
    proposed = trial(0.50, 0.60, 0.55)
    assert choose([proposed, trial(0.45, 0.56, 0.50)]) == 1
    assert choose([proposed, trial(0.45, 0.70, 0.40)]) == 0  # lower in the mean, by chance
    assert choose([proposed, trial(0.55, 0.65, 0.60)]) == 0


def test_the_best_of_several_better_ones_is_taken() -> None:
    assert choose([trial(0.5, 0.6, 0.5), trial(0.4, 0.5, 0.41), trial(0.3, 0.4, 0.31)]) == 2


def test_what_has_no_result_is_not_chosen_unless_nothing_has() -> None:
    none = Trial([], 3.0, "not finished: the time was up")
    assert choose([none, trial(0.9, 0.8, 0.7), none, trial(0.4, 0.4, 0.5)]) == 3
    assert choose([trial(0.9, 0.8, 0.7), none]) == 0
    assert choose([none, none]) == 0


def test_nothing_is_trained_once_the_time_is_up() -> None:
    assert try_seeds([], time.monotonic() - 1).problem == "not tried: the time was up"


@pytest.mark.end_to_end
def test_the_seeds_of_a_setting_are_trained_together_and_leave_nothing_behind() -> None:
    experiments = [rx.compose(*TOY, f"seed={seed}") for seed in range(3)]
    found = try_seeds(experiments, time.monotonic() + 600)
    assert len(set(found.losses)) == 3
    assert found.metric == "best/val/rmse"  # in original units: so it compares scalers, too
    alone = rx.run(experiments[1], quiet=True).metrics["best/val/rmse"]
    assert found.losses[1] == pytest.approx(alone, rel=1e-4)
    assert not [path for path in Path().iterdir() if path.name != "runs"]


@pytest.mark.end_to_end
def test_training_ends_with_the_time() -> None:
    experiments = [rx.compose(*TOY, "trainer.epochs=1000000", f"seed={seed}") for seed in range(2)]
    began = time.monotonic()
    assert try_seeds(experiments, began + 15).problem == "not finished: the time was up"
    assert time.monotonic() - began < 120


@pytest.mark.end_to_end
def test_training_is_cut_after_a_moment_or_some_epochs_and_the_best_so_far_counts() -> None:
    experiments = [rx.compose(*TOY, "trainer.epochs=1000000", f"seed={seed}") for seed in range(2)]
    later = time.monotonic() + 600
    by_time = try_seeds(experiments, later, time.monotonic())
    assert len(by_time.losses) == 2
    assert 0 < by_time.epochs < 1_000_000
    assert str(by_time).endswith(f", cut after {count(by_time.epochs, 'epoch')}")
    assert 3 <= try_seeds(experiments, later, epochs=3).epochs < 1_000_000
    assert not try_seeds([rx.compose(*TOY, f"seed={seed}") for seed in range(2)], later, epochs=3).epochs
