"""Recordings for tests: files of WAV as other programs write them."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np

RATE = 8_000


def tone(hertz: float, seconds: float = 0.2, rate: int = RATE, loudness: float = 0.5) -> np.ndarray:
    return loudness * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def encode(samples: np.ndarray, bits: int) -> bytes:
    """Return samples (n,) or (n, channels) from -1 to 1 as little-endian PCM."""
    whole = np.round(np.asarray(samples).reshape(-1) * (2 ** (bits - 1) - 1)).astype(np.int64)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    return whole.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()


def wav(samples: np.ndarray, rate: int = RATE, bits: int = 16) -> bytes:
    """Return the bytes of a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(1 if np.ndim(samples) == 1 else np.shape(samples)[1])
        opened.setsampwidth(bits // 8)
        opened.setframerate(rate)
        opened.writeframes(encode(samples, bits))
    return file.getvalue()


def extensible(samples: np.ndarray, bits: int = 24, rate: int = RATE) -> bytes:
    """Return a WAV file with the longer header that many programs write."""
    data, width = encode(samples, bits), bits // 8
    guid = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    header = struct.pack("<HHIIHHHHI", 0xFFFE, 1, rate, rate * width, width, bits, 22, bits, 4) + guid
    chunks = b"fmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def write(folder: Path, name: str, samples: np.ndarray, **form: int) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(wav(samples, **form))
    return file
