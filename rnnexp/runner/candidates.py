"""Settings held against each other on the validation part, in so many seconds; the seeds of each are one program."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

from rnnexp.config.settings import Experiment
from rnnexp.errors import RnnexpError, count
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.stopping import Ending

ERRORS = 2.0  # standard errors by which another setting must be better than the one that was proposed
# What they are compared by, the first that a run has: losses of other scalers are in other units.
JUDGED = ("best/val/rmse", "best/val/nrmse", "best/val/smape", "best/val/loss")
CUT = "pruned"  # a word that runs know: they draw no pictures then


@dataclass(frozen=True)
class Trial:
    """What came of a setting: the validation error of each seed, or why there are none."""

    losses: Sequence[float]
    seconds: float
    problem: str = ""
    metric: str = ""
    epochs: int = 0  # after which the time was up, 0 if it was not

    @property
    def mean(self) -> float:
        return mean(self.losses)

    def __str__(self) -> str:
        """Write the error with the deviation of the seeds."""
        error = f"{self.mean:.4g} ± {stdev(self.losses):.2g}, {self.seconds:.0f} s" if self.losses else ""
        cut = f", cut after {count(self.epochs, 'epoch')}" if self.epochs else ""
        return self.problem or " ".join(filter(None, [self.metric.removeprefix("best/"), error])) + cut


def try_seeds(experiments: Sequence[Experiment], until: float, cut: float = math.inf, epochs: int = 0) -> Trial:
    """Train experiments that differ in their seed as one program; nothing of it is kept or tracked.

    until:  moment of `time.monotonic` at which training ends, and nothing has come of it
    cut:    moment after which no further epoch begins; the best so far counts
    epochs: after so many no further one begins, either; 0: there may be any number
    """
    from rnnexp.runner.vectorized import run_vectorized

    began, ended = time.monotonic(), dict[int, Result | BaseException]()
    if began >= until:
        return Trial([], 0.0, "not tried: the time was up")
    ending = Ending(look=lambda: "the time is up" if time.monotonic() >= until else None)

    def watch(epoch: int, metrics: Mapping[str, float]) -> str | None:
        return CUT if time.monotonic() >= cut or 0 < epochs <= epoch else None

    with TemporaryDirectory(prefix="rnnexp-candidates-") as folder:
        places = [Path(folder, str(number)) for number in range(len(experiments))]
        contexts = [
            RunContext(place, member=Membership("candidates", None, number, watch=watch), ending=ending)
            for number, place in enumerate(places)
        ]
        for place in places:
            place.mkdir()
        try:
            run_vectorized(experiments, contexts, ended.__setitem__, lambda _: None)
        except RnnexpError as error:
            return Trial([], time.monotonic() - began, f"not tried: {error}")
    results = [one for _, one in sorted(ended.items()) if isinstance(one, Result)]  # seed by seed, whoever ended first
    if len(results) < len(experiments):
        failed = next((one for one in ended.values() if isinstance(one, RnnexpError)), None)
        return Trial([], time.monotonic() - began, f"failed: {failed}" if failed else "not finished: the time was up")
    metric = next(name for name in JUDGED if all(name in one.metrics for one in results))
    losses, histories = [one.metrics[metric] for one in results], [one.history for one in results]
    done = max((len(one.epochs) for one in histories if one.stopped == CUT), default=0)
    return Trial(losses, time.monotonic() - began, metric=metric, epochs=done)


def choose(trials: Sequence[Trial]) -> int:
    """Return the place of the best trial: the first, unless another is better seed by seed by more than chance."""
    first, places = trials[0], [place for place, one in enumerate(trials) if one.losses]
    if not first.losses:
        return min(places, key=lambda place: trials[place].mean, default=0)
    better = [place for place in places if place == 0 or _is_better(trials[place].losses, first.losses)]
    return min(better, key=lambda place: trials[place].mean)


def _is_better(losses: Sequence[float], others: Sequence[float]) -> bool:
    """Tell whether losses are lower than others of the same seeds, by so many standard errors of the difference."""
    gains = [other - loss for loss, other in zip(losses, others, strict=True)]
    return mean(gains) > ERRORS * stdev(gains) / len(gains) ** 0.5
