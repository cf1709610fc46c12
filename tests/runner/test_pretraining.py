"""A network learns without labels first: what it learns from, what it is held against, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import tasks
from rnnexp.data.unlabeled import make_pretraining
from rnnexp.errors import ConfigError
from rnnexp.models import features
from rnnexp.runner import Result
from rnnexp.runner.program_key import make_program_key
from rnnexp.runtime import interrupts

OFF = ("tracking=off", "tracking.figures=false", "resume=never")
FEW = ("data.labels_per_class=3", "data.task=classification", "data.scaler=standard", "trainer.epochs=2")
GRU = ("model=gru", "model.units=[4]", "model.pooling=mean")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator, file = np.random.default_rng(0), tmp_path_factory.mktemp("data") / "own.npz"
    y, phase = np.repeat([0, 1], 40), generator.random((80, 1))
    waves = np.sin((np.arange(12) + 12 * phase) * np.where(y, 1.5, 0.7)[:, None])
    np.savez(file, x=waves + 0.1 * generator.normal(size=waves.shape), y=y)
    return file


def compose_few(archive: Path, *words: str):  # type: ignore[no-untyped-def]
    return rx.compose("data=npz", f"data.path={archive}", *FEW, *GRU, *OFF, *words)


def trained(archive: Path, folder: Path, *words: str) -> Result:
    return rx.run(compose_few(archive, "pretrain.epochs=3", *words), folder, quiet=True)


def weights_in(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "weights.npz") as file:
        return dict(file)


def test_the_encoder_is_pretrained_and_scored_beside_what_it_is_held_against(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, compute = list[bool](), features.compute_features

    def noted(*given: Any) -> Any:
        asking.append(interrupts.ending.is_asked)
        return compute(*given)

    monkeypatch.setattr(features, "compute_features", noted)
    result = trained(archive, tmp_path / "run", "pretrain.task=masked", "model.freeze_epochs=2")
    first, last = (weights_in(tmp_path / "run" / place) for place in ("pretrained", "model"))
    kernel = "gru_1/gru_cell/recurrent_kernel"
    assert np.array_equal(first[kernel], last[kernel]), "held for all of the two epochs"
    assert list(result.report.tables["pretraining"].columns) == ["epoch", "loss"]
    assert result.metrics["pretrain/loss"] == result.report.tables["pretraining"]["loss"].iloc[-1]
    added = {"scratch", "random_probe", "pretrained_probe"}
    assert added | {"summary", "nearest", "majority"} <= result.report.baselines.keys()
    scores = {name: result.metrics[f"baseline/{name}/accuracy"] for name in result.report.baselines}
    assert scores[result.report.best_baseline] == max(scores.values())
    assert result.report.beats_baseline == (result.metrics["test/accuracy"] > max(scores.values()))
    assert asking == [False] * 4, "a signal breaks into the computing of what is held against it"
    assert interrupts.ending.is_asked is False


@pytest.mark.end_to_end
def test_the_same_seed_pretrains_the_same_and_scratch_is_a_run_without_it(archive: Path, tmp_path: Path) -> None:
    one, other = (trained(archive, tmp_path / name) for name in ("one", "other"))
    assert one.metrics["pretrain/loss"] == other.metrics["pretrain/loss"]
    assert one.metrics["test/log_loss"] == other.metrics["test/log_loss"]
    alone = rx.run(compose_few(archive), tmp_path / "alone", quiet=True)
    scratch = one.report.baselines["scratch"].predicted
    assert np.allclose(alone.predictions.predicted, scratch, atol=1e-6)
    assert not np.allclose(one.predictions.predicted, scratch, atol=1e-6)


def test_hidden_steps_are_zero_and_the_loss_asks_for_them_alone(archive: Path) -> None:
    dataset = tasks.load(compose_few(archive).data)
    made = make_pretraining(dataset, "masked", epochs=5, seed=0)
    part = made.parts["train"]
    assert len(part) == len(dataset.parts["train"]) + len(dataset.unlabeled)
    x, y, weight = made.batch(part.arrays, part.indices)
    assert (x[weight > 0] == 0).all()
    assert np.array_equal(x[weight == 0], y[weight == 0])
    assert weight.mean(axis=1) == pytest.approx(np.ones(len(part)), rel=1e-5)
    orders = [part.order(0, epoch, 8) for epoch in (1, 2, 6)]
    assert np.array_equal(np.sort(orders[1] % len(part)), part.indices)
    assert orders[1].min() >= len(part), "the second epoch hides other spans"
    assert orders[2].max() < len(part), "the sixth hides those of the first"


def test_the_next_step_of_a_short_sequence_is_its_own(tmp_path: Path) -> None:
    for label, word in (("good", "fine"), ("bad", "poor")):
        (tmp_path / f"{label}.txt").write_text(f"{word} film\n" * 4 + f"{word} old film\n" * 4)
    paths = f"data.path={{good: {tmp_path / 'good.txt'}, bad: {tmp_path / 'bad.txt'}}}"
    dataset = tasks.load(rx.compose("data=text_files", paths, "data.min_count=1").data)
    made = make_pretraining(dataset, "next", epochs=5, seed=0)
    part = made.parts["train"]
    x, y, weight = made.batch(part.arrays, part.indices)
    told = weight > 0
    assert np.array_equal(told.sum(axis=1), part.arrays["length"] - 1)
    assert np.array_equal(y[:, :-1][told[:, :-1]], x["past"][:, 1:][told[:, :-1]])
    assert made.spec.output_shape == (made.spec.inputs["past"].vocabulary,)


@pytest.mark.end_to_end
def test_texts_are_pretrained_by_a_language_model(tmp_path: Path) -> None:
    for label, word in (("good", "fine"), ("bad", "poor")):
        (tmp_path / f"{label}.txt").write_text("".join(f"a {word} film number {i % 3}\n" for i in range(20)))
    paths = f"data.path={{good: {tmp_path / 'good.txt'}, bad: {tmp_path / 'bad.txt'}}}"
    few = ("data.min_count=1", "data.labels_per_class=3", "trainer.epochs=1", "pretrain.epochs=8")
    experiment = rx.compose(
        "data=text_files", paths, *few, "model=lstm", "model.units=[4]", "model.embedding_dim=3", *OFF
    )
    result = rx.run(experiment, tmp_path / "run", quiet=True)
    losses = result.report.tables["pretraining"]["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    assert "embedding/embeddings" in weights_in(tmp_path / "run" / "pretrained")


@pytest.mark.end_to_end
def test_a_run_that_goes_on_takes_what_it_has_learned_first(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("trainer.engine=keras", "trainer.epochs=3", "trainer.checkpoint_every_s=0")
    monkeypatch.setattr("rnnexp.training.keeper.SHARE", 1e9)
    whole = trained(archive, tmp_path / "whole", *words)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rnnexp.runner.evaluate_finished", fail)
        with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
            trained(archive, tmp_path / "cut", *words, "resume=auto")
    monkeypatch.setattr("rnnexp.runner.pretraining._train", fail)
    cut = trained(archive, tmp_path / "cut", *words, "resume=must")
    same = {key: value for key, value in whole.metrics.items() if not key.startswith("time/")}
    assert {key: value for key, value in cut.metrics.items() if not key.startswith("time/")} == same


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("pretrain.task=next", "model.bidirectional=true"),
            r"pretrain.task: next is known to a network that reads back",
        ),
        (("pretrain.task=masked", "model=lstm_fcn"), r"pretrain: model=lstm_fcn has no recurrent layers of ours"),
        (("pretrain.task=masked", "model.start=old"), r"pretrain: given beside model.start"),
        (("pretrain.task=masked", "model.patch_size=3"), r"pretrain: given beside model.patch_size"),
        (("pretrain.task=masked", "ensemble=2"), r"pretrain: given beside ensemble"),
        (("pretrain.epoch=3",), r"pretrain.epoch: unknown key; did you mean `pretrain.epochs`"),
        (("pretrain.task=mask",), r"pretrain.task: 'mask' given; must be 'next' or 'masked'"),
    ],
)
def test_what_cannot_be_pretrained_is_said_before_anything_is_read(
    archive: Path, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        rx.compose("data=npz", f"data.path={archive}", *FEW, "model=gru", *OFF, *words)


def test_other_tasks_are_told_to_start_from_a_run() -> None:
    with pytest.raises(ConfigError, match=r"and start from it: model.start=RUN"):
        rx.compose("data=sine", "pretrain.task=next")
    with pytest.raises(ConfigError, match=r"pretrain.task: masked hides numbers, and these data are texts"):
        rx.compose("data=text_lines", "data.path=a.txt", "pretrain.task=masked")


def test_runs_that_are_pretrained_are_trained_alone(archive: Path) -> None:
    assert make_program_key(compose_few(archive, "pretrain.task=next")) is None
    assert make_program_key(compose_few(archive)) is not None
