"""What is decoded is the string of the likeliest path, and the likeliest string, by trying all paths."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest

from rnnexp.models.ctc_decoding import decode_greedily, search_strings


def draw_logs(seed: int, count: int, time: int, classes: int, sharp: float = 1.0) -> np.ndarray:
    scores = sharp * np.random.default_rng(seed).normal(size=(count, time, classes))
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def join_path(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(letter for letter, _ in groupby(path) if letter)


def add_paths(logs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the probability of each string of (time, classes), the sum over all its paths."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in product(range(logs.shape[1]), repeat=len(logs)):
        found[join_path(path)] += float(np.exp(sum(logs[step, letter] for step, letter in enumerate(path))))
    return found


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_a_wide_beam_finds_the_likeliest_of_all_strings_and_its_probability(classes: int) -> None:
    lengths = np.array([5, 5, 3, 1, 4])
    logs = draw_logs(classes, len(lengths), 5, classes)
    strings, log_probability = search_strings(logs, lengths, beam=400)
    for row, length in enumerate(lengths):
        every = add_paths(logs[row, :length])
        best = max(every, key=lambda string: every[string])
        assert tuple(strings[row]) == best
        assert np.exp(log_probability[row]) == pytest.approx(every[best], rel=1e-9)


def test_greedy_joins_the_likeliest_path() -> None:
    lengths = np.array([6, 2, 4])
    logs = draw_logs(1, len(lengths), 6, 3)
    found = decode_greedily(logs, lengths)
    for row, length in enumerate(lengths):
        paths = product(range(3), repeat=int(length))
        best = max(paths, key=lambda path: sum(logs[row, step, letter] for step, letter in enumerate(path)))
        assert tuple(found[row]) == join_path(best)


def test_the_likeliest_string_may_not_be_that_of_the_likeliest_path() -> None:
    logs = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]]))  # no letter: .36, one: .64 by three paths
    assert [len(one) for one in decode_greedily(logs, np.array([2]))] == [0]
    strings, log_probability = search_strings(logs, np.array([2]), beam=2)
    assert [one.tolist() for one in strings] == [[1]]
    assert np.exp(log_probability) == pytest.approx([0.64])


@pytest.mark.parametrize("beam", [1, 3, 10])
def test_a_narrow_beam_promises_no_more_than_a_string_has(beam: int) -> None:
    logs = draw_logs(9, 8, 6, 3)
    strings, log_probability = search_strings(logs, np.full(8, 6), beam)
    for row, string in enumerate(strings):
        assert np.exp(log_probability[row]) <= add_paths(logs[row])[tuple(string)] * (1 + 1e-9)


def test_strings_do_not_depend_on_those_beside_them_nor_on_what_follows_their_end() -> None:
    lengths = np.array([9, 30, 17])
    logs = draw_logs(3, 3, 30, 6, sharp=3)
    together, log_probability = search_strings(logs, lengths, beam=10)
    for row, length in enumerate(lengths):
        alone, alike = search_strings(logs[row : row + 1, :length], lengths[row : row + 1], beam=10)
        assert alone[0].tolist() == together[row].tolist()
        assert alike[0] == pytest.approx(log_probability[row], rel=1e-12)


def test_a_letter_twice_in_a_row_needs_a_blank_in_between() -> None:
    sure = np.full((1, 3, 2), -20.0)
    sure[0, [0, 1, 2], [1, 0, 1]] = 0.0
    assert [one.tolist() for one in search_strings(sure, np.array([3]), beam=4)[0]] == [[1, 1]]
    assert [one.tolist() for one in decode_greedily(sure, np.array([3]))] == [[1, 1]]
    assert [one.tolist() for one in decode_greedily(sure, np.array([2]))] == [[1]]
