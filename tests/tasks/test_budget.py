"""How long a network is trained, as `rnnexp init` proposes it: few examples get enough gradient steps."""

from __future__ import annotations

import math

import pytest

from rnnexp.tasks.budget import FEWEST_STEPS, MOST_EPOCHS, MOST_STEPS, choose_batch, choose_budget, choose_epochs

SIZES = (*range(1, 300), 500, 2_000, 9_000, 50_000, 120_000, 1_000_000)


def steps(examples: int) -> int:
    """Return all gradient steps of a training of so many examples."""
    batch, epochs, *_ = (one.value for one in choose_budget(examples, is_validated=False))
    return epochs * math.ceil(examples / batch)


@pytest.mark.parametrize("examples", [20, 36, 67, 270, 490])
def test_few_examples_get_two_thousand_gradient_steps(examples: int) -> None:
    assert FEWEST_STEPS <= steps(examples) < 2 * FEWEST_STEPS
    assert 100 * math.ceil(examples / 32) < FEWEST_STEPS  # what the usual epochs and batch would have been


def test_no_number_of_examples_asks_for_more_than_one_can_wait_for() -> None:
    for examples in SIZES:
        batch = choose_batch(examples)
        epochs = choose_epochs(math.ceil(examples / batch))
        assert 5 <= epochs <= MOST_EPOCHS
        assert batch & (batch - 1) == 0
        assert steps(examples) <= max(MOST_STEPS, 5 * examples / 256) + examples


def test_more_examples_never_get_a_smaller_batch() -> None:
    batches = [choose_batch(examples) for examples in SIZES]
    assert batches == sorted(batches)
    assert (batches[0], batches[-1]) == (8, 256)


def test_early_stopping_needs_a_validation_part() -> None:
    with_val, without = ([one.key for one in choose_budget(90, is_validated=val)] for val in (True, False))
    assert with_val == [*without, "callbacks.early_stopping.patience"]


def test_what_is_learned_by_heart_soon_gets_fewer_epochs_but_no_fewer_steps() -> None:
    many, few = (choose_budget(examples, True, usual_epochs=30, waited=10) for examples in (7_000, 70))
    assert [one.value for one in many] == [32, 30, 3]
    assert [one.value for one in few] == [16, 400, 40]


def test_each_choice_says_why() -> None:
    batch, epochs, patience = choose_budget(34, is_validated=True)
    assert (batch.value, batch.why) == (16, "34 training examples: 3 gradient steps an epoch")
    assert (epochs.value, epochs.why) == (667, "at most 2,001 gradient steps")
    assert (patience.value, patience.why) == (133, "there is a validation set; the weights of its best epoch are kept")
