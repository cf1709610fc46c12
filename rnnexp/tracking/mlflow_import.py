"""Importing MLflow: quiet, without telemetry, and with one sentence where it is not there."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from typing import Any

from rnnexp.errors import ResourceError

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # at once; the next one would wait for seconds
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SKIP_PIP_REQUIREMENTS_CHECK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # where there may be JSON
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # which in a notebook would warn that it lacks a package
}
# Progress notes, and tracebacks of what becomes a TrackingError or a warning of ours.
NOISY = {
    "alembic": logging.CRITICAL,
    "mlflow.store.db.utils": logging.CRITICAL + 1,
    "mlflow.models": logging.WARNING,
    "mlflow.pyfunc": logging.WARNING,
    "urllib3.connectionpool": logging.ERROR,  # a line for each attempt to reach a server that is told to be away
}


def import_mlflow() -> Any:
    """Import MLflow with its telemetry and log noise off, unless the user has set them otherwise."""
    _set_environment()
    try:
        mlflow = importlib.import_module("mlflow")
    except ImportError as error:
        raise _missing(str(error)) from None
    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        for name, level in NOISY.items():
            logging.getLogger(name).setLevel(level)
    return mlflow


def require_mlflow() -> None:
    """Raise ResourceError where MLflow is not installed, without the time that its import takes.

    Whoever imports it in this process later finds it as `import_mlflow` does.
    """
    _set_environment()
    if importlib.util.find_spec("mlflow") is None:
        raise _missing("it is not installed")


def _set_environment() -> None:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _missing(why: str) -> ResourceError:
    return ResourceError(f"MLflow cannot be imported ({why}); run: pip install 'mlflow>=3.17,<4', or set tracking=off")
