"""A trained model in MLflow: raw rows in, real units out, no pickle, no network."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rnnexp.runtime import loaded_backend
from rnnexp.tracking import batch, store
from rnnexp.tracking.batch import Batch, Point
from rnnexp.tracking.remote import Remote

NAME = "model"  # `runs:/<run id>/model` finds it
LOADER = "rnnexp.tracking.pyfunc"


def log_model(remote: Remote, bundle: Path, example: tuple[Any, Any], metrics: Sequence[Point]) -> str:
    """Log the bundle as a LoggedModel of the run, with the run's final metrics, and return its URI.

    `example` is a pair of raw rows and the model's answer (None: predicted here, with the bundle itself).
    MLflow's own `log_model` is not used: it needs a global active run and reads every metric's whole history.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    client = remote.client
    logged = client.create_logged_model(
        remote.experiment_id, NAME, source_run_id=remote.run_id, params=dict(remote.params)
    )
    status = LoggedModelStatus.FAILED
    try:
        with tempfile.TemporaryDirectory() as folder:
            _save(Path(folder) / "model", logged, bundle, example)
            store.artifacts(logged.artifact_location, remote.uri).log_artifacts(str(Path(folder) / "model"))
        client.log_outputs(remote.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        batch.send(client, remote.database, remote.run_id, Batch(points=metrics, model=logged.model_id))
        status = LoggedModelStatus.READY
    finally:
        client.finalize_logged_model(logged.model_id, status)
    return f"models:/{logged.model_id}"


def _save(folder: Path, logged: Any, bundle: Path, example: tuple[Any, Any]) -> None:
    rows, outputs = example
    if outputs is None:
        from rnnexp.tracking.pyfunc import _load_pyfunc

        outputs = _load_pyfunc(str(bundle)).predict(rows)
    with warnings.catch_warnings():
        # MLflow warns of its own type hints while it is imported, and hints at whole numbers in the example.
        warnings.simplefilter("ignore")
        _save_pyfunc(folder, logged, bundle, rows, outputs, loaded_backend() or "jax")


def _save_pyfunc(folder: Path, logged: Any, bundle: Path, rows: Any, outputs: Any, backend: str) -> None:
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    metadata = Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
    )
    save_model(
        path=str(folder),
        loader_module=LOADER,
        data_path=str(bundle),
        mlflow_model=metadata,
        signature=_signature(rows, outputs),
        input_example=rows,
        pip_requirements=requirements(backend),
        model_config={"backend": backend},
    )


def _signature(rows: Any, outputs: Any) -> Any:
    """Infer it, but take numbers of any type, and rows without dates: MLflow refuses whole numbers as `double`.

    What is really missing is said by the model itself, which knows whether it needs a calendar.
    """
    from mlflow.models import infer_signature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    signature = infer_signature(rows, outputs)
    numbers = (DataType.double, DataType.float, DataType.long, DataType.integer)
    if not signature.inputs.is_tensor_spec():
        columns: list[Any] = [
            ColSpec(AnyType() if spec.type in numbers else spec.type, spec.name, required=False)
            for spec in signature.inputs.inputs
        ]
        signature.inputs = Schema(columns)
    return signature


def requirements(backend: str) -> list[str]:
    """Pin what loading needs; left to itself, MLflow starts a process to find out and may ask the network."""
    packages = ("rnnexp", "keras", backend, "numpy", "pandas", "mlflow")
    return [f"{package}=={number}" for package in packages if (number := _version(package))]


def _version(package: str) -> str | None:
    """Return the installed version, None where it is known by another name (`tensorflow-cpu`)."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return None
