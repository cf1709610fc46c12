"""Recordings are read to the sample, and what is wrong with a file is said with its name."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from recorded import RATE, extensible, tone, wav, write

from rnnexp.data.audio import files, reading
from rnnexp.data.audio.files import find_recordings
from rnnexp.data.audio.reading import read_recording, read_recordings
from rnnexp.errors import DataError


def flac(samples: np.ndarray, form: str = "FLAC") -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=form)
    return file.getvalue()


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_pcm_of_each_width_is_read_within_half_a_step(bits: int) -> None:
    samples = tone(440)
    found = read_recording(wav(samples, bits=bits), "a.wav")
    assert (found.rate, found.channels, found.samples.dtype) == (RATE, 1, np.float32)
    assert np.abs(found.samples - samples).max() < 1.6 / 2 ** (bits - 1) + 1e-7
    assert np.abs(found.samples - tone(441)).max() > 0.1


def test_a_longer_header_is_read_without_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert np.allclose(read_recording(extensible(tone(440)), "a.wav").samples, tone(440), atol=1e-5)


def test_stereo_is_mixed_and_told() -> None:
    both = np.stack([tone(440), tone(880)], axis=1)
    samples, rate, notes = read_recordings([("a.wav", lambda: wav(both)), ("b.wav", lambda: wav(tone(440)))])
    assert np.allclose(samples[0], both.mean(axis=1), atol=1e-4)
    assert notes == ["1 recording mixed to one channel: a.wav"]


def test_other_rates_are_resampled_to_the_most_frequent_one_and_told() -> None:
    high = ("c.wav", lambda: wav(tone(440, rate=44_100), rate=44_100))
    samples, rate, notes = read_recordings([high, *((f"{i}.wav", lambda: wav(tone(440))) for i in range(2))])
    assert (rate, len(samples[0])) == (RATE, len(samples[1]))
    assert np.abs(samples[0] - samples[1])[100:-100].max() < 0.01
    assert notes == ["1 recording resampled to 8,000 Hz: c.wav (44,100 Hz)"]
    assert read_recordings([high], 16_000)[1] == 16_000


def test_silence_is_told() -> None:
    _, _, notes = read_recordings([("quiet.wav", lambda: wav(np.zeros(800)))])
    assert notes == ["1 silent recording: quiet.wav"]


def test_flac_and_ogg_are_read_whatever_their_name() -> None:
    assert np.allclose(read_recording(flac(tone(440)), "a.wav").samples, tone(440), atol=1e-4)
    assert np.corrcoef(read_recording(flac(tone(440), "OGG"), "a.ogg").samples, tone(440))[0, 1] > 0.99


def test_without_soundfile_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    content = flac(tone(440))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(DataError, match=r"a.flac: is FLAC, which needs .* pip install 'rnnexp\[audio\]'"):
        read_recording(content, "a.flac")


WHOLE = wav(tone(440))
DAMAGED = {
    "is empty": b"",
    "has a header and no samples": wav(np.zeros(0)),
    "is cut off: 528 of the 1,600 samples": WHOLE[:1100],
    "damaged WAV file": WHOLE[:30],
    "is MP3": b"ID3\x03" + bytes(100),
    "begins with b'file'": b"file,label\na.wav,yes\n",
    "a rate of 1 Hz": wav(tone(440), rate=1),
    "damaged file, FLAC": b"fLaC" + bytes(50),
}


@pytest.mark.parametrize("said", DAMAGED)
def test_what_is_wrong_with_a_file_is_said(said: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.wav: .*{said}"):
        read_recording(DAMAGED[said], "a.wav")


def test_all_files_that_cannot_be_used_are_named_at_once() -> None:
    broken = [(f"{i}.wav", lambda: WHOLE[:30]) for i in range(12)]
    with pytest.raises(DataError) as error:
        read_recordings([("good.wav", lambda: WHOLE), *broken])
    lines = str(error.value).splitlines()
    assert lines[0] == "12 recordings cannot be used:"
    assert (len(lines), lines[-1]) == (reading.MOST_SHOWN + 2, "  and 2 more")


def test_folders_and_archives_hold_the_same_recordings(tmp_path: Path) -> None:
    write(tmp_path, "sounds/yes/b.wav", tone(440))
    write(tmp_path, "sounds/no/a.WAV", tone(220))
    write(tmp_path, "sounds/no/.hidden.wav", tone(220))
    (tmp_path / "sounds/readme.txt").write_text("about")
    with zipfile.ZipFile(tmp_path / "sounds.zip", "w") as archive:
        for file in sorted((tmp_path / "sounds").rglob("*.*")):
            archive.write(file, file.relative_to(tmp_path / "sounds"))
    folder, packed = find_recordings(tmp_path / "sounds"), find_recordings(tmp_path / "sounds.zip")
    assert list(folder) == list(packed) == ["no/a.WAV", "yes/b.wav"]
    assert [load() for load in folder.values()] == [load() for load in packed.values()]


def test_a_place_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no recordings \(.wav, .flac, .ogg\)"):
        find_recordings(tmp_path)
    (tmp_path / "a.txt").write_text("about")
    with pytest.raises(DataError, match="is neither a folder nor a zip archive"):
        find_recordings(tmp_path / "a.txt")


def test_what_an_archive_unpacks_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(5000))
    with pytest.raises(DataError, match=r"a.wav: 5,000 bytes are more than a recording may have"):
        find_recordings(tmp_path / "a.zip")["a.wav"]()
