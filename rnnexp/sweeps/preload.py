"""Imported by the server that jobs are forked from, so that a job starts in hundredths of a second.

Nothing here may start a thread or touch a device: JAX and Keras are imported, not used. Where networks are tried before
the first job, that process is forked as soon as Keras is there, and the rest is imported beside it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
from contextlib import nullcontext, suppress

from rnnexp.errors import ResourceError
from rnnexp.runtime import SKIPPED_PACKAGES
from rnnexp.runtime.startup import hide_packages
from rnnexp.sweeps.processes import BACKEND, LEAN, PACKAGES, TRIAL_FIRST
from rnnexp.tracking.mlflow_import import import_mlflow, require_mlflow

FOREIGN = ("pandas.io.formats.csvs", "matplotlib.backends.backend_agg", "matplotlib.figure")
OURS = ("rnnexp.sweeps.crew", "rnnexp.tasks.requests", "rnnexp.tracking.model")
ON_KERAS = (
    "rnnexp.models.exporters.bundle",
    "rnnexp.models.exporters.keras",
    "rnnexp.models.layer_table",
    "rnnexp.training.compiled.training",
)


def import_keras(backend: str, lean: bool) -> None:
    """Import Keras on a backend, which each job chooses anew for itself; `lean` leaves out what networks do without."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = backend
    with hide_packages(SKIPPED_PACKAGES) if lean else nullcontext():
        importlib.import_module("keras")
    if before is None:
        del os.environ["KERAS_BACKEND"]
    else:
        os.environ["KERAS_BACKEND"] = before


def import_rest() -> None:
    """Import what jobs need beside Keras; nothing is done if it is there."""
    with suppress(ResourceError):  # without MLflow jobs that are not tracked run all the same
        require_mlflow()  # sets variables, which a job must not be the first to do
        for module in packages:
            if module.startswith("mlflow"):
                import_mlflow()
    for module in (*FOREIGN, *packages):
        with suppress(ImportError):
            importlib.import_module(module)
    for module in (*OURS, *(ON_KERAS if backend else ())):
        importlib.import_module(module)
    if backend:
        importlib.import_module("rnnexp.optimizers").available()  # reads the sources of all that Keras has
    gc.freeze()  # a million objects that no job needs to look through, or has to copy because it has


# A signal to all processes of a terminal or a service must not take this one from between coordinator and workers.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
atexit.register(os._exit, 0)  # the coordinator waits for this server to end: a second to take all this apart
backend, trial_first = os.environ.pop(BACKEND, None), os.environ.pop(TRIAL_FIRST, None)
packages, lean = os.environ.pop(PACKAGES, "").split(), bool(os.environ.pop(LEAN, None))
if backend:
    import_keras(backend, lean)
importlib.import_module("rnnexp.runner")
if trial_first:
    os.register_at_fork(after_in_parent=import_rest)
else:
    import_rest()
signal.signal(signal.SIGINT, signal.default_int_handler)  # for jobs; the server ignores it once it serves
