"""Log-mel energies and MFCC of a recording, by NumPy.

S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in continuously
spoken sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28 (1980).
"""

from __future__ import annotations

import numpy as np

from rnnexp.data.audio.settings import Features

LOWEST = 20.0  # Hz: below it are hum and the offset of the recorder
FLOOR = 1e-6  # added to energies, so that silence has a logarithm


def compute_features(samples: np.ndarray, rate: int, features: Features) -> np.ndarray:
    """Return the features (steps, features.size()) float32 of samples (n,) from -1 to 1 at a rate in Hz.

    A recording that is shorter than a window is filled up with zeros; samples after the last whole window are left out.
    """
    from scipy.fft import dct, rfft

    size, step = max(1, round(features.window * rate)), max(1, round(features.step * rate))
    points = 1 << (size - 1).bit_length()
    padded = np.pad(samples, (0, max(0, size - len(samples)))).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::step] * np.hanning(size).astype(np.float32)
    energies = np.abs(rfft(frames, points)) ** 2 @ make_filters(features.mels, points, rate).T
    found = np.log(energies + np.float32(FLOOR))
    if features.normalize == "utterance":
        found = _standardize(found, axis=None)
    if features.transforms:
        found = dct(found, type=2, norm="ortho")[:, : features.coefficients]
    if features.normalize in ("cmn", "cmvn"):
        found = _standardize(found, axis=0, divide=features.normalize == "cmvn")
    return stack_frames(found.astype(np.float32), features.stack)


def stack_frames(values: np.ndarray, size: int) -> np.ndarray:
    """Lay `size` frames (frames, n) side by side as one step, (steps, size * n); the last one is filled up with its
    last frame.
    """
    missing = -len(values) % size
    return np.pad(values, ((0, missing), (0, 0)), mode="edge").reshape(-1, size * values.shape[1])


def _standardize(values: np.ndarray, axis: int | None, divide: bool = True) -> np.ndarray:
    """Take the mean of the values (frames, n) from them, and divide by their deviation; silence becomes 0."""
    centered = values - values.mean(axis=axis, keepdims=True)
    if not divide:
        return centered
    deviation = centered.std(axis=axis, keepdims=True)
    return centered / np.where(deviation > 1e-5, deviation, 1)


def make_filters(mels: int, points: int, rate: int) -> np.ndarray:
    """Return triangles (mels, points // 2 + 1) over the frequencies of a Fourier transform, each 1 at its peak."""
    edges = list_edges(mels, LOWEST, rate / 2)
    bins = np.fft.rfftfreq(points, 1 / rate)
    low, peak, high = (edges[first : first + mels, None] for first in range(3))
    rising, falling = (bins - low) / (peak - low), (high - bins) / (high - peak)
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def list_edges(mels: int, lowest: float, highest: float) -> np.ndarray:
    """Return the edges and peaks in Hz of so many bands, (mels + 2,), at equal distances in mel.

    mel = 2595 log10(1 + Hz / 700): D. O'Shaughnessy, "Speech Communication" (1987), as HTK has it.
    """
    first, last = 2595 * np.log10(1 + np.array([lowest, highest]) / 700)
    return 700 * (10 ** (np.linspace(first, last, mels + 2) / 2595) - 1)
