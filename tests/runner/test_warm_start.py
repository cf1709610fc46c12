"""A network starts from what another run has learned: which weights are taken, held and told, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.errors import ConfigError
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.program_key import make_program_key
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.runner.warm_start import hash_files, identify
from rnnexp.stopping import Interrupted

SINE = ("data.points=80", "model.units=[4]", "tracking=off", "tracking.figures=false", "resume=never")
KERNEL, OUTPUT = "lstm_1/lstm_cell/recurrent_kernel", "output/kernel"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("origin")
    rx.run(rx.compose(*SINE, "trainer.epochs=2"), folder, quiet=True)
    return folder


def started(origin: Path, folder: Path, *words: str) -> Result:
    return rx.run(rx.compose(*SINE, "seed=5", f"model.start={origin}", *words), folder, quiet=True)


def weights_in(folder: Path) -> Mapping[str, np.ndarray]:
    with np.load(folder / "model" / "weights.npz") as archive:
        return dict(archive)


def together(folders: list[Path], *words: tuple[str, ...]) -> list[Result]:
    experiments = [rx.compose(*SINE, *own) for own in words]
    assert len({make_program_key(one) for one in experiments}) == 1
    ended: dict[int, Result] = {}
    contexts = [RunContext(place, member=Membership("test", None, number)) for number, place in enumerate(folders)]
    run_vectorized(experiments, contexts, lambda number, result: ended.update({number: result}), lambda _: None)  # type: ignore[dict-item]
    return [ended[number] for number in range(len(folders))]


@pytest.mark.parametrize("engine", ["compiled", pytest.param("keras", marks=pytest.mark.end_to_end)])
def test_weights_that_were_taken_are_held_for_some_epochs_and_trained_afterwards(
    origin: Path, tmp_path: Path, engine: str
) -> None:
    words = (f"trainer.engine={engine}", "trainer.epochs=3", "trainer.restore_best=false", "optimizer.use_ema=true")
    kept = {
        epochs: weights_in(started(origin, tmp_path / str(epochs), *words, f"model.freeze_epochs={epochs}").run_dir)
        for epochs in (2, 3)
    }
    first = weights_in(origin)
    assert np.array_equal(kept[3][KERNEL], first[KERNEL])
    assert not np.array_equal(kept[2][KERNEL], first[KERNEL])
    assert not np.array_equal(kept[3][OUTPUT], first[OUTPUT]), "outputs are trained from the beginning"


@pytest.mark.end_to_end
def test_runs_that_are_trained_together_start_and_hold_as_each_would_alone(origin: Path, tmp_path: Path) -> None:
    own = ("trainer.epochs=3", f"model.start={origin}", "model.freeze_epochs=2", "data.horizon=2")
    folders = [tmp_path / "0", tmp_path / "1"]
    [folder.mkdir() for folder in folders]
    ended = together(folders, (*own, "seed=5"), (*own, "seed=6"))
    alone = started(origin, tmp_path / "alone", *own[:1], *own[2:])
    losses = [[row["train/loss"] for row in one.history.epochs] for one in (ended[0], alone, ended[1])]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] != pytest.approx(losses[2], rel=1e-5)


@pytest.mark.end_to_end
def test_a_run_that_was_stopped_while_weights_were_held_ends_with_the_same_bits(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("trainer.engine=keras", "trainer.epochs=4", "model.freeze_epochs=2", "trainer.checkpoint_every_s=0")
    monkeypatch.setattr("rnnexp.training.keeper.SHARE", 1e9)
    whole = started(origin, tmp_path / "whole", *words)
    asked = [0]

    def stop(_: object) -> str | None:
        asked[0] += 1
        return "test" if asked[0] == 2 else None

    monkeypatch.setattr("rnnexp.stopping.Ending.__call__", stop)
    with pytest.raises((Interrupted, KeyboardInterrupt), match="test"):
        started(origin, tmp_path / "cut", *words, "resume=auto")
    cut = started(origin, tmp_path / "cut", *words, "resume=must")
    assert [row["train/loss"] for row in cut.history.epochs] == [row["train/loss"] for row in whole.history.epochs]
    assert all(np.array_equal(a, weights_in(whole.run_dir)[path]) for path, a in weights_in(cut.run_dir).items())


def test_what_was_taken_and_what_was_not_stands_beside_the_run(origin: Path, tmp_path: Path) -> None:
    result = started(
        origin, tmp_path / "two", "data.horizon=2", "trainer.epochs=1", "tracking=mlflow", "tracking.mode=offline"
    )
    listed = (result.run_dir / "start.txt").read_text()
    assert f"start: 3 of 5 weights from {origin}" in listed
    assert "output/kernel, output/bias: its outputs are others" in listed
    about = json.loads((result.run_dir / "model" / "model.json").read_text())
    assert about["architecture"]["start"] == str(origin)


@pytest.mark.end_to_end
def test_a_classifier_of_texts_starts_from_a_language_model(tmp_path: Path) -> None:
    lines = [f"{word} film number {i % 4}\n" for word in ("fine", "poor") for i in range(30)]
    (tmp_path / "all.txt").write_text("".join(lines))
    for label, own in (("good", lines[:20]), ("bad", lines[30:50])):
        (tmp_path / f"{label}.txt").write_text("a new word\n" * 2 + "".join(own))
    network = ("model=lstm", "model.units=[4]", "model.embedding_dim=3", "trainer.epochs=1", *SINE[2:])
    language = rx.compose(
        "data=corpus",
        f"data.path={tmp_path / 'all.txt'}",
        "data.tokens=word",
        "data.lowercase=true",
        "data.sequence_length=5",
        "trainer.batch_size=2",
        *network,
    )
    rx.run(language, tmp_path / "language", quiet=True)
    paths = f"data.path={{good: {tmp_path / 'good.txt'}, bad: {tmp_path / 'bad.txt'}}}"
    words = (
        "data=text_files",
        paths,
        "data.min_count=1",
        f"model.start={tmp_path / 'language'}",
        "model.freeze_epochs=1",
    )
    rx.run(rx.compose(*words, *network), tmp_path / "labels", quiet=True)
    first, last = weights_in(tmp_path / "language"), weights_in(tmp_path / "labels")
    assert np.array_equal(first[KERNEL], last[KERNEL])
    assert first["embedding/embeddings"].shape != last["embedding/embeddings"].shape


def test_a_network_that_nothing_fits_is_refused(origin: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no weight of .* fits this network: gru_1/gru_cell/kernel: it has none"):
        started(origin, tmp_path / "gru", "model=gru", "data.horizon=2")
    with pytest.raises(ConfigError, match=r"no weight of .* fits this network: .*kernel: shape \[1, 16\], needed is"):
        started(origin, tmp_path / "other", "model.units=[5]")  # of which the bias of the output would fit


def test_a_run_that_is_not_there_is_refused_before_keras_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model.start: .*nowhere: there is no such folder"):
        started(tmp_path / "nowhere", tmp_path / "run")
    with pytest.raises(ConfigError, match=r"has no model: it has not ended"):
        started(tmp_path, tmp_path / "run")


def test_held_epochs_need_weights_to_hold() -> None:
    with pytest.raises(ConfigError, match=r"model.freeze_epochs: given without model.start or pretrain"):
        rx.compose("model.freeze_epochs=2")


def test_a_start_that_has_changed_is_another_run(origin: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "model").mkdir(parents=True)
    for file in (origin / "model").iterdir():
        if file.is_file():
            (copy / "model" / file.name).write_bytes(file.read_bytes())
    experiment = rx.compose(*SINE, f"model.start={copy}")
    before = identify(experiment), hash_files(experiment)
    assert (identify(experiment), hash_files(experiment)) == before
    np.savez(copy / "model" / "weights.npz", **{path: 2 * a for path, a in weights_in(copy).items()})
    assert identify(experiment) != before[0]
    assert hash_files(experiment) != before[1]
    assert identify(rx.compose(*SINE)) != before[0]
