"""Tiny saved models of every task, and broken ones: each file of a run's folder changed in one place.

`broken_models(seed)` yields (description, write); `write(folder)` makes the folder of a run whose model is broken, and
`outcome(kind, folder)` loads it, asks it, and says what came of that.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Kind -> the settings of a run whose model is of this kind; `{}` is the folder of the data.
KINDS: dict[str, tuple[str, ...]] = {
    "rows": (
        *("data=csv", "data.path={}/shops.csv", "data.series=shop", "data.time=ds", "data.target=sold"),
        *("data.known=[open]", "data.features=[price]", "data.calendar=[month]", "data.per_series=true"),
        *("data.sequence_length=5", "data.horizon=3", "data.scaler=[log,difference,standard]", "model=gru"),
    ),
    "recursive": (
        *("data=airline_passengers", "data.sequence_length=4", "data.horizon=3", "data.strategy=recursive"),
        *("data.scaler=[instance]", "model=lstm", "model.bidirectional=false"),
    ),
    "sequences": (
        "data=npz",
        "data.path={}/shapes.npz",
        "data.task=classification",
        "data.scaler=standard",
        "model=gru",
    ),
    "numbers": ("data=npz", "data.path={}/numbers.npz", "data.targets=z", "model=simple_rnn"),
    "texts": ("data=text_lines", "data.path={}/lines.txt", "data.min_count=1", "model=lstm", "model.embedding_dim=2"),
    "tags": ("data=text_tags", "data.path={}/names.conll", "data.min_count=1", "model=lstm", "model.embedding_dim=2"),
    "language": (
        "data=corpus",
        "data.path={}/rhyme.txt",
        "data.sequence_length=5",
        "model=gru",
        "model.embedding_dim=2",
    ),
    "pairs": ("data=reverse_digits", "data.examples=60", "model=encoder_decoder", "model.embedding_dim=2"),
}
CONFIG, ABOUT = "config/config.yaml", "run.json"


class Saved(NamedTuple):
    """The folder of a run with its model, and what may be asked of it: a table, an array or a list of texts."""

    folder: Path
    question: Any


def data(folder: Path) -> None:
    """Write the files that the settings of KINDS read."""
    import pandas

    generator = np.random.default_rng(0)
    days = pandas.date_range("2024-01-01", periods=40, freq="D")
    shops = [
        pandas.DataFrame({"shop": name, "ds": days, "sold": size * (2 + generator.random(40)), "price": 1 + days.day})
        for name, size in (("north", 1.0), ("south", 40.0))
    ]
    pandas.concat(shops).assign(open=lambda rows: rows["ds"].dt.day % 2).to_csv(folder / "shops.csv", index=False)
    x, y = generator.normal(size=(24, 5, 2)), np.array(["up", "down"] * 12)
    np.savez(folder / "shapes.npz", x=x, y=y)
    np.savez(folder / "numbers.npz", x=x, z=x[:, -1])
    lines = "pos a good film\nneg a bad film\npos good good fun\nneg bad and dull\npos fun\nneg dull dull film\n"
    (folder / "lines.txt").write_text(lines * 5, encoding="utf-8")
    one = "ann B-PER\nhill I-PER\nsays O\n\nbob B-PER\nsees O\nann B-PER\n\n"
    (folder / "names.conll").write_text(one * 20, encoding="utf-8")
    (folder / "rhyme.txt").write_text("the cat purrs\nthe dog barks\n" * 30, encoding="utf-8")


@cache
def saved(kind: str) -> Saved:
    """Save an untrained network of a kind, once per process, in the folder of a run that no store knows."""
    import yaml

    import rnnexp as rx
    from rnnexp import runner
    from rnnexp.config.flat import plain_values
    from rnnexp.data.intervals import calibrate
    from rnnexp.models import bundle
    from rnnexp.models.build import build

    place = _scratch() / kind
    place.mkdir()
    data(place)
    experiment = rx.compose(*(word.format(place) for word in KINDS[kind]), "model.units=[3]", "tracking=off")
    dataset = runner.loaded(experiment)
    model = build(experiment.model, dataset.spec, 1)
    folder = place / "run"
    bundle.save(folder / "model", model, experiment.model, dataset.spec, dataset.scaling, [])
    if kind in ("rows", "recursive"):
        calibrate(np.random.default_rng(1).normal(size=(30, 3, 1))).write(folder / "model")
    (folder / "config").mkdir()
    (folder / CONFIG).write_text(yaml.safe_dump(plain_values(experiment), sort_keys=False), encoding="utf-8")
    (folder / ABOUT).write_text(json.dumps({"run_id": "a" * 32, "experiment_id": "1", "uri": "sqlite:///none.db"}))
    return Saved(folder, dataset.example())


@cache
def _scratch() -> Path:
    import atexit

    folder = tempfile.mkdtemp(prefix="rnnexp-models-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def served(folder: Path) -> Any:
    """Load a model as MLflow does."""
    from rnnexp.tracking.pyfunc import _load_pyfunc

    return _load_pyfunc(str(folder / "model"))
