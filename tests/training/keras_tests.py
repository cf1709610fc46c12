"""Keras's own tests of its recurrent layers, as its wheel has them: a script, because it changes Keras's classes.

`python keras_tests.py own` runs them as they are; with `by_hand` every LSTM and GRU that is covered computes its inner
loop as in our training. Prints the tests that passed, those that did not, and how often a loop was computed by hand.
"""

from __future__ import annotations

import json
import os
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

FILES = ("lstm", "gru", "bidirectional", "rnn")


class Outcomes:
    """Hears how each test ends."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.others: list[str] = []
        self.loops = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or not report.passed and not report.skipped:
            (self.passed if report.passed else self.others).append(report.nodeid.partition("::")[2])


def compute_by_hand(cls: type, outcomes: Outcomes) -> None:
    """Let the layers of a class call our loop whenever they are called."""
    from rnnexp.models.recurrent_gradients import is_covered, run_inner_loop

    own: Any = cls.call  # type: ignore[attr-defined]

    @wraps(own)  # Keras reads its signature
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        def inner_loop(*args: Any, **kwargs: Any) -> Any:
            outcomes.loops += 1
            return run_inner_loop(layer, *args, **kwargs)

        if is_covered(layer):
            vars(layer)["inner_loop"] = inner_loop
        try:
            return own(layer, *args, **kwargs)
        finally:
            vars(layer).pop("inner_loop", None)

    cls.call = call  # type: ignore[attr-defined]


def main(kind: str) -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    outcomes = Outcomes()
    if kind == "by_hand":
        compute_by_hand(keras.layers.LSTM, outcomes)
        compute_by_hand(keras.layers.GRU, outcomes)
    folder = Path(keras.__file__).parent / "src" / "layers" / "rnn"
    files = [str(folder / f"{name}_test.py") for name in FILES]
    pytest.main(["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-c", os.devnull, *files], plugins=[outcomes])
    print(json.dumps({"passed": sorted(outcomes.passed), "others": outcomes.others, "loops": outcomes.loops}))


if __name__ == "__main__":
    main(sys.argv[1])
