"""From files to a served classifier: sequences and texts, alone and trained together, in a real MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp.errors import DataError
from rnnexp.models import bundle
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.program_key import make_program_key
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.tasks import load
from rnnexp.tracking.pyfunc import Served

CLOSE = 1e-5  # relative, of losses after a few epochs
QUICK = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
WORDS = {"good": "0.9 0.1", "bad": "-0.8 0.2", "film": "0.1 0.3"}


def sequences() -> tuple[str, ...]:
    """Write sequences of 3 to 8 steps, whose class is the direction of their first channel."""
    generator, lines = np.random.default_rng(0), ["@problemName waves", "@dimensions 2", "@classLabel true down up"]
    for i in range(60):
        steps, sign = 3 + i % 6, 1 if i % 2 else -1
        first = sign * np.arange(steps) + generator.normal(0, 0.5, steps)
        rows = (",".join(f"{value:.3f}" for value in row) for row in (first, generator.normal(size=steps)))
        lines.append(":".join([*rows, "up" if sign > 0 else "down"]))
    Path("waves.ts").write_text("\n".join(lines) + "\n")
    return ("data=ts", "data.path=waves.ts", "data.scaler=standard", "data.buckets=2", "data.seed=0")


def texts() -> tuple[str, ...]:
    """Write texts of one to six words, whose class is whether `good` or `bad` is among them."""
    generator, lines = np.random.default_rng(0), []
    for i in range(60):
        words = generator.choice(["film", "the", "of", "a"], size=i % 6).tolist()
        lines.append(" ".join([("neg", "pos")[i % 2], *words, ("bad", "good")[i % 2]]))
    Path("films.txt").write_text("\n".join(lines) + "\n")
    Path("vectors.txt").write_text("".join(f"{word} {numbers}\n" for word, numbers in WORDS.items()))
    return ("data=text_lines", "data.path=films.txt", "data.buckets=2", "data.vectors=vectors.txt", "data.seed=0")


SMALL = ("model=simple_rnn", "model.units=[4]", "trainer.epochs=4", "trainer.batch_size=8")


def artifact(run_id: str, path: str) -> Path:
    from mlflow import artifacts

    return Path(artifacts.download_artifacts(run_id=run_id, artifact_path=path))


@pytest.mark.parametrize(("kind", "baselines"), [("sequences", ["nearest", "summary"]), ("texts", ["naive_bayes"])])
def test_a_run_is_scored_tracked_and_served(kind: str, baselines: list[str], tmp_path: Path) -> None:
    import mlflow

    given = sequences() if kind == "sequences" else texts()
    faster = ("trainer.epochs=15", "optimizer.learning_rate=0.05")
    result = rx.run(rx.compose(*given, *SMALL, *faster), quiet=True)
    assert result.run_id
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = mlflow.get_run(result.run_id)
    metrics, classes = run.data.metrics, ("down", "up") if kind == "sequences" else ("neg", "pos")
    assert metrics["test/accuracy"] > 0.9
    assert result.metrics["baseline/majority/accuracy"] == pytest.approx(0.5, abs=0.1)
    assert {f"baseline/{name}/f1" for name in baselines} <= result.metrics.keys()
    assert {"test/log_loss", "test/balanced_accuracy", "val/accuracy"} <= metrics.keys()
    assert run.data.tags["rnnexp.best_baseline"] == result.report.best_baseline

    assert artifact(result.run_id, "figures/confusion.png").stat().st_size > 5000
    by_class = pd.read_csv(artifact(result.run_id, "tables/classes.csv"))
    assert (by_class["class"].tolist(), by_class["examples"].sum()) == (list(classes), len(result.predictions.actual))
    table = pd.read_csv(artifact(result.run_id, "tables/predictions.csv"))
    assert (table["actual"] == table["predicted"]).mean() == metrics["test/accuracy"]
    place = "waves.ts, line " if kind == "sequences" else "films.txt, line "
    assert table["example"].str.startswith(place).all()

    model = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    answered = raw(kind, table)
    answer = model.predict(answered)
    assert answer["label"].tolist() == table["predicted"].tolist()
    if kind == "sequences":
        assert model.predict(ragged(answered)).equals(answer)
    else:
        with pytest.raises(DataError, match=r"there is no column `text` \(MLflow takes a table, no list\)"):
            model.predict(answered["text"].tolist())
    for name in classes:
        np.testing.assert_allclose(answer[f"p({name})"], table[f"p({name})"], rtol=1e-4)


def raw(kind: str, table: pd.DataFrame) -> Any:
    """Return what a user would send: texts, or sequences as an array that is filled up with NaN."""
    if kind == "texts":
        return pd.DataFrame({"text": table["text"]})
    lines = Path("waves.ts").read_text().splitlines()
    many = [lines[int(place.rsplit(" ", 1)[1]) - 1].split(":")[:2] for place in table["example"]]
    found = [np.array([channel.split(",") for channel in channels], dtype=float).T for channels in many]
    filled = np.full((len(found), max(map(len, found)), 2), np.nan)
    for place, one in zip(filled, found):
        place[: len(one)] = one
    return filled


def ragged(rows: np.ndarray) -> np.ndarray:
    """Return an array of arrays of different length."""
    made = np.empty(len(rows), dtype=object)
    made[:] = [one[~np.isnan(one).any(axis=1)] for one in rows]
    return made


def losses(result: Any, part: str = "train") -> np.ndarray:
    return np.array([epoch[f"{part}/loss"] for epoch in result.history.epochs])


def together(experiments: list[Any], folder: Path) -> dict[int, Any]:
    """Run experiments as one program and return what each has come to, by its number."""
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    occasions = []
    for number in range(len(experiments)):
        (folder / str(number)).mkdir(parents=True)
        occasions.append(RunContext(folder / str(number), member=Membership("test", None, number)))
    ended: dict[int, Result | BaseException] = {}
    run_vectorized(experiments, occasions, ended.__setitem__, lambda _: None)
    return ended


def agree_with_single_runs(lines: tuple[str, ...], folder: Path) -> tuple[list[Any], dict[int, Any]]:
    """Train two together and each by itself, and return the two experiments and what they have come to."""
    varied = [("seed=0", "optimizer.learning_rate=0.01"), ("seed=1", "optimizer.learning_rate=0.03")]
    experiments = [rx.compose(*lines, *SMALL, *own) for own in varied]
    ended = together(experiments, folder)
    for number, experiment in enumerate(experiments):
        alone, member = rx.run(experiment, quiet=True), ended[number]
        assert isinstance(member, Result), member
        for part in ("train", "val"):
            np.testing.assert_allclose(losses(member, part), losses(alone, part), rtol=CLOSE)
        assert member.metrics["test/log_loss"] == pytest.approx(alone.metrics["test/log_loss"], rel=CLOSE)
    return experiments, ended


@pytest.mark.end_to_end
def test_each_member_is_what_it_would_have_been_alone(tmp_path: Path) -> None:
    _, ended = agree_with_single_runs((*sequences(), *QUICK), tmp_path / "jobs")
    assert not np.allclose(losses(ended[0]), losses(ended[1]), rtol=CLOSE)  # the comparison can tell members apart


@pytest.mark.end_to_end
def test_members_keep_the_pretrained_vectors(tmp_path: Path) -> None:
    logged = tuple(line for line in QUICK if "log_model" not in line)
    experiments, _ = agree_with_single_runs((*texts(), *logged, "model.embedding_trainable=false"), tmp_path / "jobs")
    dataset = load(experiments[0].data)
    assert dataset.vectors.any()
    for number in (0, 1):
        with np.load(tmp_path / "jobs" / str(number) / "model" / "weights.npz") as archive:
            assert np.array_equal(archive["embedding/embeddings"], dataset.vectors)


# Of the first step and the epoch after it, by networks that ended in a softmax, whose loss was that of probabilities.
WITH_SOFTMAX = [
    ("sequences", (), (0.9696261, 0.9281435, 0.8297202)),
    ("sequences", ("trainer.class_weights={up: 3.0}",), (1.9647980, 0.9282197, 0.8296315)),
    ("texts", ("trainer.class_weights=balanced", "model.l2=0.01"), (0.8486764, 0.7971159, 0.8117654)),
]


@pytest.mark.parametrize(("kind", "own", "before"), WITH_SOFTMAX, ids=["plain", "weighed", "penalized"])
def test_losses_are_what_they_were_when_networks_ended_in_a_softmax(
    kind: str, own: tuple[str, ...], before: tuple[float, ...]
) -> None:
    lines = sequences() if kind == "sequences" else texts()
    once = ("trainer.epochs=1", "trainer.batch_size=full", "metrics=[sparse_categorical_crossentropy]")
    result = rx.run(rx.compose(*lines, *SMALL, *QUICK, *once, *own), quiet=True)
    [epoch] = result.history.epochs
    found = (epoch["train/loss"], epoch["val/loss"], result.metrics["test/log_loss"])
    assert found == pytest.approx(before, rel=CLOSE)
    assert epoch["val/sparse_categorical_crossentropy"] == pytest.approx(before[1], rel=CLOSE)
    assert found != pytest.approx([value * (1 + 3 * CLOSE) for value in before], rel=CLOSE)


OWN_END = """
import keras
from rnnexp import register

