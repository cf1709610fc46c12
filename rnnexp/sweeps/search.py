"""Which point comes next: the grid in its order, or an Optuna sampler, driven by ask and tell."""

from __future__ import annotations

import hashlib
import inspect
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rnnexp.errors import ConfigError, ResourceError, did_you_mean, first_line
from rnnexp.redact import redact_value
from rnnexp.sweeps.settings import Named, Sweep
from rnnexp.sweeps.space import Point, Space, import_optuna
from rnnexp.synonyms import suggest_value

if TYPE_CHECKING:
    import optuna

Direction = Literal["minimize", "maximize"]

MOST_REHEARSED = 100  # points that a sampler is asked for before the first job

_FRESH = ("TPESampler", "RandomSampler")  # what they suggest depends on their seed and the history alone
_NOT_FOR_USERS = ("Base", "PartialFixed", "Grid", "Nop", "Patient", "Wilcoxon", "Threshold")


class Grid:
    """All points of the space, in order; with a pruner Optuna only judges which job is hopeless."""

    def __init__(self, space: Space, settings: Sweep) -> None:
        _check_pruner(settings.pruner)
        self.points = list(space.grid())[: settings.n_trials]

    @property
    def total(self) -> int:
        return len(self.points)

    def replay(self, trials: Mapping[int, Point], values: Mapping[int, float | None]) -> None:
        """Nothing to learn: the order is fixed."""

    def ask(self, number: int) -> Point:
        return self.points[number]

    def tell(self, number: int, value: float | None) -> None:
        """Nothing to learn from results."""


class Optuna:
    """A sampler of Optuna 4 or later; its history is replayed from the journal when a sweep is resumed.

    The seed of each suggestion follows from the sampler's seed and the trial's number, so that an
    interrupted sweep whose jobs run one at a time goes on as if nothing had happened.
    """

    def __init__(self, space: Space, settings: Sweep, direction: Direction) -> None:
        optuna = import_optuna()

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._make = Maker("sampler", settings.sampler, optuna.samplers)
        if settings.n_trials is None:
            raise ConfigError("hydra.sweeper.n_trials: a sampler needs the total number of points to try")
        self.space, self.total, self.seed = space, settings.n_trials, settings.seed
        _check_pruner(settings.pruner)
        _refuse_secrets(space)
        self._fresh = self._make.name in _FRESH
        self._study = optuna.create_study(
            study_name="rnnexp", direction=direction, sampler=self._make(seed=settings.seed)
        )
        self._distributions = {d.key: d.distribution() for d in space.dimensions}
        self._rehearse(direction)
        self._open: dict[int, Any] = {}
        self.points: dict[int, Point] = {}

    def _rehearse(self, direction: Direction) -> None:
        """Ask for points that are thrown away: Optuna looks at arguments, space and packages only when they are needed.

        Raises ConfigError, and ResourceError for a package that is missing: many samplers need theirs only after
        some first points that are drawn at random.
        """
        optuna = import_optuna()

        sampler = self._make(seed=0)
        started = getattr(sampler, "_n_startup_trials", 0)
        random_first = started if isinstance(started, int) else 0
        study = optuna.create_study(direction=direction, sampler=sampler)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for number in range(min(self.total, random_first + 3, MOST_REHEARSED)):
                    _tell(study, study.ask(self._distributions), values=float(number % 3))
        except ImportError as error:
            raise _needs_package(self._make.name, error) from None
        except Exception as error:  # each sampler refuses what it cannot search in words of its own
            raise ConfigError(f"hydra.sweeper.sampler: {self._make.name}: {first_line(error)}") from None

    def replay(self, trials: Mapping[int, Point], values: Mapping[int, float | None]) -> None:
        """Take in trials of an earlier start, in order; those without an entry in `values` have not ended."""
        for number in sorted(trials):
            point = trials[number]
            self._study.enqueue_trial({d.key: _typed(d, point[d.key]) for d in self.space.dimensions})
            self._open[number] = self._study.ask(self._distributions)
            self.points[number] = dict(point)
            if number in values:
                self.tell(number, values[number])

    def ask(self, number: int) -> Point:
        """Return a point: the known one of this number, or a new suggestion."""
        if number in self.points:
            return self.points[number]
        if self._fresh:
            self._study.sampler = self._make(seed=_seed(self.seed, number))
        for _ in range(100):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # experimental samplers say so each time
                trial = self._study.ask(self._distributions)
            point = {d.key: d.text(trial.params[d.key]) for d in self.space.dimensions}
            if not self.space.leaves_out(point):
                break
            _tell(self._study, trial, state=_state("FAIL"))
        self._open[number] = trial
        self.points[number] = point
        return point

    def tell(self, number: int, value: float | None) -> None:
        """Report the objective of a trial; None or a value that is not finite counts as failed."""
        trial = self._open.pop(number, None)
        if trial is None:
            return
        if value is None or not math.isfinite(value):
            _tell(self._study, trial, state=_state("FAIL"))
        else:
            _tell(self._study, trial, values=value)


