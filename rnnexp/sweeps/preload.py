"""Imported by the server that jobs are forked from, so that a job starts in hundredths of a second.

Nothing here may start a thread or touch a device: JAX and Keras are imported, not used.
"""

from __future__ import annotations

import atexit
import importlib
import os
import signal
from contextlib import suppress

from rnnexp.errors import ResourceError
from rnnexp.tracking.mlflow_import import import_mlflow

MODULES = (
    "pandas",
    "sklearn.linear_model",
    "matplotlib.figure",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
)
BACKEND = "RNNEXP_PRELOAD_BACKEND"

# A signal to all processes of a terminal or a service must not take this one from between coordinator and workers.
for number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
atexit.register(os._exit, 0)  # the coordinator waits for this server to end: a second to take all this apart
for module in MODULES:
    with suppress(ImportError, ResourceError):  # without MLflow jobs that are not tracked run all the same
        import_mlflow()
        importlib.import_module(module)
backend, before = os.environ.pop(BACKEND, None), os.environ.get("KERAS_BACKEND")
if backend:
    os.environ["KERAS_BACKEND"] = backend
    importlib.import_module("keras")
    if before is None:
        del os.environ["KERAS_BACKEND"]
    else:
        os.environ["KERAS_BACKEND"] = before
importlib.import_module("rnnexp.runner")
