"""What `rnnexp init` proposes for a folder or an archive of recordings."""

from __future__ import annotations

import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import tasks
from rnnexp.data.tables.remedy import Undecided


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    names = [f"{word}/{who}{i}.wav" for word in ("yes", "no") for who in "abc" for i in (0, 1)]
    for seed, name in enumerate(names):
        file = tmp_path / "sounds" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(file), "wb") as opened:
            opened.setparams((1, 2, 8000, 0, "NONE", ""))
            opened.writeframes(np.random.default_rng(seed).integers(-99, 99, 800, np.int16).tobytes())
    return tmp_path


def write_table(file: Path, root: Path, *columns: str) -> None:
    """Write a table of all recordings with some of these columns."""
    rows = [",".join(columns)]
    for one in sorted(root.rglob("*.wav")):
        cells = {"file": one.relative_to(root).as_posix(), "word": one.parent.name, "speaker": one.stem[0]}
        cells |= {"split": "test" if one.stem[0] == "c" else "train", "mood": "glad" if one.stem[1] == "0" else "sad"}
        rows.append(",".join(cells[column] for column in columns))
    file.write_text("\n".join(rows) + "\n")


def proposed(path: str, **given: Any) -> tuple[str, dict[str, Any]]:
    draft = tasks.propose(path, given)
    return draft.defaults["data"], dict(draft.data)


def test_a_folder_for_each_label_is_recognized(sounds: Path) -> None:
    assert proposed("sounds") == ("audio_folder", {"path": "sounds"})
    draft = tasks.propose("sounds", {})
    assert draft.seen == ['sounds: 12 recordings in a folder for each label: "no", "yes"']
    assert draft.question == "Which label does each recording have?"


def test_a_table_says_label_and_part(sounds: Path) -> None:
    write_table(sounds / "sounds/clips.csv", sounds / "sounds", "file", "word", "speaker", "split")
    own = {"path": "sounds", "labels": "clips.csv", "label": "word", "part": "split"}
    assert proposed("sounds") == ("audio_folder", own)


def test_speakers_are_kept_apart_where_no_column_says_the_part(sounds: Path) -> None:
    write_table(sounds / "sounds/clips.csv", sounds / "sounds", "file", "word", "speaker")
    own = {"path": "sounds", "labels": "clips.csv", "label": "word", "groups": "speaker"}
    assert proposed("sounds") == ("audio_folder", own)
    assert "groups" in tasks.propose("sounds", {}).reasons


def test_an_archive_has_its_table_beside_it(sounds: Path) -> None:
    with zipfile.ZipFile("sounds.zip", "w") as archive:
        for file in sorted((sounds / "sounds").rglob("*.wav")):
            archive.write(file, file.relative_to(sounds / "sounds"))
    assert proposed("sounds.zip") == ("audio_folder", {"path": "sounds.zip"})
    write_table(sounds / "clips.csv", sounds / "sounds", "file", "word")
    assert proposed("sounds.zip")[1] == {"path": "sounds.zip", "labels": "clips.csv", "label": "word"}


def test_which_of_several_columns_is_the_label_is_asked(sounds: Path) -> None:
    write_table(sounds / "sounds/clips.csv", sounds / "sounds", "file", "mood", "split")
    assert proposed("sounds")[1]["label"] == "mood"
    text = (sounds / "sounds/clips.csv").read_text().replace("glad", "glad,loud").replace("sad", "sad,low")
    (sounds / "sounds/clips.csv").write_text(text.replace("mood", "mood,pitch"))
    with pytest.raises(Undecided, match="which column is the label"):
        tasks.propose("sounds", {})
    assert proposed("sounds", label="pitch")[1]["label"] == "pitch"


def test_the_proposed_network_fits_the_recordings(sounds: Path) -> None:
    from rnnexp.data.sources.audio_folder import audio_folder

    suggested = tasks.of("classification").suggest(tasks.load(audio_folder(path="sounds")))
    found = {one.key: one.value for one in suggested}
    assert (found["model.bidirectional"], found["model.pooling"]) == (True, "mean")
    assert 0 < found["model.band_dropout"] < 1
    assert "data.scaler" not in found
