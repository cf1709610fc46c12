"""A sweep as large as one likes, its rows written straight into a store's database as tracking writes them."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

import rnnexp as rx
from rnnexp.config.flat import flat_params
from rnnexp.config.parse import plain_values
from rnnexp.tracking import names
from rnnexp.tracking.batch import Batch, Point, transaction, write
from rnnexp.tracking.store import artifact_root, experiment_id, open_store
from rnnexp.tracking.tables import NewRun, write_run

NAME = "sine_lstm-1a2b3c"
SEEDS, RATES, DROPOUTS, BATCHES = range(3), (0.001, 0.003, 0.01, 0.03, 0.1), (0.0, 0.1, 0.2, 0.3), (16, 32)
VARIED = "model.units,optimizer.learning_rate,model.dropout,trainer.batch_size,seed"
SCORES = ("mse", "rmse", "mae", "smape", "mape", "r2", "mase")
BASELINES = ("persistence", "drift", "linear")
BEGAN = 1_760_000_000_000  # ms since 1970
FAILS_EVERY = 50  # jobs


@dataclass(frozen=True)
class LargeStore:
    """A store, and the folder of the sweep that was last put into it."""

    uri: str
    sweep: Path


def make_large_store(
    folder: Path, jobs: int, epochs: int = 50, *, database: str = "mlflow.db", name: str = NAME
) -> LargeStore:
    """Write one more sweep, of so many jobs of five keys; one in fifty has failed."""
    uri = f"sqlite:///{folder / database}"
    client = open_store(uri)
    number = experiment_id(client, uri, "sine", names.primary("test/rmse", False))
    sweep = folder / "runs" / "sweeps" / name
    sweep.mkdir(parents=True)
    maker = _Maker(number, str(artifact_root(uri, "sine")), sweep, epochs)
    with transaction(folder / database) as connection:
        parent = maker.parent(jobs)
        for run, tags, batch in (parent, *(maker.child(job, parent[0].run_id) for job in range(jobs))):
            write_run(connection, run, tags)
            write(connection, run.run_id, batch)
    (sweep / "jobs.jsonl").write_text("".join(json.dumps(event) + "\n" for event in maker.events))
    return LargeStore(uri, sweep)


class _Maker:
    def __init__(self, experiment: str, root: str, sweep: Path, epochs: int) -> None:
        self.experiment, self.root, self.sweep, self.epochs = experiment, root, sweep, epochs
        config = rx.compose("experiment=sine_lstm")
        self.params = names.params(flat_params(config))
        self.config = yaml.safe_dump(plain_values(config), sort_keys=False)
        self.random = random.Random(0)
        self.events: list[Mapping[str, object]] = []

    def parent(self, jobs: int) -> tuple[NewRun, Mapping[str, str], Batch]:
        key = _key(f"parent of {self.sweep.name}")
        self.events += [{"event": "facts", "objective": "best/val/loss", "direction": "minimize"}]
        self.events += [{"event": "parent", "run_id": key}]
        tags = {
            "rnnexp.version": "0.1.0",
            "rnnexp.kind": "sweep",
            "rnnexp.sweep": self.sweep.name,
            "rnnexp.objective": "best/val/loss",
            "rnnexp.direction": "minimize",
            "rnnexp.varied": VARIED,
            "rnnexp.command": "rnnexp train -m experiment=sine_lstm model.units=range(8,512,8) seed=0,1,2",
            "rnnexp.folder": str(self.sweep),
            "rnnexp.group": "sine_lstm",
            "rnnexp.outcome": "ok",
        }
        points = [Point(f"best/{name}", 0.1, BEGAN, 0) for name in ("val/loss", "test/rmse", "skill/rmse")]
        run = NewRun(key, self.sweep.name, BEGAN, self.experiment, self._place(key))
        return run, tags, Batch(points=points, status="FINISHED", ended=BEGAN + 1000 * jobs)

    def child(self, job: int, parent: str) -> tuple[NewRun, Mapping[str, str], Batch]:
        key, values = _key(f"job {job} of {self.sweep.name}"), _values(job)
        digest, failed = _key(str(values))[:12], job % FAILS_EVERY == FAILS_EVERY - 1
        outcome = "failed" if failed else "ok"
        tags = {
            "mlflow.parentRunId": parent,
            "mlflow.user": "ada",
            "mlflow.source.git.commit": "0123456789abcdef",
            "mlflow.note.content": f"**sine_lstm**: lstm on sine\n\nFolder: `{self.sweep}/jobs/{job}`",
            "rnnexp.params": str(len({**self.params, **values})),
            "rnnexp.version": "0.1.0",
            "rnnexp.config_hash": digest,
            "rnnexp.data_digest": f"digest-{values['seed']}",
            "rnnexp.group": "sine_lstm",
            "rnnexp.backend": "jax",
            "rnnexp.device": "cpu",
            "rnnexp.engine": "compiled",
            "rnnexp.loss": "unpenalized",
            "rnnexp.folder": f"{self.sweep}/jobs/{job}",
            "rnnexp.sweep": self.sweep.name,
            "rnnexp.varied": VARIED,
            "rnnexp.job": str(job),
            "rnnexp.outcome": outcome,
            "rnnexp.best_baseline": "linear",
        }
        began, best = BEGAN + 1000 * job, self.random.uniform(0.1, 0.5)
        points = list(_curves(began, best, self.epochs))
        final = {} if failed else dict(_final(best, self.epochs))
        points += [Point(name, value, began + 900, 0) for name, value in final.items()]
        text = {"config/config.yaml": self.config} | ({"error.txt": "ValueError: no data\n"} if failed else {})
        self._write_files(key, text)
        self.events += [
            {"event": "job", "job": job, "trial": job, "digest": digest, "values": values},
            {"event": "start", "job": job, "attempt": 1, "time": began / 1000},
            {"event": "end", "job": job, "status": "failed" if failed else "done", "metrics": final, "run_id": key},
        ]
        batch = Batch(points, {**self.params, **values}, status="FAILED" if failed else "FINISHED", ended=began + 900)
        return NewRun(key, f"lstm-{digest[:4]}", began, self.experiment, self._place(key)), tags, batch

    def _place(self, key: str) -> str:
        return f"{self.root}/{key}/artifacts"

    def _write_files(self, key: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = Path(self._place(key).removeprefix("file://")) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def _key(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _values(job: int) -> dict[str, str]:
    """Return the values of a job: seeds change fastest, units slowest, and of these there are ever more."""
    rest, seed = divmod(job, len(SEEDS))
    rest, batch = divmod(rest, len(BATCHES))
    rest, dropout = divmod(rest, len(DROPOUTS))
    units, rate = divmod(rest, len(RATES))
    return {
        "model.units": str(8 * (units + 1)),
        "optimizer.learning_rate": str(RATES[rate]),
        "model.dropout": str(DROPOUTS[dropout]),
        "trainer.batch_size": str(BATCHES[batch]),
        "seed": str(seed),
        "data.seed": str(seed),
    }


def _curves(began: int, best: float, epochs: int) -> Iterator[Point]:
    losses = {"train/loss": 0.9, "val/loss": 1.0}
    for epoch, (name, share) in itertools.product(range(1, epochs + 1), losses.items()):
        yield Point(name, share * best * (1 + math.exp(-epoch / 10)), began + epoch, epoch)
    for name, epoch in itertools.product(("opt/learning_rate", "time/epoch_s"), range(1, epochs + 1)):
        yield Point(name, 0.001, began + epoch, epoch)


def _final(best: float, epochs: int) -> Iterator[tuple[str, float]]:
    yield from (("best/val/loss", best), ("best/train/loss", 0.9 * best), ("best/epoch", float(epochs)))
    yield from ((f"test/{name}", best) for name in SCORES)
    yield from ((f"baseline/{one}/{name}", 0.2) for one in BASELINES for name in SCORES)
    yield from ((f"skill/{name}", 1 - best / 0.2) for name in ("rmse", "mae"))
    yield from ((name, 100.0) for name in ("data/n_train", "data/n_val", "data/n_test", "model/parameters"))
