"""`rnnexp init --tune 60s`: a few settings beside those that the rules propose, held against each other by training."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError, count
from rnnexp.output import hide_warnings

if TYPE_CHECKING:
    from rnnexp.config.settings import Experiment
    from rnnexp.tasks.requests import Draft, Suggestion

SEEDS = 3
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
ALONE = ("tracking=off", "backend=jax", "resume=never")

Compose = Callable[..., "Experiment"]


def read_seconds(text: str) -> float:
    """Read a time such as 60s or 2m."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None or not float(match[1]):
        raise ConfigError(f"--tune: `{text}` is no time; give seconds, minutes or hours: 60s, 2m")
    return float(match[1]) * UNITS[match[2]]


def try_settings(draft: Draft, compose: Compose, until: float) -> Draft:
    """Train what the rules propose and what else is worth a try, and return the draft with the better settings.

    compose: turns a draft and overrides into an experiment;  until: moment of `time.monotonic` at which to end
    """
    from rnnexp.runner.candidates import choose, try_seeds

    candidates = list(_vary(draft.choices))
    if len(candidates) == 1:
        print("--tune: for these data the rules leave nothing to choose between")
        return draft
    if not any(one.key.startswith("callbacks.early_stopping") for one in draft.choices):
        print("--tune: there is no validation set to choose by")
        return draft
    print(f"Tried, with the mean and deviation of {SEEDS} seeds, trained as one program:")
    trials = []
    with hide_warnings("rnnexp"):  # that one of many says is of no interest
        for candidate in candidates:
            varied = replace(draft, choices=candidate)
            trials.append(try_seeds([compose(varied, f"seed={seed}", *ALONE) for seed in range(SEEDS)], until))
            print(f"  {_name(candidate)}: {trials[-1]}", flush=True)
    if sum(bool(one.losses) for one in trials) < 2:
        print("  nothing could be compared in that time: the rules decide; give --tune more")
    best = choose(trials)
    return replace(draft, choices=[_explain(one, _judge(trials, best)) for one in candidates[best]])


def _vary(choices: Sequence[Suggestion]) -> Iterator[list[Suggestion]]:
    """Yield all combinations of the values of choices, first the one that was proposed."""
    values = [(one.value, *one.others) for one in choices]
    for combination in itertools.product(*values):
        yield [replace(one, value=value) for one, value in zip(choices, combination)]


def _name(choices: Sequence[Suggestion]) -> str:
    return ", ".join(f"{one.key}={_plain(one.value)}" for one in choices if one.others)


def _plain(value: Any) -> str:
    return f"[{','.join(value)}]" if isinstance(value, list) else str(value)


def _judge(trials: Sequence[Any], best: int) -> str:
    """Say what speaks for the best trial."""
    finished = sum(bool(one.losses) for one in trials)
    if best:
        return f"better than what the rules say by validation: {trials[best]}"
    return f"{count(finished, 'setting')} tried, none better by validation" if finished > 1 else ""


def _explain(choice: Suggestion, told: str) -> Suggestion:
    """Add to the reason of a setting that was tried what came of it."""
    if not (choice.others and told):
        return choice
    return replace(choice, why=told if told.startswith("better") else f"{choice.why}; {told}")
