"""The typed experiment: what a composed configuration becomes once it has been checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt
from pydantic.dataclasses import dataclass

from rnnexp.paths import label_problem
from rnnexp.registry import lookup, settings

Backend = Literal["jax", "tensorflow", "torch"]
Device = Literal["auto", "cpu", "gpu"]
Engine = Literal["auto", "keras", "compiled"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
# What is more would begin, and never end: each epoch has a row, and each network is built and compiled.
MAX_EPOCHS, MAX_MEMBERS = 1_000_000, 1_000
INCIDENTAL = "incidental"  # marks, in a field's `json_schema_extra`, a setting that changes no number of a run

SINCE = "since"  # marks likewise a setting that came after hashes were taken over all values
FORMERLY = "formerly"  # says what a field was called when it came
UNDIGESTED = "undigested"  # and one that came after digests of data were taken: they leave it out at its default


@settings
class Trainer:
    """How long and in which portions to train; presets in `conf/trainer`."""

    epochs: int = Field(default=100, ge=1, le=MAX_EPOCHS, description="passes over the training set")
    batch_size: int | Literal["full"] = Field(
        default=32, description="examples per gradient step; `full` takes the whole training set"
    )
    monitor: str | None = Field(
        default=None, description="metric that chooses the best epoch; null: val/loss, without validation train/loss"
    )
    restore_best: bool = Field(
        default=True, description="keep the weights of the best validated epoch instead of the last one's"
    )
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        default=None, description="weight of each class in the loss: balanced, or label: weight"
    )
    precision: Precision = Field(default="float32", description="number format of layers; mixed_* pays on GPUs")
    engine: Engine = Field(
        default="auto", description="keras: step by step, any callback; compiled: on JAX; auto: compiled where it can"
    )
    devices: int | Literal["all"] = Field(
        default=1,
        description="compiled engine: devices that divide each batch, or all that JAX sees; last digits may differ",
        json_schema_extra={SINCE: "0.1"},
    )
    steps_per_execution: int | Literal["auto"] = Field(
        default="auto",
        description="engine keras: gradient steps handed to the backend at once",
        json_schema_extra={FORMERLY: "steps_per_dispatch"},
    )
    log_grad_norm: bool | Literal["layers"] = Field(
        default=False,
        description="log opt/grad_norm, the global gradient norm, each epoch; layers: of each layer, too",
        json_schema_extra={FORMERLY: "grad_norm"},
    )
    on_divergence: Literal["stop", "fail"] = Field(
        default="stop", description="loss not finite: stop and keep the last good weights, or fail with exit code 4"
    )
    refit_every: int | None = Field(
        default=None,
        ge=1,
        description="forecasting: rows of the test set after which network, scaler and baselines are fitted again, on "
        "all rows up to there, to forecast the next; the last model is kept. null: fitted once",
        json_schema_extra={SINCE: "0.1"},
    )
    print_every: int | None = Field(
        default=None,
        ge=1,
        description="epochs between two printed lines, which its log file gets, too; null: ten seconds",
        json_schema_extra={INCIDENTAL: True},
    )
    checkpoint_every_s: float | None = Field(
        default=60.0,
        ge=0,
        description="seconds between two checkpoints from which a run can be resumed; null: none",
        json_schema_extra={INCIDENTAL: True},
    )

    def check_with(self, experiment: Any) -> list[str]:
        """List why the data cannot be walked through."""
        code: Any = lookup("task", experiment.data.task)()
        return code.find_refit_mistakes(experiment.data) if self.refit_every else []

    def check(self) -> list[str]:
        problems = []
        if isinstance(self.batch_size, int) and self.batch_size < 1:
            problems.append(f"batch_size: {self.batch_size} given; must be at least 1, or `full`")
        if isinstance(self.steps_per_execution, int) and self.steps_per_execution < 1:
            problems.append(f"steps_per_execution: {self.steps_per_execution} given; must be at least 1, or `auto`")
        return problems + self._find_device_mistakes()

    def _find_device_mistakes(self) -> list[str]:
        if self.devices == 1:
            return []
        if self.engine == "keras":
            return [f"devices: {self.devices} given; several need engine=compiled or auto, not keras"]
        if self.devices == "all":
            return []
        if self.devices < 1:
            return [f"devices: {self.devices} given; must be at least 1, or `all`"]
        if isinstance(self.batch_size, int) and 1 <= self.batch_size < self.devices:
            return [f"devices: {self.devices} given, but batch_size={self.batch_size}: some would have none"]
        return []


@settings
class Tracking:
    """Where runs are remembered; presets `mlflow` and `off` in `conf/tracking`."""

    name: Literal["mlflow", "off"] = Field(default="mlflow", description="mlflow, or off to keep only the run folder")
    uri: str | None = Field(
        default=None,
        description="tracking store; null: MLFLOW_TRACKING_URI, else ./mlflow.db of the working directory",
    )
    experiment: str | None = Field(default=None, description="MLflow experiment; null: the name of the data")
    log_model: bool = Field(default=True, description="log the trained model with its preprocessing")
    figures: bool = Field(default=True, description="plot and log the figures")
    patch: bool = Field(
        default=True,
        description="keep what git has not committed yet beside each run, secrets masked, at most 1 MB",
    )
    mode: Literal["online", "offline", "strict", "off"] = Field(
        default="online",
        description="online stores in the background, offline leaves that to rnnexp sync, strict fails without the "
        "store, off keeps only the run folder",
    )

    @property
    def is_kept(self) -> bool:
        """Whether what runs log is kept for a store."""
        return self.name != "off" and self.mode != "off"

    @property
    def is_pushed(self) -> bool:
        """Whether it is stored while they run."""
        return self.is_kept and self.mode != "offline"

    def check(self) -> list[str]:
        problem = label_problem(self.experiment or "")
        return [f"experiment: {problem}"] if problem else []


# `strict` on the class would refuse the plain mapping that YAML gives for this nested group.
@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Pretrain:
    """What the recurrent layers learn first, without labels: of data.unlabeled, and of the training part."""

    task: Literal["next", "masked"] = Field(
        default="next",
        description="next: tell each step from those before it, of texts a language model; masked: numbers in spans "
        "that are hidden",
    )
    epochs: StrictInt = Field(
        default=20, ge=1, le=MAX_EPOCHS, description="passes over the examples, those with a label among them"
    )
    compare: StrictBool = Field(
        default=True,
        description="train the same network without it, and linear models on what the encoder gives before and after "
        "it, and score them as baselines",
    )


FIXED: dict[str, Any] = {"trainer": Trainer, "tracking": Tracking}  # the parts that are not chosen by a name


@settings
class Experiment:
    """One experiment, checked and complete. `data`, `model`, ... are registered components."""

    name: str = Field(
        default="", description="what run folders are called; empty: the name of the experiment, else of the data"
    )
    seed: int = Field(
        default=0, ge=0, lt=2**31, description="seed of initial weights, order of examples, dropout and generated data"
    )
    ensemble: int = Field(
        default=1,
        ge=1,
        le=MAX_MEMBERS,
        description="networks of as many seeds that are trained as one program; their mean answer is scored and kept "
        "as one model. Their seeds are 10,000 apart, the first is seed",
        json_schema_extra={SINCE: "0.1"},
    )
    backend: Backend | None = Field(default=None, description="what Keras computes with; null: KERAS_BACKEND, else jax")
    device: Device = Field(default="auto", description="auto takes a GPU if the backend sees one")
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="CPU threads; null: all that the process may use"
    )
    deterministic: bool = Field(default=False, description="bit-identical results on GPU too, slower")
    resume: Literal["auto", "never", "must"] = Field(
        default="auto",
        description="auto: resume the latest unfinished run of these settings, if any; never: start a new run; "
        "must: fail if there is none",
        json_schema_extra={INCIDENTAL: True},
    )
    plugins: list[str] = Field(default=[], description="Python modules with your own components")
    metrics: list[str] = Field(default=[], description="further metrics to log while training and to report")
    data: Any = Field(default=None, description="where the numbers come from")
    model: Any = Field(default=None, description="the network")
    loss: Any = Field(default=None, description="what training minimizes; null: the task's natural loss")
    optimizer: Any = Field(default=None, description="any optimizer of the installed Keras")
    schedule: Any = Field(default=None, description="learning rate over epochs")
    pretrain: Pretrain | None = Field(
        default=None,
        description="what the network learns first, without labels; null: nothing",
        json_schema_extra={SINCE: "0.1"},
    )
    trainer: Trainer = Field(default=Trainer(), description="epochs, batches, what to keep")
    callbacks: Mapping[str, Any] = Field(default={}, description="early stopping, plateau, checkpoints, your own")
    tracking: Tracking = Field(default=Tracking(), description="where runs are tracked")

    def check_with(self, experiment: Any) -> list[str]:
        """List why several networks cannot be averaged, several devices not be used, or a network not be pretrained."""
        network, code = vars(experiment.model), lookup("task", experiment.data.task)
        asked: Any = code()
        problems = [] if self.ensemble == 1 else list(asked.find_ensemble_mistakes(experiment.data))
        if self.pretrain is not None:
            problems += asked.find_pretrain_mistakes(experiment)
        elif network.get("freeze_epochs") and network.get("start") is None:
            problems.append("model.freeze_epochs: given without model.start or pretrain, which would give weights")
        if (devices := experiment.trainer.devices) != 1 and self.backend not in (None, "jax"):
            problems.append(f"trainer.devices: {devices} given; several need backend=jax, not {self.backend}")
        return problems
