"""Samples of recordings: WAV by the standard library, FLAC, OGG and other forms of WAV by soundfile.

What a file is, its first bytes say, not its name. Mistakes in files are collected and raised together.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from rnnexp.errors import DataError, count

SUFFIXES = (".wav", ".flac", ".ogg")
NEEDS_SOUNDFILE = "needs the package soundfile: pip install 'rnnexp[audio]'"
OTHERS = {b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"FORM": "AIFF", b"\x00\x00\x00": "M4A or MP4"}
PCM, EXTENSIBLE = 1, 0xFFFE  # forms of WAV
MOST_SHOWN = 10  # mistakes or files that a message names
SILENCE = 1e-4  # of the largest possible sample: below it nothing can be heard
RATES = (1_000, 384_000)  # Hz, of which others are taken for a damaged header
Open = Callable[[], bytes]


@dataclass(frozen=True)
class Sound:
    """A recording as it was read: mono, (n,) float32 from -1 to 1; channels: those that were mixed."""

    samples: np.ndarray
    rate: int
    channels: int = 1


def read_recordings(
    files: Iterable[tuple[str, Open]], rate: int | None = None
) -> tuple[list[np.ndarray], int, list[str]]:
    """Return the samples (n,) of each recording at one rate in Hz, this rate, and notes on what was done to them.

    files: a name for messages, and what returns its bytes;  rate: None takes the most frequent one
    Raises DataError with all files that cannot be used.
    """
    found: list[Sound] = []
    names, mistakes = [], []
    for name, load in files:
        try:
            found.append(read_recording(load(), name))
            names.append(name)
        except DataError as error:
            mistakes.append(str(error))
    if mistakes:
        raise DataError(join_mistakes(mistakes, "recording"))
    if not found:
        raise DataError(f"there are no recordings ({', '.join(SUFFIXES)})")
    rates = [one.rate for one in found]
    common = rate or max(sorted(set(rates)), key=rates.count)
    samples = [convert_rate(one.samples, one.rate, common) for one in found]
    return samples, common, _describe(names, found, common)


def join_mistakes(mistakes: list[str], what: str) -> str:
    """Put mistakes, each of one file or row, into one message."""
    if len(mistakes) == 1:
        return mistakes[0]
    lines = [f"  {mistake}" for mistake in mistakes[:MOST_SHOWN]]
    more = [f"  and {len(mistakes) - MOST_SHOWN:,} more"] * (len(mistakes) > MOST_SHOWN)
    return "\n".join([f"{count(len(mistakes), what)} cannot be used:", *lines, *more])


def read_recording(content: bytes, name: str) -> Sound:
    """Read the bytes of one file; DataError names it and says what is wrong."""
    start = content[:4]
    if not content:
        raise DataError(f"{name}: is empty (0 bytes)")
    if start == b"RIFF" and content[8:12] == b"WAVE":
        return _check(_read_wav(content, name), name)
    if start in (b"fLaC", b"OggS"):
        return _check(_read_soundfile(content, name, "FLAC" if start == b"fLaC" else "OGG"), name)
    other = next((what for mark, what in OTHERS.items() if content.startswith(mark)), "")
    said = f"is {other}" if other else f"is no recording: it begins with {start!r}"
    raise DataError(f"{name}: {said}; WAV, FLAC and OGG are read")


def _read_wav(content: bytes, name: str) -> Sound:
    """Read PCM of 8 bits, which has no sign, or of 16, 24 or 32; leave other forms to soundfile."""
    form, content = _find_form(content)
    if form not in (PCM, None):
        return _read_soundfile(content, name, f"WAV of the form {form}, not PCM")
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, rate, promised = file.getparams()[:4]
            raw = file.readframes(promised)
    except wave.Error as error:
        raise DataError(f"{name}: damaged WAV file ({error})") from None
    except (EOFError, ValueError):
        raise DataError(f"{name}: damaged WAV file: it ends within its header") from None
    if width not in (1, 2, 3, 4) or not channels:
        raise DataError(f"{name}: damaged WAV file: {channels} channels of {8 * width} bits")
    if len(raw) < promised * width * channels:
        had = len(raw) // (width * channels)
        raise DataError(f"{name}: is cut off: {had:,} of the {promised:,} samples that its header announces are there")
    return Sound(_mix(_decode(raw, width).reshape(-1, channels)), rate, channels)


def _find_form(content: bytes) -> tuple[int | None, bytes]:
    """Return the form of the samples, None without a header, and the file as `wave` takes it.

    Many programs write PCM of 24 bits with an extensible header, which Python 3.11 refuses: it is marked as plain.
    """
    at = content.find(b"fmt ", 12, 1 << 16)
    if at < 0:
        return None, content
    form = int.from_bytes(content[at + 8 : at + 10], "little")
    if form != EXTENSIBLE:
        return form, content
    plain = content[at + 32 : at + 34]
    return int.from_bytes(plain, "little"), content[: at + 8] + plain + content[at + 10 :]


def _decode(raw: bytes, width: int) -> np.ndarray:
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:  # the upper three bytes of 32 bits
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / 2**31
    return np.frombuffer(raw, f"<i{width}").astype(np.float32) / 2 ** (8 * width - 1)


def _read_soundfile(content: bytes, name: str, what: str) -> Sound:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: its library of C is missing
        raise DataError(f"{name}: is {what}, which {NEEDS_SOUNDFILE}") from None
    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{name}: damaged file, {what} ({error.error_string.strip()})") from None
    return Sound(_mix(samples), int(rate), samples.shape[1])


def _mix(samples: np.ndarray) -> np.ndarray:
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def _check(recording: Sound, name: str) -> Sound:
    if not len(recording.samples):
        raise DataError(f"{name}: has a header and no samples")
    if not RATES[0] <= recording.rate <= RATES[1]:
        raise DataError(f"{name}: damaged header: a rate of {recording.rate:,} Hz")
    if not np.isfinite(recording.samples).all():
        raise DataError(f"{name}: holds samples that are not finite numbers")
    return recording


def convert_rate(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return samples (n,) at another rate in Hz, by scipy's polyphase filter."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    divisor = int(np.gcd(rate, wanted))
    return resample_poly(samples, wanted // divisor, rate // divisor).astype(np.float32)


def _describe(names: list[str], found: list[Sound], rate: int) -> list[str]:
    """Say which recordings were mixed or resampled, and which are silent."""
    silent = [name for name, one in zip(names, found) if np.ptp(one.samples) < SILENCE]
    mixed = [name for name, one in zip(names, found) if one.channels > 1]
    other = [f"{name} ({one.rate:,} Hz)" for name, one in zip(names, found) if one.rate != rate]
    return [
        *_name_some(other, "recording", f" resampled to {rate:,} Hz"),
        *_name_some(mixed, "recording", " mixed to one channel"),
        *_name_some(silent, "silent recording"),
    ]


def _name_some(names: list[str], what: str, done: str = "") -> list[str]:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return [f"{count(len(names), what)}{done}: {shown}"] * bool(names)
