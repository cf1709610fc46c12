"""A trained model in MLflow: raw rows in, real units out, no pickle, no network."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from rnnexp import tasks
from rnnexp.evaluation.kept_baselines import FILE as BASELINES
from rnnexp.evaluation.kept_baselines import NETWORK
from rnnexp.models.bundle import preview
from rnnexp.runtime import loaded_backend
from rnnexp.runtime.machine import find_version
from rnnexp.tasks.requests import RequestSchema
from rnnexp.tracking import model_templates, store, tables, uploads
from rnnexp.tracking.batch import Point
from rnnexp.tracking.mlflow_import import import_mlflow
from rnnexp.tracking.model_templates import ModelTemplate

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOADER = "rnnexp.tracking.pyfunc"
MLMODEL, ABOUT = "MLmodel", "about.json"


def save_model(folder: Path, bundle: Path, example: tuple[Any, Any]) -> None:
    """Write what MLflow adds to a bundle into `folder`: its description, requirements, and an example.

    `example` is a pair of raw rows and the model's answer (None: predicted here, with the bundle itself). MLflow's own
    `save_model` needs 0.1 s even for what is the same every time.
    """
    rows, outputs = example
    if outputs is None:
        from rnnexp.tracking.pyfunc import _load_pyfunc

        outputs = _load_pyfunc(str(bundle)).predict(rows)
    template = _find_template(bundle, rows, outputs)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in template.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    about = {**template.about, "model_size_bytes": template.size + _size(bundle)}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


class ModelPlace(NamedTuple):
    """Where in a store a model goes."""

    client: MlflowClient
    uri: str
    experiment_id: str
    run_id: str


@dataclass(frozen=True)
class SavedModel:
    """A bundle, and what MLflow adds to it in `folder`; `points` are its scores."""

    bundle: Path
    folder: Path
    params: Mapping[str, str]
    points: Sequence[Point]

    def log_by_client(self, place: ModelPlace) -> None:
        """MLflow's own `log_model` is not used: it needs a global active run and reads every metric's whole history."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric

        client, run_id = place.client, place.run_id
        made = f"source_run_id = '{run_id}' AND name = '{tables.MODEL}'"  # by an attempt that did not come to its end
        found: list[Any] = list(client.search_logged_models([place.experiment_id], made))
        model = (
            found[0]
            if found
            else client.create_logged_model(
                place.experiment_id, tables.MODEL, source_run_id=run_id, params=dict(self.params)
            )
        )
        if model.status == LoggedModelStatus.READY:
            return
        self.upload(place.uri, model)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        scores = [Metric(*point, model_id=model.model_id, run_id=run_id) for point in self.points]
        client.log_batch(run_id, scores)  # for the run they are the same rows again
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)

    def upload(self, uri: str, model: Any) -> None:
        """Put the files where those of a model of MLflow's lie; what names the model is written here."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            shutil.copytree(self.folder, folder)
            shutil.copytree(self.bundle, folder / "data" / self.bundle.name)
            about = {**json.loads((folder / ABOUT).read_text(encoding="utf-8")), **_own(model)}
            (folder / ABOUT).unlink()
            dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the first is ten times as fast
            (folder / MLMODEL).write_text(yaml.dump(about, Dumper=dumper, default_flow_style=False), encoding="utf-8")
            uploads.send_folder(store.artifacts(model.artifact_location, uri), folder)


def _own(logged: Any) -> dict[str, str]:
    """Return the lines of MLmodel that no other model has."""
    return {
        "artifact_path": logged.artifact_location,
        "run_id": logged.source_run_id,
        "model_id": logged.model_id,
        "model_uuid": logged.model_id,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }


def _find_template(bundle: Path, rows: Any, outputs: Any) -> ModelTemplate:
    """Let MLflow save a model of this kind, once."""
    backend, asked = loaded_backend() or "jax", _find_requests(bundle)
    kind = model_templates.name_kind(rows, outputs, (asked, requirements(backend), bundle.name))
    template = model_templates.find_template(kind)
    if template is None:
        import_mlflow()
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
            # MLflow warns of its own type hints while it is imported, and of inputs that are not described.
            warnings.simplefilter("ignore")
            folder = Path(scratch) / "model"
            _save_by_mlflow(folder, bundle, rows, _make_signature(outputs, asked), backend)
            about = yaml.safe_load((folder / MLMODEL).read_text(encoding="utf-8"))
            files = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}
        del files[MLMODEL]
        template = ModelTemplate(about, files, about["model_size_bytes"] - _size(bundle))
        model_templates.save_template(kind, template)
    return template


def _save_by_mlflow(folder: Path, bundle: Path, rows: Any, signature: Any, backend: str) -> None:
    from mlflow.pyfunc import save_model

    save_model(
        path=str(folder),
        loader_module=LOADER,
        data_path=str(bundle),
        signature=signature,
        input_example=rows,
        pip_requirements=list(requirements(backend)),
        model_config={"backend": backend},
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _find_requests(bundle: Path) -> RequestSchema:
    """Return what a request to a model may hold."""
    known = preview(bundle)
    asked = tasks.of(known.spec.task).request_schema(known.scaling, bundle)
    return replace(asked, params={**asked.params, **({"model": NETWORK} if (bundle / BASELINES).is_file() else {})})


def _make_signature(outputs: Any, asked: RequestSchema) -> Any:
    """Describe what comes out, and what may be asked for; of what goes in only texts, the example tells of the rest.

    Inputs that are described MLflow checks by itself: whole numbers where the example has others, dates as text, an
    empty cell, a sequence of another length are refused in its words, columns that it does not know are hidden from
    the model, and no CSV is read. The model checks its input as the command line does, and says what to do. A text
    is described: in CSV `007` would be a number.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import ParamSchema

    texts = (
        Schema([ColSpec(DataType.string, name, required=False) for name in asked.columns]) if asked.columns else None
    )
    params: Any = ParamSchema([_param(name, value) for name, value in asked.params.items()]) if asked.params else None
    return ModelSignature(texts, infer_signature(model_output=outputs).outputs, params)


def _param(name: str, usual: Any) -> Any:
    """Describe what a request may ask for; a list is one of whole numbers."""
    from mlflow.types import DataType
    from mlflow.types.schema import ParamSpec

    if isinstance(usual, list):
        return ParamSpec(name, DataType.long, usual, shape=(-1,))
    kinds = {int: DataType.long, float: DataType.double, str: DataType.string}
    return ParamSpec(name, kinds[type(usual)], usual)


@cache
def requirements(backend: str) -> tuple[str, ...]:
    """Pin what loading needs; left to itself, MLflow starts a process to find out and may ask the network."""
    packages = ("rnnexp", "keras", backend, "numpy", "pandas", "mlflow")
    # None of what is known by another name (`tensorflow-cpu`).
    found = {package: number.partition("+")[0] for package in packages if (number := find_version(package))}
    return tuple(f"{package}=={number}" for package, number in found.items())
