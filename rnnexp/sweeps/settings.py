"""What can be said of a sweep under `hydra.sweeper`; the defaults of `conf/hydra/sweeper/rnnexp.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from rnnexp.config.compose import missing_values
from rnnexp.config.parse import build
from rnnexp.registry import settings

Named = str | Mapping[str, Any]
GRID: tuple[Named, ...] = ("grid", {"name": "grid"})


@settings
class Sweep:
    """How the jobs of a sweep are chosen, judged and ended."""

    name: str | None = Field(
        default=None, description="folder under runs/sweeps; null: the experiment with a hash of the keys that are set"
    )
    params: Mapping[str, Any] = Field(
        default={}, description="the space, as on the command line: model.units: 8,16 or optimizer.learning_rate: …"
    )
    zip: list[str | list[str]] = Field(
        default=[], description="keys whose values go together instead of being multiplied: [model.units, seed]"
    )
    exclude: list[str | Mapping[str, Any]] = Field(
        default=[], description="combinations to leave out: [{model: gru, model.units: 64}]"
    )
    repeats: int = Field(default=1, ge=1, description="runs of each point, with seeds counted up from `seed`")
    folds: int | None = Field(default=None, ge=2, description="runs of each point, one per cross-validation fold")
    objective: str | None = Field(
        default=None,
        description="metric to compare by; null: best/val/loss, or the validation score in original units where jobs "
        "differ in loss or scaler; without validation train/loss",
    )
    direction: Literal["minimize", "maximize"] | None = Field(
        default=None, description="null: by the metric, errors and losses down, accuracies up"
    )
    sampler: Named = Field(
        default="grid", description="grid, random, tpe or any Optuna sampler, with arguments as {name: tpe, …}"
    )
    pruner: Named | None = Field(
        default=None, description="stop bad jobs early: median, successive_halving, hyperband, with arguments"
    )
    n_trials: int | None = Field(
        default=None, ge=1, le=100_000, description="points in all, those of earlier starts included"
    )
    timeout: float | None = Field(default=None, gt=0, description="seconds after which no further job is started")
    seed: int = Field(default=0, ge=0, description="seed of the sampler")
    max_failures: int | None = Field(default=None, ge=1, description="failed jobs after which no further one starts")
    retries: int = Field(default=2, ge=0, description="how often a job whose process was killed is started again")
    dry_run: bool = Field(default=False, description="check everything, print the table and stop (--dry-run)")
    retry_failed: bool = Field(default=False, description="run failed jobs again (--retry-failed)")
    retry_stopped: bool = Field(
        default=False, description="run jobs again that were taken out by `rnnexp stop` (--retry-stopped)"
    )
    fail_fast: bool = Field(default=False, description="stop at the first failed job (--fail-fast)")
    allow_data_change: bool = Field(
        default=False, description="resume although data or plugins have changed since (--allow-data-change)"
    )
    new: bool = Field(default=False, description="start a new sweep beside one of the same name (--new)")

    @property
    def is_grid(self) -> bool:
        return self.sampler in GRID

    def is_due(self, status: str | None) -> bool:
        """Say whether a job that has ended so, None for not at all, is to be trained."""
        return status is None or {"failed": self.retry_failed, "stopped": self.retry_stopped}.get(status, False)

    @property
    def learns(self) -> bool:
        """Whether the sampler chooses points by the results of earlier ones."""
        name = self.sampler if isinstance(self.sampler, str) else self.sampler.get("name")
        return name not in ("grid", "random", "QMCSampler", "GridSampler", "RandomSampler", "BruteForceSampler")


def read_sweep(values: Mapping[str, Any], problems: list[str]) -> Sweep:
    """Check what stands under `hydra.sweeper`; mistakes name the key as it is written there."""
    return read_settings("hydra.sweeper", Sweep, values, problems)


def read_settings(key: str, cls: Any, values: Mapping[str, Any], problems: list[str]) -> Any:
    """Build the settings; where there are mistakes, from what is left, to find those elsewhere."""
    found: list[str] = []
    given = {name: value for name, value in values.items() if name != "_target_"}
    result = build(key, cls, given, found)
    missing = dict(missing_values(key, given))
    found = [*missing.values(), *(problem for problem in found if problem.partition(":")[0] not in missing)]
    if not found:
        return result
    problems += found
    wrong = {problem.partition(":")[0].removeprefix(f"{key}.").partition(".")[0] for problem in found}
    return build(key, cls, {name: value for name, value in given.items() if name not in wrong}, [])
