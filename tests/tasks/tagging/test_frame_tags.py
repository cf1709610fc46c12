"""Clips with a label for each frame, from their file to the answers of a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.cli.main import main
from rnnexp.data.sources.frames import frames
from rnnexp.errors import DataError
from rnnexp.tasks import load
from rnnexp.tasks.tagging.frame_tag_baselines import fit_frame_tagger

STEPS, SIDE = 6, 6


def walk(clips: int = 30) -> dict[str, np.ndarray]:
    """Make clips of a dot that walks on a ring, and say of each frame which way it came."""
    generator = np.random.default_rng(0)
    ways = generator.choice([-1, 1], (clips, STEPS))
    places = (generator.integers(0, SIDE, clips)[:, None] + np.cumsum(ways, axis=1)) % SIDE
    x = np.zeros((clips, STEPS, SIDE, SIDE), np.uint8)
    x[np.arange(clips)[:, None], np.arange(STEPS), generator.integers(0, SIDE, clips)[:, None], places] = 255
    return {"x": x, "y": np.where(ways > 0, "right", "left"), "n": generator.integers(3, STEPS + 1, clips)}


@pytest.fixture
def source(tmp_path: Path) -> Any:
    np.savez(tmp_path / "walk.npz", **walk())
    return frames(path=str(tmp_path / "walk.npz"), task="tagging", lengths="n")


def test_each_frame_has_its_label_and_what_is_padded_does_not_count(source: Any) -> None:
    dataset, made = load(source), walk()
    part = dataset.parts["test"]
    x, y, weight = dataset.batch(part.arrays, part.indices)
    for row, index in enumerate(part.indices):
        length = made["n"][index]
        assert [dataset.spec.classes[label] for label in y[row, :length]] == made["y"][index, :length].tolist()
        assert weight[row].tolist() == x["mask"][row].tolist() == [i < length for i in range(weight.shape[1])]
    assert len(dataset.truth("test")) == made["n"][part.indices].sum()


def test_a_label_that_training_lacks_is_named_with_its_frame(tmp_path: Path) -> None:
    made = walk(20)
    made["y"] = made["y"].astype("U8")
    dataset = load(frames(path=write(tmp_path, made), task="tagging"))
    tested = int(dataset.parts["test"].indices[0])
    made["y"][tested, 2] = "standing"
    with pytest.raises(
        DataError, match=rf"clip {tested}, frame 3: the label `standing` does not occur in the training"
    ):
        load(frames(path=write(tmp_path, made), task="tagging"))


def write(folder: Path, made: dict[str, np.ndarray]) -> str:
    np.savez(folder / "it.npz", **made)
    return str(folder / "it.npz")


def test_a_baseline_of_single_frames_sees_no_neighbors_and_another_does(source: Any) -> None:
    dataset = load(source)
    train, known = dataset.list_clips("train"), dataset.truth("train")
    alone, beside = (fit_frame_tagger(train, known, 2, sight) for sight in ("frame", "neighbors"))  # type: ignore[arg-type]
    clip = dataset.list_clips("test")[0]
    np.testing.assert_allclose(alone.predict([clip]), alone.predict([clip[::-1]])[::-1])
    assert not np.allclose(beside.predict([clip]), beside.predict([clip[::-1]])[::-1])


@pytest.mark.end_to_end
def test_a_tagger_is_trained_scored_without_order_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("walk.npz", **walk(60))
    words = ["data=frames", "data.path=walk.npz", "data.task=tagging", "data.lengths=n", "model=cnn_rnn"]
    words += ["model.filters=[3]", "model.units=[4]", "trainer.epochs=2", "hydra.run.dir=runs/it"]
    assert main(["train", *words]) == 0
    shown = capsys.readouterr().out
    assert " frames" in shown
    assert "with the frames of each clip shuffled" in shown
    assert "accuracy on shuffled frames" in shown
    assert {"frame", "frame_and_clip", "frame_and_neighbors"} <= set(shown.split())
    assert (tmp_path / "runs" / "it" / "figures" / "worst_clips.png").is_file()
    assert main(["predict", "runs/it", "walk.npz", "-o", "found.json"]) == 0
    found = json.loads(Path("found.json").read_text())
    assert len(found) == 60 * STEPS
    assert main(["predict", "runs/it", "walk.npz", "--model", "frame"]) == 0
    assert main(["evaluate", "runs/it", "--data", "walk.npz"]) == 0
