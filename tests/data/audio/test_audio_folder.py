"""A folder or archive of recordings becomes sequences of features; every row that cannot be used is told."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded import RATE, tone, wav, write

from rnnexp.data.audio.features import compute_features
from rnnexp.data.audio.reading import convert_rate, read_recording
from rnnexp.data.audio.settings import Features
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.sequences import SequenceDataset, load
from rnnexp.data.sources.audio_folder import audio_folder
from rnnexp.errors import DataError
from rnnexp.tasks import check_leakage


def folder(root: Path, count: int = 6) -> Path:
    for i in range(count):
        write(root, f"low/{i}.wav", tone(300 + i))
        write(root, f"high/{i}.wav", tone(900 + i, 0.3))
    return root


def table(root: Path, rows: list[str], header: str = "file,label,split,speaker") -> Path:
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


def spoken(root: Path, parts: str = "train,train,train,test") -> Path:
    """Recordings of four speakers, each of whom says both words."""
    rows = []
    for who, part in zip("abcd", parts.split(",")):
        for word, hertz in (("yes", 300), ("no", 900)):
            for i in range(2):
                write(root, f"{who}_{word}_{i}.wav", tone(hertz + 10 * ord(who) + i))
                rows.append(f"{who}_{word}_{i}.wav,{word},{part},{who}")
    return table(root, rows)


def dataset(root: Path, **settings: Any) -> SequenceDataset:
    found = load(audio_folder(path=str(root), **settings))
    assert check_leakage(found) == []
    return found


def names(found: SequenceDataset, part: str) -> set[str]:
    return {Path(found.sequences.place(int(i))).name for i in found.parts[part].indices}


def test_sub_folders_are_the_labels_and_frames_the_steps(tmp_path: Path) -> None:
    found = dataset(folder(tmp_path))
    assert found.spec.classes == ("high", "low")
    assert found.sequences.channels[:2] == ("mel_1", "mel_2")
    wanted = compute_features(read_recording((tmp_path / "high/0.wav").read_bytes(), "").samples, RATE, Features())
    assert np.array_equal(found.sequences.one(0), wanted)
    assert found.sequences.lengths().tolist() == [28] * 6 + [18] * 6


def test_folders_of_parts_hold_the_labels(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder(tmp_path / part, 4)
    found = dataset(tmp_path)
    assert found.spec.classes == ("high", "low")
    assert len(found.parts["test"].indices) == 8
    assert all("test" in found.sequences.place(int(i)) for i in found.parts["test"].indices)


def test_an_archive_is_read_as_its_folder_with_a_table_beside_it(tmp_path: Path) -> None:
    spoken(tmp_path / "sounds")
    with zipfile.ZipFile(tmp_path / "sounds.zip", "w") as archive:
        for file in (tmp_path / "sounds").glob("*.wav"):
            archive.write(file, file.name)
    columns = {"labels": str(tmp_path / "sounds/labels.csv"), "part": "split"}
    packed, loose = dataset(tmp_path / "sounds.zip", **columns), dataset(tmp_path / "sounds", **columns)
    assert packed.summary.digest != dataset(tmp_path / "sounds", **{**columns, "rate": 4_000}).summary.digest
    assert np.array_equal(packed.sequences.values, loose.sequences.values)


def test_the_validation_part_is_taken_from_the_rows_of_train(tmp_path: Path) -> None:
    found = dataset(spoken(tmp_path), labels="labels.csv", part="split")
    assert names(found, "test") == {f"d_{word}_{i}.wav" for word in ("yes", "no") for i in (0, 1)}
    assert sorted(len(part.indices) for part in found.parts.values()) == [3, 4, 9]
    given = dataset(spoken(tmp_path, "train,train,val,test"), labels="labels.csv", part="split")
    assert {name[0] for name in names(given, "val")} == {"c"}


def test_no_speaker_stands_in_two_parts(tmp_path: Path) -> None:
    for fold in (1, 2, 3, 4):
        found = dataset(spoken(tmp_path), labels="labels.csv", groups="speaker", folds=4, fold=fold, held_out="test")
        who = [{name[0] for name in names(found, part)} for part in ("train", "val", "test")]
        assert [len(one) for one in who] == [2, 1, 1]
        assert len(set.union(*who)) == 4


def test_copies_at_other_speeds_are_for_training_alone(tmp_path: Path) -> None:
    plain, found = dataset(folder(tmp_path)), dataset(folder(tmp_path), speeds=[0.9, 1.1])
    assert {name: len(part.indices) for name, part in found.parts.items()} == {
        name: len(part.indices) * (3 if name == "train" else 1) for name, part in plain.parts.items()
    }
    first = int(plain.parts["train"].indices[0])
    samples = read_recording(Path(plain.sequences.place(first)).read_bytes(), "").samples
    slow, fast = (compute_features(convert_rate(samples, speed, 100), RATE, Features()) for speed in (90, 110))
    assert np.array_equal(found.sequences.one(12), slow)
    assert np.array_equal(found.sequences.one(13), fast)
    assert len(slow) > len(fast)
    assert found.sequences.place(12) == f"a copy of {plain.sequences.place(first)}"
    assert f"{2 * len(plain.parts['train'].indices)} copies" in " ".join(found.summary.notes)


def test_the_same_settings_give_the_same_data_and_another_step_others(tmp_path: Path) -> None:
    first, second = (dataset(folder(tmp_path), speeds=[1.1]).summary.digest for _ in range(2))
    assert first == second
    assert first != dataset(folder(tmp_path), speeds=[1.1], features={"step": 0.02}).summary.digest


def test_the_pipeline_is_kept_with_the_model_and_computes_the_same_features(tmp_path: Path) -> None:
    found = dataset(folder(tmp_path), features={"kind": "mfcc", "mels": 20}, scaler="standard")
    kept = SequencePipeline.from_json(found.pipeline.to_json())
    assert kept == found.pipeline
    samples = read_recording((tmp_path / "high/0.wav").read_bytes(), "").samples
    assert kept.extractor is not None
    assert np.array_equal(kept.extractor.serve([samples[:, None]])[0], found.sequences.one(0))
    assert found.example().shape == (2, RATE // 2, 1)


def test_recordings_of_one_length_do_not_fix_that_of_later_ones(tmp_path: Path) -> None:
    for i in range(12):
        write(tmp_path, f"{'low' if i % 2 else 'high'}/{i}.wav", tone(300 + 600 * (i % 2) + i))
    found = dataset(tmp_path)
    assert len({*found.sequences.lengths()}) == 1
    assert found.pipeline.length is None
    extractor = found.pipeline.extractor
    assert extractor is not None
    for samples in (*found.example(), np.zeros((3 * RATE, 1))):
        assert found.pipeline.inputs(extractor.serve([samples]))["mask"].all()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (np.zeros((10, 2)), r"recording 1 has the shape \(10, 2\); the model takes samples \(time, 1\)"),
        (np.full((10, 1), np.nan), "recording 1: sample 1 is not finite"),
        (np.full((10, 1), 9000), "has samples up to 9000; .*: divide 16 bits by 32768"),
    ],
)
def test_what_are_no_samples_is_refused(tmp_path: Path, sent: np.ndarray, said: str) -> None:
    extractor = dataset(folder(tmp_path)).pipeline.extractor
    with pytest.raises(DataError, match=said):
        extractor.serve([sent])


def test_all_rows_that_cannot_be_used_are_told_at_once(tmp_path: Path) -> None:
    spoken(tmp_path)
    table(
        tmp_path, ["a_yes_0.wav,yes,train,a", "a_yes_9.wav,yes,train,a", "a_no_0.wav,,train,a", "b_no_0.wav,no,dev,b"]
    )
    with pytest.raises(DataError) as error:
        dataset(tmp_path, labels="labels.csv", part="split", groups="speaker")
    lines = str(error.value).splitlines()
    assert lines[0] == "3 rows cannot be used:"
    assert "line 3: there is no recording `a_yes_9.wav`; did you mean" in lines[1]
    assert lines[2].endswith("line 4: the label is empty")
    assert lines[3].endswith("line 5: the part `dev` is not one of train, val, test")


def test_all_recordings_that_cannot_be_read_are_told_with_their_files(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "low/1.wav").write_bytes(wav(np.zeros(0)))
    (tmp_path / "high/2.wav").write_bytes(wav(tone(300))[:500])
    with pytest.raises(DataError) as error:
        dataset(tmp_path)
    lines = str(error.value).splitlines()
    assert lines[1].endswith("high/2.wav: is cut off: 228 of the 1,600 samples that its header announces are there")
    assert lines[2].endswith("low/1.wav: has a header and no samples")


def test_recordings_without_a_label_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, "a.wav", tone(300))
    with pytest.raises(DataError, match=r"a\.wav: lies in no sub-folder that is its label; .* data\.labels"):
        dataset(tmp_path)


def test_recordings_that_no_row_names_are_left_out_and_counted(tmp_path: Path) -> None:
    spoken(tmp_path)
    write(tmp_path, "extra.wav", tone(300))
    notes = dataset(tmp_path, labels="labels.csv").summary.notes
    assert "1 of 17 recordings are not named by labels.csv and left out" in notes


def test_mistakes_in_settings_are_found_before_a_file_is_read() -> None:
    source = audio_folder(path="absent", groups="speaker", speeds=[1, 0.9, 3], features={"kind": "mfcc", "mels": 5})
    assert source.check() == [
        "data.features.coefficients: 13 is more than data.features.mels; 5 bands give no more coefficients",
        "data.groups: names a column of data.labels, which is null",
        "data.speeds: 1.0 is no other speed from 0.5 to 2",
        "data.speeds: 3.0 is no other speed from 0.5 to 2",
    ]
