"""An example of weight 2 counts as if it were there twice, one of weight 0 as if it were not there: in every number."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import given
import numpy as np
import pandas as pd
import pytest
from given import evaluate

import rnnexp as rx
from rnnexp import tasks
from rnnexp.cli.main import main
from rnnexp.data.dataset import Dataset
from rnnexp.data.example_weights import KEY
from rnnexp.data.source import SequenceSource
from rnnexp.data.sources.labeled_texts import text_table
from rnnexp.data.sources.npz import npz
from rnnexp.data.sources.sequence_folder import sequence_folder
from rnnexp.errors import ConfigError, DataError
from rnnexp.registry import lookup, settings
from rnnexp.tasks import load

SPLIT = {"train": 0.6, "val": 0.2, "test": 0.2}
WEIGHTS = np.random.default_rng(1).choice([0, 1, 2, 3], size=60)


def forecasting(weighted: bool, **fields: Any) -> Dataset:
    table = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0) + 20
    columns = np.column_stack([table, WEIGHTS])
    own = {"target": ["a", "b"], "horizon": 2, "sequence_length": 3, "split": SPLIT, **fields}
    return given.dataset(columns, **own, **({"weight": "c"} if weighted else {}))


def write_archive() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4, 1))
    labels = np.where(x.sum(axis=(1, 2)) + 0.3 * x[:, 0, 0] > 0, "up", "down")
    np.savez("t.npz", x=x, sums=np.stack([x.sum(axis=(1, 2)), x[:, 0, 0]], 1), labels=labels, w=WEIGHTS)


def regression(weighted: bool) -> Dataset:
    write_archive()
    return load(npz(path="t.npz", targets="sums", split=SPLIT, weight="w" if weighted else None))


def classification(weighted: bool) -> Dataset:
    write_archive()
    source = npz(path="t.npz", targets="labels", task="classification", split=SPLIT, weight="w" if weighted else None)
    return load(source)


def texts(weighted: bool) -> Dataset:
    rows = "".join(
        f"{['good', 'bad'][i % 2]} film number {i % 7}\t{'ab'[i % 3 > 0]}\t{w}\n" for i, w in enumerate(WEIGHTS)
    )
    Path("t.tsv").write_text("text\tlabel\tw\n" + rows)
    return load(text_table(path="t.tsv", split=SPLIT, min_count=1, weight="w" if weighted else None))


KINDS = {"series": forecasting, "numbers": regression, "labels": classification, "texts": texts}


def weights_in(dataset: Dataset, part: str) -> np.ndarray:
    """Return how often each example of a part of unweighted data is to count: by its own row of what was read."""
    indices = dataset.parts[part].indices
    return WEIGHTS[indices + 3] if dataset.spec.task == "forecasting" else WEIGHTS[indices]


def repeated(dataset: Dataset, *names: str) -> Dataset:
    """Return unweighted data in which each example of these parts stands as often as it is to count."""
    twice = {
        name: replace(dataset.parts[name], indices=np.repeat(dataset.parts[name].indices, weights_in(dataset, name)))
        for name in names
    }
    summary = replace(dataset.summary, digest=f"{dataset.summary.digest[:-1]}-")  # baselines are kept by it
    return replace(dataset, parts={**dataset.parts, **twice}, summary=summary)


class Network:
    """Stands in for a network: answers that depend on the input, and are no better than they should be."""

    def __init__(self, outputs: tuple[int, ...]) -> None:
        self.outputs = outputs

    def predict_on_batch(self, x: Any) -> np.ndarray:
        past = np.asarray(x["past"] if isinstance(x, dict) else x, np.float32)
        level = past.reshape(len(past), -1)[:, :3].sum(axis=1)
        size = int(np.prod(self.outputs))
        return (np.sin(level)[:, None] * np.arange(1, size + 1)).reshape(-1, *self.outputs).astype("float32")


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_data_in_which_each_example_stands_as_often_as_it_counts(kind: str) -> None:
    make = KINDS[kind]
    plain = make(weighted=False)
    network = Network(plain.spec.output_shape)
    weighted, twice = evaluate(network, make(weighted=True), 16), evaluate(network, repeated(plain, "test"), 16)
    own = {name: value for name, value in weighted.metrics.items() if not re.search("coverage|interval", name)}
    assert len(own) >= 15
    assert {name: twice.metrics[name] for name in own} == pytest.approx(own, rel=1e-6)
    assert {name: value for name, value in evaluate(network, plain, 16).metrics.items() if name in own} != own
    for name in ("scores", "classes", "horizons", "targets"):
        if name in weighted.tables:
            shown = [
                table.drop(columns="examples", errors="ignore") for table in (weighted.tables[name], twice.tables[name])
            ]
            pd.testing.assert_frame_equal(*[table.filter(regex="^(?!coverage)") for table in shown], rtol=1e-6)


@pytest.mark.end_to_end
def test_whole_sequences_of_several_steps_ahead_can_be_trained() -> None:
    losses, _ = trained(forecasting(False, layout="sequence"), "compiled")
    assert losses[2]["train/loss"] < losses[0]["train/loss"]
    assert losses[2]["val/mae"] < losses[0]["val/mae"]


def trained(dataset: Dataset, engine: str) -> tuple[list[dict[str, float]], list[np.ndarray]]:
    """Train for three steps on all examples at once; return the losses of each epoch, and the weights."""
    import keras

    from rnnexp.config.settings import Trainer
    from rnnexp.models.build import build
    from rnnexp.training.fit import fit
    from rnnexp.training.plan import TrainingPlan

    model = build(lookup("model", "simple_rnn")(units=[3]), dataset.spec, 0)
    loss = lookup("loss", dataset.spec.loss)().build()
    trainer = Trainer(epochs=3, batch_size="full", engine=engine, restore_best=False)
    named = [] if dataset.spec.classes else ["mae"]
    history = fit(model, dataset, TrainingPlan(loss, keras.optimizers.SGD(0.1), trainer, metrics=named, grad_norm=True))
    kept = [{name: value for name, value in epoch.items() if not name.startswith("time/")} for epoch in history.epochs]
    return kept, model.get_weights()


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        *(("series", "compiled"), ("labels", "compiled"), ("series", "keras")),
        *(pytest.param(*pair, marks=pytest.mark.end_to_end) for pair in (("numbers", "keras"), ("texts", "compiled"))),
    ],
)
def test_losses_gradients_and_steps_are_those_of_such_data(kind: str, engine: str) -> None:
    make = KINDS[kind]
    (weighted, weights), (twice, others) = (
        trained(one, engine) for one in (make(True), repeated(make(False), "train", "val"))
    )
    for epoch, other in zip(weighted, twice, strict=True):
        assert epoch == pytest.approx(other, rel=2e-6)
    for one, other in zip(weights, others, strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)
    assert trained(make(False), engine)[0][0]["train/loss"] != pytest.approx(weighted[0]["train/loss"], rel=1e-3)


def test_balanced_classes_are_those_of_such_data() -> None:
    counts = [one.count_labels("train", weighed=True) for one in (texts(True), repeated(texts(False), "train"))]
    shares = [own / own.sum() for own in counts]
    assert shares[0] == pytest.approx(shares[1], rel=1e-6)
    assert texts(True).count_labels("train").dtype == np.int64


def test_a_window_counts_as_often_as_the_first_row_that_it_forecasts() -> None:
    dataset = forecasting(True)
    train = dataset.parts["train"]
    expected = WEIGHTS[train.indices + 3]
    assert train.arrays[KEY][train.indices] == pytest.approx(expected / expected.mean(), rel=1e-6)
    assert "c" not in dataset.spec.targets
    assert dataset.spec.inputs["past"].shape == (3, 2)


def test_the_steps_of_a_whole_sequence_are_weighed_too() -> None:
    for horizon in (1, 2):
        dataset = forecasting(True, layout="sequence", horizon=horizon)
        part = dataset.parts["test"]
        _, y, weight = dataset.batch(part.arrays, part.indices)
        assert weight.shape == (y.shape[:2] if horizon == 1 else y.shape[:3])
        assert weight.sum() == pytest.approx(horizon * (part.arrays["weight"] > 0).sum(), rel=1e-5)
        assert len(np.unique(weight)) > 2


@settings
class Odd(SequenceSource):
    name: str = "odd"
    weights: Any = ()

    def read(self) -> Any:
        from rnnexp.data.labeled import Sequences

        x = np.random.default_rng(0).normal(size=(len(self.weights), 3, 1))
        return Sequences.of(x, x.sum(axis=(1, 2)), weights=np.array(self.weights, float))


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_named_by_the_row_of_a_series_and_the_place_of_an_example(bad: float) -> None:
    table = np.column_stack([np.arange(30.0), [*[1.0] * 6, bad, *[1.0] * 23]])
    with pytest.raises(DataError, match=r"row 7"):
        given.dataset(table, target="a", weight="b", sequence_length=3)
    with pytest.raises(DataError, match=r"example 6: the weight is (-1|nan|inf) \(data\.weight, 1 such\)"):
        load(Odd(weights=table[:, 1].tolist()))


def test_a_part_in_which_nothing_counts_is_refused() -> None:
    with pytest.raises(DataError, match=r"the test set has weights of 0 alone \(data\.weight\)"):
        given.dataset(np.column_stack([np.arange(30.0), np.arange(30) < 25]), target="a", weight="b", sequence_length=3)


@pytest.mark.parametrize(("cell", "shown"), [("-2", "`-2`"), ("", "empty"), ("nan", "`nan`"), ("many", "`many`")])
def test_cells_that_are_no_weights_are_named_with_their_line(cell: str, shown: str) -> None:
    rows = [f"text number {i}\t{'ab'[i % 2]}\t{cell if i == 4 else 1}\n" for i in range(30)]
    Path("t.tsv").write_text("text\tlabel\tw\n" + "".join(rows))
    with pytest.raises(DataError, match=rf"t\.tsv, line 6: the weight is {re.escape(shown)} \(data\.weight\)"):
        load(text_table(path="t.tsv", weight="w"))
    Path("runs").mkdir()
    for i in range(12):
        Path(f"runs/{i}.csv").write_text(f"x\n{i}.5\n{i * i}\n")
    listed = "".join(f"{i}.csv,{'ab'[i % 2]},{cell if i == 4 else 1}\n" for i in range(12))
    Path("runs/labels.csv").write_text("file,label,w\n" + listed)
    with pytest.raises(DataError, match=rf"labels\.csv, line 6: the weight is {re.escape(shown)} \(data\.weight\)"):
        load(sequence_folder(path="runs", weight="w"))


def sales(file: str = "s.csv", **columns: Any) -> str:
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    values = np.cumsum(np.random.default_rng(0).normal(size=60)) + 9
    pd.DataFrame({"day": days, "sold": values, **columns}).to_csv(file, index=False)
    return file


@pytest.mark.end_to_end
def test_a_table_names_the_column_and_neither_a_forecast_nor_a_score_needs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("data=csv", f"data.path={sales(w=WEIGHTS)}", "data.time=day", "data.target=sold", "data.weight=w")
    quick = ("trainer.epochs=2", "model.units=[2]", "tracking=off", "tracking.figures=false", "data.sequence_length=4")
    result = rx.run(rx.compose(*words, *quick), tmp_path / "run", quiet=True)
    assert result.predictions.weight is not None
    run, later = str(tmp_path / "run"), sales("later.csv")
    assert main(["predict", run, later]) == 0
    assert "w" not in capsys.readouterr().out.splitlines()[0].split()
    assert main(["evaluate", run, "--data", later]) == 0
    assert 'there is no column "w" (data.weight): each row counts once' in "".join(capsys.readouterr())
    assert main(["evaluate", run, "--data", sales("weighed.csv", w=WEIGHTS)]) == 0
    assert "counts once" not in "".join(capsys.readouterr())


def test_a_column_of_weights_has_no_other_role() -> None:
    table = np.column_stack([np.arange(30.0), np.ones(30)])
    with pytest.raises(DataError, match="column `b` is data.weight, which a network does not see; it has another role"):
        given.dataset(table, target="a", features=["b"], weight="b", sequence_length=3)
    words = ("data=csv", f"data.path={sales(w=WEIGHTS)}", "data.time=day", "data.target=sold")
    with pytest.raises(DataError, match='column "w" is named twice'):
        tasks.load(rx.compose(*words, "data.weight=w", "data.known=[w]").data)
    with pytest.raises(DataError, match='"v"'):
        tasks.load(rx.compose(*words, "data.weight=v").data)


def test_columns_that_become_series_have_no_weights_of_rows() -> None:
    with pytest.raises(
        ConfigError, match=r"data\.weight: is of rows, and data\.columns_as_series makes several series"
    ):
        rx.compose("data=csv", "data.path=x.csv", "data.weight=w", "data.columns_as_series=true")
