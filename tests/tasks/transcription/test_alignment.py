"""A text is aligned with its steps by the best of all paths that give it."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest

from rnnexp.tasks.transcription.alignment import match_steps, place_letters

TEXTS = ([1, 2], [1, 1], [2], [2, 1, 2])
STEPS = (5, 6, 1, 4)


def test_the_path_is_the_best_of_all_that_give_the_text() -> None:
    source = np.random.default_rng(5)
    scores = [source.normal(size=(steps, 3)) for steps in STEPS]
    found = match_steps(scores, TEXTS)
    for own, text, path in zip(scores, TEXTS, found):
        paths = [p for p in product(range(3), repeat=len(own)) if [a for a, _ in groupby(p) if a] == text]
        totals = [own[np.arange(len(own)), list(p)].sum() for p in paths]
        assert own[np.arange(len(own)), path].sum() == pytest.approx(max(totals))
        assert tuple(path) in paths


def test_at_first_letters_are_of_one_length() -> None:
    assert place_letters([1, 2], 8).tolist() == [0, 1, 1, 0, 0, 2, 2, 0]
