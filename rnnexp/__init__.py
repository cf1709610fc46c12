"""rnnexp: a few lines of YAML into a trained, tracked, reproducible recurrent network.

    import rnnexp as rx

    result = rx.run("experiment=airline_lstm", "model.units=[8]")
    result.metrics["test/rmse"], result.predictions.to_frame(), result.plot()
    rx.load(result.run_id).predict(frame)

Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.api.entry_points import run as run
    from rnnexp.api.entry_points import sweep as sweep
    from rnnexp.api.load import TrainedRun as TrainedRun
    from rnnexp.api.load import load as load
    from rnnexp.api.runs import runs as runs
    from rnnexp.api.scored_model import Evaluation as Evaluation
    from rnnexp.api.scored_model import RunResult as RunResult
    from rnnexp.api.swept import SweepResult as SweepResult
    from rnnexp.config.compose import compose as compose
    from rnnexp.config.settings import Experiment as Experiment
    from rnnexp.errors import BusyError as BusyError
    from rnnexp.errors import ConfigError as ConfigError
    from rnnexp.errors import DataError as DataError
    from rnnexp.errors import DivergedError as DivergedError
    from rnnexp.errors import ResourceError as ResourceError
    from rnnexp.errors import RnnexpError as RnnexpError
    from rnnexp.errors import TrackingError as TrackingError
    from rnnexp.registry import register as register
    from rnnexp.sweeps.sweep import SweepFailed as SweepFailed

_MODULES = {
    "rnnexp.api.load": ("TrainedRun", "load"),
    "rnnexp.api.scored_model": ("Evaluation", "RunResult"),
    "rnnexp.api.entry_points": ("run", "sweep"),
    "rnnexp.api.runs": ("runs",),
    "rnnexp.api.swept": ("SweepResult",),
    "rnnexp.config.compose": ("compose",),
    "rnnexp.config.settings": ("Experiment",),
    "rnnexp.errors": (
        *("BusyError", "ConfigError", "DataError", "DivergedError"),
        *("ResourceError", "RnnexpError", "TrackingError"),
    ),
    "rnnexp.registry": ("register",),
    "rnnexp.sweeps.sweep": ("SweepFailed",),
}
_FORMER = {"Result": "RunResult"}  # what a public name was called
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        now = f"; it is called {_FORMER[name]} now" if name in _FORMER else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{now}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
