"""`rnnexp init --tune 60s`: a few settings beside those that the rules propose, held against each other by training."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError, count
from rnnexp.output import hide_warnings

if TYPE_CHECKING:
    from rnnexp.config.settings import Experiment
    from rnnexp.runner.candidates import Trial
    from rnnexp.tasks.requests import Draft, Suggestion

SEEDS = 3
SPARE = 1.5  # shares that are left for the last epoch of each, which may begin just before its end, and for scores
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
ALONE = ("tracking=off", "backend=jax", "resume=never", "ensemble=1")

Compose = Callable[..., "Experiment"]


def read_seconds(text: str) -> float:
    """Read a time such as 60s or 2m."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None or not float(match[1]):
        raise ConfigError(f"--tune: `{text}` is no time; give seconds, minutes or hours: 60s, 2m")
    return float(match[1]) * UNITS[match[2]]


def try_settings(draft: Draft, compose: Compose, until: float) -> Draft:
    """Train what the rules propose and what else is worth a try, and return the draft with the better settings.

    One setting after the other is varied, with the better value of those before. Where the time is too short for whole
    trainings, the first trial gets its share of it, and the others as many epochs.
    compose: turns a draft and overrides into an experiment;  until: moment of `time.monotonic` at which to end
    """
    from rnnexp.runner.candidates import choose, try_seeds

    left = 1 + sum(len(one.others) for one in draft.choices)
    if left == 1:
        print("--tune: for these data the rules leave nothing to choose between")
        return draft
    if not any(one.key.startswith("callbacks.early_stopping") for one in draft.choices):
        print("--tune: there is no validation set to choose by")
        return draft
    print(f"Tried, with the mean and deviation of {SEEDS} seeds, trained as one program:")
    made: list[Trial] = []

    def train(choices: Sequence[Suggestion]) -> Trial:
        varied, now = replace(draft, choices=choices), time.monotonic()
        experiments = [compose(varied, f"seed={seed}", *ALONE) for seed in range(SEEDS)]
        cut = now + (until - now) / (left - len(made) + SPARE)
        made.append(try_seeds(experiments, until, cut, made[0].epochs if made else 0))
        print(f"  {_name(choices)}: {made[-1]}", flush=True)
        return made[-1]

    with hide_warnings("rnnexp"):  # that one of many says is of no interest
        kept = list(draft.choices)
        best = train(kept)
        for place, choice in enumerate(kept):
            varied = [[*kept[:place], replace(choice, value=value), *kept[place + 1 :]] for value in choice.others]
            trials = [best, *map(train, varied)]
            better = choose(trials)
            kept, best = [kept, *varied][better], trials[better]
    compared = sum(bool(one.losses) for one in made)
    if compared < 2:
        print("  nothing could be compared in that time: the rules decide; give --tune more")
    return replace(draft, choices=[_explain(*pair, best, compared) for pair in zip(draft.choices, kept)])


def _name(choices: Sequence[Suggestion]) -> str:
    return ", ".join(f"{one.key}={_plain(one.value)}" for one in choices if one.others)


def _plain(value: Any) -> str:
    return f"[{','.join(value)}]" if isinstance(value, list) else str(value).lower()


def _explain(proposed: Suggestion, kept: Suggestion, best: Trial, compared: int) -> Suggestion:
    """Add to the reason of a setting that was tried what came of it."""
    if kept.value != proposed.value:
        return replace(kept, why=f"better than {_plain(proposed.value)} by validation: {best}")
    if not kept.others or compared < 2:
        return kept
    return replace(kept, why=f"{kept.why}; {count(compared, 'setting')} tried, none better by validation")