def _tell(study: optuna.Study, trial: optuna.Trial, **told: Any) -> None:
    """Report a trial to a sampler; one that has seen every point would stop a study that Optuna itself runs."""
    try:
        study.tell(trial, **told)
    except RuntimeError as error:
        if "Study.stop" not in str(error):
            raise


def _needs_package(sampler: str, error: ImportError) -> ResourceError:
    package = (error.name or "").partition(".")[0]
    mend = f"pip install {package}" if package else str(error)
    return ResourceError(f"hydra.sweeper.sampler: {sampler} needs a package that is not installed: {mend}")


def _refuse_secrets(space: Space) -> None:
    """A sampler goes on from the points in its journal, where a secret must not stand."""
    for d in space.dimensions:
        if any(redact_value(d.key, option) != option for option in d.options or ()):
            raise ConfigError(
                f"{d.key}: a sampler would write these values down, and they hold a password or a token; "
                f"name variables of the environment instead: '{d.key}=${{oc.env:FIRST}},${{oc.env:SECOND}}'"
            )


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def _seed(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")


def _typed(dimension: Any, text: str) -> Any:
    if dimension.options and not dimension.whole:
        return text
    return int(text) if dimension.whole else float(text)


def search(space: Space, settings: Sweep, direction: Direction) -> Grid | Optuna:
    """Return what chooses the points of a sweep."""
    if settings.is_grid:
        return Grid(space, settings)
    return Optuna(space, settings, direction)


class Pruning:
    """Judges running jobs by their objective so far, beside that of all others, with a pruner of Optuna."""

    def __init__(self, named: Named, direction: Direction) -> None:
        optuna = import_optuna()

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = Maker("pruner", named, optuna.pruners)()
        self._study = optuna.create_study(study_name="rnnexp", direction=direction, pruner=pruner)
        self._trials: dict[int, Any] = {}

    def hopeless(self, job: int, curve: Sequence[tuple[int, float]]) -> bool:
        """Take in new values (epoch, objective so far) of a job and say whether to give it up."""
        trial = self._trials.get(job)
        if trial is None:
            trial = self._trials[job] = self._study.ask()
        for epoch, value in curve:
            if math.isfinite(value):
                trial.report(value, epoch)
                if trial.should_prune():
                    return True
        return False

    def ended(self, job: int, value: float | None, pruned: bool) -> None:
        """Keep what a job has reached as a standard for the others."""
        trial = self._trials.pop(job, None)
        if trial is None:
            return
        if pruned:
            self._study.tell(trial, state=_state("PRUNED"))
        elif value is None or not math.isfinite(value):
            self._study.tell(trial, state=_state("FAIL"))
        else:
            self._study.tell(trial, value)


def _check_pruner(named: Named | None) -> None:
    """Meet a mistake in the pruner before anything has started."""
    if named is not None:
        Pruning(named, "minimize")


def name_of(named: Named) -> str:
    return named if isinstance(named, str) else str(named.get("name"))


class Maker:
    """Builds Optuna's class of a name (`tpe`, `successive_halving`) with checked arguments."""

    def __init__(self, kind: str, named: Named, module: Any) -> None:
        suffix = kind.capitalize()
        classes = dict(_classes(module, suffix))
        name = name_of(named)
        key = name.replace("_", "").lower().removesuffix(kind)
        if key not in classes:
            choices = sorted([*classes, *(["grid"] if kind == "sampler" else [])])
            place = f"hydra.sweeper.{kind}"
            hint = suggest_value(place, name, choices)
            raise ConfigError(f"{place}: `{name}` is not one of {', '.join(choices)}{hint}")
        self._cls = classes[key]
        self.name = self._cls.__name__
        self._arguments = {} if isinstance(named, str) else {str(k): v for k, v in named.items() if k != "name"}
        known = inspect.signature(self._cls).parameters
        self._takes_seed = "seed" in known
        unknown = [k for k in self._arguments if k not in known]
        if unknown:
            raise ConfigError(
                *(f"hydra.sweeper.{kind}.{k}: unknown argument of {self.name}{did_you_mean(k, known)}" for k in unknown)
            )

    def __call__(self, seed: int | None = None) -> Any:
        seeds = {"seed": seed} if self._takes_seed and seed is not None else {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # experimental classes and arguments say so each time
                return self._cls(**{**seeds, **self._arguments})
        except ImportError as error:
            raise _needs_package(self.name, error) from None
        except (TypeError, ValueError) as error:
            raise ConfigError(f"hydra.sweeper: {self.name}: {error}") from None


def _classes(module: Any, suffix: str) -> Iterator[tuple[str, type]]:
    for name in module.__all__:
        if name.endswith(suffix) and not name.startswith(_NOT_FOR_USERS):
            yield name.removesuffix(suffix).lower(), getattr(module, name)