@register("model")
def own_end(spec, closed: bool = True) -> keras.Model:
    past = keras.Input(spec.inputs["past"].shape, name="past")
    mask = keras.Input((None,), name="mask", dtype="bool")
    x = keras.layers.GRU(3, name="gru")(past, mask=mask)
    y = keras.layers.Dense(2, activation="softmax" if closed else None, name="probabilities")(x)
    return keras.Model({"past": past, "mask": mask}, y)
"""


@pytest.mark.end_to_end
def test_a_users_model_that_ends_in_a_softmax_trains_as_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugin_with_an_end.py").write_text(OWN_END)
    base = (*sequences(), *QUICK, "plugins=[plugin_with_an_end]", "model=own_end", "trainer.epochs=2")
    by_keras, compiled, without = (
        rx.run(rx.compose(*base, *own), quiet=True)
        for own in (("trainer.engine=keras", "tracking.log_model=true"), (), ("model.closed=false",))
    )
    rates = [rx.compose(*base, f"optimizer.learning_rate={rate}") for rate in (0.001, 0.02)]
    members = together(rates, tmp_path / "jobs")
    warned = {message for message in caplog.messages if "`own_end`" in message}
    assert len(warned) == 1
    assert "gives probabilities, but classes want logits" in warned.pop()
    for with_it in (by_keras, compiled, members[0]):
        np.testing.assert_allclose(losses(with_it), losses(without), rtol=CLOSE)
        assert with_it.metrics["test/log_loss"] == pytest.approx(without.metrics["test/log_loss"], rel=CLOSE)
    assert not np.allclose(losses(members[1]), losses(without), rtol=CLOSE)
    assert losses(without)[-1] < losses(without)[0]

    dataset, served = load(rates[0].data), Served(bundle.load(by_keras.run_dir / "model", ["plugin_with_an_end"]))
    answer = served.predict([dataset.sequences.one(int(index)) for index in dataset.parts["test"].indices])
    np.testing.assert_allclose(answer.drop(columns="label"), by_keras.predictions.predicted, rtol=CLOSE)
